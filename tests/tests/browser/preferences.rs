//! What a browser remembers of how its user wants the website.

use yoshi_tests::eventually;

use crate::browser::{Browser, SEEN_WITHIN, people};
use crate::website::Website;

/// Saves what stands in the form of the settings.
async fn save(browser: &Browser) {
    browser.click("form[action='/settings/look'] button").await;
    browser.sees(".notice.good", "Saved").await;
}

#[tokio::test]
async fn the_zone_that_was_chosen_stays() {
    const CHOSEN: &str = "Pacific/Auckland";
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    // At first it is the browser's own.
    let zone = "return [document.body.dataset.zone, Intl.DateTimeFormat().resolvedOptions().timeZone, document.cookie]";
    eventually("the browser's zone is taken", SEEN_WITHIN, async || {
        browser.go("/").await;
        let zone = browser.run(zone).await;
        match zone[0] == zone[1] && zone[2].as_str().unwrap().contains("yoshi-zone=") {
            true => Ok(()),
            false => Err(zone.to_string()),
        }
    })
    .await;
    browser.go("/settings").await;
    browser
        .run("document.querySelector('#zone').value = ''")
        .await;
    browser.write("#zone", CHOSEN).await;
    save(&browser).await;
    // As in another tab: that knows nothing of this one.
    browser.run("sessionStorage.clear()").await;
    for path in ["/", "/new", "/settings"] {
        browser.go(path).await;
        let zone = browser.run("return document.body.dataset.zone").await;
        assert_eq!(zone, CHOSEN, "{path}");
    }
    browser.go("/new").await;
    browser.sees("label[for=due_day]", CHOSEN).await;
    browser.close().await;
}

#[tokio::test]
async fn without_scripts_the_page_says_its_zone() {
    let Some(website) = Website::open().await else {
        return;
    };
    let mut browser = Browser::open(&website).await;
    browser.without_scripts().await;
    browser.register(&Website::name("ana")).await;
    browser.sees("noscript", "Times are those of UTC").await;
    browser.close().await;
}

#[tokio::test]
async fn letters_are_no_shortcuts_for_those_who_say_so() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    browser.send(&format!("@{name} water the plants")).await;
    let shortcut = async || {
        browser.go("/").await;
        browser.press("c").await;
        browser.run("return document.activeElement.id").await == "quick"
    };
    assert!(shortcut().await);
    browser.go("/settings").await;
    browser.click("input[name=keys]").await;
    save(&browser).await;
    assert!(!shortcut().await);
    let task = browser.first_task().await;
    browser.go(&task).await;
    browser.press("a").await;
    browser.press("?").await;
    browser.go(&task).await;
    browser.sees(".asks", "not answered yet").await;
    browser.go("/settings").await;
    browser.click("input[name=keys]").await;
    save(&browser).await;
    assert!(shortcut().await);
    browser.close().await;
}
