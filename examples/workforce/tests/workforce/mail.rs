//! E-mails over SMTP, to a server of our own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use cqrs_core::operations::DeliveryFilter;
use cqrs_core::testing::TestApp;
use cqrs_core::{Actor, Context};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use workforce::activity::in_memory;
use workforce::config::{Config, PublicUrl};
use workforce::db::Db;
use workforce::employees::CreateEmployee;
use workforce::notifications::MailSettings;
use workforce::{Role, application};

use crate::world::{Result, World, config};

/// What a server says to the first recipients; `<>` becomes the recipient's address.
#[derive(Debug)]
pub(crate) struct Refusals {
    pub(crate) answer: &'static str,
    pub(crate) left: AtomicUsize,
}

/// Takes every e-mail and gives its lines, after some refusals.
pub(crate) async fn smtp_server(
    refusals: Arc<Refusals>,
) -> Result<(String, UnboundedReceiver<String>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("smtp://{}", listener.local_addr()?);
    let (sender, received) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, Arc::clone(&refusals), sender.clone()));
        }
    });
    Ok((url, received))
}

async fn converse(
    stream: TcpStream,
    refusals: Arc<Refusals>,
    sender: UnboundedSender<String>,
) -> Result {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let is_refused = || refusals.left.fetch_update(SeqCst, SeqCst, |it| it.checked_sub(1));
        let answer = match line.split([' ', ':']).next().unwrap_or_default() {
            "RCPT" if is_refused().is_ok() => {
                let address = line.split(['<', '>']).nth(1).unwrap_or_default();
                refusals.answer.replace("<>", &format!("<{address}>"))
            }
            "QUIT" => "221 bye".to_owned(),
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut mail = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    mail += &line;
                    mail.push('\n');
                }
                sender.send(mail)?;
                "250 taken".to_owned()
            }
            _ => "250 ok".to_owned(),
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

/// An application that delivers twice and sends to this server, once an employee was added.
async fn hired(folder: &Path, url: String) -> Result<(TestApp, Db)> {
    let database = folder.join("workforce.db").display().to_string();
    let config = Config { mail: MailSettings::Smtp(url), ..config(folder, database) };
    let db = Db::open(&config.database).await?;
    let log = in_memory().await?;
    let app = application(&config, &db, &PublicUrl::new("http://localhost"), &log)?;
    let app = TestApp::from_builder(app).deliver_twice().allow_failures().build()?;
    let ctx = Role::Owner.join(Context::for_tenant("acme")?.with_actor(Actor::service("test")));
    let command = CreateEmployee {
        full_name: "Hélène \"H\" Dupré".to_owned(),
        email: "helene@acme.example".to_owned(),
        title: String::new(),
        organization_id: None,
    };
    db.execute("INSERT INTO tenants VALUES ('acme', 'Acme', 0)", Vec::new()).await?;
    app.execute(&ctx, command).await?;
    app.settled().await;
    Ok((app, db))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_busy_is_asked_again_and_gets_each_email_once() -> Result {
    each_email_is_sent_once_after("451 <>: try again later").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_let_us_sign_in_is_asked_again() -> Result {
    each_email_is_sent_once_after("535 5.7.8 wrong password").await
}

async fn each_email_is_sent_once_after(answer: &'static str) -> Result {
    let folder = tempfile::tempdir()?;
    let refusals = Refusals { answer, left: AtomicUsize::new(1) };
    let (url, mut received) = smtp_server(Arc::new(refusals)).await?;
    let (app, db) = hired(folder.path(), url).await?;
    assert_eq!(app.operations().failed(&DeliveryFilter::all()).await?.len(), 0);
    assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());
    db.close().await;

    let mut subjects = Vec::new();
    while let Ok(mail) = received.try_recv() {
        let (head, text) = mail.split_once("\n\n").ok_or("no text")?;
        assert!(head.is_ascii() && head.contains("<helene@acme.example>"), "{head}");
        assert!(head.contains("Message-ID: <") && head.contains("charset=utf-8"), "{head}");
        assert!(!text.is_empty());
        let subject = head.lines().find(|line| line.starts_with("Subject: "));
        subjects.push(subject.ok_or("no subject")?.to_owned());
    }
    subjects.sort();
    assert_eq!(subjects.len(), 2, "a welcome and an invitation: {subjects:?}");
    assert!(subjects.iter().any(|it| it == "Subject: You are invited to acme"), "{subjects:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_refuses_for_good_is_not_sent_again_and_names_nobody_in_the_log() -> Result {
    let folder = tempfile::tempdir()?;
    let answer = "550 5.1.1 <>: helene is unknown here";
    let refusals = Arc::new(Refusals { answer, left: AtomicUsize::new(100) });
    let (url, _received) = smtp_server(Arc::clone(&refusals)).await?;
    let (app, db) = hired(folder.path(), url).await?;
    let letters = app.operations().failed(&DeliveryFilter::dead()).await?;
    assert!(letters.len() >= 2, "a welcome and an invitation: {letters:?}");
    assert_eq!(refusals.left.load(SeqCst), 100 - letters.len(), "each is sent once");
    for letter in letters {
        assert_eq!(letter.attempts, 1);
        let shown = letter.error;
        assert!(shown.contains("<[address]>: [address] is unknown here"), "{shown}");
        assert!(!shown.contains("helene"), "{shown}");
    }
    assert!(app.shutdown(Duration::from_secs(10)).await.unfinished().is_empty());
    db.close().await;
    Ok(())
}

#[tokio::test]
async fn every_email_waits_for_hours_for_its_server() -> Result {
    let folder = tempfile::tempdir()?;
    let config = config(folder.path(), String::new());
    let log = in_memory().await?;
    let url = PublicUrl::new("http://localhost");
    let app = application(&config, &Db::unconnected(), &url, &log)?.build()?;
    let description = app.describe();
    let is_mail = |module: &str| module.starts_with("workforce::notifications");
    let handlers = description.handlers.iter();
    let handlers: Vec<_> =
        handlers.filter(|it| it.declared.module.as_deref().is_some_and(is_mail)).collect();
    assert!(handlers.len() >= 7, "{handlers:?}");
    for handler in handlers {
        let retry = handler.options.retry.as_ref().ok_or("no retry")?;
        let pauses = (1..).map_while(|attempt| retry.longest_delay_after(attempt));
        // Each pause is a random part of this.
        let patience = pauses.sum::<Duration>() / 2;
        assert!(patience > Duration::from_hours(3), "{}: {patience:?}", handler.name);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_was_refused_can_be_sent_again() -> Result {
    let answer = "550 <>: not now";
    let refusals = Arc::new(Refusals { answer, left: AtomicUsize::new(0) });
    let (url, mut received) = smtp_server(Arc::clone(&refusals)).await?;
    let mail = MailSettings::Smtp(url);
    let world = World::configured(|config| config.mail = mail).await?;
    let owner = world.owner("acme").await?;
    assert!(received.recv().await.is_some_and(|it| it.contains("Welcome")));

    refusals.left.store(1, SeqCst);
    let invite = json!({ "full_name": "Anita Borg", "email": "anita@books.example" });
    let invited = owner.post("/api/invites", &invite).await?.json;
    world.server.app().idle().await;
    let (operations, system) = (world.server.app().operations(), Context::system());
    assert_eq!(operations.discard_all(&system, &DeliveryFilter::all()).await?, 1);
    let path = format!("/api/invites/{}/resend", invited["id"].as_str().ok_or("no id")?);
    assert_eq!(owner.post(&path, &Value::Null).await?.status, 200);
    world.settled().await;
    let mail = received.recv().await.ok_or("no e-mail")?;
    let (_, token) = mail.split_once("/join?token=").ok_or("no token")?;
    let accepted = world.accept(token.lines().next().unwrap_or_default()).await?;
    assert_eq!(accepted.status, 201, "{}", accepted.text);
    world.settled().await;
    world.end().await
}
