//! What the API says of itself is so.

use std::collections::HashSet;

use crate::operations::operations;
use crate::world::{Result, World};

/// What needs no session.
const PUBLIC: &[&str] = &["register", "sign_in", "accept"];

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_operation_is_there_and_asks_for_a_session() -> Result {
    let world = World::sqlite().await?;
    let mut names = HashSet::new();
    for operation in operations(&world).await? {
        let (name, path) = (operation.name.as_str(), operation.any_path());
        assert!(names.insert(name.to_owned()), "two operations are called {name}");
        assert!(operation.says_what_it_does, "{name} says nothing");
        let request = world.nobody().request(operation.method.clone(), &path);
        let reply = world.nobody().send(request).await?;
        let expected = match name {
            name if PUBLIC.contains(&name) => 415,
            // GitHub is asked for its headers.
            "receive_github_delivery" => 400,
            _ => 401,
        };
        assert_eq!(reply.assert_problem(expected).json["instance"], path);
    }
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
