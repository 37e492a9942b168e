//! Clients that stall: they get so much of the server, and no more of its time.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::future::OptionFuture;
use futures_util::stream;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Sender, channel};
use uuid::Uuid;
use workforce::ConnectionLimits;

use crate::github::{Hook, guid};
use crate::upwork::{HEADER, import};
use crate::world::{Client, PASSWORD, Reply, Result, World};

/// Long enough for a client that means it, short enough for a test.
const SHORT: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_mins(10);

/// Everything that is answered until the server ends the connection.
async fn answered(mut stream: TcpStream) -> Result<String> {
    let mut text = Vec::new();
    let read = tokio::time::timeout(Duration::from_mins(1), stream.read_to_end(&mut text)).await;
    drop(read.map_err(|_| "the connection lives on")?);
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A connection on which this is sent, and nothing more.
async fn stalled(world: &World, text: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(world.server.address()).await?;
    stream.write_all(text.as_bytes()).await?;
    Ok(stream)
}

fn head(path: &str, more: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n{more}\r\n")
}

/// Asks until the answer is as wanted.
async fn asked(
    is_wanted: impl Fn(&Reply) -> bool,
    mut ask: impl AsyncFnMut() -> Result<Reply>,
) -> Result<Reply> {
    let asking = async {
        loop {
            let reply = ask().await?;
            if is_wanted(&reply) {
                return Ok(reply);
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), asking).await?
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn a_connection_without_a_whole_head_is_ended() -> Result {
    let limits = ConnectionLimits { head: SHORT, ..ConnectionLimits::default() };
    let world = World::configured(|it| it.connections = limits).await?;
    for text in ["", "GET / HT", "GET /api/openapi.json HTTP/1.1\r\nHost: x\r\nX-Half: "] {
        let answer = answered(stalled(&world, text).await?).await?;
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    // It was answered, and then nothing came any more.
    let idle = stalled(&world, "GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n").await?;
    assert!(answered(idle).await?.starts_with("HTTP/1.1 200 OK"));
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn a_body_that_never_ends_is_answered_with_408() -> Result {
    let limits = ConnectionLimits { head: LONG, body: SHORT, ..ConnectionLimits::default() };
    let world = World::configured(|it| it.connections = limits).await?;
    let owner = world.owner("acme").await?;
    let json = "Content-Type: application/json\r\n";
    let token = owner.token.as_deref().unwrap_or_default();
    let csv = format!("Content-Type: text/csv\r\nAuthorization: Bearer {token}\r\n");
    for (path, more) in [("/api/register", json), ("/api/integrations/upwork/imports", &csv)] {
        let request = head(path, more) + "{";
        let answer = answered(stalled(&world, &request).await?).await?;
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("in time"), "{answer}");
    }
    // What had arrived is imported, and said.
    let rows = format!("{HEADER}\n2026-03-02,09:00,30,ada@acme.example,c1,Site,m\n2026-03-03");
    let request = head("/api/integrations/upwork/imports", &csv) + &rows;
    let answer = answered(stalled(&world, &request).await?).await?;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("in time; 1 rows before that were imported"), "{answer}");
    // One byte at a time: what counts is all the time together.
    let (mut from, mut to) = stalled(&world, &head("/api/register", json)).await?.into_split();
    let trickle = tokio::spawn(async move {
        while to.write_all(b" ").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    let mut answer = [0; 12];
    tokio::time::timeout(Duration::from_mins(1), from.read_exact(&mut answer)).await??;
    assert_eq!(&answer, b"HTTP/1.1 408");
    drop(from);
    trickle.await?;
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn who_waits_for_a_place_gets_it_when_a_stalled_connection_is_ended() -> Result {
    let limits = ConnectionLimits { most: 3, head: SHORT, ..ConnectionLimits::default() };
    let world = World::configured(|it| it.connections = limits).await?;
    for _ in 0..2 {
        let mut held = Vec::new();
        for _ in 0..6 {
            held.push(stalled(&world, "GET / HT").await?);
        }
        assert_eq!(world.nobody().get("/api/openapi.json").await?.status, 200);
        for stream in held {
            answered(stream).await?;
        }
    }
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn a_live_page_lives_on_however_short_the_limits() -> Result {
    let limits =
        ConnectionLimits { head: SHORT, body: SHORT, answer: SHORT, ..ConnectionLimits::default() };
    let world = World::configured(|it| it.connections = limits).await?;
    let owner = world.owner("acme").await?;
    let mut live = owner.request(Method::GET, "/activity/api/live").send().await?;
    assert_eq!(live.status(), 200);
    // By then all limits have passed.
    for _ in 0..2 {
        answered(stalled(&world, "GET / HT").await?).await?;
    }
    owner.hire("Grace Hopper", "grace@acme.example").await?;
    let mut seen = String::new();
    while !seen.contains("Grace Hopper") {
        seen += &String::from_utf8_lossy(&live.chunk().await?.ok_or("it ended")?);
    }
    drop(live);
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn a_delivery_for_nobody_is_refused_before_its_body_is_read() -> Result {
    let limits = ConnectionLimits { body: SHORT, ..ConnectionLimits::default() };
    let world = World::configured(|it| it.connections = limits).await?;
    let owner = world.owner("acme").await?;
    let hook = Hook::set_up(&owner, "acme/site").await?;
    let named = "X-GitHub-Delivery: 1\r\nX-GitHub-Event: ping\r\n";
    let nobody = format!("/webhooks/github/nobody.{}", Uuid::now_v7());
    for (path, more, status) in
        [(&nobody, named, 404), (&hook.path, "", 400), (&hook.path, named, 401)]
    {
        let request = head(path, more) + "{";
        let answer = answered(stalled(&world, &request).await?).await?;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_before_sending_a_body_is_refused_without_being_asked_for_it() -> Result {
    // Long enough that nothing here can be the end of waiting.
    let limits = ConnectionLimits { head: LONG, body: LONG, ..ConnectionLimits::default() };
    let world = World::configured(|it| it.connections = limits).await?;
    let expect = "Expect: 100-continue\r\n";
    let refused = answered(stalled(&world, &head("/api/nothing", expect)).await?).await?;
    assert!(refused.starts_with("HTTP/1.1 404 "), "{refused}");
    assert!(refused.to_lowercase().contains("connection: close\r\n"), "{refused}");

    let json = format!("{expect}Content-Type: application/json\r\nConnection: close\r\n");
    let mut stream = stalled(&world, &head("/api/register", &json)).await?;
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await?;
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&[b' '; 1000]).await?;
    let answer = answered(stream).await?;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_deliveries_are_read_at_once_and_no_more() -> Result {
    let world = World::configured(|it| it.limits.github_at_once = 2).await?;
    let (acme, globex) = (world.owner("acme").await?, world.owner("globex").await?);
    let hook = Hook::set_up(&acme, "acme/site").await?;
    let other = Hook::set_up(&globex, "globex/site").await?;
    let unsigned =
        "X-GitHub-Delivery: 1\r\nX-GitHub-Event: ping\r\nX-Hub-Signature-256: sha256=00\r\n";
    let ping = async |hook: &Hook| hook.deliver(&world, &guid(), "ping", "{}").await;
    let mut held = Vec::new();
    let busy = asked(
        |it| it.status == 503,
        async || {
            // One that comes while another is read is refused itself, so there may have to be more of them.
            held.push(stalled(&world, &(head(&hook.path, unsigned) + "{")).await?);
            ping(&hook).await
        },
    );
    let busy = busy.await?;
    assert!(busy.assert_problem(503).headers.contains_key("retry-after"));
    // What one tenant keeps waiting, another does not wait for.
    assert_eq!(ping(&other).await?.status, 202);
    drop(held);
    asked(|it| it.status == 202, async || ping(&hook).await).await?;
    world.settled().await;
    world.end().await
}

/// An import of which more may come.
fn endless(client: &Client<'_>) -> (Sender<String>, impl Future<Output = Result<Reply>>) {
    let (sender, receiver) = channel(1);
    let pieces = stream::unfold(receiver, async |mut receiver| {
        let piece: String = receiver.recv().await?;
        Some((Ok::<_, Infallible>(piece), receiver))
    });
    let client = client.clone();
    (sender, async move { import(&client, reqwest::Body::wrap_stream(pieces)).await })
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_files_are_imported_at_once_and_no_more() -> Result {
    let world = World::configured(|it| it.limits.upwork_at_once = 2).await?;
    let acme = world.owner("acme").await?;
    let (globex, initech) = (world.owner("globex").await?, world.owner("initech").await?);
    let file = format!("{HEADER}\n2026-03-02,09:00,30,ada@acme.example,c1,Site,m\n");
    let (of_acme, importing_acme) = endless(&acme);
    let (of_globex, importing_globex) = endless(&globex);
    let others = async {
        for (owner, sender) in [(&acme, &of_acme), (&globex, &of_globex)] {
            sender.send(file.clone()).await?;
            let list = async || owner.get("/api/integrations/upwork/imports").await;
            asked(|it| it.each("status") == ["running"], list).await?;
        }
        let own = import(&acme, file.clone()).await?;
        assert!(own.assert_problem(429).headers.contains_key("retry-after"));
        let all = import(&initech, file.clone()).await?;
        assert!(all.assert_problem(503).headers.contains_key("retry-after"));
        // Everything else goes on.
        let new = json!({ "full_name": "Grace Hopper", "email": "grace@initech.example" });
        assert_eq!(initech.post("/api/employees", &new).await?.status, 201);
        drop((of_acme, of_globex));
        Ok(())
    };
    let (a, b, ()) = tokio::try_join!(importing_acme, importing_globex, others)?;
    assert_eq!((a.status.as_u16(), b.status.as_u16()), (201, 201), "{} {}", a.text, b.text);
    assert_eq!(import(&acme, file.clone()).await?.status, 201);
    world.settled().await;
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn a_member_who_stalls_keeps_no_owner_from_importing() -> Result {
    let limits = ConnectionLimits { body: LONG, ..ConnectionLimits::default() };
    let world = World::configured(|it| {
        it.connections = limits;
        it.limits.upwork_at_once = 1;
    });
    let world = world.await?;
    let owner = world.owner("acme").await?;
    owner.hire("Grace Hopper", "grace@acme.example").await?;
    let accept = json!({ "token": world.invitation("grace@acme.example")?, "password": PASSWORD });
    let member = world.signed_in(&world.nobody().post("/api/invites/accept", &accept).await?)?;
    world.settled().await;

    let token = member.token.as_deref().unwrap_or_default();
    let csv = format!("Content-Type: text/csv\r\nAuthorization: Bearer {token}\r\n");
    let request = head("/api/integrations/upwork/imports", &csv) + "Date,Start";
    let held = stalled(&world, &request).await?;
    let file = format!("{HEADER}\n2026-03-02,09:00,30,ada@acme.example,c1,Site,m\n");
    let imported = import(&owner, file).await?;
    assert_eq!(imported.status, 201, "{}", imported.text);
    let refused = answered(held).await?;
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn an_import_that_the_servers_end_interrupts_says_so() -> Result {
    let file = format!("{HEADER}\n2026-03-02,09:00,30,ada@acme.example,c1,Site,m\n2026-03-03,09");
    for has_left in [false, true] {
        let world = World::sqlite().await?;
        let owner = world.owner("acme").await?;
        let token = owner.token.clone();
        let csv = format!(
            "Content-Type: text/csv\r\nAuthorization: Bearer {}\r\n",
            token.as_deref().unwrap_or_default()
        );
        let request = head("/api/integrations/upwork/imports", &csv) + &file;
        let importing = stalled(&world, &request).await?;
        let list = async || owner.get("/api/integrations/upwork/imports").await;
        asked(|it| it.each("status") == ["running"], list).await?;
        world.settled().await;

        let World { server, folder, database, .. } = world;
        let answer = if has_left {
            drop(importing);
            None
        } else {
            Some(answered(importing))
        };
        let (report, answer) =
            tokio::join!(server.shutdown(SHORT * 10), OptionFuture::from(answer));
        let report = report?;
        assert!(report.is_clean(), "{report}");
        if let Some(answer) = answer.transpose()? {
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            assert!(answer.contains("1 rows before that were imported"), "{answer}");
        }
        let world = World::at(folder, database).await?;
        let owner = Client { world: &world, token };
        let imports = owner.get("/api/integrations/upwork/imports").await?;
        assert_eq!(imports.each("status"), ["interrupted"], "{}", imports.text);
        assert_eq!(imports.items()[0]["imported"], 1, "{}", imports.text);
        assert_eq!(owner.get("/api/time-logs").await?.items().len(), 1);
        world.end().await?;
    }
    Ok(())
}
