//! What no endpoint takes: a clear problem, nothing stored.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Client, PASSWORD, Result, World, on_both};

/// Everything that takes a body, with one that would be right.
fn endpoints() -> Vec<(Method, String, Value)> {
    let person = json!({ "full_name": "Eve", "email": "eve@evil.example" });
    let id = uuid::Uuid::now_v7();
    vec![
        (
            Method::POST,
            "/api/register".into(),
            json!({ "tenant": "evil", "company": "Evil",
            "full_name": "Eve", "email": "eve@evil.example", "password": PASSWORD }),
        ),
        (
            Method::POST,
            "/api/sessions".into(),
            json!({ "tenant": "evil",
            "email": "eve@evil.example", "password": PASSWORD }),
        ),
        (Method::POST, "/api/invites/accept".into(), json!({ "token": "t", "password": PASSWORD })),
        (Method::POST, "/api/invites".into(), person.clone()),
        (Method::POST, "/api/employees".into(), person),
        (Method::PATCH, format!("/api/employees/{id}"), json!({ "full_name": "Eve" })),
        (Method::POST, "/api/organizations".into(), json!({ "name": "Evil" })),
    ]
}

async fn everything(owner: &Client<'_>) -> Result<String> {
    let mut all = String::new();
    for path in ["/api/employees", "/api/organizations", "/api/invites", "/api/me"] {
        all += &owner.get(path).await?.text;
    }
    Ok(all)
}

on_both! {
    async fn bodies_that_are_none_are_refused_everywhere(world: &World) {
        let owner = world.owner("acme").await?;
        let before = everything(&owner).await?;
        for (method, path, right) in endpoints() {
            let send = async |media_type: &str, body: String| {
                let request = owner.request(method.clone(), &path).header("content-type", media_type);
                owner.send(request.body(body)).await
            };
            let text = right.to_string();
            send("application/json", String::new()).await?.assert_problem(400);
            send("application/json", "{".into()).await?.assert_problem(400);
            send("application/json", format!("{text} {text}")).await?.assert_problem(400);
            let deep = send("application/json", "{\"tenant\":".repeat(5_000)).await?;
            deep.assert_problem(422);
            let values: Vec<_> = right.as_object().ok_or("no object")?.values().collect();
            let array = serde_json::to_string(&values)?;
            send("application/json", array).await?.assert_problem(422);
            send("application/json", "[]".into()).await?.assert_problem(422);
            send("application/json", "null".into()).await?.assert_problem(422);
            send("text/plain", text.clone()).await?.assert_problem(415);
            let huge = json!({ "full_name": "x".repeat(100_000) }).to_string();
            send("application/json", huge).await?.assert_problem(413);
            let mut unknown = right.clone();
            unknown["is_admin"] = json!(true);
            send("application/json", unknown.to_string()).await?.assert_problem(422);
            for name in right.as_object().ok_or("no object")?.keys() {
                for wrong in [json!(1), json!({}), json!([null]), json!(true)] {
                    let mut body = right.clone();
                    body[name] = wrong;
                    let refused = send("application/json", body.to_string()).await?;
                    refused.assert_problem(422);
                    assert!(refused.json["detail"].as_str().is_some_and(|it| it.contains(name)), "{refused:?}");
                }
            }
            owner.send(owner.request(Method::DELETE, &path)).await?.assert_problem(405);
        }
        world.settled().await;
        assert_eq!(everything(&owner).await?, before);
    }

    async fn fields_that_are_wrong_are_all_named(world: &World) {
        let owner = world.owner("acme").await?;
        let before = everything(&owner).await?;
        let long = "x".repeat(201);
        let wrong_lines = ["", "   ", "two\nlines", "nul\0", "tab\there", "\u{1b}[31m", &long];
        let wrong_emails = ["", "eve", "eve@", "@evil.example", "eve@evil.example\r\nBcc: x@y.example",
            "a b@evil.example", "<script>@", &format!("{long}{long}@evil.example")];
        for line in wrong_lines {
            for email in wrong_emails {
                let body = json!({ "full_name": line, "email": email });
                for path in ["/api/employees", "/api/invites"] {
                    let refused = owner.post(path, &body).await?;
                    let errors = refused.assert_problem(422).json["errors"].clone();
                    assert_eq!(errors[0]["field"], "full_name", "{errors}");
                    assert_eq!(errors[1]["field"], "email", "{errors}");
                }
            }
            owner.post("/api/organizations", &json!({ "name": line })).await?.assert_problem(422);
        }
        let body = json!({ "tenant": "Not A Tenant", "company": "", "full_name": "", "email": "x", "password": "short" });
        world.nobody().post("/api/register", &body).await?.assert_problem(422);
        let body = json!({ "tenant": "Evil", "company": "", "full_name": "", "email": "x", "password": "short" });
        let refused = world.nobody().post("/api/register", &body).await?;
        let errors = refused.assert_problem(422).json["errors"].as_array().map_or(0, Vec::len);
        assert_eq!(errors, 5, "{}", refused.text);
        assert!(!refused.text.contains("short\""), "a password is not repeated");
        let elsewhere = json!({ "full_name": "Eve", "email": "eve@evil.example", "organization_id": uuid::Uuid::now_v7() });
        owner.post("/api/employees", &elsewhere).await?.assert_problem(422);
        world.settled().await;
        assert_eq!(everything(&owner).await?, before);
    }

    async fn addresses_that_lead_nowhere_say_so(world: &World) {
        let owner = world.owner("acme").await?;
        for path in ["/nowhere", "/api", "/api/nowhere", "/api/employees/x/y"] {
            owner.get(path).await?.assert_problem(404);
        }
        for module in ["employees", "organizations"] {
            let id = uuid::Uuid::now_v7();
            owner.get(&format!("/api/{module}/{id}")).await?.assert_problem(404);
            for id in ["1", "%00", "..%2f..", "'%20OR%201=1", &"x".repeat(2000), "%ff"] {
                owner.get(&format!("/api/{module}/{id}")).await?.assert_problem(400);
            }
        }
    }

    async fn pages_that_cannot_be_are_refused(world: &World) {
        let owner = world.owner("acme").await?;
        owner.hire("Grace Hopper", "grace@acme.example").await?;
        let next = owner.get("/api/employees?limit=1").await?.json["next"].clone();
        let next = next.as_str().ok_or("no second page")?;
        for list in ["employees", "organizations", "invites"] {
            for query in ["limit=0", "limit=201", "limit=-1", "limit=x", "limit=99999999999", "after=x",
                "after=%00", "after=' OR 1=1", "after=", "offset=1", "limit=1&limit=2"] {
                let refused = owner.get(&format!("/api/{list}?{query}")).await?;
                let status = refused.status.as_u16();
                assert!(matches!(status, 400 | 422), "{query}: {status}");
                refused.assert_problem(status);
            }
            if list != "employees" {
                let strayed = owner.get(&format!("/api/{list}?after={next}")).await?;
                assert_eq!(strayed.assert_problem(422).json["errors"][0]["field"], "after");
            }
        }
    }
}
