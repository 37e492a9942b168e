//! The page in a real browser. Screenshots are kept in `$SCREENSHOTS_DIR` or `target/screenshots`.

mod driver;

#[path = "../../examples/page/demo.rs"]
mod demo;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use cqrs_activity_log::{Activity, ActivityLog, Outcome, web};
use cqrs_core::http::ContextLayer;
use cqrs_core::prelude::*;
use fantoccini::Locator;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::driver::{Browser, Driver, Look};

/// One part of the test: what it proves, how the browser looks, and what is done.
type Part = (&'static str, Look, for<'a> fn(&'a Site, &'a Browser) -> BoxFuture<'a, ()>);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_works_in_a_browser() {
    let Some(driver) = Driver::start().await else {
        let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!ci, "there is no chromium with chromedriver to test the page with");
        eprintln!("LEFT OUT: there is no chromium with chromedriver to test the page with");
        return;
    };
    let site = Site::new().await;
    let parts: [Part; 11] = [
        ("the timeline is grouped by day", Look::Light, |site, browser| {
            timeline(site, browser).boxed()
        }),
        ("filters narrow it down", Look::Light, |site, browser| filters(site, browser).boxed()),
        ("a diff is opened", Look::Light, |site, browser| diff(site, browser).boxed()),
        ("a request is followed", Look::Light, |site, browser| trail(site, browser).boxed()),
        ("a live entry arrives", Look::Light, |site, browser| live(site, browser).boxed()),
        ("live goes on after an end and a refusal", Look::Light, |site, browser| {
            live_again(site, browser).boxed()
        }),
        ("a live entry is as the page shows it", Look::Light, |site, browser| {
            live_as_shown(site, browser).boxed()
        }),
        ("a text reverses nothing beside it", Look::Light, |site, browser| {
            isolated(site, browser).boxed()
        }),
        ("the keyboard is enough", Look::Light, |site, browser| keyboard(site, browser).boxed()),
        ("dark is dark, and can be switched", Look::Dark, |site, browser| {
            dark(site, browser).boxed()
        }),
        ("a phone shows all of it", Look::Phone, |site, browser| phone(site, browser).boxed()),
    ];
    for (what, look, part) in parts {
        eprintln!("{what}");
        let browser = driver.browser(look).await;
        let outcome = AssertUnwindSafe(part(&site, &browser)).catch_unwind().await;
        if outcome.is_err() {
            browser.picture("failed").await;
        }
        // Also after a failure, so that no browser is left behind.
        browser.client.clone().close().await.expect("the browser ends");
        if let Err(panic) = outcome {
            eprintln!("failed: {what}");
            std::panic::resume_unwind(panic);
        }
    }
}

async fn timeline(site: &Site, browser: &Browser) {
    browser.client.goto(&site.url).await.unwrap();
    browser.until("document.querySelectorAll('.day').length >= 2").await;
    browser.until("!document.getElementById('live').hidden").await;
    let days = browser.script("return document.querySelector('.day h2').textContent.trim();").await;
    assert!(days == "Today" || days == "Yesterday", "{days}");
    let errors = browser.script("return [...document.querySelectorAll('.entry')].filter((entry) => !entry.querySelector('time').title).length;").await;
    assert_eq!(errors, 0, "every time is localised");
    let changed = "[...document.querySelectorAll('.entry summary')].find((summary) => summary.textContent === '4 changes')";
    browser.script(&format!("{changed}.click();")).await;
    browser.until("document.querySelector('.diff td.old').checkVisibility()").await;
    browser.client.set_window_size(1280, 1320).await.unwrap();
    browser.picture("timeline").await;
}

async fn filters(site: &Site, browser: &Browser) {
    let Browser { client, .. } = browser;
    client.goto(&site.url).await.unwrap();
    let search = client.find(Locator::Id("q")).await.unwrap();
    search.send_keys("turing timesheet\u{e007}").await.unwrap();
    browser.until("location.search.includes('q=turing+timesheet')").await;
    browser.until("document.querySelectorAll('.entry').length === 1").await;
    let url = client.current_url().await.unwrap();
    assert!(
        !url.query().unwrap().contains("entity="),
        "fields that say nothing are not sent: {url}"
    );
    // A chip takes the filter away again.
    client.find(Locator::Css(".chips a")).await.unwrap().click().await.unwrap();
    browser.until("document.querySelectorAll('.entry').length > 5").await;
    // Choosing is enough.
    let select = client.find(Locator::Css("select[name=outcome]")).await.unwrap();
    select.select_by_label("denied").await.unwrap();
    browser.until("location.search === '?outcome=denied'").await;
    browser.until("document.querySelectorAll('.entry').length === 1").await;
    browser.picture("filtered").await;
    // Links of an entry filter by what they name.
    client.find(Locator::Css(".entry .who")).await.unwrap().click().await.unwrap();
    browser.until("location.search === '?actor=e-7'").await;
    browser.until("document.querySelectorAll('.entry').length === 2").await;
    client.goto(&format!("{}?from=soon", site.url)).await.unwrap();
    browser
        .until("document.querySelector('[role=alert]').textContent.includes('is no time')")
        .await;
    client.goto(&format!("{}?q=nothing-like-it", site.url)).await.unwrap();
    browser.until("document.getElementById('empty').textContent.includes('Nothing matches')").await;
}

async fn diff(site: &Site, browser: &Browser) {
    let Browser { client, .. } = browser;
    client.goto(&format!("{}?action=updated", site.url)).await.unwrap();
    let summary = client.wait().for_element(Locator::Css(".entry summary")).await.unwrap();
    assert_eq!(summary.text().await.unwrap(), "4 changes");
    summary.click().await.unwrap();
    browser.until("document.querySelector('.diff').checkVisibility()").await;
    let old = client.find(Locator::Css(".diff td.old")).await.unwrap();
    let new = client.find(Locator::Css(".diff td.new")).await.unwrap();
    let sign = "return [...document.querySelectorAll('.diff td.old, .diff td.new')].slice(0, 2).map((cell) => getComputedStyle(cell, '::before').content);";
    let signs = browser.script(sign).await;
    assert_eq!(signs, json!(["\"−\"", "\"+\""]), "not by colour alone");
    assert_ne!(old.css_value("color").await.unwrap(), new.css_value("color").await.unwrap());
    browser.picture("diff").await;
    client.find(Locator::Css(".entry .open")).await.unwrap().click().await.unwrap();
    client.wait().for_element(Locator::Css(".single .diff")).await.unwrap();
    browser.picture("entry").await;
    client.find(Locator::Id("back")).await.unwrap().click().await.unwrap();
    browser.until("document.querySelectorAll('.entry').length > 5").await;
}

async fn trail(site: &Site, browser: &Browser) {
    let Browser { client, .. } = browser;
    client.goto(&format!("{}?q=hired", site.url)).await.unwrap();
    client.wait().for_element(Locator::Css(".follow")).await.unwrap().click().await.unwrap();
    browser
        .until("document.querySelector('.notice')?.textContent.includes('Following one request')")
        .await;
    let url = client.current_url().await.unwrap();
    assert!(url.query().unwrap().contains(&site.correlation.to_string()), "{url}");
    let script = "return [...document.querySelectorAll('.entry')].map((entry) => [entry.querySelector('.badge').textContent, entry.getBoundingClientRect().left]);";
    let entries = browser.script(script).await;
    let lefts: Vec<(String, f64)> = serde_json::from_value(entries).unwrap();
    let of = |action: &str| lefts.iter().find(|(badge, _)| badge == action).expect(action).1;
    assert_eq!((lefts.len(), lefts[0].0.as_str()), (4, "created"), "the oldest first");
    assert!(of("sent") > lefts[0].1 && of("assigned") > of("sent"), "indented by cause: {lefts:?}");
    browser.picture("trail").await;
}

async fn live(site: &Site, browser: &Browser) {
    let Browser { client, .. } = browser;
    client.goto(&format!("{}?entity=Payslip", site.url)).await.unwrap();
    browser.until("document.getElementById('empty')").await;
    // Recorded after the page was made and before it is live: nothing is left out.
    site.pay("Before").await;
    let live = client.find(Locator::Id("live")).await.unwrap();
    live.click().await.unwrap();
    browser.until("document.querySelector('.live').dataset.state === 'on'").await;
    browser.until("document.querySelectorAll('.entry').length === 1").await;
    site.pay("<b>After</b>").await;
    site.log.record(&Site::ctx(), Activity::new("painted", "Wall")).await.unwrap();
    browser.until("document.querySelectorAll('.entry').length === 2").await;
    browser.until("document.querySelector('.entry').getAnimations().length === 0").await; // it has slid in
    let first = client.find(Locator::Css(".entry")).await.unwrap();
    let text = first.text().await.unwrap();
    assert!(text.contains("paid <b>After</b>") && text.contains("Ada Lovelace"), "{text}");
    assert_eq!(live.attr("aria-pressed").await.unwrap().as_deref(), Some("true"));
    first.find(Locator::Css("summary")).await.unwrap().click().await.unwrap();
    browser.until("document.querySelector('.entry .diff')?.textContent.includes('amount')").await;
    browser.picture("live").await;

    // It looks like the one that the server would have made.
    let seen = "const entry = document.querySelector('.entry').cloneNode(true); \
        return [...entry.querySelectorAll('.said, .meta, .face, summary, .diff tbody')].map((part) => part.className + part.textContent.replace(/\\s+/g, ''));";
    let arrived = browser.script(seen).await;
    client.refresh().await.unwrap();
    browser.until("document.querySelectorAll('.entry').length === 2").await;
    assert_eq!(arrived, browser.script(seen).await);
}

async fn live_again(site: &Site, browser: &Browser) {
    browser.client.goto(&format!("{}?entity=Note", site.brief_url)).await.unwrap();
    browser.until("!document.getElementById('live').hidden").await;
    browser.client.find(Locator::Id("live")).await.unwrap().click().await.unwrap();
    browser.until("document.querySelector('.live').dataset.state === 'on'").await;
    // The connection ends, and the next one is refused.
    site.is_refused.store(true, Ordering::Relaxed);
    browser.until("document.querySelector('.live').dataset.state === 'waiting'").await;
    site.until_refused().await;
    site.log.record(&Site::ctx(), Activity::new("written", "Note")).await.unwrap();
    site.is_refused.store(false, Ordering::Relaxed);
    browser.until("document.querySelectorAll('.entry').length === 1").await;
}

/// What the page and its script once made in different ways.
async fn live_as_shown(site: &Site, browser: &Browser) {
    let Browser { client, .. } = browser;
    client.goto(&format!("{}?entity=Oddity", site.url)).await.unwrap();
    browser.until("!document.getElementById('live').hidden").await;
    client.find(Locator::Id("live")).await.unwrap().click().await.unwrap();
    browser.until("document.querySelector('.live').dataset.state === 'on'").await;
    let nameless = Site::ctx().with_actor(Actor::user("u-1").named("  "));
    let numbers =
        json!({"large": 9_007_199_254_740_993_u64, "whole": 1.0, "10": "ten", "9": "nine"});
    let long = json!({"long": "L".repeat(50_000), "lines": "one\r\ntwo\rthree\nfour"});
    let many: Value = (0..300).map(|key| (format!("key {key}"), json!(key))).collect();
    let changes = Changes::between(&json!({}), &many).unwrap();
    let oddity = || Activity::new("seen", "Oddity");
    for activity in [
        oddity().data(numbers),
        oddity().data(long),
        oddity().changes(changes),
        oddity().outcome(Outcome::Denied).data(json!(["<img src=x>", {"a": null}])),
    ] {
        site.log.record(&nameless, activity).await.unwrap();
    }
    browser.until("document.querySelectorAll('.entry').length === 4").await;
    let seen = "return [...document.querySelectorAll('.entry')].map((entry) => [
        entry.textContent,
        ...[...entry.querySelectorAll('*')].map((part) => [part.tagName, part.className, part.href, part.title].join(' ')),
    ]);";
    let arrived = browser.script(seen).await;
    client.refresh().await.unwrap();
    browser.until("!document.getElementById('live').hidden").await;
    let served = browser.script(seen).await;
    assert_eq!(arrived, served);
    let text = served.to_string();
    for part in ["9007199254740993", "1.0", "u-1", "and 100 more", "and 100 more that are not kept"]
    {
        assert!(text.contains(part), "{part}");
    }
    assert!(!text.contains(&"L".repeat(2_001)), "cut");
}

async fn isolated(site: &Site, browser: &Browser) {
    // To the end of what it is in, everything is read from right to left; and what would end it before.
    const OVERRIDE: &str = "\u{202e}";
    const ENDS: &str = "\u{2069}\u{202c}";
    let url = format!("{}?entity=Memo", site.url);
    let live = "document.querySelector('.live')";
    browser.client.goto(&url).await.unwrap();
    browser.until("!document.getElementById('live').hidden").await;
    browser.client.find(Locator::Id("live")).await.unwrap().click().await.unwrap();
    browser.until(&format!("{live}.dataset.state === 'on'")).await;
    for name in [format!("Eve {OVERRIDE}"), format!("Eve {ENDS}{OVERRIDE}")] {
        let behalf = Actor::user("u-2").named(&name);
        let ctx = Site::ctx().with_actor(Actor::user(&name).named(&name).on_behalf_of(behalf));
        let activity = Activity::new(&name, "Memo").id(&name).named(&name).describe("deleted all");
        site.log.record(&ctx, activity).await.unwrap();
    }
    // In each line, all that can be seen stands in the order in which it is said.
    let order = "const isOrdered = (line) => {
            const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
            const lefts = [];
            for (let node = walker.nextNode(); node; node = walker.nextNode()) {
                for (const { index } of node.data.matchAll(/[a-z()]/gi)) {
                    const range = document.createRange();
                    range.setStart(node, index);
                    range.setEnd(node, index + 1);
                    lefts.push(range.getBoundingClientRect().left);
                }
            }
            return lefts.every((left, at) => at === 0 || left > lefts[at - 1]);
        };
        return [...document.querySelectorAll('.said, .headline p:first-child, .meta > *, .facts dd')]
            .filter((line) => !isOrdered(line)).map((line) => line.textContent);";
    let arrived = "document.querySelectorAll('.entry').length === 2";
    browser.until(&format!("{arrived} && document.getAnimations().length <= 1")).await;
    browser.picture("isolated").await;
    assert_eq!(browser.script(order).await, json!([]), "as it arrives");
    browser.client.refresh().await.unwrap();
    browser.until(arrived).await;
    assert_eq!(browser.script(order).await, json!([]), "as it is served");
    for number in 1..=2 {
        let when = format!(".entry:nth-child({number}) .when");
        browser.client.goto(&url).await.unwrap();
        browser.client.find(Locator::Css(&when)).await.unwrap().click().await.unwrap();
        browser.client.wait().for_element(Locator::Css(".single")).await.unwrap();
        browser.picture(&format!("isolated-{number}")).await;
        assert_eq!(browser.script(order).await, json!([]), "by itself");
    }
}

async fn keyboard(site: &Site, browser: &Browser) {
    let Browser { client, .. } = browser;
    client.goto(&site.url).await.unwrap();
    browser.until("!document.getElementById('help-button').hidden").await;
    let press = async |key: &str| {
        client.active_element().await.unwrap().send_keys(key).await.unwrap();
    };
    press("/").await;
    browser.until("document.activeElement.id === 'q' && document.activeElement.value === ''").await;
    press("\u{e00c}").await; // Escape
    browser.until("document.activeElement === document.body").await;
    press("j").await;
    press("j").await;
    browser.until("document.activeElement === document.querySelectorAll('.entry')[1]").await;
    press("k").await;
    browser.until("document.activeElement === document.querySelectorAll('.entry')[0]").await;
    let outline =
        browser.script("return getComputedStyle(document.activeElement).outlineStyle;").await;
    assert_ne!(outline, "none", "where the focus is can be seen");
    press("\u{e007}").await; // Enter
    browser.until("document.querySelector('.entry .more').open").await;
    browser.picture("keyboard").await;
    press("\u{e00c}").await;
    browser.until("!document.querySelector('.entry .more').open").await;
    press("?").await;
    browser.until("document.getElementById('help').open").await;
    browser.picture("help").await;
    press("\u{e00c}").await;
    browser.until("!document.getElementById('help').open").await;
    press("j").await;
    press("o").await;
    client.wait().for_element(Locator::Css(".single")).await.unwrap();
    press("\u{e00c}").await;
    browser.until("document.getElementById('timeline')").await;
    browser.until("!document.getElementById('theme').hidden").await;
    client.find(Locator::Id("verify")).await.unwrap().click().await.unwrap();
    browser
        .until("document.getElementById('verified').textContent.includes('verified through')")
        .await;
}

async fn dark(site: &Site, browser: &Browser) {
    let Browser { client, .. } = browser;
    let ground = "return getComputedStyle(document.body).backgroundColor;";
    client.goto(&format!("{}?action=updated", site.url)).await.unwrap();
    client.wait().for_element(Locator::Css(".entry summary")).await.unwrap().click().await.unwrap();
    assert_eq!(browser.script(ground).await, "rgb(16, 17, 19)");
    browser.picture("dark").await;
    browser.until("!document.getElementById('theme').hidden").await;
    client.find(Locator::Id("theme")).await.unwrap().click().await.unwrap();
    assert_eq!(browser.script(ground).await, "rgb(247, 247, 245)");
    client.refresh().await.unwrap();
    browser.until("document.documentElement.dataset.theme === 'light'").await;
    assert_eq!(browser.script(ground).await, "rgb(247, 247, 245)", "remembered");
}

async fn phone(site: &Site, browser: &Browser) {
    let Browser { client, .. } = browser;
    let long = "Unbreakable".repeat(20);
    let activity = Activity::new("renamed", "Thing").id(&long).named(&long).describe(&long);
    site.log.record(&Site::ctx(), activity.data(json!({&long: long}))).await.unwrap();
    let trail = format!("?correlation={}&order=oldest", site.correlation);
    let pages = [
        String::new(),
        "?action=updated".to_owned(),
        trail,
        "?q=unbreakable".to_owned(),
        "?from=soon".to_owned(),
    ];
    for (number, page) in pages.iter().enumerate() {
        client.goto(&format!("{}{page}", site.url)).await.unwrap();
        browser.until("!document.getElementById('theme').hidden").await;
        browser.script("document.querySelectorAll('.entry .more').forEach((more) => { more.open = true; });").await;
        let widths =
            browser.script("return [innerWidth, document.documentElement.scrollWidth];").await;
        assert_eq!(widths, json!([360, 360]), "nothing sticks out at {page}");
        browser.script("scrollTo(0, document.querySelector('.chips') ? 200 : 0);").await;
        browser.picture(&format!("phone-{number}")).await;
    }
    client.goto(&format!("{}?q=unbreakable", site.url)).await.unwrap();
    let when = client.wait().for_element(Locator::Css(".when")).await.unwrap();
    when.click().await.unwrap();
    client.wait().for_element(Locator::Css(".single")).await.unwrap();
    assert_eq!(browser.script("return document.documentElement.scrollWidth;").await, 360);
    browser.picture("phone-entry").await;
}

/// The page of a log with a few days in it, served for everyone as one tenant.
struct Site {
    log: ActivityLog,
    url: String,
    /// The same page, with connections that end soon, and are refused when `is_refused` says so.
    brief_url: String,
    is_refused: Arc<AtomicBool>,
    refused: Arc<AtomicUsize>,
    correlation: Uuid,
    _directory: TempDir,
}

impl Site {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = ActivityLog::sqlite(directory.path().join("activity.db")).await.unwrap();
        demo::record(&log, "acme", Timestamp::now()).await.unwrap();
        let correlation = demo::hire(&log, "acme").await.unwrap();
        let contexts = ContextLayer::new(|_| Ok(Self::ctx()));
        let (is_refused, refused) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let brief = web::Pages::new(log.clone()).live_for(Duration::from_millis(500)).authorize({
            let (is_refused, refused) = (is_refused.clone(), Arc::<AtomicUsize>::clone(&refused));
            move |_| {
                let is_refused = is_refused.load(Ordering::Relaxed);
                refused.fetch_add(usize::from(is_refused), Ordering::Relaxed);
                !is_refused
            }
        });
        let router = Router::new()
            .nest("/activity", web::router(log.clone()))
            .nest("/brief", brief.into_router())
            .layer(contexts);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let [url, brief_url] = ["activity", "brief"].map(|path| format!("http://{address}/{path}"));
        tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Self { log, url, brief_url, is_refused, refused, correlation, _directory: directory }
    }

    /// Waits until somebody was refused.
    async fn until_refused(&self) {
        while self.refused.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    fn ctx() -> Context {
        Context::for_tenant("acme").unwrap().with_actor(Actor::user("u-42").named("Ada Lovelace"))
    }

    async fn pay(&self, whom: &str) {
        let activity =
            Activity::new("created", "Payslip").named(whom).describe(format!("paid {whom}"));
        let activity =
            activity.data(json!({"amount": 100, "currency": "GBP", "lines": [1, 2.5, null]}));
        self.log.record(&Self::ctx(), activity).await.unwrap();
    }
}
