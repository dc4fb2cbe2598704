//! What was typed is not lost, and what was said in haste is not sent.

use serde_json::json;
use yoshi_tests::eventually;

use crate::browser::{Browser, SEEN_WITHIN, people};
use crate::hostile::post;
use crate::website::PASSWORD;

/// Ends this browser's session at the website; its page does not hear of it.
async fn end_session(browser: &Browser) {
    let (cookies, token) = (browser.cookies().await, browser.form_token().await);
    let body = format!("form_token={token}");
    let headers = [("Cookie", cookies.as_str())];
    let (status, head) = post(&browser.address, "/log-out", &headers, &body).await;
    assert_eq!(status, 303, "{head}");
}

async fn value(browser: &Browser, css: &str) -> serde_json::Value {
    let value = format!("return document.querySelector(\"{css}\").value");
    browser.run(&value).await
}

#[tokio::test]
async fn a_task_outlives_the_log_in() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    browser.go("/new").await;
    browser.write("#to", &format!("{name} ")).await;
    browser.write("#title", "plan the offsite").await;
    browser.write("#body", "Lisbon, or Porto").await;
    browser.click("#kinds input[value=answer]").await;
    end_session(&browser).await;
    browser.click(".actions button").await;
    browser.sees("h1", "Log in").await;
    browser.log_in(&name, PASSWORD).await;
    browser.sees("#kept", "It is kept here").await;
    browser.click("#kept button").await;
    browser.sees("h1", "New task").await;
    assert_eq!(value(&browser, "#title").await, "plan the offsite");
    assert_eq!(value(&browser, "#body").await, "Lisbon, or Porto");
    assert_eq!(value(&browser, "#kinds input:checked").await, "answer");
    browser.click(".actions button").await;
    browser.sees(".notice.good", "held by every server").await;
    browser.go("/").await;
    let kept = "return [sessionStorage.getItem('yoshi-kept'), !!document.querySelector('#kept')]";
    assert_eq!(browser.run(kept).await, json!([null, false]));
    browser.is_calm().await;
    browser.close().await;
}

#[tokio::test]
async fn words_for_one_account_are_not_offered_to_another() {
    let Some([browser, other]) = people(["ana", "ben"]).await else {
        return;
    };
    browser.go("/new").await;
    browser.write("#title", "a secret").await;
    browser.write("#to", "ben ").await;
    end_session(&browser).await;
    browser.click(".actions button").await;
    browser.sees("h1", "Log in").await;
    browser.log_in(&other.name, PASSWORD).await;
    browser.sees("h1", "For me").await;
    let kept = "return [sessionStorage.getItem('yoshi-kept'), !!document.querySelector('#kept')]";
    assert_eq!(browser.run(kept).await, json!([null, false]));
    browser.close().await;
    other.close().await;
}

#[tokio::test]
async fn a_submit_that_was_stopped_can_be_repeated() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    browser
        .write("#quick", &format!("@{name} once more "))
        .await;
    browser
        .run("addEventListener('submit', (event) => event.preventDefault(), {once: true})")
        .await;
    browser.click(".quick button[value=send]").await;
    let sent = "return document.querySelector('.quick').dataset.sent ?? null";
    assert_eq!(
        browser.run(sent).await,
        "1",
        "it is on its way, as it seems"
    );
    eventually(
        "the form lives again",
        SEEN_WITHIN,
        async || match browser.run(sent).await {
            state if state.is_null() => Ok(()),
            state => Err(state.to_string()),
        },
    )
    .await;
    browser.click(".quick button[value=send]").await;
    browser.sees(".notice", "Sent").await;
    assert_eq!(browser.titles().await, ["once more"]);
    browser.close().await;
}

#[tokio::test]
async fn a_comment_waits_for_second_thoughts() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    browser.send(&format!("@{name} talk about it")).await;
    let task = browser.first_task().await;
    browser.go(&task).await;
    let comments = "return document.querySelectorAll('#steps .comment').length";
    browser.write("#comment-text", "what nonsense").await;
    browser.click(".talk button").await;
    browser.click("#held button").await;
    assert_eq!(value(&browser, "#comment-text").await, "what nonsense");
    // Longer than a comment waits.
    let a_while = "return new Promise(done => setTimeout(done, 6000))";
    browser.run(a_while).await;
    browser.go(&task).await;
    assert_eq!(browser.run(comments).await, 0);

    // Who waits, or leaves, or insists, has it sent.
    browser.write("#comment-text", "first").await;
    browser.click(".talk button").await;
    browser.sees(".notice.good", "Your comment is there").await;
    assert_eq!(browser.run(comments).await, 1);
    browser.write("#comment-text", "second").await;
    browser.click(".talk button").await;
    browser.click(".talk button[type=submit]").await;
    browser.sees("#steps", "second").await;
    // It may have been seen as news, while the answer to its form was still awaited.
    browser.go(&task).await;
    browser.write("#comment-text", "third").await;
    browser.click(".talk button").await;
    browser.go("/").await;
    eventually("it is there", SEEN_WITHIN, async || {
        browser.go(&task).await;
        match browser.text("#steps").await? {
            steps if steps.contains("third") => Ok(()),
            steps => Err(steps),
        }
    })
    .await;
    assert_eq!(browser.run(comments).await, 3);
    browser.is_calm().await;
    browser.close().await;
}
