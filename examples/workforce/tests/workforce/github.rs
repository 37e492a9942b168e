//! Deliveries from GitHub.

use cqrs_core::Context;
use cqrs_core::bus::HandlerControl;
use cqrs_core::operations::DeliveryFilter;
use futures_util::future::join_all;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;
use workforce::integrations::Limits;
use workforce::integrations::github::ResumeGitHub;

use crate::time_tracking::hired;
use crate::world::{Client, Reply, Result, World, on_both};

/// A hook as GitHub knows it.
pub(crate) struct Hook {
    pub(crate) path: String,
    secret: String,
}

impl Hook {
    pub(crate) async fn set_up(owner: &Client<'_>, name: &str) -> Result<Self> {
        let reply = owner.post("/api/integrations/github", &json!({ "name": name })).await?;
        assert_eq!(reply.status, 201, "{}", reply.text);
        assert_eq!(reply.headers["cache-control"], "no-store");
        Self::of(&reply.json)
    }

    /// As it was answered to whoever set it up.
    pub(crate) fn of(set_up: &Value) -> Result<Self> {
        let url = set_up["url"].as_str().ok_or("no url")?;
        let (_, path) = url.split_once("/webhooks/").ok_or("no webhook")?;
        let secret = set_up["secret"].as_str().ok_or("no secret")?.to_owned();
        Ok(Self { path: format!("/webhooks/{path}"), secret })
    }

    pub(crate) fn sign(&self, body: &[u8]) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes());
        let mut mac = mac.expect("any length will do");
        mac.update(body);
        format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
    }

    /// As GitHub does it.
    pub(crate) async fn deliver(
        &self,
        world: &World,
        guid: &str,
        kind: &str,
        body: &str,
    ) -> Result<Reply> {
        let request = self.request(world, guid, kind, body);
        world.nobody().send(request).await
    }

    fn request(
        &self,
        world: &World,
        guid: &str,
        kind: &str,
        body: &str,
    ) -> reqwest::RequestBuilder {
        world
            .nobody()
            .request(Method::POST, &self.path)
            .header("user-agent", "GitHub-Hookshot/044aadd")
            .header("content-type", "application/json")
            .header("x-github-delivery", guid)
            .header("x-github-event", kind)
            .header("x-hub-signature-256", self.sign(body.as_bytes()))
            .body(body.to_owned())
    }
}

pub(crate) fn guid() -> String {
    Uuid::new_v4().to_string()
}

pub(crate) fn push(email: &str) -> String {
    json!({
        "ref": "refs/heads/main", "compare": "https://github.com/acme/site/compare/a...b",
        "repository": { "full_name": "acme/site" }, "sender": { "login": "grace" },
        "commits": [
            { "message": "First", "timestamp": "2026-03-02T10:00:00+01:00", "author": { "email": email } },
            { "message": "Second", "timestamp": "2026-03-02T10:00:00Z", "author": { "email": email } },
            { "message": "Other", "timestamp": "2026-03-02T10:00:00Z",
              "author": { "email": "nobody@elsewhere.example" } },
        ],
    })
    .to_string()
}

async fn deliveries(owner: &Client<'_>) -> Result<Reply> {
    owner.get("/api/integrations/github/deliveries?limit=200").await
}

on_both! {
    async fn a_push_is_taken_read_and_becomes_a_time_log(world: &World) {
        let owner = world.owner("acme").await?;
        let grace = hired(&owner, "Grace Hopper", "grace@acme.example").await?;
        let hook = Hook::set_up(&owner, "acme/site").await?;
        let reply = hook.deliver(world, &guid(), "push", &push("Grace@acme.example")).await?;
        assert_eq!(reply.status, 202, "{}", reply.text);
        assert_eq!(reply.json["status"], "accepted");
        world.settled().await;

        let listed = deliveries(&owner).await?;
        assert_eq!(listed.each("status"), ["processed"]);
        assert_eq!(listed.each("summary"), ["3 commits to main"]);
        assert_eq!(listed.each("repository"), ["acme/site"]);
        let suggestions = owner.get("/api/integrations/github/suggestions").await?;
        assert_eq!(suggestions.items().len(), 1, "{}", suggestions.text);
        let suggestion = &suggestions.items()[0];
        assert_eq!(suggestion["employee_id"], grace);
        assert_eq!(suggestion["started_at"], "2026-03-02T08:30:00Z");
        assert_eq!(suggestion["minutes"], 90);
        assert_eq!(suggestion["note"], "2 commits: First");

        let accept = format!("/api/integrations/github/suggestions/{}/accept",
            suggestion["id"].as_str().ok_or("no id")?);
        let replies = join_all((0..5).map(|_| owner.post(&accept, &Value::Null))).await;
        for reply in replies {
            assert_eq!(reply?.json["status"], "accepted");
        }
        let logs = owner.get("/api/time-logs").await?;
        assert_eq!(logs.each("source"), ["github"]);
        assert_eq!(logs.each("project"), ["acme/site"]);

        // Without its time log, it can be accepted again.
        let log = format!("/api/time-logs/{}", logs.each("id")[0]);
        assert_eq!(owner.send(owner.request(Method::DELETE, &log)).await?.status, 204);
        world.settled().await;
        let suggestions = owner.get("/api/integrations/github/suggestions").await?;
        assert_eq!(suggestions.each("status"), ["open"]);

        let hooks = owner.get("/api/integrations/github").await?;
        assert!(hooks.items()[0]["last_delivery_at"].is_string());
        assert!(!hooks.text.contains(&hook.secret), "the secret is shown once");
        let organizations = owner.get("/api/organizations").await?;
        assert!(organizations.items()[0]["last_synced_at"].is_string(), "{}", organizations.text);
    }

    async fn control_characters_keep_no_delivery_from_being_read(world: &World) {
        let owner = world.owner("acme").await?;
        hired(&owner, "Grace Hopper", "grace@acme.example").await?;
        let hook = Hook::set_up(&owner, "acme/site").await?;
        let bodies = [
            ("push", push("grace\0@acme.example")),
            ("push", push("grace@acme.example").replace("compare/", "compare/\\u0000")),
            ("push", push("grace@acme.example").replace("acme/site\"", "acme/site\\u0000\"")),
            ("issues", r#"{"action":"\u0000","sender":{"login":"\u0000"},"issue":{"number":1,
                "title":"\u0000","html_url":"https://github.com/\u0000"}}"#.to_owned()),
            ("ping", r#"{"zen":"\u0000"}"#.to_owned()),
        ];
        for (kind, body) in &bodies {
            assert_eq!(hook.deliver(world, &guid(), kind, body).await?.status, 202, "{body}");
        }
        world.settled().await;
        assert_eq!(deliveries(&owner).await?.each("status"), ["processed"; 5]);
        let suggestions = owner.get("/api/integrations/github/suggestions").await?;
        assert_eq!(suggestions.items().len(), 2, "{}", suggestions.text);
    }

    async fn what_cannot_be_read_is_given_up_until_github_delivers_it_again(world: &World) {
        let owner = world.owner("acme").await?;
        hired(&owner, "Grace Hopper", "grace@acme.example").await?;
        let hook = Hook::set_up(&owner, "acme/site").await?;
        let (guid, body) = (guid(), push("grace@acme.example"));
        world.sql("ALTER TABLE github_suggestions RENAME TO elsewhere").await?;
        assert_eq!(hook.deliver(world, &guid, "push", &body).await?.status, 202);
        let app = world.server.app();
        app.idle().await;
        let (operations, system) = (app.operations(), Context::system());
        assert_eq!(operations.discard_all(&system, &DeliveryFilter::all()).await?, 1);
        let failed = deliveries(&owner).await?;
        assert_eq!(failed.each("status"), ["failed"]);
        assert!(failed.each("summary")[0].starts_with("it could not be read"), "{}", failed.text);
        // Nor at the next start.
        let unread = app.commands().execute(&Context::system(), ResumeGitHub).await?;
        assert_eq!(unread, 0);

        world.sql("ALTER TABLE elsewhere RENAME TO github_suggestions").await?;
        assert_eq!(hook.deliver(world, &guid, "push", &body).await?.status, 202);
        world.settled().await;
        let read = deliveries(&owner).await?;
        assert_eq!(read.each("status"), ["processed"]);
        assert_eq!(read.each("id"), failed.each("id"));
        assert_eq!(hook.deliver(world, &guid, "push", &body).await?.status, 200);
        assert_eq!(owner.get("/api/integrations/github/suggestions").await?.items().len(), 1);
    }

    async fn every_kind_is_taken_and_noted(world: &World) {
        let owner = world.owner("acme").await?;
        let hook = Hook::set_up(&owner, "acme/site").await?;
        let kinds = [
            ("ping", r#"{"zen":"Keep it logically awesome.","hook_id":1}"#, "Keep it logically awesome."),
            ("issues", r#"{"action":"opened","issue":{"number":1,"title":"<script>"}}"#,
                "issue #1 opened: <script>"),
            ("pull_request", r#"{"action":"closed","pull_request":{"number":2,"title":"T","merged":true}}"#,
                "pull request #2 merged: T"),
            ("star", r#"{"action":"created"}"#, "`star` was created; it means nothing here and is kept"),
            ("'; DROP TABLE github_hooks; --", "[]", "could not be understood"),
            ("push", r#"{"commits":"many"}"#, "could not be understood"),
        ];
        for (kind, body, _) in kinds {
            assert_eq!(hook.deliver(world, &guid(), kind, body).await?.status, 202, "{kind}");
        }
        world.settled().await;
        let listed = deliveries(&owner).await?;
        assert_eq!(listed.items().len(), kinds.len());
        for (found, (kind, _, summary)) in listed.items().iter().rev().zip(kinds) {
            assert_eq!((&found["kind"], &found["status"]), (&json!(kind), &json!("processed")));
            assert!(found["summary"].as_str().is_some_and(|it| it.contains(summary)), "{found}");
        }
        let connected = world.mails()?.iter().filter(|it| it.contains("GitHub is connected")).count();
        assert_eq!(connected, 1);
    }

    async fn of_equal_deliveries_at_once_one_is_taken(world: &World) {
        let owner = world.owner("acme").await?;
        let hook = Hook::set_up(&owner, "acme/site").await?;
        let (guid, body) = (guid(), push("grace@acme.example"));
        let replies = join_all((0..20).map(|_| hook.deliver(world, &guid, "push", &body))).await;
        let replies = replies.into_iter().collect::<Result<Vec<_>>>()?;
        let of = |status: u16| replies.iter().filter(|it| it.status == status).count();
        assert_eq!((of(202), of(200)), (1, 19));
        let again = replies.iter().find(|it| it.status == 200).ok_or("none")?;
        assert_eq!(again.json["status"], "already received");
        world.settled().await;
        assert_eq!(deliveries(&owner).await?.items().len(), 1);
        // Another hook has deliveries of its own.
        let other = Hook::set_up(&owner, "acme/other").await?;
        assert_eq!(other.deliver(world, &guid, "push", &body).await?.status, 202);
    }

    async fn what_github_did_not_sign_is_refused(world: &World) {
        let owner = world.owner("acme").await?;
        let hook = Hook::set_up(&owner, "acme/site").await?;
        let other = Hook::set_up(&world.owner("globex").await?, "acme/site").await?;
        let body = r#"{"zen":"x"}"#;
        let send = async |hook: &Hook, signature: Option<String>, body: &str| {
            let request = world.nobody().request(Method::POST, &hook.path);
            let request = request.header("x-github-delivery", guid()).header("x-github-event", "ping");
            let request = match signature {
                Some(signature) => request.header("x-hub-signature-256", signature),
                None => request,
            };
            let request = request.header("content-type", "application/json");
            world.nobody().send(request.body(body.to_owned())).await
        };
        let right = hook.sign(body.as_bytes());
        for signature in [None, Some(String::new()), Some("sha256=".to_owned()), Some("x".repeat(71)),
            Some(right.replace("sha256", "sha1")), Some(right[..70].to_owned()),
            Some(other.sign(body.as_bytes())), Some(hook.sign(b"{}"))]
        {
            send(&hook, signature, body).await?.assert_problem(401);
        }
        // Signed for another tenant's hook.
        send(&other, Some(right.clone()), body).await?.assert_problem(401);
        let nowhere = Hook { path: format!("/webhooks/github/acme.{}", Uuid::now_v7()), ..other };
        send(&nowhere, Some(right.clone()), body).await?.assert_problem(404);
        for path in ["acme", "acme.x", "%00", "..", "' OR 1=1 --"] {
            let nowhere = Hook { path: format!("/webhooks/github/{path}"), secret: String::new() };
            let reply = send(&nowhere, Some(right.clone()), body).await?;
            assert!(matches!(reply.status.as_u16(), 400 | 404), "{path}: {}", reply.text);
        }
        assert!(deliveries(&owner).await?.items().is_empty());
        assert_eq!(send(&hook, Some(right), body).await?.status, 202);
    }

    async fn a_form_is_taken_too(world: &World) {
        let owner = world.owner("acme").await?;
        let hook = Hook::set_up(&owner, "acme/site").await?;
        let body = "payload=%7B%22zen%22%3A%22one+two%22%7D";
        let mut request = hook.request(world, &guid(), "ping", body).build()?;
        let form = "application/x-www-form-urlencoded".parse()?;
        request.headers_mut().insert("content-type", form);
        let response = world.http.execute(request).await?;
        assert_eq!(response.status(), 202, "{}", response.text().await?);
        world.settled().await;
        assert_eq!(deliveries(&owner).await?.each("summary"), ["one two"]);
    }

    async fn what_is_no_delivery_is_refused_and_not_stored(world: &World) {
        let owner = world.owner("acme").await?;
        let hook = Hook::set_up(&owner, "acme/site").await?;
        for body in ["", "Hello, World!", "{", "{} {}", "payload=%7B%7D"] {
            hook.deliver(world, &guid(), "ping", body).await?.assert_problem(422);
        }
        hook.deliver(world, &guid(), "ping", &"[".repeat(100_000)).await?.assert_problem(422);
        hook.deliver(world, &"x".repeat(101), "ping", "{}").await?.assert_problem(422);
        hook.deliver(world, "", "ping", "{}").await?.assert_problem(422);
        for missing in ["x-github-delivery", "x-github-event"] {
            let mut request = hook.request(world, &guid(), "ping", "{}").build()?;
            request.headers_mut().remove(missing);
            assert_eq!(world.http.execute(request).await?.status(), 400);
        }
        for body in [json!({}), json!({ "name": "" }), json!({ "name": "x".repeat(201) }),
            json!({ "name": 7 }), json!({ "name": "x", "secret": "mine" })]
        {
            owner.post("/api/integrations/github", &body).await?.assert_problem(422);
        }
        assert!(deliveries(&owner).await?.items().is_empty());
        for list in ["github", "github/deliveries", "github/suggestions", "upwork/imports"] {
            for query in ["limit=0", "limit=201", "after=x", "x=1"] {
                let reply = owner.get(&format!("/api/integrations/{list}?{query}")).await?;
                assert!(matches!(reply.status.as_u16(), 400 | 422), "{list} {query}: {}", reply.text);
            }
            world.nobody().get(&format!("/api/integrations/{list}")).await?.assert_problem(401);
        }
    }

    async fn a_large_body_is_refused_and_the_largest_is_taken(world: &World) {
        let owner = world.owner("acme").await?;
        let hook = Hook::set_up(&owner, "acme/site").await?;
        let limit = Limits::default().github;
        let body = format!("\"{}\"", "x".repeat(limit - 2));
        assert_eq!(hook.deliver(world, &guid(), "large", &body).await?.status, 202);
        let reply = hook.deliver(world, &guid(), "large", &format!("{body} ")).await?;
        reply.assert_problem(413);
        assert!(reply.text.contains("1048576 bytes"), "{}", reply.text);
        world.settled().await;
        assert_eq!(deliveries(&owner).await?.items().len(), 1);
    }

    async fn another_tenants_hooks_are_not_there(world: &World) {
        let (acme, globex) = (world.owner("acme").await?, world.owner("globex").await?);
        hired(&acme, "Grace Hopper", "grace@acme.example").await?;
        hired(&globex, "Grace Hopper", "grace@acme.example").await?;
        let hook = Hook::set_up(&acme, "acme/site").await?;
        hook.deliver(world, &guid(), "push", &push("grace@acme.example")).await?;
        world.settled().await;
        let suggestions = acme.get("/api/integrations/github/suggestions").await?;
        let path = format!("/api/integrations/github/suggestions/{}", suggestions.each("id")[0]);
        for list in ["github", "github/deliveries", "github/suggestions"] {
            let listed = globex.get(&format!("/api/integrations/{list}")).await?;
            assert!(listed.items().is_empty(), "{}", listed.text);
        }
        globex.post(&format!("{path}/accept"), &Value::Null).await?.assert_problem(404);
        globex.send(globex.request(Method::DELETE, &path)).await?.assert_problem(404);
        assert!(globex.get("/api/time-logs").await?.items().is_empty());
        assert_eq!(acme.send(acme.request(Method::DELETE, &path)).await?.status, 204);
        acme.post(&format!("{path}/accept"), &Value::Null).await?.assert_problem(409);
    }
}

/// Stored and answered, but not read when the process ended.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_read_before_a_restart_is_read_after_it() -> Result {
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("workforce.db").display().to_string();
    let world = World::at(folder, database.clone()).await?;
    let owner = world.owner("acme").await?;
    let hook = Hook::set_up(&owner, "acme/site").await?;
    let handlers = world.server.app().handlers();
    assert!(handlers.iter().filter(|it| it.name() == "read-delivery").all(HandlerControl::pause));
    for _ in 0..3 {
        assert_eq!(hook.deliver(&world, &guid(), "ping", r#"{"zen":"x"}"#).await?.status, 202);
    }
    assert_eq!(deliveries(&owner).await?.each("status"), ["received"; 3]);
    let (token, folder) = (owner.token.clone(), world.kill().await?);

    let world = World::at(folder, database).await?;
    world.settled().await;
    let owner = Client { world: &world, token };
    assert_eq!(deliveries(&owner).await?.each("status"), ["processed"; 3]);
    world.end().await
}
