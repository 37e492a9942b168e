//! Signing in, staying so, and who may send what.

use futures_util::future::try_join_all;
use reqwest::Method;
use serde_json::json;
use workforce::users::PasswordCost;

use crate::world::{PASSWORD, Result, World, on_both};

on_both! {
    async fn nobody_learns_which_part_was_wrong(world: &World) {
        world.owner("acme").await?;
        let mut details = Vec::new();
        for (tenant, email, password) in [
            ("acme", "ada@acme.example", "wrong password"),
            ("acme", "nobody@acme.example", PASSWORD),
            ("acme", "no address", PASSWORD),
            ("globex", "ada@acme.example", PASSWORD),
            ("no tenant!", "ada@acme.example", PASSWORD),
        ] {
            let credentials = json!({ "tenant": tenant, "email": email, "password": password });
            let reply = world.nobody().post("/api/sessions", &credentials).await?;
            details.push(reply.assert_problem(401).json["detail"].clone());
        }
        details.dedup();
        assert_eq!(details.len(), 1, "{details:?}");
    }

    async fn an_account_is_closed_for_a_while_after_many_attempts(world: &World) {
        world.owner("acme").await?;
        let wrong = json!({ "tenant": "acme", "email": "ada@acme.example", "password": "wrong" });
        for _ in 0..10 {
            world.nobody().post("/api/sessions", &wrong).await?.assert_problem(401);
        }
        let right = json!({ "tenant": "acme", "email": "Ada@acme.example", "password": PASSWORD });
        let refused = world.nobody().post("/api/sessions", &right).await?;
        refused.assert_problem(429);
        let wait: u64 = refused.headers["retry-after"].to_str()?.parse()?;
        assert!((1..=60).contains(&wait), "{wait}");
    }

    async fn a_session_ends_when_its_user_signs_out(world: &World) {
        let owner = world.owner("acme").await?;
        assert_eq!(owner.get("/api/me").await?.status, 200);
        let signed_out = owner.send(owner.request(Method::POST, "/sign-out")).await?;
        assert_eq!(signed_out.status, 303);
        assert!(signed_out.headers["set-cookie"].to_str()?.contains("Max-Age=0"));
        owner.get("/api/me").await?.assert_problem(401);
    }

    async fn tokens_that_were_never_issued_open_nothing(world: &World) {
        let owner = world.owner("acme").await?;
        world.owner("globex").await?;
        let token = owner.token.clone().ok_or("no token")?;
        let elsewhere = token.replacen("acme.", "globex.", 1);
        let mut forged = token.clone();
        forged.replace_range(forged.len() - 1.., if token.ends_with('A') { "B" } else { "A" });
        let long = format!("acme.{}", "A".repeat(10_000));
        for token in [&elsewhere, &forged, &long, "", "acme.", ".", "' OR 1=1 --"] {
            let request = world.nobody().request(Method::GET, "/api/me").bearer_auth(token);
            world.nobody().send(request).await?.assert_problem(401);
            let request = world.nobody().request(Method::GET, "/api/me");
            let request = request.header("cookie", format!("workforce_session={token}"));
            world.nobody().send(request).await?.assert_problem(401);
        }
    }

    async fn a_browser_gets_a_cookie_that_no_script_and_no_other_site_can_use(world: &World) {
        world.owner("acme").await?;
        let form = [("tenant", "acme"), ("email", "ada@acme.example"), ("password", PASSWORD)];
        let nobody = world.nobody();
        let sign_in = || nobody.request(Method::POST, "/sign-in").form(&form);
        let signed_in = nobody.send(sign_in()).await?;
        assert_eq!(signed_in.status, 303);
        let cookie = signed_in.headers["set-cookie"].to_str()?;
        assert!(cookie.contains("; HttpOnly; SameSite=Strict") && cookie.contains("; Path=/"), "{cookie}");
        let (pair, _) = cookie.split_once(';').ok_or("no attributes")?;
        let home = nobody.send(nobody.request(Method::GET, "/").header("cookie", pair)).await?;
        assert!(home.text.contains("ada@acme.example"), "{}", home.text);

        for (header, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            let sent = nobody.send(sign_in().header(header, value)).await?;
            sent.assert_problem(403);
            let new = json!({ "full_name": "Eve", "email": "eve@evil.example" });
            let forged = nobody.request(Method::POST, "/api/employees").json(&new);
            let forged = forged.header("cookie", pair).header(header, value);
            nobody.send(forged).await?.assert_problem(403);
        }
        let own = format!("http://{}", world.server.address());
        assert_eq!(nobody.send(sign_in().header("origin", own)).await?.status, 303);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn whoever_finds_too_many_signing_in_is_told_to_come_again() -> Result {
    let password_cost = PasswordCost { memory: 19 * 1024, passes: 5 };
    let world = World::configured(|config| config.password_cost = password_cost).await?;
    let wrong = (0..300).map(|number| {
        let email = format!("{number}@acme.example");
        let wrong = json!({ "tenant": "acme", "email": email, "password": PASSWORD });
        let nobody = world.nobody();
        async move { nobody.post("/api/sessions", &wrong).await }
    });
    let mut refused = 0;
    for reply in try_join_all(wrong).await? {
        if reply.status == 401 {
            continue;
        }
        reply.assert_problem(503);
        assert_eq!(reply.headers["retry-after"], "2");
        refused += 1;
    }
    assert!((1..300).contains(&refused), "{refused} of 300 were refused");
    world.owner("acme").await?; // There is room again.
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn not_everybody_can_register_at_once() -> Result {
    let world = World::sqlite().await?;
    let registrations = (0..60).map(|number| {
        let nobody = world.nobody();
        let registration = json!({ "tenant": format!("t{number}"), "company": "Acme",
            "full_name": "Eve", "email": "victim@acme.example", "password": PASSWORD });
        async move { nobody.post("/api/register", &registration).await }
    });
    let mut refused = 0;
    for reply in try_join_all(registrations).await? {
        if reply.status != 201 {
            reply.assert_problem(503);
            assert!(reply.headers.contains_key("retry-after"), "{reply:?}");
            refused += 1;
        }
    }
    assert!((1..=30).contains(&refused), "{refused} of 60 were refused");
    world.settled().await;
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_passwords_nor_tokens_are_stored_in_clear() -> Result {
    let world = World::sqlite().await?;
    let owner = world.owner("acme").await?;
    owner.hire("Grace Hopper", "grace@acme.example").await?;
    let session = owner.token.clone().ok_or("no token")?;
    let invitation = world.invitation("grace@acme.example")?;
    let (folder, schema) =
        (world.folder.path().to_owned(), world.folder.path().join("workforce.db"));
    let mut stored = Vec::new();
    for file in std::fs::read_dir(folder)?.flatten().filter(|it| it.path().is_file()) {
        stored.extend(std::fs::read(file.path())?);
    }
    let stored = String::from_utf8_lossy(&stored);
    assert!(schema.exists() && stored.contains("grace@acme.example"), "it looks at the right file");
    for secret in [PASSWORD, &session[5..], &invitation[5..]] {
        assert!(!stored.contains(secret), "a secret is in the database");
    }
    world.end().await
}
