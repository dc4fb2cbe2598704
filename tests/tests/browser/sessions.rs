//! Sessions: cookies, forgery, log-out, a new password.

use serde_json::Value;

use crate::browser::{Browser, people};
use crate::hostile::post;
use crate::website::PASSWORD;

#[tokio::test]
async fn a_new_password_ends_every_session() {
    let Some([here]) = people(["ana"]).await else {
        return;
    };
    let name = here.name.clone();
    let there = Browser::open(here.website()).await;
    there.log_in(&name, PASSWORD).await;
    there.sees("h1", "For me").await;
    here.go("/settings").await;
    here.sees(".sessions", "this browser").await;
    here.write("#old", "not the password").await;
    for field in ["#new", "#again"] {
        here.write(field, "a new horse battery").await;
    }
    here.click("form[action='/settings/password'] button").await;
    here.sees(".notice.bad", "The old password is wrong").await;
    here.write("#old", PASSWORD).await;
    for field in ["#new", "#again"] {
        here.write(field, "a new horse battery").await;
    }
    here.click("form[action='/settings/password'] button").await;
    here.sees("h1", "Log in").await;
    // The other window hears of it by itself.
    there.sees("h1", "Log in").await;
    there.log_in(&name, PASSWORD).await;
    there.sees(".notice.bad", "Name or password is wrong").await;
    there.log_in(&name, "a new horse battery").await;
    there.sees("h1", "For me").await;
    here.close().await;
    there.close().await;
}

#[tokio::test]
async fn one_session_ends_another() {
    let Some([here]) = people(["ana"]).await else {
        return;
    };
    let name = here.name.clone();
    let there = Browser::open(here.website()).await;
    there.log_in(&name, PASSWORD).await;
    there.sees("h1", "For me").await;
    let before = there.cookies().await;
    here.go("/settings").await;
    here.click("#end-others summary").await;
    here.click("button[value=others]").await;
    here.sees(".notice.good", "ended").await;
    // The other window hears of it by itself.
    there.sees("h1", "Log in").await;
    here.go("/").await;
    here.sees("h1", "For me").await;
    let (status, _) = post(&here.address, "/quick", &[("Cookie", &before)], "line=x").await;
    assert_eq!(
        status, 303,
        "the cookie of an ended session leads to the log-in"
    );
    here.close().await;
    there.close().await;
}

#[tokio::test]
async fn cookies_are_closed_and_new_at_each_log_in() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    let first = browser.cookie("yoshi").await;
    assert_eq!(first["httpOnly"], Value::Bool(true), "{first}");
    assert_eq!(first["sameSite"], "Lax", "{first}");
    let seen = browser.run("return document.cookie").await;
    assert!(!seen.as_str().unwrap().contains("yoshi="), "{seen}");
    browser.click(".me button").await;
    browser.sees("h1", "Log in").await;
    browser.log_in(&name, PASSWORD).await;
    browser.sees("h1", "For me").await;
    assert_ne!(browser.cookie("yoshi").await["value"], first["value"]);
    browser.close().await;
}

#[tokio::test]
async fn unknown_names_are_answered_like_wrong_passwords() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    browser.click(".me button").await;
    browser.sees("h1", "Log in").await;
    let mut said = Vec::new();
    for who in [name.as_str(), "nobody-at-all", "No Name!"] {
        browser.log_in(who, "a wrong password").await;
        browser.sees(".notice.bad", "wrong").await;
        said.push(browser.text(".notice").await.unwrap());
        let kept = browser
            .run("return document.querySelector('#account').value")
            .await;
        assert_eq!(kept, who.to_lowercase(), "what was typed is kept");
    }
    assert!(said.iter().all(|words| *words == said[0]), "{said:?}");
    browser.close().await;
}
