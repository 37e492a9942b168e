//! E-mails over SMTP, to a server of our own.

use std::time::Duration;

use cqrs_core::testing::TestApp;
use cqrs_core::{Actor, Context};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use workforce::activity::in_memory;
use workforce::config::{Config, PublicUrl};
use workforce::db::Db;
use workforce::employees::CreateEmployee;
use workforce::notifications::MailSettings;
use workforce::{Role, application};

use crate::world::{Result, config};

/// Takes every e-mail and gives its lines, after answering the first one with 451.
async fn smtp_server() -> Result<(String, UnboundedReceiver<String>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("smtp://{}", listener.local_addr()?);
    let (sender, received) = unbounded_channel();
    tokio::spawn(async move {
        let mut is_first = true;
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, std::mem::take(&mut is_first), sender.clone()));
        }
    });
    Ok((url, received))
}

async fn converse(stream: TcpStream, mut refuses: bool, sender: UnboundedSender<String>) -> Result {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let answer = match line.split([' ', ':']).next().unwrap_or_default() {
            "MAIL" if std::mem::take(&mut refuses) => "451 try again later\r\n",
            "QUIT" => "221 bye\r\n",
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut mail = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    mail += &line;
                    mail.push('\n');
                }
                sender.send(mail)?;
                "250 taken\r\n"
            }
            _ => "250 ok\r\n",
        };
        write.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_busy_is_asked_again_and_gets_each_email_once() -> Result {
    let folder = tempfile::tempdir()?;
    let (url, mut received) = smtp_server().await?;
    let database = folder.path().join("workforce.db").display().to_string();
    let config = Config { mail: MailSettings::Smtp(url), ..config(folder.path(), database) };
    let db = Db::open(&config.database).await?;
    let log = in_memory().await?;
    let app = application(&config, &db, &PublicUrl::new("http://localhost"), &log)?;
    let app = TestApp::from_builder(app).deliver_twice().build()?;
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
    assert_eq!(app.dead_letters().len(), 0);
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
