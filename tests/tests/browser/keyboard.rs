//! The website by keys alone.

use crate::browser::{ENTER, ESCAPE, people};

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
