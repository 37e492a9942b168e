//! The pages, without a browser.

use std::collections::HashSet;

use reqwest::Method;

use crate::world::{PASSWORD, Reply, Result, World};

/// Signs in with a form and gives the cookie.
pub(crate) async fn cookie(
    world: &World,
    tenant: &str,
    email: &str,
    password: &str,
) -> Result<String> {
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
    assert!(refused.text.contains("E-mail is not an e-mail address such as"), "{}", refused.text);
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
    assert!(again.text.contains("Another company has registered this tenant."), "{}", again.text);

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
    assert_eq!(sent_away.headers["location"], "/sign-in?next=%2Factivity");
    nobody.get("/activity").await?.assert_problem(401);
    world.end().await
}

/// As a browser sends a form, signed in with `cookie`.
pub(crate) async fn send(
    world: &World,
    cookie: &str,
    path: &str,
    form: &[(&str, &str)],
) -> Result<Reply> {
    let request = world.nobody().request(Method::POST, path).form(form);
    let request = request.header("accept", "text/html").header("cookie", cookie);
    world.nobody().send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_leads_to_where_one_wanted_to_go_and_never_to_another_server() -> Result {
    let world = World::sqlite().await?;
    world.owner("acme").await?;
    let sent_away = world.nobody().get_as_browser("/activity?q=a%26b").await?;
    let sign_in = sent_away.headers["location"].to_str()?.to_owned();
    assert_eq!(sign_in, "/sign-in?next=%2Factivity%3Fq%3Da%2526b");
    let page = world.nobody().get(&sign_in).await?;
    assert!(page.text.contains("name=\"next\" value=\"/activity?q=a%26b\""), "{}", page.text);

    let sign_in = async |next: &str| {
        let form = [
            ("tenant", "acme"),
            ("email", "ada@acme.example"),
            ("password", PASSWORD),
            ("next", next),
        ];
        let reply = send(&world, "", "/sign-in", &form).await?;
        assert_eq!(reply.status, 303, "{}", reply.text);
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(reply.headers["location"].clone())
    };
    assert_eq!(sign_in("/activity?q=a%26b").await?, "/activity?q=a%26b");
    for elsewhere in
        ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example"]
    {
        assert_eq!(sign_in(elsewhere).await?, "/", "{elsewhere}");
    }
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_reads_problems_as_pages_and_a_program_as_documents() -> Result {
    let world = World::sqlite().await?;
    let nobody = world.nobody();
    for (path, status) in [("/nowhere", 404), ("/?limit=0x", 400), ("/join/x", 404)] {
        let page = nobody.get_as_browser(path).await?;
        assert_eq!(page.status, status, "{}", page.text);
        assert!(page.headers["content-type"].to_str()?.starts_with("text/html"));
        assert!(
            page.headers["content-security-policy"].to_str()?.starts_with("default-src 'none'")
        );
        for text in ["<main", "<h1>", "href=\"/\""] {
            assert!(page.text.contains(text), "{}", page.text);
        }
        nobody.get(path).await?.assert_problem(status);
    }
    let wrong = nobody.request(Method::DELETE, "/register").header("accept", "text/html");
    let wrong = nobody.send(wrong).await?;
    assert_eq!(wrong.status, 405);
    assert!(wrong.headers.contains_key("allow") && wrong.text.contains("Method Not Allowed"));
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_chooses_a_password_for_an_invitation_that_is_not_open() -> Result {
    let world = World::sqlite().await?;
    let owner = world.owner("acme").await?;
    owner.hire("Grace Hopper", "grace@acme.example").await?;
    let token = world.invitation("grace@acme.example")?;
    let nobody = world.nobody();
    let forged = format!("acme.{}", "A".repeat(43));
    for path in ["/join", "/join?token=", "/join?token=nonsense", &format!("/join?token={forged}")]
    {
        let page = nobody.get(path).await?;
        assert_eq!(page.status, 404, "{}", page.text);
        assert!(page.text.contains("This invitation is not open"), "{}", page.text);
        assert!(!page.text.contains("type=\"password\""), "{}", page.text);
    }
    let open = nobody.get(&format!("/join?token={token}")).await?;
    assert!(open.text.contains("To acme, as Grace Hopper."), "{}", open.text);
    let refused = send(&world, "", "/join", &[("token", &token), ("password", "short")]).await?;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("Password is shorter than 8 characters."), "{}", refused.text);
    let joined = send(&world, "", "/join", &[("token", &token), ("password", PASSWORD)]).await?;
    assert_eq!(joined.status, 303, "{}", joined.text);
    world.settled().await;
    assert_eq!(nobody.get(&format!("/join?token={token}")).await?.status, 404);
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_refused_keeps_what_was_typed_but_the_password() -> Result {
    let world = World::sqlite().await?;
    let form = [
        ("tenant", "Not A Name"),
        ("company", "Acme \"& Sons\""),
        ("full_name", ""),
        ("email", "nobody"),
        ("password", "secret?"),
    ];
    let refused = send(&world, "", "/register", &form).await?;
    assert_eq!(refused.status, 422);
    for text in [
        "value=\"Not A Name\"",
        "value=\"Acme &#34;&#38; Sons&#34;\"",
        "value=\"nobody\"",
        "Tenant is not 2 to 40 lower-case letters, digits and inner dashes.",
        "Your name is empty.",
        "E-mail is not an e-mail address such as ada@example.com.",
        "Password is shorter than 8 characters.",
        "aria-invalid=\"true\" aria-describedby=\"wrong-tenant\"",
    ] {
        assert!(refused.text.contains(text), "{text}: {}", refused.text);
    }
    let form = [("tenant", "acme"), ("email", "ada@acme.example"), ("password", "secret?")];
    let unknown = send(&world, "", "/sign-in", &form).await?;
    assert_eq!(unknown.status, 401);
    for text in
        ["value=\"acme\"", "value=\"ada@acme.example\"", "Tenant, e-mail or password is wrong."]
    {
        assert!(unknown.text.contains(text), "{text}: {}", unknown.text);
    }
    assert!(!refused.text.contains("secret?") && !unknown.text.contains("secret?"));
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_a_session_that_has_ended_is_not_lost_silently() -> Result {
    let world = World::sqlite().await?;
    let owner = world.owner("acme").await?;
    let form = [("full_name", "Grace Hopper"), ("email", "grace@acme.example"), ("title", "")];
    for path in ["/employees", "/timesheets/0190b5a4-3f7e-7cc0-b4d2-1a2b3c4d5e6f/submit"] {
        let reply = send(&world, "workforce_session=acme.gone", path, &form).await?;
        assert_eq!(reply.status, 401);
        assert!(reply.text.contains("Your session has ended"), "{}", reply.text);
    }
    assert_eq!(owner.get("/api/employees").await?.items().len(), 1);
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
