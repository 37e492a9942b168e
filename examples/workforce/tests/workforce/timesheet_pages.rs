//! The page of timesheets, without a browser.

use reqwest::Method;

use crate::pages::{cookie, send};
use crate::world::{Reply, Result, World, on_both};

#[tokio::test(flavor = "multi_thread")]
async fn a_timesheet_is_submitted_and_approved_on_its_page() -> Result {
    let world = World::demo().await?;
    let grace = cookie(&world, "acme", "grace@acme.example", "demo-password").await?;
    let ada = cookie(&world, "acme", "ada@acme.example", "demo-password").await?;
    let show = async |cookie: &str, path: &str| {
        let nobody = world.nobody();
        nobody.send(nobody.request(Method::GET, path).header("cookie", cookie)).await
    };
    let own = show(&grace, "/timesheets").await?;
    assert!(!own.text.contains("Waiting for approval"), "{}", own.text);
    assert!(!own.text.contains("<script") && !own.text.contains("style="));
    let submit = action(&own.text, "/submit").ok_or("nothing to submit")?.to_owned();

    assert_eq!(send(&world, &grace, &submit, &[]).await?.status, 303);
    world.settled().await;
    let again = send(&world, &grace, &submit, &[]).await?;
    assert_eq!(again.status, 409);
    assert!(again.text.contains("is submitted, and would have to be draft."), "{}", again.text);
    let mails = world.mails()?;
    let asked =
        mails.iter().find(|it| it.contains("Grace Hopper has submitted")).ok_or("no mail")?;
    assert!(asked.contains(&world.url("/timesheets")) && !asked.contains("POST"), "{asked}");

    let approve = submit.replace("/submit", "/approve");
    let waiting = show(&ada, "/timesheets").await?;
    assert!(waiting.text.contains(&approve), "{}", waiting.text);
    assert_eq!(send(&world, &grace, &approve, &[]).await?.status, 403, "she is no owner");
    let other_site = world.nobody().request(Method::POST, &approve).header("cookie", &ada);
    let other_site =
        world.nobody().send(other_site.header("origin", "https://evil.example")).await?;
    assert_eq!(other_site.status, 403);
    assert_eq!(send(&world, &ada, &approve, &[]).await?.status, 303);
    world.settled().await;
    assert!(!show(&ada, "/timesheets").await?.text.contains(&approve));
    let own = show(&grace, "/timesheets").await?;
    assert!(own.text.contains("approved"), "{}", own.text);

    let katherine = cookie(&world, "globex", "katherine@globex.example", "demo-password").await?;
    assert_eq!(send(&world, &katherine, &approve, &[]).await?.status, 404);
    assert!(!show(&katherine, "/timesheets").await?.text.contains("Grace"));
    world.end().await
}

/// The first form of the page that is sent to such an address.
fn action<'p>(page: &'p str, ending: &str) -> Option<&'p str> {
    let mut actions = page.split("action=\"").filter_map(|rest| rest.split('"').next());
    actions.find(|action| action.ends_with(ending))
}

on_both! {
    async fn the_timesheets_that_wait_come_in_pages(world: &World) {
        let owner = world.owner("acme").await?;
        let me = owner.get("/api/employees").await?;
        let me = me.each("id")[0];
        for week in 0..21 {
            let monday: jiff::civil::Date = "2025-01-06".parse()?;
            let day = monday.checked_add(jiff::Span::new().weeks(week))?;
            let new = serde_json::json!({ "employee_id": me, "project": "Engine", "minutes": 60,
                "started_at": format!("{day}T09:00:00Z") });
            assert_eq!(owner.post("/api/time-logs", &new).await?.status, 201);
        }
        let sheets = owner.get("/api/timesheets").await?;
        for sheet in sheets.items().iter().filter(|it| it["minutes"] == 60) {
            let path = format!("/api/timesheets/{}/submit", sheet["id"].as_str().ok_or("no id")?);
            assert_eq!(owner.post(&path, &serde_json::Value::Null).await?.status, 200);
        }
        world.settled().await;
        let page = owner.get("/timesheets").await?;
        let approvals = |page: &Reply| page.text.matches("/approve\"").count();
        assert_eq!(approvals(&page), 20, "{}", page.text);
        let older = page.text.split("href=\"").find(|it| it.starts_with("/timesheets?waiting="));
        let older = older.and_then(|it| it.split('"').next()).ok_or("no older ones")?;
        assert_eq!(approvals(&owner.get(older).await?), 1);
        let stray = older.replace("waiting=", "own=");
        owner.get(&stray).await?.assert_problem(422);
    }
}
