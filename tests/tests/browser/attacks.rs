//! What programs try that no browser would: made-up sessions and cursors, text that
//! looks like a statement, forms without their proof.

use yoshi_tests::eventually;

use crate::browser::{Browser, SEEN_WITHIN, people};
use crate::hostile::{ask, post};
use crate::website::{PASSWORD, Website};

/// Each would be something else than text, if it became part of a statement or of
/// its patterns; the last ones no database takes.
const STATEMENTS: [&str; 7] = [
    "'; DROP TABLE cached_task; --",
    "\\'; SELECT 1; --",
    "$1 $$ :a ?",
    "%_\\%",
    "{\"a\": [1]} E'\\n'",
    "''''''''''''''''''''''''''''''''",
    "a & | ! ( b :* <-> 'c'",
];

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[tokio::test]
async fn what_looks_like_a_statement_is_stored_as_it_is() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    browser.is_appointed().await;
    browser.go("/").await;
    let name = browser.name.clone();
    let (cookies, token) = (browser.cookies().await, browser.form_token().await);
    let headers = [("Cookie", cookies.as_str())];
    for (number, text) in STATEMENTS.iter().enumerate() {
        let id = format!("01935b7e-0000-7000-8000-0000000005{number:02}");
        let text_sent = encoded(text);
        // What no task may hold is left out, or refused, and nobody stumbles.
        let body = format!(
            "form_token={token}&task={id}&to={name}&title={text_sent}&body={text_sent}%00&kind=do&\
             completion=all&privacy=private&importance=5&links=&labels=l"
        );
        let (status, _) = post(&browser.address, "/new", &headers, &body).await;
        assert_ne!(status / 100, 5, "{text}: with U+0000");
        let body = body.replace("%00", "");
        let (status, head) = post(&browser.address, "/new", &headers, &body).await;
        assert_eq!(status, 303, "{text}: {head}");
        browser.go(&format!("/task/{id}")).await;
        let title = "return document.querySelector('h1').textContent";
        assert_eq!(browser.run(title).await, *text);
        for path in [
            "/search?q=",
            "/?person=",
            "/?label=",
            "/?kind=",
            "/?after=",
            "/asked?state=",
            "/admin/accounts?q=",
            "/admin/accounts?after=",
            "/search?q=x&before=",
            "/task/",
            "/log-in?next=",
        ] {
            for text in [text_sent.clone(), format!("{text_sent}%00")] {
                let path = format!("{path}{text}");
                let (status, _) = ask(&browser.address, "GET", &path, &headers, "").await;
                assert_ne!(status / 100, 5, "{path}");
            }
        }
    }
    browser.go("/").await;
    assert_eq!(browser.titles().await.len(), STATEMENTS.len());
    browser.close().await;
}

#[tokio::test]
async fn cursors_of_nobody_show_nothing_of_others() {
    let Some([here, there]) = people(["ana", "ben"]).await else {
        return;
    };
    there.send(&format!("@{} for ben alone", there.name)).await;
    here.send(&format!("@{} for ana alone", here.name)).await;
    let task = here.first_task().await;
    for cursor in [
        "-1",
        "0",
        "9223372036854775807",
        "18446744073709551615",
        "99999999999999999999",
        "0_0_0_0",
        "-1_-9223372036854775808_0_-9223372036854775808",
        "6_9223372036854775807_0_9223372036854775807",
        "nonsense",
    ] {
        for path in [
            "/?after=",
            "/asked?after=",
            "/search?q=alone&before=",
            &format!("{task}?before="),
        ] {
            let path = format!("{path}{cursor}");
            here.go(&path).await;
            let shown = "return [document.querySelector('h1').textContent, document.body.innerText.includes('for ben')]";
            let shown = here.run(shown).await;
            assert_eq!(shown[1], false, "{path}");
            assert_ne!(shown[0], "That went wrong", "{path}");
        }
    }
    here.close().await;
    there.close().await;
}

#[tokio::test]
async fn sessions_end_at_once_and_cannot_be_made_up() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    let other = browser.website().another(&[]).await;
    let mut there = Browser::open(browser.website()).await;
    there.address.clone_from(&other.address);
    there.log_in(&name, PASSWORD).await;
    there.sees("h1", "For me").await;
    let elsewhere = there.cookies().await;

    let cookies = browser.cookies().await;
    let is_out = async |address: &str, cookies: &str| {
        let (status, head) = ask(address, "GET", "/", &[("Cookie", cookies)], "").await;
        status == 303 && head.contains("/log-in")
    };
    assert!(!is_out(&browser.address, &cookies).await);
    assert!(
        is_out(&other.address, &cookies).await,
        "it is of one website"
    );
    let id = cookies.split("yoshi=").nth(1).unwrap()[..64].to_owned();
    let flipped: String = id
        .chars()
        .map(|digit| if digit == '0' { '1' } else { '0' })
        .collect();
    for made_up in [&flipped, &id[..63], &format!("{id}0"), "", &"0".repeat(64)] {
        let cookie = format!("yoshi={made_up}");
        assert!(is_out(&browser.address, &cookie).await, "{made_up}");
    }
    // An id that somebody else chose is not the one that is logged in.
    let chosen = format!("yoshi={flipped}; yoshi-guest={flipped}");
    let (_, head) = ask(
        &browser.address,
        "GET",
        "/log-in",
        &[("Cookie", &chosen)],
        "",
    )
    .await;
    assert!(!head.contains("yoshi=") && is_out(&browser.address, &chosen).await);

    // A log-out ends it at once; a new password ends all, at every website.
    browser.click(".me button").await;
    browser.sees("h1", "Log in").await;
    assert!(is_out(&browser.address, &cookies).await);
    browser.log_in(&name, PASSWORD).await;
    browser.sees("h1", "For me").await;
    assert!(!is_out(&other.address, &elsewhere).await);
    browser.go("/settings").await;
    browser.write("#old", PASSWORD).await;
    for field in ["#new", "#again"] {
        browser.write(field, "a new horse battery").await;
    }
    browser
        .click("form[action='/settings/password'] button")
        .await;
    browser.sees("h1", "Log in").await;
    eventually(
        "the other website knows",
        SEEN_WITHIN,
        async || match is_out(&other.address, &elsewhere).await {
            true => Ok(()),
            false => Err("it shows the list"),
        },
    )
    .await;
    browser.close().await;
    there.close().await;
}

#[tokio::test]
async fn passwords_cannot_be_tried_for_long() {
    const TRIES: usize = 12;
    let Some(website) = Website::open().await else {
        return;
    };
    let (_, head) = ask(&website.address, "GET", "/log-in", &[], "").await;
    let guest = head.split("yoshi-guest=").nth(1).unwrap()[..64].to_owned();
    let browser = Browser::open(&website).await;
    browser.go("/log-in").await;
    let (cookies, token) = (browser.cookies().await, browser.form_token().await);
    assert!(!cookies.contains(&guest), "each guest is somebody else");
    let name = Website::name("nobody");
    let body = format!("form_token={token}&account={name}&password=wrong");
    let mut last = (0, String::new());
    for _ in 0..TRIES {
        last = post(&website.address, "/log-in", &[("Cookie", &cookies)], &body).await;
        assert!([422, 429].contains(&last.0), "{last:?}");
    }
    let (status, head) = last;
    assert_eq!(status, 429, "{head}");
    assert!(head.to_lowercase().contains("retry-after:"), "{head}");
    browser.close().await;
}

/// Under its address for others the website marks its cookies, and wants TLS.
#[tokio::test]
async fn cookies_belong_to_one_host_behind_tls() {
    let Some(website) = Website::open().await else {
        return;
    };
    let public = website
        .another(&[("YOSHI_WEB_URL", "https://yoshi.example.org")])
        .await;
    let headers = [("X-To", public.address.as_str())];
    let (status, head) = ask("yoshi.example.org", "GET", "/log-in", &headers, "").await;
    assert_eq!(status, 200, "{head}");
    let head = head.to_lowercase();
    for part in [
        "set-cookie: __host-yoshi-guest=",
        "; path=/; httponly; samesite=lax; secure",
        "strict-transport-security: max-age=31536000",
    ] {
        assert!(head.contains(part), "{part}: {head}");
    }
    let (status, _) = ask(&public.address, "GET", "/log-in", &[], "").await;
    assert_eq!(status, 421);
}

/// What is changed is changed by a form of ours alone: no address does it, and no
/// form without its proof.
#[tokio::test]
async fn every_change_needs_a_form_of_ours() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    browser
        .send(&format!("@{} stay as it is", browser.name))
        .await;
    let task = browser.first_task().await;
    browser.is_appointed().await;
    let cookies = browser.cookies().await;
    let headers = [("Cookie", cookies.as_str())];
    let account = format!("/admin/accounts/{}", browser.name);
    for path in [
        "/new",
        "/quick",
        &format!("{task}/do"),
        &format!("{task}/revise"),
        "/settings/look",
        "/settings/password",
        "/settings/sessions",
        "/log-out",
        "/log-in",
        "/register",
        &account,
    ] {
        let (status, _) = post(&browser.address, path, &headers, "act=complete&answer=done").await;
        assert_eq!(status, 403, "{path}");
        let json = [headers[0], ("Content-Type", "text/plain")];
        let (status, _) = post(&browser.address, path, &json, "x").await;
        assert!([403, 415].contains(&status), "{path}: {status}");
        let (status, _) = ask(&browser.address, "PUT", path, &headers, "").await;
        assert_eq!(status, 405, "{path}");
    }
    for path in [
        &format!("{task}/do"),
        "/quick",
        "/log-out",
        "/settings/sessions",
    ] {
        let (status, _) = ask(&browser.address, "GET", path, &headers, "").await;
        assert_eq!(status, 405, "{path}");
    }
    browser.go(&task).await;
    browser.sees(".state", "not answered yet").await;
    browser.close().await;
}
