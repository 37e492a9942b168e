//! What the API says of itself is so.

use std::collections::HashSet;

use reqwest::Method;

use crate::world::{Result, World};

/// What needs no session.
const PUBLIC: &[&str] = &["/api/register", "/api/sessions", "/api/invites/accept"];

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_operation_is_there_and_asks_for_a_session() -> Result {
    let world = World::sqlite().await?;
    let document = world.nobody().get("/api/openapi.json").await?.json;
    let mut operations = HashSet::new();
    for (path, item) in document["paths"].as_object().ok_or("no paths")? {
        for (method, operation) in item.as_object().ok_or("no operations")? {
            let name = operation["operationId"].as_str().ok_or("no id")?;
            assert!(operations.insert(name.to_owned()), "two operations are called {name}");
            assert!(operation["summary"].is_string(), "{name} says nothing");
            let id = "01a20ad4-3929-74ae-ab8f-bc5550579c9c";
            let path = path.replace("{id}", id).replace("{hook}", &format!("acme.{id}"));
            let method: Method = method.to_uppercase().parse()?;
            let reply = world.nobody().send(world.nobody().request(method, &path)).await?;
            let expected = match path.as_str() {
                path if PUBLIC.contains(&path) => 415,
                // GitHub is asked for its headers.
                path if path.starts_with("/webhooks/") => 400,
                _ => 401,
            };
            let instance = reply.assert_problem(expected).json["instance"].clone();
            assert_eq!(instance, path);
        }
    }
    assert!(operations.len() >= 32, "{operations:?}");
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_is_rendered_for_people() -> Result {
    let world = World::sqlite().await?;
    let page = world.nobody().get("/api/docs/").await?;
    assert!(page.text.contains("swagger-ui"), "{}", page.text);
    let policy = page.headers["content-security-policy"].to_str()?;
    assert!(policy.starts_with("default-src 'self'"), "{policy}");
    world.end().await
}
