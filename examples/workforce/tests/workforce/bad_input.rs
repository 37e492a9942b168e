//! What no endpoint takes: a clear problem, nothing stored.

use reqwest::Method;
use serde_json::{Value, json};

use crate::operations::{Operation, operations};
use crate::time_tracking::hired;
use crate::world::{Client, Result, World, on_both};

/// Markup and SQL, as texts; no page may show any of it as it is.
const HOSTILE: [&str; 5] = [
    "'; DROP TABLE employees; --",
    "\" OR \"1\"=\"1",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "{{7*7}} ${7*7} %s %n $1 ?",
];

/// Texts that are no line.
const NO_LINES: [&str; 8] = [
    "",
    "   ",
    "two\nlines\0",
    "nul\0",
    "tab\there",
    "\u{1b}[31m",
    "\u{2060}\u{3164}",
    "Ada \u{202e}ecalevoL",
];

/// All lists, as their owner sees them.
async fn everything(owner: &Client<'_>) -> Result<String> {
    let mut all = String::new();
    for operation in operations(owner.world).await? {
        if operation.method == Method::GET && !operation.is_about_one() {
            let reply = owner.get(&operation.any_path()).await?;
            assert_eq!(reply.status, 200, "{}: {}", operation.name, reply.text);
            all += &reply.text;
        }
    }
    Ok(all)
}

/// Where the operation has something to work on, if it is about one thing.
async fn path_of_one(owner: &Client<'_>, operation: &Operation) -> Result<String> {
    let Some(list) = operation.list() else { return Ok(operation.any_path()) };
    let listed = owner.get(list).await?;
    Ok(listed.each("id").first().map_or_else(|| operation.any_path(), |id| operation.path(id)))
}

/// A tenant that has an employee and a time log.
async fn busy(world: &World) -> Result<Client<'_>> {
    let owner = world.owner("acme").await?;
    let grace = hired(&owner, "Grace Hopper", "grace@acme.example").await?;
    let log = json!({ "employee_id": grace, "project": "Site", "minutes": 60,
        "started_at": "2026-03-02T09:00:00Z" });
    assert_eq!(owner.post("/api/time-logs", &log).await?.status, 201);
    world.settled().await;
    Ok(owner)
}

on_both! {
    slow;

    async fn bodies_that_are_none_are_refused_everywhere(world: &World) {
        let owner = busy(world).await?;
        let before = everything(&owner).await?;
        for operation in operations(world).await?.iter().filter(|it| it.takes_json) {
            let path = path_of_one(&owner, operation).await?;
            let send = async |media_type: &str, body: String| {
                let request = owner.request(operation.method.clone(), &path);
                owner.send(request.header("content-type", media_type).body(body)).await
            };
            let right = operation.body();
            let text = right.to_string();
            send("application/json", String::new()).await?.assert_problem(400);
            send("application/json", "{".into()).await?.assert_problem(400);
            send("application/json", format!("{text} {text}")).await?.assert_problem(400);
            let name = &operation.fields[0].name;
            let deep = send("application/json", format!("{{\"{name}\":").repeat(2_000)).await?;
            assert!(matches!(deep.status.as_u16(), 400 | 422), "{}", deep.text);
            deep.assert_problem(deep.status.as_u16());
            let values: Vec<_> = right.as_object().ok_or("no object")?.values().collect();
            let array = serde_json::to_string(&values)?;
            send("application/json", array).await?.assert_problem(422);
            send("application/json", "[]".into()).await?.assert_problem(422);
            send("application/json", "null".into()).await?.assert_problem(422);
            send("text/plain", text.clone()).await?.assert_problem(415);
            for size in [100_000, 5_000_000] {
                let huge = json!({ name: "x".repeat(size) }).to_string();
                send("application/json", huge).await?.assert_problem(413);
            }
            let twice = format!("{{\"{name}\": \"a\", {}", &text[1..]);
            let twice = send("application/json", twice).await?;
            assert!(twice.status.is_client_error(), "{}", twice.text);
            let mut unknown = right.clone();
            unknown["is_admin"] = json!(true);
            send("application/json", unknown.to_string()).await?.assert_problem(422);
            for field in &operation.fields {
                let scalar = if field.right.is_string() { json!(1) } else { json!("1") };
                for wrong in [scalar, json!({}), json!([null]), json!(true), json!(1e308)] {
                    let mut body = right.clone();
                    body[&field.name] = wrong;
                    let refused = send("application/json", body.to_string()).await?;
                    let status = refused.status.as_u16();
                    assert!(matches!(status, 400 | 422), "{refused:?}");
                    refused.assert_problem(status);
                    let detail = refused.json["detail"].as_str().unwrap_or_default();
                    assert!(detail.contains(&field.name), "{refused:?}");
                }
            }
        }
        world.settled().await;
        assert_eq!(everything(&owner).await?, before);
    }
}

on_both! {
    async fn no_address_is_used_with_another_method(world: &World) {
        let owner = world.owner("acme").await?;
        for operation in operations(world).await? {
            let request = owner.request(Method::PUT, &operation.any_path());
            owner.send(request).await?.assert_problem(405);
        }
    }

    async fn sql_and_markup_are_text_everywhere(world: &World) {
        let owner = busy(world).await?;
        for operation in operations(world).await?.iter().filter(|it| it.takes_json) {
            let path = path_of_one(&owner, operation).await?;
            for field in operation.fields.iter().filter(|it| it.is_text) {
                for hostile in HOSTILE {
                    let mut body = operation.body();
                    body[&field.name] = json!(hostile);
                    let reply = owner.send(operation.request(&owner, &path, &body)).await?;
                    if !reply.status.is_success() {
                        assert!(reply.status.is_client_error(), "{}", reply.text);
                        reply.assert_problem(reply.status.as_u16());
                    }
                }
            }
        }
        world.settled().await;
        everything(&owner).await?;
        for page in ["/", "/timesheets", "/activity", "/activity?order=oldest&limit=200"] {
            let page = owner.get_as_browser(page).await?;
            assert_eq!(page.status, 200, "{}", page.text);
            for markup in ["<script>alert", "<img src=x"] {
                assert!(!page.text.contains(markup), "{}", page.text);
            }
        }
        for mail in world.mails()? {
            let head = mail.split("\r\n\r\n").next().unwrap_or_default();
            assert!(!head.contains("<script>"), "{mail}");
        }
    }

    async fn texts_that_are_no_line_are_refused_everywhere(world: &World) {
        let owner = busy(world).await?;
        let before = everything(&owner).await?;
        let long = "x".repeat(1_001);
        for operation in operations(world).await?.iter().filter(|it| it.takes_json) {
            let path = path_of_one(&owner, operation).await?;
            // A password may be anything.
            for field in operation.fields.iter().filter(|it| it.is_text && it.name != "password") {
                // A title and a note may be empty, and a note has several lines.
                let wrong = match field.name.as_str() {
                    "note" => vec!["nul\0", "\u{1b}[31m", &long],
                    "title" => NO_LINES[2..].iter().copied().chain([&*long]).collect(),
                    _ => NO_LINES.iter().copied().chain([&*long]).collect(),
                };
                for wrong in wrong {
                    let body = json!({ &field.name: wrong });
                    let body = if operation.method == Method::PATCH { body } else {
                        let mut whole = operation.body();
                        whole[&field.name] = json!(wrong);
                        whole
                    };
                    let reply = owner.send(operation.request(&owner, &path, &body)).await?;
                    let status = reply.status.as_u16();
                    assert!((400..500).contains(&status), "{}: {body}: {}", operation.name, reply.text);
                    reply.assert_problem(status);
                }
            }
        }
        world.settled().await;
        assert_eq!(everything(&owner).await?, before);
    }

    async fn fields_that_are_wrong_are_all_named(world: &World) {
        let owner = world.owner("acme").await?;
        let before = everything(&owner).await?;
        let long = "x".repeat(201);
        let wrong_emails = ["", "eve", "eve@", "@evil.example", "eve@evil.example\r\nBcc: x@y.example",
            "a b@evil.example", "eve@[127.0.0.1]", "\"e v e\"@evil.example", "<script>@", &format!("{long}{long}@evil.example")];
        for line in NO_LINES.into_iter().chain([&*long]) {
            for email in wrong_emails {
                let body = json!({ "full_name": line, "email": email });
                for path in ["/api/employees", "/api/invites"] {
                    let refused = owner.post(path, &body).await?;
                    let errors = refused.assert_problem(422).json["errors"].clone();
                    assert_eq!(errors[0]["field"], "full_name", "{errors}");
                    assert_eq!(errors[1]["field"], "email", "{errors}");
                }
            }
        }
        let body = json!({ "tenant": "Not A Tenant", "company": "", "full_name": "", "email": "x", "password": "short" });
        let refused = world.nobody().post("/api/register", &body).await?;
        let errors = refused.assert_problem(422).json["errors"].as_array().map_or(0, Vec::len);
        assert_eq!(errors, 5, "{}", refused.text);
        assert!(!refused.text.contains("short\""), "a password is not repeated");
        let number = json!({ "tenant": "acme", "email": "ada@acme.example", "password": 31_415_926 });
        let refused = world.nobody().post("/api/sessions", &number).await?;
        refused.assert_problem(422);
        assert!(!refused.text.contains("31415926"), "nor one that is no text: {}", refused.text);
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
        for operation in operations(world).await?.iter().filter(|it| it.is_about_one()) {
            let nowhere = operation.request(&owner, &operation.any_path(), &json!({}));
            owner.send(nowhere).await?.assert_problem(404);
            for id in ["1", "%00", "..%2f..", "'%20OR%201=1", &"x".repeat(2000), "%ff", "%3Cscript%3E"] {
                let malformed = operation.request(&owner, &operation.path(id), &json!({}));
                owner.send(malformed).await?.assert_problem(400);
            }
        }
    }

    async fn pages_that_cannot_be_are_refused(world: &World) {
        let owner = busy(world).await?;
        let lists: Vec<_> = operations(world).await?;
        let lists: Vec<_> = lists.iter().filter(|it| it.parameters.iter().any(|it| it == "after")).collect();
        assert!(lists.len() >= 9, "{lists:?}");
        for list in &lists {
            let path = list.any_path();
            let values = ["limit=0", "limit=201", "limit=-1", "limit=x", "limit=99999999999", "after=x",
                "after=%00", "after=' OR 1=1", "after=", "after=%ff", "offset=1", "tenant=globex", "limit=1&limit=2"];
            let mut queries: Vec<_> = values.map(str::to_owned).to_vec();
            queries.push(format!("after={}", "A".repeat(4_000)));
            for parameter in list.parameters.iter().filter(|it| !["limit", "after"].contains(&it.as_str())) {
                queries.extend(["x", "", "%00", "' OR 1=1"].map(|it| format!("{parameter}={it}")));
            }
            for query in queries {
                let refused = owner.get(&format!("{path}?{query}")).await?;
                let status = refused.status.as_u16();
                assert!(matches!(status, 400 | 422), "{path}?{query}: {status} {}", refused.text);
                refused.assert_problem(status);
            }
        }
    }

    async fn a_cursor_leads_through_the_list_that_it_came_from_and_no_other(world: &World) {
        let owner = busy(world).await?;
        let grace = owner.get("/api/employees?limit=1").await?.each("id")[0].to_owned();
        let log = json!({ "employee_id": grace, "project": "Site", "minutes": 60,
            "started_at": "2026-03-03T09:00:00Z" });
        assert_eq!(owner.post("/api/time-logs", &log).await?.status, 201);
        let mut lists: Vec<_> = operations(world).await?.into_iter()
            .filter(|it| it.parameters.iter().any(|it| it == "after"))
            .map(|it| format!("{}?limit=1", it.any_path()))
            .collect();
        lists.push(format!("/api/time-logs?limit=1&employee_id={grace}"));
        lists.push(format!("/api/timesheets?limit=1&employee_id={grace}"));
        let mut tried = 0;
        for from in &lists {
            let Value::String(next) = owner.get(from).await?.json["next"].clone() else { continue };
            for to in &lists {
                let reply = owner.get(&format!("{to}&after={next}")).await?;
                if from == to {
                    assert_eq!(reply.status, 200, "{to}: {}", reply.text);
                } else {
                    assert_eq!(reply.assert_problem(422).json["errors"][0]["field"], "after");
                    tried += 1;
                }
            }
        }
        assert!(tried >= 4 * 10, "{tried}");
    }

    async fn forms_that_are_none_are_refused(world: &World) {
        let owner = busy(world).await?;
        let before = everything(&owner).await?;
        for form in ["/sign-in", "/register", "/join", "/employees"] {
            let urlencoded = "application/x-www-form-urlencoded";
            let script = "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
            let names = ["tenant", "company", "full_name", "email", "password", "token", "title"];
            let all = |value: &str| names.map(|it| format!("{it}={value}")).join("&");
            let bodies = ["", "a=b", "%ff=%ff", "full_name=%ff", "&&&===", "full_name=a&full_name=b"];
            let mut wrong = bodies.map(|it| (urlencoded, it.to_owned())).to_vec();
            for value in [script, "%00", "", "%0d%0aBcc:x@y.example", &"x".repeat(500_000)] {
                wrong.push((urlencoded, all(value)));
            }
            wrong.push(("application/json", json!({ "full_name": "x" }).to_string()));
            for (media_type, body) in wrong {
                let request = owner.request(Method::POST, form).header("content-type", media_type);
                let reply = owner.send(request.body(body)).await?;
                assert!(reply.status.is_client_error(), "{form}: {} {}", reply.status, reply.text);
                assert!(!reply.text.contains("<script>alert"), "{}", reply.text);
            }
        }
        world.settled().await;
        assert_eq!(everything(&owner).await?, before);
    }
}
