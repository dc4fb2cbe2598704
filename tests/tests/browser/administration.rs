//! The pages for administrators: who sees them, and what is done there.

use futures::{StreamExt, stream};
use yoshi_protocol::{AccountName, Password};
use yoshi_tests::eventually;

use crate::browser::{Browser, SEEN_WITHIN, people};
use crate::hostile::post;
use crate::website::{PASSWORD, Website};

/// Accounts on one page.
const PAGE: usize = 30;
/// Registrations at a time.
const AT_ONCE: usize = 4;

async fn links(browser: &Browser) -> i64 {
    let links = browser
        .run("return document.querySelectorAll(\"a[href^='/admin']\").length")
        .await;
    links.as_i64().expect("a number")
}

#[tokio::test]
async fn to_everybody_else_they_do_not_exist() {
    let Some([here, there]) = people(["ana", "ben"]).await else {
        return;
    };
    let account = format!("/admin/accounts/{}", there.name);
    for path in [
        "/admin",
        "/administration",
        "/admin/accounts",
        "/admin/servers",
        &account,
    ] {
        here.go(path).await;
        here.sees("h1", "Nothing here").await;
    }
    for path in ["/", "/settings"] {
        here.go(path).await;
        assert_eq!(links(&here).await, 0, "{path}");
    }
    let (cookies, token) = (here.cookies().await, here.form_token().await);
    let headers = [("Cookie", cookies.as_str())];
    let body = format!("act=disable&form_token={token}");
    let (status, _) = post(&here.address, &account, &headers, &body).await;
    assert_eq!(status, 404, "nor is there anything to submit to");

    here.is_appointed().await;
    for path in ["/", "/settings"] {
        here.go(path).await;
        assert!(links(&here).await > 0, "{path}");
    }
    for path in ["/admin", "/administration"] {
        here.go(path).await;
        here.sees("h1", "Administration").await;
        let at = here.run("return location.pathname").await;
        assert_eq!(at, "/admin/accounts", "{path}");
    }
    let (status, _) = post(&here.address, &account, &headers, "act=disable").await;
    assert_eq!(
        status, 403,
        "an administrator's form carries its proof as well"
    );
    here.website().dismiss(&here.name);
    eventually(
        "somebody who was dismissed sees nothing",
        SEEN_WITHIN,
        async || {
            here.go(&account).await;
            match here.text("h1").await?.as_str() {
                "Nothing here" => Ok(()),
                other => Err(other.to_owned()),
            }
        },
    )
    .await;
    there.go("/").await;
    there.sees("h1", "For me").await;
    here.close().await;
    there.close().await;
}

#[tokio::test]
async fn an_account_is_disabled_and_enabled() {
    let Some([here, there]) = people(["ana", "ben"]).await else {
        return;
    };
    let (ana, ben) = (here.name.clone(), there.name.clone());
    here.is_appointed().await;
    here.without_scripts().await;
    here.go("/admin/accounts").await;
    here.write("#q", &ben).await;
    here.click(".search button").await;
    let manage = format!("a[href='/admin/accounts/{ben}']");
    here.sees(&manage, "Disable").await;
    here.click(&manage).await;
    here.sees("#question", &format!("Disable {ben}?")).await;
    // Nothing has happened yet.
    there.go("/").await;
    there.sees("h1", "For me").await;
    here.click(".confirm button").await;
    here.sees(".notice.good", "is disabled").await;
    here.sees(".account-name .state", "disabled").await;
    // The open page hears of it by itself.
    there.sees("h1", "Log in").await;
    there.log_in(&ben, PASSWORD).await;
    there.sees(".notice.bad", "wrong").await;

    here.click(&manage).await;
    here.sees("#question", &format!("Enable {ben}?")).await;
    here.click(".confirm button").await;
    here.sees(".notice.good", "is enabled").await;
    there.log_in(&ben, PASSWORD).await;
    there.sees("h1", "For me").await;

    let myself = format!("/admin/accounts/{ana}");
    here.go(&myself).await;
    here.sees(".notice.caution", "This is you").await;
    let (cookies, token) = (here.cookies().await, here.form_token().await);
    let body = format!("act=disable&form_token={token}");
    let headers = [("Cookie", cookies.as_str())];
    let (status, _) = post(&here.address, &myself, &headers, &body).await;
    assert_eq!(status, 409, "nobody locks themselves out");
    here.go("/admin/accounts/nobody-has-this-name").await;
    here.sees("h1", "Nothing here").await;
    here.is_calm().await;
    here.close().await;
    there.close().await;
}

#[tokio::test]
async fn accounts_are_found_by_their_beginning_page_by_page() {
    let Some([here]) = people(["ana"]).await else {
        return;
    };
    here.is_appointed().await;
    let client = here.website().client().await;
    let beginning = Website::name("crew");
    let names: Vec<_> = (0..=PAGE)
        .map(|number| AccountName::new(&format!("{beginning}-{number:02}")).unwrap())
        .collect();
    let made = stream::iter(&names).map(|name| {
        let password = Password::new(PASSWORD.to_owned());
        let client = &client;
        async move { client.create_account(name, &password).await }
    });
    let made: Vec<_> = made.buffer_unordered(AT_ONCE).collect().await;
    for outcome in made {
        outcome.expect("it is created");
    }
    here.go(&format!("/admin/accounts?q={beginning}")).await;
    const NAMES: &str =
        "return [...document.querySelectorAll('.account-name b')].map(b => b.textContent)";
    let seen = here.run(NAMES).await;
    assert_eq!(seen, serde_json::json!(names[..PAGE]));
    here.click(".more a").await;
    here.sees(".account-name", names[PAGE].as_str()).await;
    let seen = here.run(NAMES).await;
    assert_eq!(seen, serde_json::json!(names[PAGE..]), "then nobody else");
    here.go("/admin/accounts?q=No+Such%3AName").await;
    here.sees(".empty", "no such:name").await;
    here.close().await;
}

#[tokio::test]
async fn servers_are_seen_to_move_on() {
    let Some([here, there]) = people(["ana", "ben"]).await else {
        return;
    };
    here.is_appointed().await;
    here.go("/admin/servers").await;
    const TABLE: &str = "return [...document.querySelectorAll('.servers tbody tr')].map(row => \
        [...row.children].slice(0, 2).map(cell => cell.textContent))";
    let expected = serde_json::json!([["ms1", "serving"], ["ms2", "serving"], ["rs1", "primary"]]);
    eventually("every server stands there", SEEN_WITHIN, async || {
        let seen = here.run(TABLE).await;
        match seen == expected {
            true => Ok(()),
            false => Err(seen.to_string()),
        }
    })
    .await;
    let position = "return document.querySelector('td[data-name=Position]').textContent";
    let before = here.run(position).await;
    there.send(&format!("@{} move on", there.name)).await;
    eventually("the page shows a later position", SEEN_WITHIN, async || {
        let now = here.run(position).await;
        match now != before {
            true => Ok(()),
            false => Err(now.to_string()),
        }
    })
    .await;
    here.is_calm().await;
    here.close().await;
    there.close().await;
}
