//! HTTP below the pages: requests with two meanings, paths that lead out, connections
//! that say nothing.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::hostile::{ask, post};
use crate::website::Website;

async fn raw(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    drop(stream.write_all(request.as_bytes()).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn requests_have_one_meaning_or_none() {
    let Some(website) = Website::open().await else {
        return;
    };
    let (address, host) = (&website.address, &website.address);
    let begin = format!("POST /log-in HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    let hidden = "0\r\n\r\nGET /register HTTP/1.1\r\nHost: x\r\n\r\n";
    for head in [
        format!(
            "Content-Length: {}\r\nTransfer-Encoding: chunked\r\n",
            hidden.len()
        ),
        "Content-Length: 4\r\nContent-Length: 5\r\n".to_owned(),
        "Content-Length: -1\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\n".to_owned(),
        "X-A: b\r\n folded\r\n".to_owned(),
        "X A: b\r\n".to_owned(),
        format!("X-Long: {}\r\n", "x".repeat(10_000_000)),
    ] {
        let answer = raw(address, &format!("{begin}{head}\r\n{hidden}")).await;
        let said = answer.lines().next().unwrap_or_default().to_owned();
        let answers = answer.matches("HTTP/1.1 ").count();
        assert!(
            answers <= 1 && !answer.contains("Register</h1>"),
            "{head:.60}: {answer}"
        );
        assert!(said.is_empty() || said.contains(" 4"), "{head:.60}: {said}");
    }
    // A body that says that it is packed is not unpacked.
    let gzip = [("Content-Encoding", "gzip")];
    let (status, _) = post(address, "/log-in", &gzip, "\u{1f}\u{8b}").await;
    assert_eq!(status, 403);
    for path in [
        "/assets/../../etc/passwd",
        "/assets/..%2f..%2fCargo.toml",
        "/assets/%2e%2e/app.js",
        "//evil.example/",
        "/task/../../x",
        "/%00",
    ] {
        let (status, head) = ask(address, "GET", path, &[], "").await;
        assert!([303, 400, 404].contains(&status), "{path}: {status}");
        assert!(!head.contains("evil.example\r"), "{path}: {head}");
    }
}

#[tokio::test]
async fn connections_that_say_nothing_are_let_go() {
    const SILENT: usize = 300;
    /// How long a head may take, and some more on a busy machine.
    const GONE_WITHIN: Duration = Duration::from_secs(40);
    let Some(website) = Website::open().await else {
        return;
    };
    let begun = Instant::now();
    let mut silent = Vec::new();
    for number in 0..SILENT {
        let mut stream = TcpStream::connect(&website.address).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
        }
        silent.push(stream);
    }
    let (status, _) = ask(&website.address, "GET", "/log-in", &[], "").await;
    assert_eq!(status, 200, "others are served meanwhile");
    for mut stream in silent {
        let mut rest = Vec::new();
        let left = GONE_WITHIN.saturating_sub(begun.elapsed());
        let ended = tokio::time::timeout(left, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "after {:?}", begun.elapsed());
    }
}
