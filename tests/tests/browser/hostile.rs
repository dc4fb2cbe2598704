//! What people must not be able to do: scripts in tasks, forms from elsewhere.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use yoshi_protocol::{AccountName, Kind, NewTask, Verb};
use yoshi_tests::Person;

use crate::browser::{Browser, people};
use crate::website::Website;

/// Each would run a script, or end what it stands in, if it were not text.
pub(crate) const CORPUS: [&str; 12] = [
    "<script>window.hit=1</script>",
    "\"><img src=x onerror=window.hit=1>",
    "'><svg onload=window.hit=1>",
    "</textarea><script>window.hit=1</script>",
    "</title><script>window.hit=1</script>",
    "javascript:window.hit=1",
    "[x](javascript:window.hit=1)",
    "![x](x\" onerror=\"window.hit=1)",
    "<iframe srcdoc=\"<script>parent.hit=1</script>\">",
    "<a href=\"data:text/html,<script>opener.hit=1</script>\">x</a>",
    "<style>@import'//evil.example'</style>",
    "{{constructor.constructor('window.hit=1')()}}\u{202e}",
];

#[tokio::test]
async fn nothing_in_a_task_is_more_than_text() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    let client = browser.website().client().await;
    let mallory = Person::register(&client, "mallory").await;
    browser.is_appointed().await;
    for text in CORPUS {
        let mut task = NewTask::new(text, vec![AccountName::new(&name).unwrap()]);
        task.body = format!("{text}\n\n- {text}\n\n`{text}`\n\n<{text}>");
        task.kind = Kind::Decide;
        task.options = vec![text.to_owned(), "other".to_owned()];
        task.labels = vec![text.to_owned()];
        let id = task.id;
        let sent = client.send(&mallory.name, &mallory.credential, task).await;
        sent.unwrap_or_else(|error| panic!("{text}: {error}"));
        let said = Verb::Comment {
            text: text.to_owned(),
        };
        mallory.change(&client, id, said).await;
        browser.go(&format!("/task/{id}")).await;
        let title = browser
            .run("return document.querySelector('h1').textContent")
            .await;
        assert_eq!(title, text);
        is_unharmed(&browser, text).await;
        browser.go(&format!("/task/{id}?before=9#{text}")).await;
        is_unharmed(&browser, text).await;
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for path in [
            "/search?q=",
            "/new?title=",
            "/new?body=",
            "/new?line=",
            "/log-in?next=",
            "/preview?line=",
            "/?sent=",
            "/?after=",
            "/?label=",
            "/?person=",
            "/?kind=decide&state=",
            "/asked?label=",
            "/admin/accounts?q=",
            "/admin/accounts?done=disable&q=",
            "/admin/accounts?after=",
            "/admin/accounts/",
        ] {
            browser.go(&format!("{path}{encoded}")).await;
            is_unharmed(&browser, &format!("{path} {text}")).await;
        }
    }
    for path in ["/", "/search?q=window"] {
        browser.go(path).await;
        browser.sees(".row-title", "window.hit").await;
        is_unharmed(&browser, path).await;
    }
    browser.close().await;
}

pub(crate) async fn is_unharmed(browser: &Browser, what: &str) {
    let found = browser
        .run(
            "return [window.hit ?? 0, document.querySelectorAll('main script, iframe, main img:not([alt=\"\"]), \
             [onerror], [onload], main style').length, \
             [...document.links].filter(a => !/^(https?|mailto):/.test(a.href)).length]",
        )
        .await;
    assert_eq!(found, serde_json::json!([0, 0, 0]), "{what}");
    browser.is_calm().await;
}

#[tokio::test]
async fn forms_from_elsewhere_are_refused() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    let cookies = browser.cookies().await;
    let token = browser.form_token().await;
    let line = format!("line=%40{name}+forged&task=01935b7e-0000-7000-8000-000000000001&act=send");
    let with_token = format!("{line}&form_token={token}");
    let cookie = ("Cookie", cookies.as_str());
    let wrong = format!("{line}&form_token={}", "0".repeat(64));
    for (headers, body) in [
        (vec![cookie], &line),
        (vec![cookie], &wrong),
        (vec![cookie, ("Sec-Fetch-Site", "cross-site")], &with_token),
        (
            vec![cookie, ("Origin", "https://evil.example")],
            &with_token,
        ),
    ] {
        let (status, _) = post(&browser.address, "/quick", &headers, body).await;
        assert_eq!(status, 403, "{headers:?}");
    }
    // Logging somebody in to an account of the attacker's is forgery as well.
    let login = "account=a&password=b";
    let (status, _) = post(&browser.address, "/log-in", &[], login).await;
    assert_eq!(status, 403);
    let (status, _) = post(
        "evil.example",
        "/log-in",
        &[("X-To", &browser.address)],
        login,
    )
    .await;
    assert_eq!(status, 421, "another host's name is refused");
    browser.go("/").await;
    browser.sees(".empty", "All clear").await;
    let good = [cookie, ("Sec-Fetch-Site", "same-origin")];
    let (status, head) = post(&browser.address, "/quick", &good, &with_token).await;
    assert_eq!(status, 303, "{head}");
    browser.sees(".row-title", "forged").await;
    browser.close().await;
}

#[tokio::test]
async fn every_answer_carries_the_headers() {
    let Some(website) = Website::open().await else {
        return;
    };
    for path in ["/log-in", "/nothing", "/worker.js", "/"] {
        let (_, head) = ask(&website.address, "GET", path, &[], "").await;
        let head = head.to_lowercase();
        for part in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-",
        ] {
            assert!(head.contains(part), "{path}: {part}: {head}");
        }
    }
    let large = format!("line={}", "x".repeat(400_000));
    let (status, _) = post(&website.address, "/log-in", &[], &large).await;
    assert_eq!(status, 413);
    let (status, _) = ask(&website.address, "GET", "/assets/..%2fCargo.toml", &[], "").await;
    assert_eq!(status, 404);
}

pub(crate) async fn post(
    host: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    ask(host, "POST", path, headers, body).await
}

/// One request by hand: its status and its head. `X-To` names another address
/// to connect to than the host's.
pub(crate) async fn ask(
    host: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    let to = headers.iter().find(|(name, _)| *name == "X-To");
    let to = to.map_or(host, |(_, to)| *to);
    let more: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(to).await.expect("the website listens");
    // A server may answer, and close, before it has read everything.
    drop(stream.write_all(request.as_bytes()).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|text| text.parse().ok());
    let (head, _) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (
        status.unwrap_or_else(|| panic!("{path}: {answer:?}")),
        head.to_owned(),
    )
}
