//! What axe-core finds on all pages, light and dark, wide and narrow: nothing.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use yoshi_protocol::AccountName;
use yoshi_tests::SystemSettings;

use crate::browser::{Browser, people};
use crate::tour::{self, Stop};
use crate::website::{PASSWORD, Website};

const AXE: &str = include_str!("axe/axe.min.js");
const AXE_SHA256: &str = "e9e5863c33a874f09bc01acd9234b7e3c871479f5eef8802fa582544465e6d01";

/// WCAG 2.2, level AA and below, and what axe advises beside it.
const RULES: &str = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']";

#[test]
fn axe_is_the_one_that_was_checked_in() {
    let digest = Sha256::digest(AXE);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, AXE_SHA256);
}

/// How wide and high a window is, and whether it is a phone's.
const WINDOWS: [(&str, u32, u32, bool); 2] =
    [("desktop", 1200, 860, false), ("phone", 360, 780, true)];

/// What a finger must hit is 44 pixels high: not links within a text, nor what lies
/// over a row that is hit as a whole.
const SMALL: &str = "return [...document.querySelectorAll('a, button, select, summary, textarea, \
    input:not([type=hidden], [type=radio], [type=checkbox]), .choice span, .whom label')] \
    .filter(it => it.checkVisibility() && !it.matches('.unseen, .skip, .row-title, .brand, .prose *, p:not(.back, .more) > a:not(.button)')) \
    .map(it => [it.outerHTML.slice(0, 120), it.getBoundingClientRect().height]) \
    .filter(([_, height]) => height < 43.5)";

/// Every page in every state, in both colours, on a desktop and on a phone: axe finds
/// nothing, nothing is wider than the window, and fingers hit what they mean. Pictures
/// of all of it go to `target/screenshots/tour`.
#[tokio::test]
async fn every_page_is_accessible() {
    let Some(website) = Website::alone(SystemSettings::default()).await else {
        return;
    };
    let mut browser = Browser::open(&website).await;
    is_accessible_everywhere(&browser, &tour::outside()).await;
    browser.register("mara").await;
    is_accessible_everywhere(&browser, &tour::empty()).await;
    let me = AccountName::new("mara").unwrap();
    let filled = tour::fill(&website.client().await, &me, PASSWORD).await;
    browser.is_appointed().await;
    is_accessible_everywhere(&browser, &tour::inside(&filled)).await;
    browser.close().await;
}

async fn is_accessible_everywhere(browser: &Browser, stops: &[Stop]) {
    for dark in [false, true] {
        browser.dark(dark).await;
        for (size, width, height, phone) in WINDOWS {
            browser.width(width, height, phone).await;
            for stop in stops {
                browser.visit(stop).await;
                let mode = if dark { "dark" } else { "light" };
                let what = format!("{}-{mode}-{size}", stop.name);
                browser.whole_picture(&format!("tour/{what}")).await;
                is_accessible(browser, &what).await;
                let wide = "return document.documentElement.scrollWidth";
                let wide = browser.run(wide).await;
                assert!(
                    wide.as_u64().unwrap() <= width.into(),
                    "{what} is too wide: {wide}"
                );
                if phone {
                    let small = browser.run(SMALL).await;
                    assert_eq!(small, json!([]), "{what}: {small:#}");
                }
            }
        }
    }
    browser.width(1200, 860, false).await;
}

/// As narrow as WCAG asks for (1.4.10): nothing has to be scrolled in two directions.
#[tokio::test]
async fn pages_fit_a_window_of_320_pixels() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    browser
        .send(&format!(
            "@{name} decide: ship? [ship / wait] by today !critical #release"
        ))
        .await;
    let task = browser.first_task().await;
    browser.is_appointed().await;
    browser.width(320, 640, true).await;
    let account = format!("/admin/accounts/{name}");
    for path in [
        "/",
        "/asked",
        &task,
        "/new",
        "/search?q=ship",
        "/settings",
        "/no-such-page",
        "/admin/accounts",
        &account,
        "/admin/servers",
    ] {
        browser.go(path).await;
        let wide = "return document.documentElement.scrollWidth";
        let wide = browser.run(wide).await;
        assert!(wide.as_u64().unwrap() <= 320, "{path} is too wide: {wide}");
    }
    browser.close().await;
}

/// Who asked their system for less motion gets none.
#[tokio::test]
async fn nothing_moves_where_that_is_not_wanted() {
    const MOVING: &str = "document.querySelector('.row').classList.add('fresh'); \
        return [document.getAnimations().length, getComputedStyle(document.querySelector('.row')).animationName]";
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    browser.send(&format!("@{} hold still", browser.name)).await;
    browser.sees(".row", "hold still").await;
    assert_eq!(browser.run(MOVING).await, json!([1, "fresh"]));
    let reduce = json!({"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]});
    browser.chromium("Emulation.setEmulatedMedia", reduce).await;
    browser.go("/").await;
    assert_eq!(browser.run(MOVING).await, json!([0, "none"]));
    browser.close().await;
}

async fn is_accessible(browser: &Browser, what: &str) {
    browser.run(AXE).await;
    let script = format!(
        "return axe.run({{runOnly: {RULES}}}).then(found => found.violations.map(rule => \
         [rule.id, rule.help, rule.nodes.map(node => node.html + ' ' + node.failureSummary)]))"
    );
    let found: Value = browser.run(&script).await;
    assert_eq!(found, json!([]), "{what}: {found:#}");
}
