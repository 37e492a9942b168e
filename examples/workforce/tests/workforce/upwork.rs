//! Imports from Upwork.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Output;

use futures_util::future::{join_all, try_join_all};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::time_tracking::hired;
use crate::world::{Client, Reply, Result, World, on_both};

const SAMPLE: &str = include_str!("../../samples/upwork-work-diary.csv");
pub(crate) const HEADER: &str = "Date,Start (UTC),Minutes,Email,Contract ID,Contract,Memo";

pub(crate) async fn import(owner: &Client<'_>, body: impl Into<reqwest::Body>) -> Result<Reply> {
    let request = owner.request(Method::POST, "/api/integrations/upwork/imports?file=diary.csv");
    owner.send(request.header("content-type", "text/csv").body(body)).await
}

/// Imported, skipped, failed.
fn counts(reply: &Reply) -> [u64; 3] {
    ["imported", "skipped", "failed"].map(|it| reply.json[it].as_u64().unwrap_or(u64::MAX))
}

fn problems(reply: &Reply) -> Vec<(u64, &str)> {
    let problems = reply.json["problems"].as_array().into_iter().flatten();
    problems.filter_map(|it| Some((it["line"].as_u64()?, it["reason"].as_str()?))).collect()
}

async fn staffed<'w>(world: &'w World, tenant: &str) -> Result<Client<'w>> {
    let owner = world.owner(tenant).await?;
    for (name, email) in
        [("Grace Hopper", "grace"), ("Alan Turing", "alan"), ("Radia Perlman", "radia")]
    {
        hired(&owner, name, &format!("{email}@acme.example")).await?;
    }
    Ok(owner)
}

on_both! {
    async fn the_sample_is_imported_once_however_often_it_is_sent(world: &World) {
        let owner = staffed(world, "acme").await?;
        let first = import(&owner, SAMPLE).await?;
        assert_eq!(first.status, 201, "{}", first.text);
        assert_eq!(counts(&first), [30, 0, 2]);
        assert_eq!(first.json["status"], "finished");
        assert_eq!(problems(&first), [
            (33, "`Minutes` is `ten`, expected 1 to 1440"),
            (34, "no employee has the e-mail address in `Email`"),
        ]);
        let path = first.headers["location"].to_str()?;
        assert_eq!(owner.get(path).await?.json, first.json);

        let (a, b) = tokio::try_join!(import(&owner, SAMPLE), import(&owner, SAMPLE))?;
        assert_eq!((counts(&a), counts(&b)), ([0, 30, 2], [0, 30, 2]));
        let logs = owner.get("/api/time-logs?limit=200").await?;
        assert_eq!(logs.items().len(), 30);
        assert!(logs.items().iter().all(|it| it["source"] == "upwork"));
        assert!(logs.text.contains("Bridge firmware: version 2"), "{}", logs.text);

        world.settled().await;
        let imports = owner.get("/api/integrations/upwork/imports").await?;
        assert_eq!(imports.items().len(), 3);
        let mails = world.mails()?;
        let told: Vec<_> = mails.iter().filter(|it| it.contains("were not imported")).collect();
        assert_eq!(told.len(), 3);
        assert!(told[0].contains("line 33") && told[0].contains("line 34"), "{}", told[0]);
        let organizations = owner.get("/api/organizations").await?;
        assert!(organizations.items()[0]["last_synced_at"].is_string());
    }

    async fn two_imports_of_one_file_at_once_import_it_once(world: &World) {
        let owner = staffed(world, "acme").await?;
        let (a, b) = tokio::try_join!(import(&owner, SAMPLE), import(&owner, SAMPLE))?;
        let sum = |index: usize| counts(&a)[index] + counts(&b)[index];
        assert_eq!((sum(0), sum(1), sum(2)), (30, 30, 4));
        assert_eq!(owner.get("/api/time-logs?limit=200").await?.items().len(), 30);
    }

    async fn many_imports_at_once_are_done_or_refused_and_others_go_on(world: &World) {
        let owner = staffed(world, "acme").await?;
        let other = world.owner("globex").await?;
        let imports = join_all((0..20).map(|_| import(&owner, SAMPLE)));
        let others = try_join_all((0..20).map(|number| {
            let new = json!({ "full_name": "Grace", "email": format!("{number}@globex.example") });
            let other = &other;
            async move { other.post("/api/employees", &new).await }
        }));
        let (replies, others) = tokio::join!(imports, others);
        let mut imported = 0;
        for reply in replies {
            let reply = reply?;
            if reply.status == 201 {
                imported += counts(&reply)[0];
            } else {
                reply.assert_problem(429);
            }
        }
        assert_eq!(imported, 30);
        assert!(others?.iter().all(|it| it.status == 201));
        world.settled().await;
    }

    async fn malformed_rows_are_reported_with_their_lines(world: &World) {
        let owner = staffed(world, "acme").await?;
        let row = |day: &str, start: &str| format!("{day},{start},30,grace@acme.example,c1,Site,m");
        let huge = "x".repeat(40_000);
        let mut file = format!("\u{feff}{HEADER}\r\n\r\n").into_bytes();
        for line in [
            row("2026-03-02", "09:00"),
            row("2026-02-30", "09:00"),
            "only,three,columns".to_owned(),
            row("2026-03-02", "09:15"), // overlaps the first
            huge,
            row("2026-03-02", "10:00") + &"y".repeat(1001),
            "\"never closed,1".to_owned(),
            row("2026-03-02", "11:00"),
            row("2026-03-02", "11:00"), // the same again
        ] {
            file.extend(line.into_bytes());
            file.extend(b"\r\n");
        }
        file.extend(b"\xff\xfe,2026\r\n");
        file.extend(row("2026-03-02", "12:00").into_bytes());
        let reply = import(&owner, file).await?;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let problems = problems(&reply);
        let expected = [
            (4, "`Date` is `2026-02-30`"),
            (5, "3 columns where the header has 7"),
            (6, "it overlaps the time log from 2026-03-02T09:00:00Z"),
            (7, "the row is longer than 16384 bytes"),
            (8, "the input has wrong fields: `note` is longer than 1000 characters"),
            (9, "a quote is opened and never closed"),
            (12, "the row is not UTF-8 text"),
        ];
        assert_eq!(problems.len(), expected.len(), "{}", reply.text);
        for ((line, reason), expected) in problems.iter().zip(expected) {
            assert!(*line == expected.0 && reason.starts_with(expected.1), "{line}: {reason}");
        }
        assert_eq!(counts(&reply), [3, 1, 7]);
    }

    async fn a_row_that_no_database_takes_costs_no_other_row(world: &World) {
        let owner = staffed(world, "acme").await?;
        let row = |email: &str, contract: &str, start: &str|
            format!("2026-03-02,{start},30,{email},{contract},Site,m\n");
        let file = [
            format!("{HEADER}\n"),
            row("grace@acme.example", "c1", "09:00"),
            row("grace\0@acme.example", "c1", "10:00"),
            row("grace@acme.example", "c\0", "10:00"),
            row("grace@acme.example", &"c".repeat(4_000), "10:00"),
            row("grace@acme.example", "\u{1b}[31m", "10:00"),
            "2026-03-02,10:00,30,grace@acme.example,c1,Si\0te,m\n".to_owned(),
            "2026-03-02,10:00,30,grace@acme.example,c1,Site,m\0\n".to_owned(),
            row("grace@acme.example", "c1", "11:00"),
        ];
        let reply = import(&owner, file.concat()).await?;
        assert_eq!(reply.status, 201, "{}", reply.text);
        assert_eq!(counts(&reply), [2, 0, 6]);
        let lines: Vec<_> = problems(&reply).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [3, 4, 5, 6, 7, 8]);
        assert!(problems(&reply)[0].1.starts_with("`Email` has"), "{}", reply.text);
        world.settled().await;
    }

    async fn what_is_no_work_diary_imports_nothing(world: &World) {
        let owner = staffed(world, "acme").await?;
        for (body, reason) in [
            (Vec::new(), "the file is empty"),
            (b"\n\n".to_vec(), "the file is empty"),
            (b"Date;Minutes\n".to_vec(), "the header has no column Date, Start (UTC)"),
            (HEADER.replace("Memo", "Note").into_bytes(), "no column Memo"),
            (format!("{HEADER},minutes\n").into_bytes(), "the column Minutes more than once"),
            (b"PK\x03\x04\xff\xfe\n".to_vec(), "the header cannot be read"),
            (b"\xff\xfeD\0a\0t\0e\0".to_vec(), "the header cannot be read"),
            ("x".repeat(100_000).into_bytes(), "the header cannot be read"),
        ] {
            let reply = import(&owner, body).await?;
            reply.assert_problem(422);
            assert!(reply.text.contains(reason), "{}", reply.text);
        }
        let post = |path: &str| owner.request(Method::POST, path).body(SAMPLE);
        let path = "/api/integrations/upwork/imports";
        owner.send(post(path)).await?.assert_problem(415);
        let json = post(path).header("content-type", "application/json");
        owner.send(json).await?.assert_problem(415);
        let long = format!("{path}?file={}", "x".repeat(201));
        let long = post(&long).header("content-type", "text/csv");
        owner.send(long).await?.assert_problem(422);
        let unknown = post(&format!("{path}?tenant=globex")).header("content-type", "text/csv");
        owner.send(unknown).await?.assert_problem(400);
        world.nobody().send(world.nobody().request(Method::POST, path)).await?.assert_problem(401);
        assert!(owner.get("/api/integrations/upwork/imports").await?.items().is_empty());
        assert!(owner.get("/api/time-logs").await?.items().is_empty());
    }
}

on_both! {
    slow;

    async fn a_large_file_is_refused_before_anything_is_imported(world: &World) {
        let owner = staffed(world, "acme").await?;
        let row = "2026-03-02,09:00,30,grace@acme.example,c1,Site,m\n";
        let file = format!("{HEADER}\n{row}{}", "\n".repeat(10 * 1024 * 1024));
        let reply = import(&owner, file.clone()).await?;
        reply.assert_problem(413);
        assert!(reply.text.contains("10485760 bytes"), "{}", reply.text);
        assert!(owner.get("/api/time-logs").await?.items().is_empty());
        // A client that does not say how much it will be.
        let pieces: Vec<_> = file.into_bytes().chunks(100_000).map(|it| Ok::<_, std::io::Error>(it.to_vec())).collect();
        let reply = import(&owner, reqwest::Body::wrap_stream(futures_util::stream::iter(pieces))).await?;
        reply.assert_problem(413);
        assert!(reply.text.contains("1 rows before that were imported"), "{}", reply.text);
        assert_eq!(owner.get("/api/integrations/upwork/imports").await?.each("status"), ["interrupted"]);
    }
}

on_both! {
    async fn another_tenants_people_and_imports_are_not_there(world: &World) {
        let (acme, globex) = (staffed(world, "acme").await?, world.owner("globex").await?);
        let theirs = import(&acme, SAMPLE).await?;
        let own = import(&globex, SAMPLE).await?;
        assert_eq!(counts(&own), [0, 0, 32]);
        let path = theirs.headers["location"].to_str()?;
        globex.get(path).await?.assert_problem(404);
        assert_eq!(globex.get("/api/integrations/upwork/imports").await?.each("id").len(), 1);
        assert!(globex.get("/api/time-logs").await?.items().is_empty());
    }

    async fn rows_of_a_submitted_week_are_refused(world: &World) {
        let owner = staffed(world, "acme").await?;
        let row = |start: &str| format!("{HEADER}\n2026-03-02,{start},30,grace@acme.example,c1,Site,m\n");
        assert_eq!(counts(&import(&owner, row("09:00")).await?), [1, 0, 0]);
        let sheets = owner.get("/api/timesheets").await?;
        let sheet = sheets.items().iter().find(|it| it["week"] == "2026-W10").ok_or("none")?;
        let path = format!("/api/timesheets/{}/submit", sheet["id"].as_str().ok_or("no id")?);
        assert_eq!(owner.post(&path, &Value::Null).await?.status, 200);
        let late = import(&owner, row("10:00")).await?;
        assert_eq!(problems(&late), [(2, "the timesheet of 2026-W10 is submitted, and would have to be draft")]);
        assert_eq!(counts(&import(&owner, row("09:00")).await?), [0, 1, 0]);
    }
}

async fn workforce(folder: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_workforce"));
    command.current_dir(folder).env_remove("DATABASE_URL").args(arguments);
    Ok(command.output().await?)
}

/// Many batches, and a file in which every row is good.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn the_command_line_imports_a_long_file() -> Result {
    let world = World::sqlite().await?;
    let owner = staffed(&world, "acme").await?;
    let mut file = format!("{HEADER}\n");
    for number in 0..1000 {
        let (day, slot) = (number / 100 + 1, number % 100);
        let (hour, minute) = (slot / 6, slot % 6 * 10);
        writeln!(
            file,
            "2026-04-{day:02},{hour:02}:{minute:02},10,Grace@acme.example,c1,Site,m{number}"
        )?;
    }
    std::fs::write(world.folder.path().join("diary.csv"), &file)?;
    let database = world.folder.path().join("workforce.db").display().to_string();
    let arguments = ["import-upwork", "diary.csv", "--tenant", "acme", "--database", &database];
    let output = workforce(world.folder.path(), &arguments).await?;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text, "diary.csv: 1000 imported, 0 skipped, 0 failed\n");
    let again = workforce(world.folder.path(), &arguments).await?;
    assert_eq!(
        String::from_utf8_lossy(&again.stdout),
        "diary.csv: 0 imported, 1000 skipped, 0 failed\n"
    );
    assert_eq!(owner.get("/api/time-logs?limit=200").await?.items().len(), 200);
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_says_what_is_wrong() -> Result {
    let world = World::sqlite().await?;
    let _owner = world.owner("acme").await?;
    let folder = world.folder.path();
    std::fs::write(folder.join("diary.csv"), SAMPLE)?;
    std::fs::write(folder.join("other.csv"), "a,b\n")?;
    let database = folder.join("workforce.db").display().to_string();
    for (file, tenant, reason) in [
        ("none.csv", "acme", "cannot open `none.csv`"),
        ("diary.csv", "nobody", "there is no tenant `nobody`"),
        ("diary.csv", "not a tenant", "tenant"),
        ("other.csv", "acme", "the header has no column Date"),
    ] {
        let output = workforce(
            folder,
            &["import-upwork", file, "--tenant", tenant, "--database", &database],
        )
        .await?;
        assert_eq!(output.status.code(), Some(1));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(reason) && output.stdout.is_empty(), "{errors}");
    }
    let output = workforce(
        folder,
        &["import-upwork", "diary.csv", "--tenant", "acme", "--database", &database],
    )
    .await?;
    assert_eq!(output.status.code(), Some(1), "rows failed");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("0 imported, 0 skipped, 32 failed") && text.contains("line 33: `Minutes`"),
        "{text}"
    );
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_imports_nothing() -> Result {
    let world = World::sqlite().await?;
    let owner = staffed(&world, "acme").await?;
    let token = world.invitation("grace@acme.example")?;
    let accept = json!({ "token": token, "password": crate::world::PASSWORD });
    let reply = world.nobody().post("/api/invites/accept", &accept).await?;
    let member = world.signed_in(&reply)?;
    import(&member, SAMPLE).await?.assert_problem(403);
    let hook = json!({ "name": "mine" });
    member.post("/api/integrations/github", &hook).await?.assert_problem(403);
    assert!(owner.get("/api/time-logs").await?.items().is_empty());
    world.settled().await;
    world.end().await
}
