//! The pages, without a browser.

use std::collections::HashSet;

use reqwest::Method;

use crate::world::{PASSWORD, Result, World};

/// Signs in with a form and gives the cookie.
async fn cookie(world: &World, tenant: &str, email: &str, password: &str) -> Result<String> {
    let nobody = world.nobody();
    let form = [("tenant", tenant), ("email", email), ("password", password)];
    let reply = nobody.send(nobody.request(Method::POST, "/sign-in").form(&form)).await?;
    assert_eq!(reply.status, 303, "{}", reply.text);
    let cookie = reply.headers["set-cookie"].to_str()?;
    Ok(cookie.split(';').next().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_user_signs_in_by_one_click_and_sees_her_employees() -> Result {
    let world = World::demo().await?;
    let page = world.nobody().get("/").await?;
    for text in ["Ada Lovelace", "Katherine Johnson", "value=\"acme\"", "value=\"globex\""] {
        assert!(page.text.contains(text), "{}", page.text);
    }
    assert!(!page.text.contains("<script") && !page.text.contains("style="));
    assert!(page.headers["content-security-policy"].to_str()?.starts_with("default-src 'none'"));

    let cookie = cookie(&world, "acme", "ada@acme.example", "demo-password").await?;
    let home = world.nobody();
    let home = home.send(home.request(Method::GET, "/").header("cookie", cookie)).await?;
    for text in ["Radia Perlman", "Hélène Dupré", "Acme Research", "href=\"/activity\""] {
        assert!(home.text.contains(text), "{}", home.text);
    }
    assert!(!home.text.contains("globex"));
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_demo_nobody_signs_in_by_one_click() -> Result {
    let world = World::sqlite().await?;
    let page = world.nobody().get("/").await?;
    assert!(!page.text.contains("demo-password") && page.text.contains("With your password"));
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_type_is_text_and_never_markup() -> Result {
    let world = World::sqlite().await?;
    let owner = world.owner("acme").await?;
    let name = "<img src=x onerror=alert(1)>\"'&";
    owner.hire(name, "x@acme.example").await?;
    let cookie = cookie(&world, "acme", "ada@acme.example", PASSWORD).await?;
    let nobody = world.nobody();
    let form = [("full_name", name), ("email", "\"><script>alert(1)</script>"), ("title", name)];
    let request = nobody.request(Method::POST, "/employees").header("cookie", &cookie).form(&form);
    let refused = nobody.send(request).await?;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("is not an e-mail address"), "{}", refused.text);
    let join = nobody.get("/join?token=%22%3E%3Cscript%3E").await?;
    let home = nobody.send(nobody.request(Method::GET, "/").header("cookie", &cookie)).await?;
    for page in [refused, join, home] {
        assert!(!page.text.contains("<script") && !page.text.contains("<img"), "{}", page.text);
    }
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_forms_do_what_the_api_does() -> Result {
    let world = World::sqlite().await?;
    let nobody = world.nobody();
    let form = [
        ("tenant", "acme"),
        ("company", "Acme"),
        ("full_name", "Ada Lovelace"),
        ("email", "ada@acme.example"),
        ("password", PASSWORD),
    ];
    let register = || nobody.request(Method::POST, "/register").form(&form);
    assert_eq!(nobody.send(register()).await?.status, 303);
    world.settled().await;
    let again = nobody.send(register()).await?;
    assert_eq!(again.status, 409);
    assert!(again.text.contains("another company has registered this tenant"), "{}", again.text);

    let cookie = cookie(&world, "acme", "ada@acme.example", PASSWORD).await?;
    let form = [("full_name", "Grace Hopper"), ("email", "grace@acme.example"), ("title", "")];
    let request = nobody.request(Method::POST, "/employees").header("cookie", &cookie).form(&form);
    assert_eq!(nobody.send(request).await?.status, 303);
    world.settled().await;
    let token = world.invitation("grace@acme.example")?;
    let form = [("token", token.as_str()), ("password", PASSWORD)];
    let joined = nobody.send(nobody.request(Method::POST, "/join").form(&form)).await?;
    assert_eq!(joined.status, 303, "{}", joined.text);
    world.settled().await;
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_a_session_is_sent_to_where_it_can_sign_in() -> Result {
    let world = World::sqlite().await?;
    let nobody = world.nobody();
    let request = nobody.request(Method::GET, "/activity").header("accept", "text/html,*/*");
    let sent_away = nobody.send(request).await?;
    assert_eq!(sent_away.status, 303);
    assert_eq!(sent_away.headers["location"], "/");
    nobody.get("/activity").await?.assert_problem(401);
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_activity_of_the_demo_is_of_many_kinds() -> Result {
    let world = World::demo().await?;
    for (tenant, email) in [("acme", "ada@acme.example"), ("globex", "katherine@globex.example")] {
        let cookie = cookie(&world, tenant, email, "demo-password").await?;
        let nobody = world.nobody();
        let request = nobody.request(Method::GET, "/activity/api/entries?limit=10");
        let newest = nobody.send(request.header("cookie", cookie)).await?;
        let entries = newest.json["entries"].as_array().ok_or("no entries")?;
        let kinds: HashSet<_> = entries.iter().filter_map(|it| it["event_name"].as_str()).collect();
        assert!(kinds.len() >= 6, "{kinds:?}");
        assert!(entries.iter().any(|it| it["changes"].to_string().contains("Head of")));
    }
    world.end().await
}
