//! Time logs and timesheets over HTTP, and what other modules make of them.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::world::{Client, PASSWORD, Result, World, on_both};

/// An employee's identifier, once everything that hiring causes is done.
pub(crate) async fn hired(owner: &Client<'_>, name: &str, email: &str) -> Result<String> {
    let employee = owner.hire(name, email).await?;
    Ok(employee["id"].as_str().ok_or("no id")?.to_owned())
}

fn log(employee: &str, started_at: &str, minutes: i64) -> Value {
    json!({ "employee_id": employee, "project": "Site", "started_at": started_at,
            "minutes": minutes })
}

/// The employee's timesheet of a week.
async fn timesheet(owner: &Client<'_>, employee: &str, week: &str) -> Result<Value> {
    let reply = owner.get(&format!("/api/timesheets?employee_id={employee}")).await?;
    let found = reply.items().iter().find(|it| it["week"] == week);
    Ok(found.cloned().ok_or_else(|| format!("no timesheet of {week}: {}", reply.text))?)
}

on_both! {
    async fn time_is_recorded_changed_and_removed(world: &World) {
        let owner = world.owner("acme").await?;
        let grace = hired(&owner, "Grace Hopper", "grace@acme.example").await?;

        let new = json!({ "employee_id": grace, "project": "Site", "note": "<b>",
            "started_at": "2026-03-02T09:00:42+01:00", "ended_at": "2026-03-02T09:30:00Z" });
        let created = owner.post("/api/time-logs", &new).await?;
        assert_eq!(created.status, 201, "{}", created.text);
        assert_eq!(created.json["started_at"], "2026-03-02T08:00:00Z");
        assert_eq!(created.json["minutes"], 90);
        assert_eq!(created.json["week"], "2026-W10");
        let path = created.headers["location"].to_str()?.to_owned();
        assert_eq!(owner.get(&path).await?.json, created.json);
        assert_eq!(timesheet(&owner, &grace, "2026-W10").await?["minutes"], 90);

        let change = json!({ "minutes": 60, "project": "Shop" });
        let changed = owner.patch(&path, &change).await?;
        assert_eq!(changed.json["ended_at"], "2026-03-02T09:00:00Z");
        assert_eq!(changed.json["project"], "Shop");
        assert_eq!(changed.json["note"], "<b>");
        // The same week's day, an hour later: it still takes as long.
        let moved = json!({ "started_at": "2026-03-09T10:00:00Z" });
        let moved = owner.patch(&path, &moved).await?;
        assert_eq!((&moved.json["minutes"], &moved.json["week"]), (&json!(60), &json!("2026-W11")));
        assert_eq!(timesheet(&owner, &grace, "2026-W10").await?["minutes"], 0);
        assert_eq!(timesheet(&owner, &grace, "2026-W11").await?["minutes"], 60);

        let request = owner.request(reqwest::Method::DELETE, &path);
        assert_eq!(owner.send(request).await?.status, 204);
        owner.get(&path).await?.assert_problem(404);
        assert_eq!(timesheet(&owner, &grace, "2026-W11").await?["minutes"], 0);
    }

    async fn time_of_one_employee_does_not_overlap(world: &World) {
        let owner = world.owner("acme").await?;
        let grace = hired(&owner, "Grace Hopper", "grace@acme.example").await?;
        let alan = hired(&owner, "Alan Turing", "alan@acme.example").await?;
        let first = owner.post("/api/time-logs", &log(&grace, "2026-03-08T23:00:00Z", 120)).await?;
        assert_eq!(first.status, 201);
        for start in ["2026-03-08T22:30:00Z", "2026-03-08T23:59:00Z", "2026-03-09T00:59:00Z"] {
            let refused = owner.post("/api/time-logs", &log(&grace, start, 31)).await?;
            refused.assert_problem(409);
            assert!(refused.text.contains("overlaps"), "{}", refused.text);
        }
        for start in ["2026-03-08T22:29:00Z", "2026-03-09T01:00:00Z"] {
            assert_eq!(owner.post("/api/time-logs", &log(&grace, start, 31)).await?.status, 201);
        }
        assert_eq!(owner.post("/api/time-logs", &log(&alan, "2026-03-08T23:30:00Z", 31)).await?.status, 201);
        // Nor by a change, except with itself.
        let id = first.json["id"].as_str().ok_or("no id")?;
        let path = format!("/api/time-logs/{id}");
        owner.patch(&path, &json!({ "minutes": 121 })).await?.assert_problem(409);
        assert_eq!(owner.patch(&path, &json!({ "minutes": 119 })).await?.status, 200);
    }

    async fn of_equal_logs_at_once_one_is_recorded(world: &World) {
        let owner = world.owner("acme").await?;
        let grace = hired(&owner, "Grace Hopper", "grace@acme.example").await?;
        let new = log(&grace, "2026-03-02T09:00:00Z", 60);
        let replies = join_all((0..10).map(|_| owner.post("/api/time-logs", &new))).await;
        let statuses: Vec<_> =
            replies.into_iter().map(|it| it.map(|it| it.status.as_u16())).collect::<Result<_>>()?;
        assert_eq!(statuses.iter().filter(|it| **it == 201).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|it| **it == 409).count(), 9, "{statuses:?}");
    }

    async fn a_timesheet_goes_from_draft_to_submitted_to_approved(world: &World) {
        let owner = world.owner("acme").await?;
        let grace = hired(&owner, "Grace Hopper", "grace@acme.example").await?;
        let created = owner.post("/api/time-logs", &log(&grace, "2026-03-02T09:00:00Z", 95)).await?;
        let log_path = format!("/api/time-logs/{}", created.json["id"].as_str().ok_or("no id")?);
        let sheet = timesheet(&owner, &grace, "2026-W10").await?;
        assert_eq!(sheet["status"], "draft");
        let path = format!("/api/timesheets/{}", sheet["id"].as_str().ok_or("no id")?);
        let (submit, approve) = (format!("{path}/submit"), format!("{path}/approve"));

        owner.post(&approve, &Value::Null).await?.assert_problem(409);
        let submitted = owner.post(&submit, &Value::Null).await?;
        assert_eq!(submitted.json["status"], "submitted");
        owner.post(&submit, &Value::Null).await?.assert_problem(409);

        // Its time logs stay as they are.
        owner.post("/api/time-logs", &log(&grace, "2026-03-03T09:00:00Z", 1)).await?.assert_problem(409);
        owner.patch(&log_path, &json!({ "note": "later" })).await?.assert_problem(409);
        let delete = owner.request(reqwest::Method::DELETE, &log_path);
        owner.send(delete).await?.assert_problem(409);
        // Nor do others move in.
        let other = owner.post("/api/time-logs", &log(&grace, "2026-03-10T09:00:00Z", 10)).await?;
        let other = format!("/api/time-logs/{}", other.json["id"].as_str().ok_or("no id")?);
        let moved = json!({ "started_at": "2026-03-04T09:00:00Z" });
        owner.patch(&other, &moved).await?.assert_problem(409);

        let approved = owner.post(&approve, &Value::Null).await?;
        assert_eq!(approved.json["status"], "approved");
        assert_eq!(approved.json["minutes"], 95);
        assert_eq!(owner.get(&path).await?.json, approved.json);
        owner.patch(&log_path, &json!({ "note": "later" })).await?.assert_problem(409);

        world.settled().await;
        let mails = world.mails()?;
        let asked = mails.iter().find(|it| it.contains("waits for approval")).ok_or("no request")?;
        assert!(asked.contains("To: \"Ada Lovelace\"") || asked.contains("ada@acme.example"), "{asked}");
        assert!(asked.contains("1:35 hours"), "{asked}");
        let told = mails.iter().find(|it| it.contains("was approved")).ok_or("nobody was told")?;
        assert!(told.contains("grace@acme.example"), "{told}");
    }

    async fn an_empty_timesheet_is_opened_for_a_new_employee_and_not_submitted(world: &World) {
        let owner = world.owner("acme").await?;
        let grace = hired(&owner, "Grace Hopper", "grace@acme.example").await?;
        let reply = owner.get(&format!("/api/timesheets?employee_id={grace}")).await?;
        assert_eq!(reply.items().len(), 1);
        assert_eq!(reply.each("status"), ["draft"]);
        let id = reply.each("id")[0];
        owner.post(&format!("/api/timesheets/{id}/submit"), &Value::Null).await?.assert_problem(409);
    }

    async fn employees_know_their_hours(world: &World) {
        let owner = world.owner("acme").await?;
        let grace = hired(&owner, "Grace Hopper", "grace@acme.example").await?;
        let path = format!("/api/employees/{grace}/hours");
        let before = owner.get(&path).await?;
        assert_eq!(before.json["minutes_this_week"], 0);
        assert_eq!(before.json["last_activity_at"], Value::Null);
        let week = workforce::time_tracking::Week::current();
        let start = |hours: i64| jiff::ToSpan::hours(hours);
        let mut ids = Vec::new();
        for hour in 0..4 {
            let start = week.start().checked_add(start(hour))?.to_string();
            let reply = owner.post("/api/time-logs", &log(&grace, &start, 30)).await?;
            ids.push(reply.json["id"].as_str().ok_or("no id")?.to_owned());
        }
        let change = json!({ "minutes": 45 });
        owner.patch(&format!("/api/time-logs/{}", ids[0]), &change).await?;
        let delete = owner.request(reqwest::Method::DELETE, &format!("/api/time-logs/{}", ids[1]));
        owner.send(delete).await?;
        world.settled().await;
        let after = owner.get(&path).await?;
        assert_eq!(after.json["minutes_this_week"], 45 + 30 + 30);
        assert_eq!(after.json["week"], week.to_string());
        assert!(after.json["last_activity_at"].is_string());
    }

    async fn a_member_changes_their_own_time_only(world: &World) {
        let owner = world.owner("acme").await?;
        let grace = hired(&owner, "Grace Hopper", "grace@acme.example").await?;
        let alan = hired(&owner, "Alan Turing", "alan@acme.example").await?;
        let token = world.invitation("grace@acme.example")?;
        let accept = json!({ "token": token, "password": PASSWORD });
        let reply = world.nobody().post("/api/invites/accept", &accept).await?;
        world.settled().await;
        let member = world.signed_in(&reply)?;

        let own = member.post("/api/time-logs", &log(&grace, "2026-03-02T09:00:00Z", 60)).await?;
        assert_eq!(own.status, 201, "{}", own.text);
        member.post("/api/time-logs", &log(&alan, "2026-03-02T09:00:00Z", 60)).await?.assert_problem(403);
        let others = owner.post("/api/time-logs", &log(&alan, "2026-03-02T09:00:00Z", 60)).await?;
        let path = format!("/api/time-logs/{}", others.json["id"].as_str().ok_or("no id")?);
        member.patch(&path, &json!({ "minutes": 1 })).await?.assert_problem(403);
        let delete = member.request(reqwest::Method::DELETE, &path);
        member.send(delete).await?.assert_problem(403);
        let sheet = timesheet(&member, &grace, "2026-W10").await?;
        let sheet = format!("/api/timesheets/{}", sheet["id"].as_str().ok_or("no id")?);
        assert_eq!(member.post(&format!("{sheet}/submit"), &Value::Null).await?.status, 200);
        member.post(&format!("{sheet}/approve"), &Value::Null).await?.assert_problem(403);
    }

    async fn another_tenants_time_is_not_there(world: &World) {
        let (acme, globex) = (world.owner("acme").await?, world.owner("globex").await?);
        let grace = hired(&acme, "Grace Hopper", "grace@acme.example").await?;
        let created = acme.post("/api/time-logs", &log(&grace, "2026-03-02T09:00:00Z", 60)).await?;
        let id = created.json["id"].as_str().ok_or("no id")?;
        let sheet = timesheet(&acme, &grace, "2026-W10").await?;
        let sheet = sheet["id"].as_str().ok_or("no id")?;

        globex.post("/api/time-logs", &log(&grace, "2026-03-03T09:00:00Z", 60)).await?.assert_problem(422);
        globex.get(&format!("/api/time-logs/{id}")).await?.assert_problem(404);
        globex.patch(&format!("/api/time-logs/{id}"), &json!({ "minutes": 1 })).await?.assert_problem(404);
        let delete = globex.request(reqwest::Method::DELETE, &format!("/api/time-logs/{id}"));
        globex.send(delete).await?.assert_problem(404);
        globex.get(&format!("/api/timesheets/{sheet}")).await?.assert_problem(404);
        for step in ["submit", "approve"] {
            globex.post(&format!("/api/timesheets/{sheet}/{step}"), &Value::Null).await?.assert_problem(404);
        }
        globex.get(&format!("/api/employees/{grace}/hours")).await?.assert_problem(404);
        assert!(globex.get(&format!("/api/time-logs?employee_id={grace}")).await?.items().is_empty());
        assert!(globex.get(&format!("/api/timesheets?employee_id={grace}")).await?.items().is_empty());
        assert!(globex.get("/api/time-logs").await?.items().is_empty());
        assert_eq!(acme.get(&format!("/api/time-logs/{id}")).await?.json, created.json);
    }

    async fn what_is_no_time_log_is_refused_and_not_stored(world: &World) {
        let owner = world.owner("acme").await?;
        let grace = hired(&owner, "Grace Hopper", "grace@acme.example").await?;
        let right = log(&grace, "2026-03-02T09:00:00Z", 60);
        let with = |field: &str, value: Value| {
            let mut log = right.clone();
            log[field] = value;
            log
        };
        for (body, status) in [
            (with("minutes", json!(0)), 422),
            (with("minutes", json!(-1)), 422),
            (with("minutes", json!(1441)), 422),
            (with("minutes", json!(1e300)), 422),
            (with("minutes", json!("60")), 422),
            (with("minutes", Value::Null), 422),
            (with("ended_at", json!("2026-03-02T10:00:00Z")), 422),
            (with("started_at", json!("yesterday")), 422),
            (with("started_at", json!("1999-12-31T23:59:00Z")), 422),
            (with("started_at", json!("9999-12-30T00:00:00Z")), 422),
            (with("started_at", json!(7)), 422),
            (with("project", json!("")), 422),
            (with("project", json!("x".repeat(201))), 422),
            (with("note", json!("two\nlines")), 422),
            (with("note", json!("x".repeat(100_000))), 413),
            (with("employee_id", json!("' OR 1=1 --")), 422),
            (with("employee_id", json!(uuid::Uuid::now_v7())), 422),
            (with("tenant", json!("globex")), 422),
        ] {
            owner.post("/api/time-logs", &body).await?.assert_problem(status);
        }
        for path in ["/api/time-logs", "/api/timesheets"] {
            for query in ["limit=0", "limit=201", "limit=-1", "limit=x", "after=x", "employee_id=x", "x=1"] {
                let reply = owner.get(&format!("{path}?{query}")).await?;
                assert!(matches!(reply.status.as_u16(), 400 | 422), "{query}: {}", reply.text);
            }
            owner.get(&format!("{path}/%27%20OR%201=1")).await?.assert_problem(400);
        }
        assert!(owner.get("/api/time-logs").await?.items().is_empty());
        for text in ["'); DROP TABLE time_logs; --", "<script>alert(1)</script>", "\u{200f}ü🦀"] {
            let stored = owner.post("/api/time-logs", &with("project", json!(text))).await?;
            assert_eq!(stored.json["project"], text, "{}", stored.text);
            let id = stored.json["id"].as_str().ok_or("no id")?;
            let delete = owner.request(reqwest::Method::DELETE, &format!("/api/time-logs/{id}"));
            assert_eq!(owner.send(delete).await?.status, 204);
        }
    }

    async fn pages_follow_each_other_without_gaps(world: &World) {
        let owner = world.owner("acme").await?;
        let grace = hired(&owner, "Grace Hopper", "grace@acme.example").await?;
        for hour in 0..7 {
            let start = format!("2026-03-02T{hour:02}:00:00Z");
            assert_eq!(owner.post("/api/time-logs", &log(&grace, &start, 60)).await?.status, 201);
        }
        let (mut seen, mut path) = (Vec::new(), "/api/time-logs?limit=3".to_owned());
        loop {
            let page = owner.get(&path).await?;
            seen.extend(page.each("started_at").into_iter().map(str::to_owned));
            let Some(next) = page.json["next"].as_str() else { break };
            path = format!("/api/time-logs?limit=3&after={next}");
        }
        let expected: Vec<_> = (0..7).rev().map(|hour| format!("2026-03-02T{hour:02}:00:00Z")).collect();
        assert_eq!(seen, expected);
    }
}
