//! Time logs that were suggested for what was pushed to GitHub.

use reqwest::Method;
use serde_json::{Value, json};

use crate::github::{Hook, guid, push};
use crate::time_tracking::hired;
use crate::world::{PASSWORD, Result, World, on_both};

on_both! {
    async fn of_accepting_and_dismissing_at_once_one_wins(world: &World) {
        let owner = world.owner("acme").await?;
        hired(&owner, "Grace Hopper", "grace@acme.example").await?;
        let hook = Hook::set_up(&owner, "acme/site").await?;
        for _ in 0..15 {
            hook.deliver(world, &guid(), "push", &push("grace@acme.example")).await?;
            world.settled().await;
            let suggestions = owner.get("/api/integrations/github/suggestions?limit=1").await?;
            let path = format!("/api/integrations/github/suggestions/{}", suggestions.each("id")[0]);
            let accept = format!("{path}/accept");
            let (accepted, dismissed) = tokio::try_join!(
                owner.post(&accept, &Value::Null),
                owner.send(owner.request(Method::DELETE, &path)),
            )?;
            let statuses = (accepted.status.as_u16(), dismissed.status.as_u16());
            let listed = owner.get("/api/integrations/github/suggestions?limit=1").await?;
            let logs = owner.get("/api/time-logs").await?;
            match statuses {
                (200, 409) => {
                    assert_eq!(listed.each("status"), ["accepted"]);
                    assert_eq!(listed.each("time_log_id"), logs.each("id"));
                    let log = format!("/api/time-logs/{}", logs.each("id")[0]);
                    assert_eq!(owner.send(owner.request(Method::DELETE, &log)).await?.status, 204);
                }
                (409, 204) => {
                    assert_eq!(listed.each("status"), ["dismissed"]);
                    assert!(logs.items().is_empty(), "{}", logs.text);
                }
                _ => panic!("{statuses:?}: {} {}", accepted.text, dismissed.text),
            }
            world.settled().await;
        }
    }

    async fn a_suggestion_that_cannot_be_accepted_stays_open(world: &World) {
        let owner = world.owner("acme").await?;
        let grace = hired(&owner, "Grace Hopper", "grace@acme.example").await?;
        let hook = Hook::set_up(&owner, "acme/site").await?;
        hook.deliver(world, &guid(), "push", &push("grace@acme.example")).await?;
        world.settled().await;
        let log = json!({ "employee_id": grace, "project": "Other", "minutes": 60,
            "started_at": "2026-03-02T09:00:00Z" });
        let log = owner.post("/api/time-logs", &log).await?;
        assert_eq!(log.status, 201, "{}", log.text);
        let suggestions = owner.get("/api/integrations/github/suggestions").await?;
        let accept = format!("/api/integrations/github/suggestions/{}/accept", suggestions.each("id")[0]);
        let refused = owner.post(&accept, &Value::Null).await?;
        assert!(refused.assert_problem(409).text.contains("overlaps"), "{}", refused.text);
        let again = owner.get("/api/integrations/github/suggestions").await?;
        assert_eq!(again.json, suggestions.json);
        let log = format!("/api/time-logs/{}", log.json["id"].as_str().ok_or("no id")?);
        assert_eq!(owner.send(owner.request(Method::DELETE, &log)).await?.status, 204);
        assert_eq!(owner.post(&accept, &Value::Null).await?.json["status"], "accepted");
    }

    async fn text_that_no_line_has_is_mended_and_can_be_accepted(world: &World) {
        let owner = world.owner("acme").await?;
        hired(&owner, "Grace Hopper", "grace@acme.example").await?;
        let hook = Hook::set_up(&owner, "acme/site").await?;
        let push = push("grace@acme.example").replace("First", "a\u{2028}b\u{202E}c\u{2066}d");
        hook.deliver(world, &guid(), "push", &push).await?;
        world.settled().await;
        let suggestions = owner.get("/api/integrations/github/suggestions").await?;
        assert_eq!(suggestions.each("note"), ["2 commits: a b c d"]);
        let accept = format!("/api/integrations/github/suggestions/{}/accept", suggestions.each("id")[0]);
        let accepted = owner.post(&accept, &Value::Null).await?;
        assert_eq!(accepted.status, 200, "{}", accepted.text);
    }

    async fn an_owner_dismisses_what_is_suggested_for_somebody_who_has_left(world: &World) {
        let owner = world.owner("acme").await?;
        let grace = hired(&owner, "Grace Hopper", "grace@acme.example").await?;
        let hook = Hook::set_up(&owner, "acme/site").await?;
        hook.deliver(world, &guid(), "push", &push("grace@acme.example")).await?;
        world.settled().await;
        let left = owner.patch(&format!("/api/employees/{grace}"), &json!({ "status": "inactive" })).await?;
        assert_eq!(left.status, 200, "{}", left.text);
        world.settled().await;
        let suggestions = owner.get("/api/integrations/github/suggestions").await?;
        let path = format!("/api/integrations/github/suggestions/{}", suggestions.each("id")[0]);
        owner.post(&format!("{path}/accept"), &Value::Null).await?.assert_problem(409);
        assert_eq!(owner.send(owner.request(Method::DELETE, &path)).await?.status, 204);
        let after = owner.get("/api/integrations/github/suggestions").await?;
        assert_eq!(after.each("status"), ["dismissed"]);
    }

    async fn a_member_accepts_and_dismisses_nobody_elses_work(world: &World) {
        let owner = world.owner("acme").await?;
        hired(&owner, "Grace Hopper", "grace@acme.example").await?;
        hired(&owner, "Alan Turing", "alan@acme.example").await?;
        let accept = json!({ "token": world.invitation("alan@acme.example")?, "password": PASSWORD });
        let reply = world.nobody().post("/api/invites/accept", &accept).await?;
        let alan = world.signed_in(&reply)?;
        world.settled().await;
        let hook = Hook::set_up(&owner, "acme/site").await?;
        for email in ["grace@acme.example", "alan@acme.example"] {
            hook.deliver(world, &guid(), "push", &push(email)).await?;
            world.settled().await;
        }
        let suggestions = alan.get("/api/integrations/github/suggestions").await?;
        let path = |at: usize| format!("/api/integrations/github/suggestions/{}", suggestions.each("id")[at]);
        alan.post(&format!("{}/accept", path(1)), &Value::Null).await?.assert_problem(403);
        alan.send(alan.request(Method::DELETE, &path(1))).await?.assert_problem(403);
        assert_eq!(owner.get("/api/integrations/github/suggestions").await?.json, suggestions.json);
        assert_eq!(alan.post(&format!("{}/accept", path(0)), &Value::Null).await?.status, 200);
    }
}
