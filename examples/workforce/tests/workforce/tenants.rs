//! What is one tenant's is nobody else's.

use futures_util::future::try_join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::github::{Hook, guid, push};
use crate::operations::{Operation, operations};
use crate::upwork::{HEADER, import};
use crate::world::{Client, PASSWORD, Reply, Result, World, on_both};

const WORKERS: usize = 3;
const ROUNDS: usize = 6;

/// Somebody of `own` who uses everything, and looks for anything of `other` in every answer.
struct Hammer<'w> {
    client: Client<'w>,
    own: &'static str,
    other: &'static str,
}

impl Hammer<'_> {
    /// Granted, and holding nothing of the other tenant.
    fn own(&self, reply: Reply) -> Value {
        assert!(reply.status.is_success(), "{}", reply.text);
        assert!(!reply.text.contains(self.other), "{} sees {}", self.own, reply.text);
        assert!(!reply.text.contains("stolen"), "{}", reply.text);
        reply.json
    }

    async fn get(&self, path: &str) -> Result<Value> {
        Ok(self.own(self.client.get(path).await?))
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        Ok(self.own(self.client.post(path, body).await?))
    }

    async fn patch(&self, path: &str, body: &Value) -> Result<Value> {
        Ok(self.own(self.client.patch(path, body).await?))
    }

    async fn work(&self, worker: usize, hook: &Hook) -> Result {
        let (own, world) = (self.own, self.client.world);
        for round in 0..ROUNDS {
            let name = format!("{own} {worker}.{round} <script>' OR '1'='1");
            let email = format!("{worker}.{round}@{own}.example");
            let new = json!({ "full_name": name, "email": email });
            let employee = id(&self.post("/api/employees", &new).await?)?;
            let change = json!({ "title": format!("{own} title") });
            self.patch(&format!("/api/employees/{employee}"), &change).await?;
            let organization = json!({ "name": format!("{own} {worker}.{round}") });
            self.post("/api/organizations", &organization).await?;
            let invite = json!({ "full_name": name, "email": format!("guest-{email}") });
            let invite = id(&self.post("/api/invites", &invite).await?)?;
            self.post(&format!("/api/invites/{invite}/resend"), &Value::Null).await?;
            let credentials = json!({ "tenant": own, "email": format!("ada@{own}.example"), "password": PASSWORD });
            self.own(world.nobody().post("/api/sessions", &credentials).await?);

            let log = |day: u8| {
                json!({ "employee_id": employee, "project": format!("{own} project"),
                    "started_at": format!("2026-05-{day:02}T09:00:00Z"), "minutes": 60 })
            };
            let first = id(&self.post("/api/time-logs", &log(4)).await?)?;
            let change = json!({ "note": format!("{own} note") });
            self.patch(&format!("/api/time-logs/{first}"), &change).await?;
            let second = id(&self.post("/api/time-logs", &log(11)).await?)?;
            let request = self.client.request(Method::DELETE, &format!("/api/time-logs/{second}"));
            self.own(self.client.send(request).await?);
            let timesheets = self.get(&format!("/api/timesheets?employee_id={employee}")).await?;
            let timesheets = timesheets["items"].as_array().ok_or("no list")?;
            let week = timesheets.iter().find(|it| it["week"] == "2026-W19");
            let timesheet = id(week.ok_or("no timesheet")?)?;
            for step in ["submit", "approve"] {
                self.post(&format!("/api/timesheets/{timesheet}/{step}"), &Value::Null).await?;
            }

            let delivered = hook.deliver(world, &guid(), "push", &pushed(own, &email)).await?;
            self.own(delivered);
            let row =
                format!("{HEADER}\n2026-04-01,09:00,30,{email},c1,{own} contract,{own} memo\n");
            let imported = loop {
                let reply = import(&self.client, row.clone()).await?;
                if !matches!(reply.status.as_u16(), 429 | 503) {
                    break self.own(reply);
                }
            };
            assert_eq!(imported["imported"], 1, "{imported}");
            self.look().await?;
        }
        Ok(())
    }

    /// At every list, at one of each, and at every page.
    async fn look(&self) -> Result {
        for operation in operations(self.client.world).await? {
            if operation.method == Method::GET
                && let Some(path) = self.path_of_one(&operation).await?
            {
                let reply = self.client.get(&path).await?;
                // What others have removed since it was listed is not there any more.
                if !(operation.is_about_one() && reply.status == 404) {
                    self.own(reply);
                }
            }
        }
        for path in [
            "/",
            "/timesheets",
            "/activity?limit=200",
            "/activity/api/entries?limit=200",
            "/activity/api/export.csv",
            "/activity/api/export.jsonl",
        ] {
            self.own(self.client.get_as_browser(path).await?);
        }
        Ok(())
    }

    async fn path_of_one(&self, operation: &Operation) -> Result<Option<String>> {
        let Some(list) = operation.list() else { return Ok(Some(operation.any_path())) };
        let listed = self.client.get(list).await?;
        Ok(listed.each("id").first().map(|id| operation.path(id)))
    }

    /// Tries everything on what belongs to the other tenant.
    async fn steal(&self, ids: &[String]) -> Result {
        let operations = operations(self.client.world).await?;
        for id in ids {
            for operation in &operations {
                if operation.is_about_one() {
                    let body = json!({ "full_name": "stolen", "note": "stolen" });
                    let known = operation.fields.iter().map(|it| it.name.as_str());
                    let known = known.filter_map(|it| Some((it.to_owned(), body.get(it)?.clone())));
                    let body = Value::Object(known.collect());
                    let request = operation.request(&self.client, &operation.path(id), &body);
                    self.client.send(request).await?.assert_problem(404);
                }
                for field in operation.fields.iter().filter(|it| it.is_id) {
                    let mut body = operation.body();
                    body[&field.name] = json!(id);
                    if body["ended_at"].is_string() {
                        body["ended_at"].take();
                    }
                    let path = operation.any_path();
                    let request = operation.request(&self.client, &path, &body);
                    let refused = self.client.send(request).await?;
                    assert_eq!(refused.assert_problem(422).json["errors"][0]["field"], *field.name);
                }
            }
            let entry = self.client.get(&format!("/activity/api/entries/{id}")).await?;
            assert_eq!(entry.status, 404, "{}", entry.text);
            for filter in ["entity=Employee&entity_id", "actor", "organization", "correlation", "q"]
            {
                let path = format!("/activity/api/entries?{filter}={id}");
                assert_eq!(self.get(&path).await?["entries"], json!([]));
            }
        }
        Ok(())
    }

    /// What only becomes possible once everything is done.
    async fn finish(&self) -> Result {
        let suggestions = self.get("/api/integrations/github/suggestions?limit=2").await?;
        let [first, second] = [0, 1].map(|at| id(&suggestions["items"][at]));
        let path = "/api/integrations/github/suggestions";
        self.post(&format!("{path}/{}/accept", first?), &Value::Null).await?;
        let request = self.client.request(Method::DELETE, &format!("{path}/{}", second?));
        self.own(self.client.send(request).await?);
        let token = self.client.world.invitation(&format!("guest-0.0@{}.example", self.own))?;
        let accept = json!({ "token": token, "password": PASSWORD });
        self.own(self.client.world.nobody().post("/api/invites/accept", &accept).await?);
        self.client.world.settled().await;
        let verified = self.get("/activity/api/verify").await?;
        assert_eq!(verified["is_sound"], true, "{verified}");
        self.look().await
    }

    /// Whatever the live tail shows until `done`.
    async fn watch(&self, mut done: watch::Receiver<bool>) -> Result<String> {
        let request = self.client.request(Method::GET, "/activity/api/live?since=0");
        let mut response = request.send().await?;
        assert_eq!(response.status(), 200);
        let mut seen = Vec::new();
        loop {
            tokio::select! {
                piece = response.chunk() => seen.extend_from_slice(&piece?.ok_or("the tail ended")?),
                _ = done.wait_for(|it| *it) => return Ok(String::from_utf8(seen)?),
            }
        }
    }
}

fn id(item: &Value) -> Result<String> {
    Ok(item["id"].as_str().ok_or_else(|| format!("no id: {item}"))?.to_owned())
}

/// The identifiers of everything a tenant has.
async fn identifiers(client: &Client<'_>) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for operation in operations(client.world).await? {
        if operation.method == Method::GET && operation.parameters.iter().any(|it| it == "after") {
            let listed = client.get(&operation.any_path()).await?;
            assert!(!listed.items().is_empty(), "{} has none to steal", operation.name);
            all.extend(listed.each("id").into_iter().map(str::to_owned));
        }
    }
    let entries = client.get("/activity/api/entries").await?.json["entries"].clone();
    for entry in entries.as_array().ok_or("no entries")?.iter().take(2) {
        all.push(id(entry)?);
    }
    Ok(all)
}

/// Commits in a repository of the tenant.
fn pushed(tenant: &str, email: &str) -> String {
    push(email).replace("acme/", &format!("{tenant}/"))
}

/// A tenant that has something of everything.
async fn furnished<'w>(world: &'w World, tenant: &str) -> Result<(Client<'w>, Hook)> {
    let owner = world.owner(tenant).await?;
    let email = format!("first@{tenant}.example");
    owner.hire(&format!("{tenant} first"), &email).await?;
    let hook = Hook::set_up(&owner, &format!("{tenant}/site")).await?;
    hook.deliver(world, &guid(), "push", &pushed(tenant, &email)).await?;
    import(&owner, format!("{HEADER}\n2026-04-01,09:00,30,{email},c1,Site,m\n")).await?;
    world.settled().await;
    Ok((owner, hook))
}

on_both! {
    slow;

    async fn two_tenants_at_once_never_see_each_other_at_any_endpoint(world: &World) {
        let (acme, acmes_hook) = furnished(world, "acme").await?;
        let (globex, globexes_hook) = furnished(world, "globex").await?;
        let (of_acme, of_globex) = (identifiers(&acme).await?, identifiers(&globex).await?);
        let acme = Hammer { client: acme, own: "acme", other: "globex" };
        let globex = Hammer { client: globex, own: "globex", other: "acme" };

        let (done, is_done) = watch::channel(false);
        let hammering = async {
            let acmes = (0..WORKERS).map(|it| acme.work(it, &acmes_hook));
            let globexes = (0..WORKERS).map(|it| globex.work(it, &globexes_hook));
            tokio::try_join!(try_join_all(acmes), try_join_all(globexes),
                acme.steal(&of_globex), globex.steal(&of_acme))?;
            world.settled().await;
            acme.finish().await?;
            globex.finish().await?;
            done.send_replace(true);
            Ok(())
        };
        let (acmes_tail, globexes_tail, ()) =
            tokio::try_join!(acme.watch(is_done.clone()), globex.watch(is_done), hammering)?;

        for (hammer, tail) in [(&acme, acmes_tail), (&globex, globexes_tail)] {
            assert!(tail.matches("employee.created").count() > WORKERS * ROUNDS, "{tail}");
            assert!(!tail.contains(hammer.other) && !tail.contains("stolen"));
            let count = async |list: &str| hammer.client.get(list).await.map(|it| it.items().len());
            assert_eq!(count("/api/employees?limit=200").await?, 2 + WORKERS * ROUNDS);
            assert_eq!(count("/api/organizations?limit=200").await?, 1 + WORKERS * ROUNDS);
            assert_eq!(count("/api/invites?limit=200").await?, 1 + 2 * WORKERS * ROUNDS);
            assert_eq!(count("/api/integrations/upwork/imports?limit=200").await?, 1 + WORKERS * ROUNDS);
            let organizations = hammer.client.get("/api/organizations?limit=200").await?;
            let founded = format!("{} Ltd", hammer.own);
            let founded = organizations.items().iter().find(|it| it["name"] == founded);
            assert_eq!(founded.ok_or("no founded organization")?["headcount"], 2 + WORKERS * ROUNDS);
        }
        for mail in world.mails()? {
            assert!(!(mail.contains("acme") && mail.contains("globex")), "{mail}");
        }
        for operation in operations(world).await? {
            let was_used = world.has_used(|method, path| operation.is_at(method, path));
            assert!(was_used, "nobody used {}", operation.name);
        }
    }
}

on_both! {
    async fn a_cursor_is_worth_nothing_to_another_tenant(world: &World) {
        let (acme, globex) = (world.owner("acme").await?, world.owner("globex").await?);
        acme.hire("Grace Hopper", "grace@acme.example").await?;
        for list in ["/api/employees", "/activity/api/entries"] {
            let page = acme.get(&format!("{list}?limit=1")).await?;
            let next = page.json["next"].as_str().ok_or("no second page")?;
            let path = format!("{list}?after={next}");
            assert_eq!(acme.get(&path).await?.status, 200);
            let refused = globex.get(&path).await?;
            assert!(refused.status.is_client_error(), "{}", refused.text);
            assert!(!refused.text.contains("Grace"));
        }
    }

    async fn headers_do_not_choose_the_tenant(world: &World) {
        let (acme, _) = (world.owner("acme").await?, world.owner("globex").await?);
        let request = acme.request(Method::GET, "/api/employees");
        let request = request.header("x-tenant-id", "globex").header("x-forwarded-host", "globex");
        assert_eq!(acme.send(request).await?.each("email"), ["ada@acme.example"]);
    }
}
