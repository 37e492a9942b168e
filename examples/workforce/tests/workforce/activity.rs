//! What happens is in the activity log, of the tenant it happened in and of no other.

use serde_json::Value;

use crate::world::{Client, Reply, Result, World, on_both};

async fn entries(client: &Client<'_>, query: &str) -> Result<Reply> {
    let reply = client.get(&format!("/activity/api/entries?limit=200{query}")).await?;
    assert_eq!(reply.status, 200, "{}", reply.text);
    Ok(reply)
}

fn each<'r>(reply: &'r Reply, member: &str) -> Vec<&'r str> {
    let entries = reply.json["entries"].as_array().into_iter().flatten();
    entries.filter_map(|it| it[member].as_str()).collect()
}

on_both! {
    async fn what_a_registration_causes_is_one_trail(world: &World) {
        let owner = world.owner("acme").await?;
        let all = entries(&owner, "&order=oldest").await?;
        let events = ["user.registered", "organization.created", "employee.created"];
        assert_eq!(each(&all, "event_name"), events);
        assert_eq!(each(&all, "description")[0], "registered");
        let first = &all.json["entries"][0];
        assert_eq!(first["actor"]["name"], "Ada Lovelace");
        let trail = entries(&owner, &format!("&correlation={}", first["correlation_id"].as_str().ok_or("none")?)).await?;
        assert_eq!(each(&trail, "event_name").len(), 3);
        assert!(!all.text.contains("ada@acme.example"), "no address in clear: {}", all.text);
    }

    async fn a_change_is_shown_field_by_field(world: &World) {
        let owner = world.owner("acme").await?;
        let id = owner.hire("Grace Hopper", "grace@acme.example").await?["id"].clone();
        let id = id.as_str().ok_or("no id")?;
        let change = serde_json::json!({ "title": "Admiral", "email": "hopper@acme.example" });
        assert_eq!(owner.patch(&format!("/api/employees/{id}"), &change).await?.status, 200);
        world.settled().await;
        let updated = entries(&owner, &format!("&entity=Employee&entity_id={id}&action=updated")).await?;
        assert_eq!(each(&updated, "description"), ["changed the employee Grace Hopper"]);
        let changes = updated.json["entries"][0]["changes"].to_string();
        assert!(changes.contains("Engineer") && changes.contains("Admiral"), "{changes}");
        assert!(!updated.text.contains("hopper@acme.example"), "{}", updated.text);
    }

    async fn no_tenant_sees_the_activity_of_another(world: &World) {
        let (acme, globex) = (world.owner("acme").await?, world.owner("globex").await?);
        acme.hire("Grace Hopper", "grace@acme.example").await?;
        let (of_acme, of_globex) = (entries(&acme, "").await?, entries(&globex, "").await?);
        assert!(!of_globex.text.contains("acme") && !of_globex.text.contains("Grace"));
        assert!(!of_acme.text.contains("globex"));
        for id in each(&of_acme, "id") {
            assert_eq!(globex.get(&format!("/activity/api/entries/{id}")).await?.status, 404);
        }
        for entry in of_acme.json["entries"].as_array().ok_or("no entries")? {
            let find = |member: &str| entry[member].as_str().unwrap_or_default().to_owned();
            for query in [format!("&entity={}&entity_id={}", find("entity_type"), find("entity_id")),
                format!("&correlation={}", find("correlation_id"))] {
                assert_eq!(entries(&globex, &query).await?.json["entries"], Value::Array(Vec::new()));
            }
        }
    }

    async fn the_page_shows_it(world: &World) {
        let owner = world.owner("acme").await?;
        let page = owner.get("/activity").await?;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("registered"), "{}", page.text);
        for (asked, there) in [("/activity/", "/activity"), ("/activity/?q=x&a=%26", "/activity?q=x&a=%26")] {
            let reply = owner.get(asked).await?;
            assert_eq!((reply.status.as_u16(), reply.headers["location"].to_str()?), (308, there));
        }
    }
}
