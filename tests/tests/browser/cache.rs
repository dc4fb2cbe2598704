//! The website's cache: it may be dropped at any time, and is, once nobody looks.

use std::sync::Arc;

use yoshi_tests::eventually;

use crate::browser::{Browser, SEEN_WITHIN, people};
use crate::website::{Another, PASSWORD};

/// Rows of the cache of one account.
async fn cached(other: &Another, account: &str) -> i64 {
    let count = format!(
        "SELECT (SELECT count(*) FROM cached_task WHERE account = '{account}')
              + (SELECT count(*) FROM cache_view WHERE account = '{account}')"
    );
    other.database.rows(&count).await[0].get(0)
}

/// Logs in at another website than the one where the account was made.
async fn move_to(browser: &mut Browser, other: &Another) {
    browser.address.clone_from(&other.address);
    browser.log_in(&browser.name, PASSWORD).await;
    browser.sees("h1", "For me").await;
}

#[tokio::test]
async fn it_is_dropped_under_a_running_website() {
    let Some([mut browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    let website = Arc::clone(browser.website());
    let other = website.another(&[]).await;
    move_to(&mut browser, &other).await;
    for title in ["one", "two", "three"] {
        browser.send(&format!("@{name} {title}")).await;
    }
    browser.go("/").await;
    let before = browser.titles().await;
    assert_eq!(before.len(), 3);
    other
        .database
        .rows("TRUNCATE cached_task, cache_view, cached_person")
        .await;
    browser.go("/asked").await;
    browser.go("/").await;
    assert_eq!(browser.titles().await, before);
    // The open page hears as before.
    other
        .database
        .rows("TRUNCATE cached_task, cache_view, cached_person")
        .await;
    browser.write("#quick", &format!("@{name} four ")).await;
    browser.click(".quick button[value=send]").await;
    browser.sees(".notice", "Sent").await;
    assert_eq!(browser.titles().await.len(), 4);
    browser.close().await;
}

#[tokio::test]
async fn caches_that_nobody_looks_at_are_dropped() {
    let Some([mut here, mut there]) = people(["ana", "ben"]).await else {
        return;
    };
    let website = Arc::clone(here.website());
    let mut other = website.another(&[]).await;
    for browser in [&mut here, &mut there] {
        move_to(browser, &other).await;
        browser.send(&format!("@{} keep me", browser.name)).await;
    }
    there.click(".me button").await;
    there.sees("h1", "Log in").await;
    assert!(cached(&other, &there.name).await > 0);
    // The website sweeps when it starts: it finds that nobody looks, and since when.
    other.server.kill();
    other.server.start();
    other.server.ready().await;
    let idle = "SELECT account FROM cache_view WHERE idle_since IS NOT NULL GROUP BY account";
    eventually("it is noted", SEEN_WITHIN, async || {
        let idle = other.database.rows(idle).await;
        let idle: Vec<String> = idle.iter().map(|row| row.get(0)).collect();
        match idle == [there.name.clone()] {
            true => Ok(()),
            false => Err(format!("{idle:?}")),
        }
    })
    .await;
    assert!(cached(&other, &there.name).await > 0, "not at once");
    let month = "UPDATE cache_view SET idle_since = idle_since - 31::bigint * 24 * 60 * 60 * 1000";
    other.database.rows(month).await;
    other.server.kill();
    other.server.start();
    other.server.ready().await;
    eventually("it is dropped", SEEN_WITHIN, async || {
        match cached(&other, &there.name).await {
            0 => Ok(()),
            left => Err(left),
        }
    })
    .await;
    assert!(cached(&other, &here.name).await > 0, "somebody looks at it");
    here.close().await;
    there.close().await;
}
