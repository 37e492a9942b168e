//! The page in a real browser. Screenshots are kept in `$SCREENSHOTS_DIR` or `target/screenshots`.

mod driver;
mod live;
mod site;

#[path = "../../examples/page/demo.rs"]
mod demo;

use std::panic::AssertUnwindSafe;

use cqrs_activity_log::Activity;
use fantoccini::Locator;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::json;

use self::driver::{Browser, Driver, Look};
use self::site::Site;

/// One part of the test: what it proves, how the browser looks, and what is done.
type Part = (&'static str, Look, for<'a> fn(&'a Site, &'a Browser) -> BoxFuture<'a, ()>);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn the_page_works_in_a_browser() {
    let driver = Driver::start().await;
    let site = Site::new().await;
    let parts: [Part; 11] = [
        ("the timeline is grouped by day", Look::Light, |site, browser| {
            timeline(site, browser).boxed()
        }),
        ("filters narrow it down", Look::Light, |site, browser| filters(site, browser).boxed()),
        ("a diff is opened", Look::Light, |site, browser| diff(site, browser).boxed()),
        ("a request is followed", Look::Light, |site, browser| trail(site, browser).boxed()),
        ("a live entry arrives", Look::Light, |site, browser| live::live(site, browser).boxed()),
        ("live goes on after an end and a refusal", Look::Light, |site, browser| {
            live::live_again(site, browser).boxed()
        }),
        ("a live entry is as the page shows it", Look::Light, |site, browser| {
            live::live_as_shown(site, browser).boxed()
        }),
        ("a text reverses nothing beside it", Look::Light, |site, browser| {
            live::isolated(site, browser).boxed()
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
        .until("document.querySelector('[role=alert]').textContent.includes('is not a time')")
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
        .until("document.getElementById('verified')?.textContent.includes('verified through')")
        .await;
    let head = client.find(Locator::Id("head")).await.unwrap().text().await.unwrap();
    client
        .find(Locator::Id("kept"))
        .await
        .unwrap()
        .send_keys(&format!("{head}\u{e007}"))
        .await
        .unwrap();
    browser
        .until(
            "document.getElementById('verified')?.textContent.includes('that was kept, of entry')",
        )
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
    let face = "return document.querySelector('.face').getBoundingClientRect().width;";
    assert_eq!(browser.script(face).await, 34, "no text takes its room");
    browser.picture("phone-entry").await;
}
