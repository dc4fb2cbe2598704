//! What people do every day: register, log in, send, read, search.

use yoshi_tests::eventually;

use crate::browser::{Browser, SEEN_WITHIN, people};
use crate::website::{PASSWORD, Website};

#[tokio::test]
async fn a_task_arrives_live_in_a_second_window() {
    let Some([here, there]) = people(["ana", "ben"]).await else {
        return;
    };
    let (ana, ben) = (here.name.clone(), there.name.clone());
    there.sees(".empty", "All clear").await;

    here.write(
        "#quick",
        &format!("@{ben} decide: ship 1.2? [ship / wait] by tomorrow !high #release "),
    )
    .await;
    here.sees("#quick-preview", "“ship 1.2?”").await;
    here.sees("#quick-preview", "tomorrow").await;
    here.click(".quick button[value=send]").await;
    here.sees(".notice", "Sent").await;

    // No reload: the page is told.
    there.sees(".row-title", "ship 1.2?").await;
    there.sees(".row-facts", &ana).await;
    there.sees(".tab[aria-current] .count", "1").await;
    there.click(".row-title").await;
    there.sees("h1", "ship 1.2?").await;
    there.sees(".options", "wait").await;
    there.sees(".facts summary", "Held by").await;
    here.go("/asked").await;
    here.sees(".row-facts", &format!("to {ben}")).await;
    here.is_calm().await;
    there.is_calm().await;
    here.close().await;
    there.close().await;
}

#[tokio::test]
async fn the_whole_form_and_what_it_says_when_something_is_wrong() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    browser.go("/new").await;
    browser.write("#to", "nobody-of-that-name ").await;
    browser.write("#title", "Plan the offsite").await;
    browser
        .write(
            "#body",
            "# Where\n\n- *Lisbon*\n- [Porto](https://porto.example)",
        )
        .await;
    browser.click(".actions button").await;
    browser
        .sees(
            ".notice.bad",
            "There is no account called nobody-of-that-name",
        )
        .await;
    let kept = browser
        .run("return document.querySelector('#body').value")
        .await;
    assert!(
        kept.as_str().unwrap().contains("Lisbon"),
        "what was typed is kept: {kept}"
    );
    browser
        .run("document.querySelector('#to').value = ''")
        .await;
    browser.write("#to", &name).await;
    browser.click(".actions button").await;
    browser.sees(".notice.good", "held by every server").await;
    browser.sees(".prose h2", "Where").await;
    let link = browser
        .run("return document.querySelector('.prose a').href")
        .await;
    assert_eq!(link, "https://porto.example/");

    browser.go("/search?q=lisb").await;
    browser.sees(".row-title", "Plan the offsite").await;
    browser.go("/search?q=nothing-of-this").await;
    browser.sees(".empty", "Nothing found").await;
    browser.is_calm().await;
    browser.close().await;
}

#[tokio::test]
async fn everything_works_without_scripts() {
    let Some(website) = Website::open().await else {
        return;
    };
    let name = Website::name("ana");
    let mut browser = Browser::open(&website).await;
    browser.without_scripts().await;
    browser.register(&name).await;
    browser
        .send(&format!("@{name} answer: which seat? by friday"))
        .await;
    browser.sees(".row-title", "which seat?").await;
    browser.write("#quick", "no name here").await;
    browser.click(".quick button[value=send]").await;
    browser.sees(".notice.bad", "Who is asked").await;
    browser.write("#to", &name).await;
    browser.click(".actions button").await;
    browser.sees("h1", "no name here").await;
    browser.go("/settings").await;
    browser.click("form[action='/log-out'].card button").await;
    browser.sees(".notice", "You are logged out").await;
    browser.log_in(&name, PASSWORD).await;
    browser.sees("h1", "For me").await;
    browser.close().await;
}

#[tokio::test]
async fn names_are_completed_from_people_one_knows() {
    let Some(website) = Website::open().await else {
        return;
    };
    let (ana, zoe) = (Website::name("ana"), Website::name("zoe"));
    let mut browser = Browser::open(&website).await;
    browser.register(&zoe).await;
    browser.click(".me button").await;
    browser.sees("h1", "Log in").await;
    browser.register(&ana).await;
    browser.send(&format!("@{zoe} hello")).await;
    browser.write("#quick", "@zo").await;
    browser.sees(".names", &zoe).await;
    browser.write("#quick", crate::browser::ENTER).await;
    let line = browser
        .run("return document.querySelector('#quick').value")
        .await;
    assert_eq!(line, format!("@{zoe} "));
    browser.is_calm().await;
    browser.close().await;
}

#[tokio::test]
async fn two_websites_agree() {
    let Some([mut browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    for title in ["one", "two", "three"] {
        browser.send(&format!("@{name} {title}")).await;
    }
    const TITLES: &str =
        "return [...document.querySelectorAll('.row-title')].map(a => a.textContent)";
    let here = browser.run(TITLES).await;
    let other = browser.website().another(&[]).await;
    browser.address.clone_from(&other.address);
    browser.log_in(&name, PASSWORD).await;
    browser.sees("h1", "For me").await;
    assert_eq!(browser.run(TITLES).await, here, "its cache fills itself");
    browser.close().await;
    drop(other);
}

#[tokio::test]
async fn the_last_list_is_there_without_a_network() {
    let Some(website) = Website::open().await else {
        return;
    };
    let name = Website::name("ana");
    let mut other = website.another(&[]).await;
    let mut browser = Browser::open(&website).await;
    browser.address.clone_from(&other.address);
    browser.register(&name).await;
    browser.send(&format!("@{name} read me on the train")).await;
    const KEPT: &str = "return caches.match('/').then(kept => kept ? kept.text() : '')";
    eventually("the list is kept", SEEN_WITHIN, async || {
        browser.go("/").await;
        let kept = browser.run(KEPT).await;
        match kept
            .as_str()
            .is_some_and(|kept| kept.contains("on the train"))
        {
            true => Ok(()),
            false => Err("it is not"),
        }
    })
    .await;
    other.server.kill();
    browser.go("/").await;
    browser.sees(".row-title", "read me on the train").await;
    browser.go("/settings").await;
    browser.sees("h1", "You are offline").await;
    other.server.start();
    other.server.ready().await;
    browser.close().await;
}

/// A browser allows six connections to one website, and each open page listens on
/// one: a page that is left must let go of its own.
#[tokio::test]
async fn many_pages_in_a_row_do_not_wait_for_each_other() {
    const PAGES: usize = 20;
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let begun = std::time::Instant::now();
    for number in 0..PAGES {
        browser
            .go(if number % 2 == 0 { "/asked" } else { "/" })
            .await;
    }
    assert!(begun.elapsed() < SEEN_WITHIN, "{:?}", begun.elapsed());
    browser.close().await;
}

/// Somebody new: nothing to do yet, a colleague's name that is wrong, then right, and
/// second thoughts.
#[tokio::test]
async fn the_first_minutes() {
    let Some([here, there]) = people(["ana", "ben"]).await else {
        return;
    };
    let ben = there.name.clone();
    here.sees(".empty", "All clear").await;
    here.write("#quick", &format!("@{ben}x lunch at noon? by friday "))
        .await;
    here.click(".quick button[value=send]").await;
    here.sees(".notice.bad", &format!("There is no account called {ben}x"))
        .await;
    // What is wrong has the focus, and what was typed stands.
    let focused = "const it = document.activeElement; return [it.id, it.ariaInvalid, it.value]";
    let focused = here.run(focused).await;
    assert_eq!(
        focused,
        serde_json::json!(["to", "true", format!("{ben}x")])
    );
    let title = "return document.querySelector('#title').value";
    assert_eq!(here.run(title).await, "lunch at noon?");
    here.run("document.querySelector('#to').value = ''").await;
    here.write("#to", &format!("{ben} ")).await;
    here.click(".actions button").await;
    here.sees(".notice.good", "held by every server").await;
    there.sees(".row-title", "lunch at noon?").await;
    here.click(".notice.good button").await;
    here.sees(".notice.good", "withdrawn").await;
    there.sees(".group h2", "Done").await;

    // The same from the line.
    here.send(&format!("@{ben} supper then?")).await;
    here.click(".notice.good button").await;
    here.sees(".notice.good", "withdrawn").await;
    here.is_calm().await;
    there.is_calm().await;
    here.close().await;
    there.close().await;
}
