//! Open pages: they hear of news again, keep the focus, and say what was read.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use yoshi_protocol::{AccountName, NewTask, TaskId, Verb};
use yoshi_tests::{Person, eventually};

use crate::browser::{Browser, SEEN_WITHIN, people};

/// Open pages of one account, as the website allows them.
const PAGES_MAX: usize = 16;

/// A colleague who asks this account for something.
async fn asked_by_a_colleague(browser: &Browser, title: &str) -> (Person, TaskId) {
    let client = browser.website().client().await;
    let colleague = Person::register(&client, "cleo").await;
    let task = NewTask::new(title, vec![AccountName::new(&browser.name).unwrap()]);
    let id = task.id;
    let sent = client.send(&colleague.name, &colleague.credential, task);
    sent.await.expect("it is sent");
    (colleague, id)
}

async fn comment(browser: &Browser, colleague: &Person, task: TaskId, text: &str) {
    let client = browser.website().client().await;
    let text = text.to_owned();
    colleague
        .change(&client, task, Verb::Comment { text })
        .await;
}

#[tokio::test]
async fn a_page_that_was_refused_hears_again() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    browser.go("/settings").await;
    let cookies = browser.cookies().await;
    let mut others = Vec::new();
    let request = format!(
        "GET /live HTTP/1.1\r\nHost: {}\r\nCookie: {cookies}\r\n\r\n",
        browser.address
    );
    eventually("all places are taken", SEEN_WITHIN, async || {
        let mut stream = TcpStream::connect(&browser.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut begin = [0; 12];
        stream.read_exact(&mut begin).await.unwrap();
        others.push(stream);
        match begin.ends_with(b"503") && others.len() > PAGES_MAX {
            true => Ok(()),
            false => Err(others.len()),
        }
    })
    .await;
    browser.go("/").await;
    eventually("the page is refused", SEEN_WITHIN, async || {
        match browser.run("return news === null").await.as_bool() {
            Some(true) => Ok(()),
            _ => Err("it listens"),
        }
    })
    .await;
    drop(others);
    eventually("it listens again", SEEN_WITHIN, async || {
        match browser.run("return news?.readyState").await {
            state if state == 1 => Ok(()),
            state => Err(state.to_string()),
        }
    })
    .await;
    asked_by_a_colleague(&browser, "heard again").await;
    browser.sees(".row-title", "heard again").await;
    browser.close().await;
}

/// Puts the focus on a control, and notes which one it is.
async fn focus(browser: &Browser, css: &str) {
    let focus = format!(
        "const it = document.querySelector(\"{css}\"); it.focus(); window.mine = it; \
         return document.activeElement === it"
    );
    assert_eq!(browser.run(&focus).await, true, "{css}");
}

#[tokio::test]
async fn news_takes_no_focus_away() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let (colleague, task) = asked_by_a_colleague(&browser, "paint the shed").await;
    let still = "return window.mine === document.activeElement && window.mine.isConnected";
    browser.go(&format!("/task/{task}")).await;
    for (css, text) in [
        ("form[data-key='a'] button", "take your time"),
        (".me button", "or do not"),
    ] {
        focus(&browser, css).await;
        comment(&browser, &colleague, task, text).await;
        browser.sees("#steps", text).await;
        assert_eq!(browser.run(still).await, true, "{css}");
    }
    // What is replaced gives the focus to what stands in its place.
    browser.go("/").await;
    focus(&browser, "#side a[href='/settings']").await;
    asked_by_a_colleague(&browser, "and the fence").await;
    browser.sees("#list", "and the fence").await;
    browser.sees(".tab[aria-current] .count", "2").await;
    let at = "return document.activeElement.getAttribute('href')";
    assert_eq!(browser.run(at).await, "/settings");
    browser.is_calm().await;
    browser.close().await;
}

/// How it looks in the list of whoever opens that now.
async fn is_unread(browser: &Browser) -> bool {
    let unread = "return fetch('/').then(page => page.text()).then(text => text.includes('(new)'))";
    browser.run(unread).await.as_bool().expect("yes or no")
}

async fn is_read(browser: &Browser) {
    eventually("it is read", SEEN_WITHIN, async || {
        match is_unread(browser).await {
            true => Err("it is new"),
            false => Ok(()),
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_looked_at_is_read_and_nothing_else() {
    /// Longer than a page waits until it takes something for read.
    const A_WHILE: &str = "return new Promise(done => setTimeout(done, 2500))";
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let (colleague, task) = asked_by_a_colleague(&browser, "read the draft").await;
    // The page is opened in the background.
    let source = "window.away = true; \
        Object.defineProperty(document, 'hidden', {get: () => window.away})";
    let added = browser
        .chromium(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({"source": source}),
        )
        .await;
    browser.go(&format!("/task/{task}")).await;
    browser
        .chromium("Page.removeScriptToEvaluateOnNewDocument", added)
        .await;
    browser.run(A_WHILE).await;
    assert!(is_unread(&browser).await, "nobody has seen it");
    let look = "window.away = false; document.dispatchEvent(new Event('visibilitychange'))";
    browser.run(look).await;
    is_read(&browser).await;

    comment(&browser, &colleague, task, "mind the last page").await;
    browser.sees("#steps", "mind the last page").await;
    is_read(&browser).await;

    // Who says that it is not read is believed.
    browser.go(&format!("/task/{task}")).await;
    browser.click("form:has([value=unread]) button").await;
    browser.sees(".notice.good", "unread").await;
    browser.run(A_WHILE).await;
    assert!(is_unread(&browser).await, "they have just said so");
    browser.close().await;
}
