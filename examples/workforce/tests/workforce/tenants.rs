//! What is one tenant's is nobody else's.

use futures_util::future::try_join_all;
use reqwest::Method;
use serde_json::json;

use crate::world::{Client, PASSWORD, Result, World, on_both};

const ROUNDS: usize = 8;

/// Uses everything, and looks for anything of `other` in every answer.
async fn hammer(
    client: &Client<'_>,
    own: &str,
    other: &str,
    worker: usize,
    stolen: &[String],
) -> Result {
    let mut replies = Vec::new();
    for round in 0..ROUNDS {
        let name = format!("{own} {worker}.{round} <script>' OR '1'='1");
        let email = format!("{worker}.{round}@{own}.example");
        let new = json!({ "full_name": name, "email": email });
        let created = client.post("/api/employees", &new).await?;
        assert_eq!(created.status, 201, "{}", created.text);
        let id = created.json["id"].as_str().ok_or("no id")?;
        let change = json!({ "title": format!("{own} title") });
        replies.push(client.patch(&format!("/api/employees/{id}"), &change).await?);
        let organization = json!({ "name": format!("{own} {worker}.{round}") });
        replies.push(client.post("/api/organizations", &organization).await?);
        let invite = json!({ "full_name": name, "email": format!("guest-{email}") });
        replies.push(client.post("/api/invites", &invite).await?);
        let credentials =
            json!({ "tenant": own, "email": format!("ada@{own}.example"), "password": PASSWORD });
        replies.push(client.world.nobody().post("/api/sessions", &credentials).await?);
        for path in ["/api/employees", "/api/organizations", "/api/invites", "/api/me", "/"] {
            replies.push(
                client
                    .get(&format!("{path}{}", if path == "/api/me" { "" } else { "?limit=200" }))
                    .await?,
            );
        }
        assert!(replies.iter().all(|it| it.status.is_success()));
        for id in stolen {
            for module in ["employees", "organizations"] {
                client.get(&format!("/api/{module}/{id}")).await?.assert_problem(404);
            }
            let change = json!({ "full_name": "stolen", "status": "inactive" });
            client.patch(&format!("/api/employees/{id}"), &change).await?.assert_problem(404);
            let theirs =
                json!({ "full_name": name, "email": "x@x.example", "organization_id": id });
            client.post("/api/employees", &theirs).await?.assert_problem(422);
        }
        replies.push(created);
    }
    let leaks = replies.iter().filter(|it| it.text.contains(other) || it.text.contains("stolen"));
    assert_eq!(leaks.count(), 0, "something of {other} reached {own}");
    Ok(())
}

/// The identifiers of everything a tenant has.
async fn identifiers(client: &Client<'_>) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for path in ["/api/employees", "/api/organizations", "/api/invites"] {
        all.extend(client.get(path).await?.each("id").into_iter().map(str::to_owned));
    }
    Ok(all)
}

on_both! {
    async fn two_tenants_at_once_never_see_each_other(world: &World) {
        let (acme, globex) = (world.owner("acme").await?, world.owner("globex").await?);
        acme.hire("acme first", "first@acme.example").await?;
        globex.hire("globex first", "first@globex.example").await?;
        let (of_acme, of_globex) = (identifiers(&acme).await?, identifiers(&globex).await?);
        let acmes = (0..3).map(|it| hammer(&acme, "acme", "globex", it, &of_globex));
        let globexes = (0..3).map(|it| hammer(&globex, "globex", "acme", it, &of_acme));
        tokio::try_join!(try_join_all(acmes), try_join_all(globexes))?;
        world.settled().await;

        for (client, own, other) in [(&acme, "acme", "globex"), (&globex, "globex", "acme")] {
            let employees = client.get("/api/employees?limit=200").await?;
            assert_eq!(employees.items().len(), 2 + 3 * ROUNDS);
            assert!(!employees.text.contains(other) && !employees.text.contains("stolen"));
            let organizations = client.get("/api/organizations?limit=200").await?;
            assert_eq!(organizations.items().len(), 1 + 3 * ROUNDS);
            let founded = organizations.items().iter().find(|it| it["name"] == format!("{own} Ltd"));
            assert_eq!(founded.ok_or("no founded organization")?["headcount"], 2 + 3 * ROUNDS);
            let invites = client.get("/api/invites?limit=200").await?;
            assert_eq!(invites.items().len(), 1 + 2 * 3 * ROUNDS);
            assert!(!invites.text.contains(other));
        }
        for mail in world.mails()? {
            assert!(!(mail.contains("acme") && mail.contains("globex")), "{mail}");
        }
    }

    async fn a_cursor_is_worth_nothing_to_another_tenant(world: &World) {
        let (acme, globex) = (world.owner("acme").await?, world.owner("globex").await?);
        acme.hire("Grace Hopper", "grace@acme.example").await?;
        let page = acme.get("/api/employees?limit=1").await?;
        let next = page.json["next"].as_str().ok_or("no second page")?;
        let path = format!("/api/employees?after={next}");
        assert_eq!(acme.get(&path).await?.items().len(), 1);
        globex.get(&path).await?.assert_problem(422);
    }

    async fn headers_do_not_choose_the_tenant(world: &World) {
        let (acme, _) = (world.owner("acme").await?, world.owner("globex").await?);
        let request = acme.request(Method::GET, "/api/employees");
        let request = request.header("x-tenant-id", "globex").header("x-forwarded-host", "globex");
        assert_eq!(acme.send(request).await?.each("email"), ["ada@acme.example"]);
    }
}
