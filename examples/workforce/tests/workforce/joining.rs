//! Becoming a user, and ceasing to be one.

use cqrs_core::Context;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;
use workforce::users::{InviteAccepted, InviteCreated};

use crate::world::{Client, Result, World, on_both};

/// The path of an employee.
fn path(employee: &Value) -> Result<String> {
    Ok(format!("/api/employees/{}", employee["id"].as_str().ok_or("no id")?))
}

/// Changes an employee, and waits for what follows.
async fn change(owner: &Client<'_>, employee: &Value, change: Value) -> Result {
    let changed = owner.patch(&path(employee)?, &change).await?;
    assert_eq!(changed.status, 200, "{}", changed.text);
    owner.world.settled().await;
    Ok(())
}

/// Invites somebody who is no employee, and waits for the e-mail.
async fn invite(owner: &Client<'_>, email: &str) -> Result<String> {
    let invite = json!({ "full_name": "Anita Borg", "email": email });
    let invited = owner.post("/api/invites", &invite).await?;
    assert_eq!(invited.status, 201, "{}", invited.text);
    owner.world.settled().await;
    Ok(format!("/api/invites/{}", invited.json["id"].as_str().ok_or("no id")?))
}

async fn resend(owner: &Client<'_>, invite: &str) -> Result {
    let sent = owner.post(&format!("{invite}/resend"), &Value::Null).await?;
    assert_eq!(sent.status, 200, "{}", sent.text);
    owner.world.settled().await;
    Ok(())
}

on_both! {
    async fn an_invitation_can_be_sent_again_and_the_one_before_is_void(world: &World) {
        let owner = world.owner("acme").await?;
        let invite = invite(&owner, "anita@books.example").await?;
        let first = world.invitation("anita@books.example")?;
        resend(&owner, &invite).await?;
        assert_eq!(world.invitations("anita@books.example")?.len(), 2, "another e-mail with an id of its own");
        world.accept(&first).await?.assert_problem(404);
        let anita = world.accepted("anita@books.example").await?;

        let again = format!("{invite}/resend");
        owner.post(&again, &Value::Null).await?.assert_problem(409);
        anita.post(&again, &Value::Null).await?.assert_problem(403);
    }

    async fn an_invite_that_has_expired_can_be_renewed(world: &World) {
        let owner = world.owner("acme").await?;
        let invite = invite(&owner, "anita@books.example").await?;
        world.change("UPDATE invites SET expires_at = 0").await?;
        world.accept(&world.invitation("anita@books.example")?).await?.assert_problem(404);
        resend(&owner, &invite).await?;
        world.accepted("anita@books.example").await?;
    }

    async fn whoever_was_invited_first_and_employed_then_is_one_person(world: &World) {
        let owner = world.owner("acme").await?;
        for email in ["early@acme.example", "late@acme.example"] {
            invite(&owner, email).await?;
        }
        let early = world.accepted("early@acme.example").await?;
        for email in ["early@acme.example", "late@acme.example"] {
            let hired = owner.hire("Anita Borg", email).await?;
            assert_eq!(world.invitations(email)?.len(), 1, "nobody is invited twice");
            if email.starts_with("late") {
                let invite = &owner.get("/api/invites").await?.json["items"][0];
                assert_eq!(invite["employee_id"], hired["id"]);
            }
        }
        let late = world.accepted("late@acme.example").await?;
        for user in [early, late] {
            let me = user.get("/api/me").await?.json;
            let employees = owner.get("/api/employees").await?;
            let is_hers = |it: &&Value| it["email"] == me["email"];
            let employee = employees.items().iter().find(is_hers).ok_or("no employee")?;
            assert_eq!(employee["user_id"], me["id"]);
            assert_eq!(employee["status"], "active");
        }
    }

    async fn an_employee_who_has_left_keeps_no_session_and_cannot_sign_in(world: &World) {
        let owner = world.owner("acme").await?;
        let employee = owner.hire("Grace Hopper", "grace@acme.example").await?;
        let grace = world.accepted("grace@acme.example").await?;
        assert_eq!(grace.get("/api/me").await?.status, 200);
        change(&owner, &employee, json!({ "status": "inactive" })).await?;
        for path in ["/api/me", "/api/employees", "/activity/api/export.csv"] {
            assert_eq!(grace.get(path).await?.status, 401, "{path}");
        }
        let refused = world.sign_in("grace@acme.example").await?;
        let unknown = world.sign_in("nobody@acme.example").await?;
        assert_eq!(refused.assert_problem(401).json["detail"], unknown.json["detail"]);

        change(&owner, &employee, json!({ "status": "active" })).await?;
        grace.get("/api/me").await?.assert_problem(401);
        assert_eq!(world.sign_in("grace@acme.example").await?.status, 201);
    }

    async fn the_session_of_a_disabled_user_is_worth_nothing(world: &World) {
        let owner = world.owner("acme").await?;
        world.change("UPDATE users SET disabled_at = 1").await?;
        owner.get("/api/me").await?.assert_problem(401);
    }

    async fn the_invite_of_an_employee_who_has_left_is_void(world: &World) {
        let owner = world.owner("acme").await?;
        let employee = owner.hire("Grace Hopper", "grace@acme.example").await?;
        let invites = owner.get("/api/invites").await?;
        let invite = format!("/api/invites/{}", invites.each("id")[0]);
        change(&owner, &employee, json!({ "status": "inactive" })).await?;
        world.accept(&world.invitation("grace@acme.example")?).await?.assert_problem(404);
        owner.post(&format!("{invite}/resend"), &Value::Null).await?.assert_problem(409);
        assert_eq!(world.invitations("grace@acme.example")?.len(), 1);

        change(&owner, &employee, json!({ "status": "invited" })).await?;
        world.accept(&world.invitation("grace@acme.example")?).await?.assert_problem(404);
        resend(&owner, &invite).await?;
        world.accepted("grace@acme.example").await?;
        assert_eq!(owner.get(&path(&employee)?).await?.json["status"], "active");
    }

    async fn accepting_does_not_bring_back_who_has_left_meanwhile(world: &World) {
        let owner = world.owner("acme").await?;
        let employee = owner.hire("Grace Hopper", "grace@acme.example").await?;
        change(&owner, &employee, json!({ "status": "inactive" })).await?;
        invite(&owner, "anita@books.example").await?;
        let anita = world.accepted("anita@books.example").await?;
        let me = anita.get("/api/me").await?.json;
        let late = InviteAccepted {
            invite_id: Uuid::now_v7(),
            user_id: me["id"].as_str().ok_or("no id")?.parse()?,
            full_name: "Grace Hopper".to_owned(),
            employee_id: Some(employee["id"].as_str().ok_or("no id")?.parse()?),
            invited_by: None,
        };
        world.server.app().events().publish(&Context::for_tenant("acme")?, late).await?;
        world.settled().await;
        let employee = owner.get(&path(&employee)?).await?.json;
        assert_eq!((&employee["status"], &employee["user_id"]), (&json!("inactive"), &me["id"]));
        anita.get("/api/me").await?.assert_problem(401);
    }

    async fn the_last_owner_cannot_lock_everybody_out(world: &World) {
        let owner = world.owner("acme").await?;
        let employee = owner.get("/api/employees").await?.items()[0].clone();
        let refused = owner.patch(&path(&employee)?, &json!({ "status": "inactive" })).await?;
        let detail = refused.assert_problem(409).json["detail"].clone();
        assert!(detail.as_str().is_some_and(|it| it.contains("last owner")), "{detail}");
        assert_eq!(owner.get("/api/me").await?.status, 200);
    }

    async fn an_invite_goes_along_to_the_corrected_address(world: &World) {
        let owner = world.owner("acme").await?;
        let employee = owner.hire("Grace Hopper", "gracie@acme.example").await?;
        let strangers = world.invitation("gracie@acme.example")?;
        change(&owner, &employee, json!({ "email": "grace@acme.example" })).await?;
        world.accept(&strangers).await?.assert_problem(404);
        // An e-mail to the stranger that was still waiting for its server.
        let invites = owner.get("/api/invites").await?;
        let late = InviteCreated {
            invite_id: invites.each("id")[0].parse()?,
            full_name: "Grace Hopper".to_owned(),
            email: "gracie@acme.example".to_owned(),
        };
        world.server.app().events().publish(&Context::for_tenant("acme")?, late).await?;
        world.settled().await;
        assert_eq!(world.invitations("gracie@acme.example")?.len(), 1, "the stranger gets no other");
        let grace = world.accepted("grace@acme.example").await?;
        let me = grace.get("/api/me").await?.json;
        assert_eq!(me["email"], "grace@acme.example");
        assert_eq!(owner.get(&path(&employee)?).await?.json["user_id"], me["id"]);
        assert_eq!(owner.get("/api/invites").await?.each("email"), ["grace@acme.example"]);
        invite(&owner, "gracie@acme.example").await?; // The stranger, as somebody else.
    }

    async fn a_corrected_address_that_was_invited_already_is_the_employees(world: &World) {
        let owner = world.owner("acme").await?;
        invite(&owner, "grace@acme.example").await?;
        let employee = owner.hire("Grace Hopper", "gracie@acme.example").await?;
        change(&owner, &employee, json!({ "email": "grace@acme.example" })).await?;
        world.accept(&world.invitation("gracie@acme.example")?).await?.assert_problem(404);
        world.accepted("grace@acme.example").await?;
        let employee = owner.get(&path(&employee)?).await?.json;
        assert_eq!(employee["status"], "active", "{employee}");
        assert_eq!(owner.get("/api/invites").await?.items().len(), 1);
    }

    async fn a_user_signs_in_with_the_address_of_their_employee(world: &World) {
        let owner = world.owner("acme").await?;
        let employee = owner.hire("Grace Hopper", "grace@acme.example").await?;
        let grace = world.accepted("grace@acme.example").await?;
        change(&owner, &employee, json!({ "email": "hopper@acme.example" })).await?;
        assert_eq!(grace.get("/api/me").await?.json["email"], "hopper@acme.example");
        world.sign_in("grace@acme.example").await?.assert_problem(401);
        assert_eq!(world.sign_in("hopper@acme.example").await?.status, 201);
        assert_eq!(owner.get("/api/invites").await?.each("email"), ["hopper@acme.example"]);

        // The address before is nobody's any more; that of another user stays theirs.
        invite(&owner, "grace@acme.example").await?;
        world.accepted("grace@acme.example").await?;
        let taken = owner.patch(&path(&employee)?, &json!({ "email": "grace@acme.example" })).await?;
        taken.assert_problem(409);
        assert_eq!(owner.get(&path(&employee)?).await?.json["email"], "hopper@acme.example");
        let signed_out = grace.send(grace.request(Method::POST, "/sign-out")).await?;
        assert_eq!(signed_out.status, 303);
    }

    async fn sending_again_never_leads_back_to_an_address_that_was_corrected(world: &World) {
        let owner = world.owner("acme").await?;
        for number in 0..8 {
            let (wrong, right) = (format!("wrong{number}@acme.example"), format!("right{number}@acme.example"));
            let employee = owner.hire("Grace Hopper", &wrong).await?;
            let invites = owner.get("/api/invites?limit=200").await?;
            let invite = invites.items().iter().find(|it| it["email"] == wrong);
            let invite = invite.and_then(|it| it["id"].as_str()).ok_or("no invite")?;
            let again = format!("/api/invites/{invite}/resend");
            let corrected = owner.patch(&path(&employee)?, &json!({ "email": right })).await?;
            assert_eq!(corrected.status, 200, "{}", corrected.text);
            for _ in 0..3 {
                let sent = owner.post(&again, &Value::Null).await?;
                assert!(matches!(sent.status.as_u16(), 200 | 409), "{}", sent.text);
            }
            world.settled().await;
            let invites = owner.get("/api/invites?limit=200").await?;
            let invite = invites.items().iter().find(|it| it["id"] == invite).ok_or("no invite")?;
            assert_eq!(invite["email"], right);
            for token in world.tokens(&wrong)? {
                world.accept(&token).await?.assert_problem(404);
                let page = world.nobody().get(&format!("/join?token={token}")).await?;
                assert_eq!(page.status, 404, "{}", page.text);
            }
            world.accepted(&right).await?;
        }
    }

    async fn of_two_owners_who_deactivate_each_other_one_can_still_sign_in(world: &World) {
        for tenant in ["acme", "globex", "initech"] {
            let ada = world.owner(tenant).await?;
            let email = format!("grace@{tenant}.example");
            let employee = ada.hire("Grace Hopper", &email).await?;
            let grace = world.accepted(&email).await?;
            world.change("UPDATE users SET role = 'owner'").await?;
            let employees = ada.get("/api/employees").await?;
            let own = employees.items().iter().find(|it| it["id"] != employee["id"]).ok_or("none")?.clone();
            let leave = json!({ "status": "inactive" });
            let (of_ada, of_grace) = (path(&own)?, path(&employee)?);
            let (a, b) = tokio::try_join!(grace.patch(&of_ada, &leave), ada.patch(&of_grace, &leave))?;
            assert!(a.status == 200 || b.status == 200, "{} {}", a.text, b.text);
            world.settled().await;
            let (ada, grace) = (ada.get("/api/me").await?, grace.get("/api/me").await?);
            assert!(ada.status == 200 || grace.status == 200, "{tenant} is lost");
        }
    }

    async fn a_sign_in_beside_a_deactivation_leaves_no_session_for_later(world: &World) {
        let owner = world.owner("acme").await?;
        for number in 0..6 {
            let email = format!("grace{number}@acme.example");
            let employee = owner.hire("Grace Hopper", &email).await?;
            world.accepted(&email).await?;
            let (path, leave) = (path(&employee)?, json!({ "status": "inactive" }));
            let (signed_in, left) = tokio::try_join!(world.sign_in(&email), owner.patch(&path, &leave))?;
            assert_eq!(left.status, 200, "{}", left.text);
            world.settled().await;
            change(&owner, &employee, json!({ "status": "active" })).await?;
            if signed_in.status.is_success() {
                world.signed_in(&signed_in)?.get("/api/me").await?.assert_problem(401);
            }
        }
    }
}
