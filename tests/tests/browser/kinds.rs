//! The forms that each kind of task is answered by, and forms that are submitted twice.

use crate::browser::{Browser, people};
use crate::hostile::post;

/// Opens the task of that title from the list.
async fn open(browser: &Browser, query: &str, title: &str) {
    browser.go(&format!("/?{query}")).await;
    browser.sees(".row-title", title).await;
    browser.click(".row-title").await;
    browser.sees("h1", title).await;
}

#[tokio::test]
async fn every_kind_has_its_answer_without_scripts() {
    let Some([here, there]) = people(["ana", "ben"]).await else {
        return;
    };
    let ben = there.name.clone();
    for line in [
        "decide: which way? [left / right]",
        "answer: how long?",
        "review: the draft",
        "sweep the yard",
        "read: the rules",
    ] {
        here.send(&format!("@{ben} {line}")).await;
    }
    there.without_scripts().await;

    open(&there, "kind=decide", "which way?").await;
    there.click(".note summary").await;
    there.write("#complete-text", "It is shorter").await;
    there.click(".option-button[value=left]").await;
    there.sees(".asks", "chose “left”").await;
    there.sees(".asks", "It is shorter").await;

    open(&there, "kind=answer", "how long?").await;
    there.write("#complete-text", "Two **weeks**").await;
    there.click("form.complete button").await;
    there.sees(".asks strong", "weeks").await;

    open(&there, "kind=review", "the draft").await;
    there.click("button[value=changes]").await;
    there.sees(".notice.bad", "Say which changes").await;
    there.write("#complete-text", "The first line").await;
    there.click("button[value=changes]").await;
    there.sees(".asks", "asked for changes").await;
    there.click("form[data-key='u'] button").await;
    there.sees(".notice.good", "taken back").await;
    there.click("button[value=approve]").await;
    there.sees(".asks", "approved it").await;

    open(&there, "kind=do", "sweep the yard").await;
    there.click(".note summary").await;
    there.write("#complete-text", "And the stairs").await;
    there.click("form.complete .acts button").await;
    there.sees(".asks", "And the stairs").await;

    open(&there, "kind=read", "the rules").await;
    there.click("form.complete button").await;
    there.sees(".asks", "has read it").await;

    here.go("/asked?state=completed").await;
    assert_eq!(here.titles().await.len(), 5);
    here.is_calm().await;
    there.is_calm().await;
    here.close().await;
    there.close().await;
}

/// The value of a hidden field.
async fn hidden(browser: &Browser, css: &str) -> String {
    let script = format!("return document.querySelector(\"{css}\").value");
    let value = browser.run(&script).await;
    value.as_str().expect("a field").to_owned()
}

#[tokio::test]
async fn a_form_that_is_submitted_twice_does_one_thing() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    let (cookies, token) = (browser.cookies().await, browser.form_token().await);
    let headers = [("Cookie", cookies.as_str())];
    let submit = async |path: &str, fields: &str| {
        let body = format!("form_token={token}&{fields}");
        post(&browser.address, path, &headers, &body).await.0
    };
    for (page, path, fields) in [
        ("/", "/quick", format!("act=send&line=%40{name}+one+task")),
        (
            "/new",
            "/new",
            format!("to={name}&title=another+task&kind=do&completion=all&privacy=private"),
        ),
    ] {
        browser.go(page).await;
        let task = hidden(&browser, "main [name=task]").await;
        let fields = format!("{fields}&task={task}");
        let (first, second) = tokio::join!(submit(path, &fields), submit(path, &fields));
        assert_eq!((first, second), (303, 303), "{path}");
        let other = fields
            .replace("task&task=", "thing&task=")
            .replace("another+task", "x");
        assert_eq!(
            submit(path, &other).await,
            422,
            "{path}: with other content"
        );
    }
    browser.go("/").await;
    let mut titles = browser.titles().await;
    titles.sort();
    assert_eq!(titles, ["another task", "one task"]);

    let task = browser.first_task().await;
    browser.go(&task).await;
    let change = hidden(&browser, ".talk [name=change]").await;
    let path = format!("{task}/do");
    let fields = format!("act=comment&text=only+once&change={change}");
    let (first, second) = tokio::join!(submit(&path, &fields), submit(&path, &fields));
    assert_eq!((first, second), (303, 303));
    let other = fields.replace("once", "twice");
    assert_eq!(submit(&path, &other).await, 409, "with other content");
    browser.go(&task).await;
    let comments = browser
        .run("return document.querySelectorAll('#steps .comment').length")
        .await;
    assert_eq!(comments, 1);
    browser.close().await;
}
