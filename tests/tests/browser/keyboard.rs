//! The website by keys alone.

use crate::browser::{Browser, ENTER, ESCAPE, people};

const TAB: &str = "\u{e004}";
const DOWN: &str = "\u{e015}";

#[tokio::test]
async fn the_keys_do_what_the_page_says() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    browser.send(&format!("@{name} first !high")).await;
    browser.send(&format!("@{name} second")).await;
    browser.sees("#list", "second").await;

    browser.press("j").await;
    let focused = "return document.activeElement.textContent";
    assert_eq!(browser.run(focused).await, "first");
    browser.press("j").await;
    assert_eq!(browser.run(focused).await, "second");
    browser.press("j").await;
    assert_eq!(browser.run(focused).await, "second", "the last one stays");
    browser.press("k").await;
    browser.press(ENTER).await;
    browser.sees("h1", "first").await;
    browser.press("b").await;
    browser.sees("h1", "For me").await;
    browser.press("gs").await;
    browser.sees("h1", "Asked by me").await;
    browser.press("gi").await;
    browser.sees("h1", "For me").await;
    browser.press("?").await;
    browser.sees("dialog[open]", "next, previous task").await;
    browser.press(ESCAPE).await;
    browser.press("c").await;
    assert_eq!(
        browser.run("return document.activeElement.id").await,
        "quick"
    );
    browser.press("jk?").await;
    assert_eq!(
        browser.run("return document.activeElement.value").await,
        "jk?",
        "keys in a field are letters"
    );
    browser.press(ESCAPE).await;
    browser.press("/").await;
    browser.sees("h1", "Search").await;
    browser.is_calm().await;
    browser.close().await;
}

/// Where the focus is: what it looks like, and whether one sees it.
const FOCUS: &str = "const it = document.activeElement; \
    if (it === document.body || it === document.documentElement) return ['', true, true, '']; \
    const box = it.matches('.choice input') ? it.nextElementSibling : it; \
    const ring = style => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2; \
    const seen = ring(getComputedStyle(box)) || ring(getComputedStyle(box, '::after')); \
    const at = box.getBoundingClientRect(); \
    const inView = at.bottom > 0 && at.top < innerHeight && at.right > 0 && at.left < innerWidth; \
    return [it.outerHTML.slice(0, 100), seen, inView, it.id || it.value || it.textContent.trim()]";
/// More than any page has to offer.
const STEPS_MAX: usize = 120;

/// Goes through a page by the tab key: what it meets, in order. Each is seen to have
/// the focus, and stands where one sees it.
async fn walk(browser: &Browser, path: &str) -> Vec<String> {
    browser.go(path).await;
    browser
        .run("document.activeElement.blur(); window.scrollTo(0, 0)")
        .await;
    let mut met = Vec::new();
    for _ in 0..STEPS_MAX {
        browser.press(TAB).await;
        let focus = browser.run(FOCUS).await;
        let what = focus[0].as_str().unwrap();
        if what.is_empty() || met.first() == focus[3].as_str().map(str::to_owned).as_ref() {
            return met;
        }
        assert_eq!(focus[1], true, "{path}: {what} does not look focused");
        assert_eq!(focus[2], true, "{path}: {what} is out of sight");
        met.push(focus[3].as_str().unwrap().to_owned());
    }
    panic!("{path}: the focus never leaves: {met:?}");
}

#[tokio::test]
async fn the_tab_key_reaches_everything_and_one_sees_where() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let line = format!("@{} decide: ship? [yes / no]", browser.name);
    browser.send(&line).await;
    let task = browser.first_task().await;
    browser.is_appointed().await;
    for (path, needed) in [
        ("/", &["Skip to the content", "quick", "ship?"][..]),
        ("/new", &["title", "do", "body", "due_day", "Send"]),
        ("/search?q=ship", &["q", "Search", "ship?"]),
        ("/settings", &["system", "zone", "old", "new", "again"]),
        (
            &task,
            &["yes", "no", "Accept", "Decline…", "Snooze…", "comment-text"],
        ),
        ("/admin/accounts", &["q"]),
    ] {
        let met = walk(&browser, path).await;
        let mut left = met.iter();
        for wanted in needed {
            let found = left.any(|name| name == wanted);
            assert!(found, "{path}: {wanted} is not met, or too early: {met:?}");
        }
    }
    browser.close().await;
}

/// A task is written, found and answered without a mouse, and without our own keys.
#[tokio::test]
async fn a_task_goes_its_way_by_the_tab_key_alone() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    let to = async |wanted: &str| {
        for _ in 0..STEPS_MAX {
            browser.press(TAB).await;
            if browser.run(FOCUS).await[3] == wanted {
                return;
            }
        }
        panic!("{wanted} is not reached");
    };
    browser.go("/new").await;
    let focused = "return document.activeElement.id";
    assert_eq!(browser.run(focused).await, "to", "where one begins");
    browser.press(&name).await;
    to("title").await;
    browser.press("water the plants").await;
    to("Send").await;
    browser.press(ENTER).await;
    browser.sees("h1", "water the plants").await;

    browser.go("/search").await;
    browser.press("plan").await;
    browser.press(ENTER).await;
    browser.sees(".row-title", "water the plants").await;
    to("water the plants").await;
    browser.press(ENTER).await;
    browser.sees("h1", "water the plants").await;
    to("Decline…").await;
    browser.press(ENTER).await;
    to("decline-reason").await;
    browser.press("they are made of plastic").await;
    to("Decline").await;
    browser.press(ENTER).await;
    browser.sees(".notice.good", "declined").await;

    browser.go("/settings").await;
    to("system").await;
    browser.press(DOWN).await;
    browser.press(DOWN).await;
    to("Save").await;
    browser.press(ENTER).await;
    browser.sees(".notice.good", "Saved").await;
    let theme = "return document.documentElement.dataset.theme";
    assert_eq!(browser.run(theme).await, "dark");
    browser.close().await;
}
