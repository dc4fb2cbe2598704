//! What axe-core finds on the main pages, light and dark, wide and narrow: nothing.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::browser::{Browser, people};
use crate::website::Website;

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

#[tokio::test]
async fn axe_finds_nothing_on_the_main_pages() {
    let Some(website) = Website::open().await else {
        return;
    };
    let name = Website::name("ana");
    let mut browser = Browser::open(&website).await;
    for path in ["/log-in", "/register"] {
        browser.go(path).await;
        is_accessible(&browser, path).await;
    }
    browser.register(&name).await;
    is_accessible(&browser, "an empty list").await;
    for line in [
        "decide: ship? [ship / wait] by today !critical #release",
        "review: the page by 2026-01-02 !low",
        "read: minutes by 2031-01-01 !high",
    ] {
        browser.send(&format!("@{name} {line}")).await;
    }
    let task = browser.first_task().await;
    browser.is_appointed().await;
    let account = format!("/admin/accounts/{name}");
    for dark in [false, true] {
        browser.dark(dark).await;
        for (width, phone) in [(1200, false), (390, true), (320, true)] {
            // The narrowest is about the layout, which is the same in both colours.
            if dark && width == 320 {
                continue;
            }
            browser.width(width, 860, phone).await;
            let main = [
                "/",
                "/asked",
                &task,
                "/new",
                "/search?q=ship",
                "/settings",
                "/no-such-page",
            ];
            let more = [
                "/?kind=decide&importance=critical",
                "/asked?label=nothing-has-it",
                "/admin/accounts",
                "/admin/accounts?q=nobody-begins-so",
                &account,
                "/admin/servers",
            ];
            // Each of these once in either colour: wide and light, or narrow and dark.
            let more = more.into_iter().filter(|_| dark == phone && width != 320);
            for path in main.into_iter().chain(more) {
                browser.go(path).await;
                is_accessible(&browser, &format!("{path}, dark {dark}, {width} wide")).await;
                let wide = browser
                    .run("return document.documentElement.scrollWidth - innerWidth")
                    .await;
                assert!(
                    wide.as_i64().unwrap() <= 0,
                    "{path} is wider than {width}: {wide}"
                );
            }
        }
    }
    browser.close().await;
}

/// A row that is focused, and a page with an error, count as well.
#[tokio::test]
async fn axe_finds_nothing_on_pages_in_use() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    browser
        .send(&format!("@{name} decide: ship? by friday #x !high"))
        .await;
    for dark in [false, true] {
        browser.dark(dark).await;
        browser.go("/").await;
        browser.press("j").await;
        is_accessible(&browser, "a focused row").await;
        browser
            .write("#quick", "@nobody by friday !critical [a / b] hello")
            .await;
        browser.sees("#quick-preview", "hello").await;
        is_accessible(&browser, "a preview").await;
        browser.press(crate::browser::ESCAPE).await;
        browser.press("?").await;
        browser.sees("dialog[open]", "Keys").await;
        is_accessible(&browser, "the keys").await;
        browser.go("/").await;
        browser.press("f").await;
        browser.sees(".filters[open]", "Importance").await;
        is_accessible(&browser, "the filters").await;
        browser.go("/").await;
        browser.write("#quick", "nobody is named").await;
        browser.click(".quick button[value=send]").await;
        browser.sees(".notice.bad", "Who").await;
        is_accessible(&browser, "an error").await;
    }
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
