//! Chromium, driven through its `WebDriver`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How long a condition may take, on a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running chromedriver; killed when it is dropped.
pub(crate) struct Driver {
    _process: Child,
    chromium: PathBuf,
    url: String,
}

/// What kind of window a browser has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Light,
    Dark,
    /// 360 pixels wide.
    Phone,
}

/// A browser of its own, with a fresh profile.
pub(crate) struct Browser {
    pub(crate) client: Client,
    _profile: TempDir,
}

impl Driver {
    pub(crate) async fn start() -> Self {
        let chromium =
            ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(in_path);
        let chromium = chromium.expect("chromium is installed");
        let chromedriver = in_path("chromedriver").expect("chromedriver is installed");
        let mut command = Command::new(chromedriver);
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("chromedriver starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        // "ChromeDriver was started successfully on port 41234."
        let port: u16 = loop {
            let line = lines.next_line().await.expect("text").expect("chromedriver says its port");
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim_end_matches('.').parse().expect("a port");
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { _process: process, chromium, url: format!("http://127.0.0.1:{port}") }
    }

    pub(crate) async fn browser(&self, look: Look) -> Browser {
        let profile = tempfile::tempdir().expect("a directory");
        let mut arguments: Vec<String> = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--window-size=1280,960",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let scheme = u8::from(look != Look::Dark);
        arguments.push(format!("--blink-settings=preferredColorScheme={scheme}"));
        let mut options = json!({"binary": self.chromium, "args": arguments});
        if look == Look::Phone {
            let metrics = json!({"width": 360, "height": 740, "pixelRatio": 2.0});
            options["mobileEmulation"] = json!({"deviceMetrics": metrics});
        }
        let capabilities: Capabilities =
            Capabilities::from_iter([("goog:chromeOptions".to_owned(), options)]);
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = builder.capabilities(capabilities).connect(&self.url).await;
        Browser { client: client.expect("a browser starts"), _profile: profile }
    }
}

impl Browser {
    /// What a script returns.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Waits until a script returns true.
    pub(crate) async fn until(&self, condition: &str) {
        let script = format!("return Boolean({condition});");
        let deadline = Instant::now() + PATIENCE;
        // An error means that another page is loading.
        while self.client.execute(&script, Vec::new()).await.ok() != Some(Value::Bool(true)) {
            if Instant::now() > deadline {
                let body = self.script("return document.body.innerText;").await;
                panic!("`{condition}` did not come true\n{body}");
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Saves a screenshot.
    pub(crate) async fn picture(&self, name: &str) {
        let directory = pictures();
        fs::create_dir_all(&directory).expect("a directory for screenshots");
        let picture = self.client.screenshot().await.unwrap();
        fs::write(directory.join(format!("{name}.png")), picture).expect("a screenshot is kept");
    }
}

/// `$SCREENSHOTS_DIR`, or `screenshots` beside the build.
fn pictures() -> PathBuf {
    let built = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let beside = built.parent().unwrap_or(built).join("screenshots");
    env::var_os("SCREENSHOTS_DIR").map_or(beside, PathBuf::from)
}

fn in_path(program: &str) -> Option<PathBuf> {
    let paths = env::var_os("PATH")?;
    env::split_paths(&paths).map(|path| path.join(program)).find(|path| path.is_file())
}
