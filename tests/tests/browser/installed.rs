//! The website as browsers judge it: installable, light, still, and closed under its
//! public address.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::browser::people;
use crate::hostile::{ask, post};
use crate::website::{PASSWORD, Website};

/// Bytes of the first page with everything that it needs, unpacked.
const FIRST_BYTES_MAX: u64 = 100_000;

#[tokio::test]
async fn it_can_be_installed_and_is_light_and_still() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    for title in ["one", "two", "three"] {
        browser.send(&format!("@{name} {title}")).await;
    }
    browser.go("/").await;
    let weight = "const parts = performance.getEntriesByType('resource') \
            .filter(part => /\\.(css|js|svg)$/.test(new URL(part.name).pathname) && !part.name.endsWith('/worker.js')); \
        return [parts.length, performance.getEntriesByType('navigation')[0].decodedBodySize \
            + parts.reduce((sum, part) => sum + part.decodedBodySize, 0)]";
    let weight = browser.run(weight).await;
    assert!(weight[0].as_u64() >= Some(2), "{weight}");
    assert!(weight[1].as_u64() < Some(FIRST_BYTES_MAX), "{weight}");

    // News, and all: nothing jumps.
    let shift = "return new Promise(done => { let sum = 0; \
        new PerformanceObserver(list => { for (const it of list.getEntries()) if (!it.hadRecentInput) sum += it.value; }) \
            .observe({type: 'layout-shift', buffered: true}); \
        setTimeout(() => done(sum), 1500); })";
    assert_eq!(browser.run(shift).await.as_f64(), Some(0.0));

    let manifest = browser.chromium("Page.getAppManifest", json!({})).await;
    assert_eq!(manifest["errors"], json!([]), "{manifest}");
    let manifest: Value = serde_json::from_str(manifest["data"].as_str().unwrap()).unwrap();
    assert_eq!(manifest["display"], "standalone");
    let sizes: Vec<_> = manifest["icons"].as_array().unwrap().iter().collect();
    for wanted in ["192x192", "512x512"] {
        assert!(sizes.iter().any(|icon| icon["sizes"] == wanted), "{wanted}");
    }
    for icon in sizes {
        let path = icon["src"].as_str().unwrap();
        let (status, head) = ask(&browser.address, "GET", path, &[], "").await;
        assert_eq!(status, 200, "{path}");
        let media = format!("content-type: {}", icon["type"].as_str().unwrap());
        assert!(head.to_lowercase().contains(&media), "{path}: {head}");
    }
    browser.is_calm().await;
    browser.close().await;
}

/// Who registers at the address for others has a session of that host alone.
#[tokio::test]
async fn sessions_belong_to_one_host_behind_tls() {
    const HOST: &str = "yoshi.example.org";
    const ID: [u8; 32] = [0xab; 32];
    let Some(website) = Website::open().await else {
        return;
    };
    let public = website
        .another(&[("YOSHI_WEB_URL", "https://yoshi.example.org")])
        .await;
    let guest = format!("__Host-yoshi-guest={}", "ab".repeat(ID.len()));
    let token = Sha256::digest([&b"yoshi form\0"[..], &ID].concat());
    let token: String = token.iter().map(|byte| format!("{byte:02x}")).collect();
    let name = Website::name("ana");
    let body = format!("form_token={token}&account={name}&password={PASSWORD}&again={PASSWORD}");
    let body = body.replace(' ', "+");
    let to = ("X-To", public.address.as_str());
    let headers = [to, ("Cookie", guest.as_str())];
    let (status, head) = post(HOST, "/register", &headers, &body).await;
    assert_eq!(status, 303, "{head}");
    assert!(
        head.to_lowercase().contains("strict-transport-security:"),
        "{head}"
    );
    let session = head.lines().find(|line| line.contains("__Host-yoshi="));
    let session = session.expect("a session begins");
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(session.contains(part), "{part}: {session}");
    }
    assert!(!session.contains("Domain"), "{session}");
    // Under the name that others could set, it is nobody's.
    let (_, value) = session.split_once("__Host-yoshi=").expect("its name");
    let value = value.split(';').next().expect("its value");
    for (cookie, expected) in [("__Host-yoshi", 200), ("yoshi", 303)] {
        let cookie = format!("{cookie}={value}");
        let (status, head) = ask(HOST, "GET", "/", &[to, ("Cookie", &cookie)], "").await;
        assert_eq!(status, expected, "{cookie}: {head}");
    }
    // A page over plain HTTP is another website.
    let origin = [to, headers[1], ("Origin", "http://yoshi.example.org")];
    let (status, _) = post(HOST, "/register", &origin, &body).await;
    assert_eq!(status, 403);
}
