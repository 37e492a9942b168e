//! The process is killed while GitHub delivers, again and again.

use std::collections::HashSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Response;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::github::{Hook, guid};
use crate::world::{PASSWORD, Result, Schema};

const KILLS: u32 = 8;

/// The program as a process of its own, killed when it is dropped.
struct Process {
    child: Child,
    http: reqwest::Client,
    url: String,
}

impl Process {
    async fn start(folder: &Path, database: &str) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workforce"));
        command
            .args(["--listen", "127.0.0.1:0", "--no-demo", "--database", database])
            .current_dir(folder)
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let first = lines.next_line().await?.ok_or("it ended at once")?;
        let (_, url) = first.split_once("http://").ok_or("no address")?;
        let url = format!("http://{}", url.split_whitespace().next().unwrap_or_default());
        Ok(Self { child, http: reqwest::Client::new(), url })
    }

    /// `SIGKILL`.
    async fn kill(mut self) -> Result {
        Ok(self.child.kill().await?)
    }

    async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Result<Value> {
        let request = self.http.post(format!("{}{path}", self.url)).json(body);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    async fn get(&self, path: &str, token: &str) -> Result<Value> {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(token);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    async fn deliver(&self, hook: &Hook, guid: &str) -> Result<Response, reqwest::Error> {
        let body = r#"{"zen":"x"}"#;
        let request = self.http.post(format!("{}{}", self.url, hook.path));
        let request = request.header("x-github-delivery", guid).header("x-github-event", "ping");
        let request = request.header("x-hub-signature-256", hook.sign(body.as_bytes()));
        request.header("content-type", "application/json").body(body).send().await
    }
}

/// What was answered with 202 by somebody who was then killed is read later, and once.
async fn what_was_taken_is_read(folder: &Path, database: &str) -> Result {
    let seed = fastrand::get_seed();
    println!("the seed is {seed}");
    let process = Process::start(folder, database).await?;
    let registration = json!({ "tenant": "acme", "company": "Acme", "full_name": "Ada Lovelace",
        "email": "ada@acme.example", "password": PASSWORD });
    let session = process.post("/api/register", None, &registration).await?;
    let token = session["token"].as_str().ok_or("no token")?.to_owned();
    let new = json!({ "name": "acme/site" });
    let set_up = process.post("/api/integrations/github", Some(&token), &new).await?;
    let hook = Hook::of(&set_up)?;
    process.kill().await?;

    let mut accepted = HashSet::new();
    for _ in 0..KILLS {
        let process = Process::start(folder, database).await?;
        let until = fastrand::usize(1..12);
        let mut of_this = HashSet::new();
        while of_this.len() < until {
            let guids: Vec<_> = (0..4).map(|_| guid()).collect();
            let answers = join_all(guids.iter().map(|guid| process.deliver(&hook, guid))).await;
            for (guid, answer) in guids.into_iter().zip(answers) {
                assert_eq!(answer?.status(), 202);
                of_this.insert(guid);
            }
        }
        // Others are under way when it dies.
        let under_way: Vec<_> = (0..4).map(|_| guid()).collect();
        let deliveries = join_all(under_way.iter().map(|guid| process.deliver(&hook, guid)));
        tokio::select! {
            biased;
            _ = deliveries => {}
            () = tokio::task::yield_now() => {}
        }
        process.kill().await?;
        accepted.extend(of_this);
    }

    let process = Process::start(folder, database).await?;
    let listed = tokio::time::timeout(Duration::from_mins(1), all_read(&process, &token)).await??;
    assert!(accepted.is_subset(&listed), "seed {seed}: some of {} are lost", accepted.len());
    let verified = process.get("/activity/api/verify", &token).await?;
    assert_eq!(verified["is_sound"], true, "{verified}");
    process.kill().await
}

/// What GitHub calls each delivery, once all of them are read.
async fn all_read(process: &Process, token: &str) -> Result<HashSet<String>> {
    loop {
        let (mut listed, mut unread) = (HashSet::new(), 0);
        let mut path = "/api/integrations/github/deliveries?limit=200".to_owned();
        loop {
            let page = process.get(&path, token).await?;
            for delivery in page["items"].as_array().ok_or("no list")? {
                unread += u32::from(delivery["status"] != "processed");
                let guid = delivery["guid"].as_str().ok_or("no guid")?.to_owned();
                assert!(listed.insert(guid), "it was taken twice: {delivery}");
            }
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/integrations/github/deliveries?limit=200&after={next}");
        }
        if unread == 0 {
            return Ok(listed);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn deliveries_that_were_taken_survive_kills_on_sqlite() -> Result {
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("workforce.db").display().to_string();
    what_was_taken_is_read(folder.path(), &database).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn deliveries_that_were_taken_survive_kills_on_postgres() -> Result {
    let schema = Schema::make().await?;
    let folder = tempfile::tempdir()?;
    what_was_taken_is_read(folder.path(), &schema.url()).await?;
    schema.remove().await
}
