//! Employees, organizations, users, and how they hang together.

use serde_json::json;

use crate::world::{PASSWORD, Result, World, on_both};

on_both! {
    async fn registering_a_company_founds_its_organization_and_employs_its_founder(world: &World) {
        let owner = world.owner("acme").await?;
        let me = owner.get("/api/me").await?.json;
        let organizations = owner.get("/api/organizations").await?;
        assert_eq!(organizations.each("name"), ["acme Ltd"]);
        assert_eq!(organizations.items()[0]["headcount"], 1);
        assert_eq!(me["organization_id"], organizations.items()[0]["id"]);

        let employees = owner.get("/api/employees").await?;
        assert_eq!(employees.each("email"), ["ada@acme.example"]);
        assert_eq!(employees.items()[0]["user_id"], me["id"]);
        assert_eq!(employees.items()[0]["status"], "active");
        assert_eq!(owner.get("/api/invites").await?.items().len(), 0, "a user is not invited");

        let mails = world.mails()?;
        assert_eq!(mails.len(), 1);
        assert!(mails[0].contains("To: \"Ada Lovelace\" <ada@acme.example>"), "{}", mails[0]);
        assert!(mails[0].contains("Subject: Welcome, Ada Lovelace!"), "{}", mails[0]);
    }

    async fn an_employee_is_welcomed_and_invited_and_can_then_sign_in(world: &World) {
        let owner = world.owner("acme").await?;
        let hired = owner.hire("Grace Hopper", "Grace@Acme.example").await?;
        let path = format!("/api/employees/{}", hired["id"].as_str().ok_or("no id")?);
        assert_eq!(owner.get(&path).await?.json, hired, "what was answered is what is stored");
        assert_eq!(hired["status"], "invited");
        assert_eq!(owner.get("/api/organizations").await?.items()[0]["headcount"], 2);
        let to_grace = |it: &&String| it.contains("To: \"Grace Hopper\" <grace@acme.example>");
        assert_eq!(world.mails()?.iter().filter(to_grace).count(), 2);

        let token = world.invitation("grace@acme.example")?;
        let acceptance = json!({ "token": token, "password": PASSWORD });
        let accepted = world.nobody().post("/api/invites/accept", &acceptance).await?;
        assert_eq!(accepted.status, 201, "{}", accepted.text);
        world.settled().await;
        let grace = world.signed_in(&accepted)?;
        let me = grace.get("/api/me").await?.json;
        assert_eq!(me["role"], "member");
        assert_eq!(me["organization_id"], owner.get("/api/me").await?.json["organization_id"]);

        let employee = owner.get(&path).await?.json;
        assert_eq!(employee["status"], "active");
        assert_eq!(employee["user_id"], me["id"]);
        let told = |it: &String| {
            it.contains("To: \"Ada Lovelace\"") && it.contains("Grace Hopper has accepted")
        };
        assert!(world.mails()?.iter().any(told), "the one who invited is told");

        let again = world.nobody().post("/api/invites/accept", &acceptance).await?;
        again.assert_problem(404);
        let credentials =
            json!({ "tenant": "acme", "email": "grace@acme.example", "password": PASSWORD });
        assert_eq!(world.nobody().post("/api/sessions", &credentials).await?.status, 201);
    }

    async fn a_user_is_called_what_their_employee_is_called(world: &World) {
        let owner = world.owner("acme").await?;
        let employees = owner.get("/api/employees").await?;
        let path = format!("/api/employees/{}", employees.each("id")[0]);
        let change = json!({ "full_name": "Ada King", "title": "Countess" });
        let changed = owner.patch(&path, &change).await?;
        assert_eq!(changed.status, 200, "{}", changed.text);
        assert_eq!(changed.json["email"], "ada@acme.example", "what is absent stays");
        world.settled().await;
        assert_eq!(owner.get(&path).await?.json["title"], "Countess");
        assert_eq!(owner.get("/api/me").await?.json["full_name"], "Ada King");
    }

    async fn what_is_taken_is_a_conflict(world: &World) {
        let owner = world.owner("acme").await?;
        let grace = owner.hire("Grace Hopper", "grace@acme.example").await?;
        let again = json!({ "full_name": "Another", "email": "GRACE@acme.example" });
        owner.post("/api/employees", &again).await?.assert_problem(409);
        owner.post("/api/invites", &again).await?.assert_problem(409);
        let path = format!("/api/employees/{}", grace["id"].as_str().ok_or("no id")?);
        let change = json!({ "email": "ada@acme.example" });
        owner.patch(&path, &change).await?.assert_problem(409);
        owner.post("/api/organizations", &json!({ "name": "acme Ltd" })).await?.assert_problem(409);
        let registration = json!({ "tenant": "acme", "company": "x", "full_name": "x",
            "email": "x@x.example", "password": PASSWORD });
        world.nobody().post("/api/register", &registration).await?.assert_problem(409);
        world.settled().await;
        assert_eq!(owner.get("/api/employees").await?.items().len(), 2);
        assert_eq!(owner.get("/api/organizations").await?.items().len(), 1);
        assert_eq!(owner.get("/api/invites").await?.items().len(), 1);
    }

    async fn a_member_sees_and_changes_nothing_of_others(world: &World) {
        let owner = world.owner("acme").await?;
        let invite = json!({ "full_name": "Anita Borg", "email": "anita@books.example" });
        assert_eq!(owner.post("/api/invites", &invite).await?.status, 201);
        world.settled().await;
        let acceptance =
            json!({ "token": world.invitation("anita@books.example")?, "password": PASSWORD });
        let accepted = world.nobody().post("/api/invites/accept", &acceptance).await?;
        let anita = world.signed_in(&accepted)?;
        let employees = anita.get("/api/employees").await?;
        assert_eq!(employees.items().len(), 1, "an invited user is no employee");

        let path = format!("/api/employees/{}", employees.each("id")[0]);
        anita.patch(&path, &json!({ "title": "Nobody" })).await?.assert_problem(403);
        anita.post("/api/employees", &invite).await?.assert_problem(403);
        anita.post("/api/invites", &invite).await?.assert_problem(403);
        anita.post("/api/organizations", &json!({ "name": "Mine" })).await?.assert_problem(403);
        assert_eq!(owner.get(&path).await?.json["title"], "Founder");
    }

    async fn lists_come_in_pages_newest_first(world: &World) {
        let owner = world.owner("acme").await?;
        for number in 1..=6 {
            let new = json!({ "full_name": format!("Employee {number}"),
                "email": format!("{number}@acme.example") });
            assert_eq!(owner.post("/api/employees", &new).await?.status, 201);
        }
        let (mut names, mut path) = (Vec::new(), "/api/employees?limit=3".to_owned());
        loop {
            let page = owner.get(&path).await?;
            assert!(page.items().len() <= 3);
            names.extend(page.each("full_name").into_iter().map(str::to_owned));
            let Some(next) = page.json["next"].as_str() else { break };
            path = format!("/api/employees?limit=3&after={next}");
        }
        let expected = (1..=6).rev().map(|number| format!("Employee {number}"));
        let expected: Vec<_> = expected.chain(["Ada Lovelace".to_owned()]).collect();
        assert_eq!(names, expected);
        world.settled().await;
    }

    async fn names_of_any_script_survive(world: &World) {
        let owner = world.owner("acme").await?;
        for name in ["Hélène Dupré", "李小龍", "O'Brien; DROP TABLE employees --", "<b>Bold</b> & \"Q\""] {
            let email = format!("{}@acme.example", name.chars().filter(char::is_ascii_alphabetic).count());
            let employee = owner.hire(name, &email).await?;
            let path = format!("/api/employees/{}", employee["id"].as_str().ok_or("no id")?);
            assert_eq!(owner.get(&path).await?.json["full_name"], name);
        }
        let mails = world.mails()?;
        assert!(mails.iter().all(|it| it.split_once("\r\n\r\n").is_some_and(|(head, _)| head.is_ascii())));
    }
}
