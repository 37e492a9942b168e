//! Live entries in a browser.

use std::sync::atomic::Ordering;

use cqrs_activity_log::{Activity, Outcome};
use cqrs_core::prelude::*;
use fantoccini::Locator;
use serde_json::{Value, json};

use super::driver::Browser;
use super::site::Site;

pub(crate) async fn live(site: &Site, browser: &Browser) {
    let Browser { client, .. } = browser;
    client.goto(&format!("{}?entity=Payslip", site.url)).await.unwrap();
    browser.until("document.getElementById('empty')").await;
    // Recorded after the page was rendered and before it is live: also shown.
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

    // It looks as the server renders it.
    let seen = "const entry = document.querySelector('.entry').cloneNode(true); \
        return [...entry.querySelectorAll('.said, .meta, .face, summary, .diff tbody')].map((part) => part.className + part.textContent.replace(/\\s+/g, ''));";
    let arrived = browser.script(seen).await;
    client.refresh().await.unwrap();
    browser.until("document.querySelectorAll('.entry').length === 2").await;
    assert_eq!(arrived, browser.script(seen).await);
}

pub(crate) async fn live_again(site: &Site, browser: &Browser) {
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

/// Entries that the page and its script once rendered differently.
pub(crate) async fn live_as_shown(site: &Site, browser: &Browser) {
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
    let open = "const many = document.querySelectorAll('.entry')[1]; many.querySelector('.more').open = true; many.querySelector('.open').scrollIntoView();";
    browser.script(open).await;
    browser.picture("many").await;
}

pub(crate) async fn isolated(site: &Site, browser: &Browser) {
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
    // In each line, everything is visible in its logical order.
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
