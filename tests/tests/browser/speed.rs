//! How long the pages of a large inbox take: a measurement, run by hand.
//!
//! ```sh
//! cargo build --release --workspace --bins
//! YOSHI_TEST_BINARIES=target/release cargo test --release -p yoshi-tests --test browser \
//!     -- --ignored --nocapture a_page_of_ten_thousand
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use yoshi_client::Client;
use yoshi_protocol::{AccountName, Kind, NewTask, Verb};
use yoshi_tests::Person;

use crate::browser::people;
use crate::hostile::ask;

const TASKS: usize = 10_000;
const AT_ONCE: usize = 64;
const LOADS: usize = 100;
/// Steps of a long history: as many as one page shows.
const STEPS: usize = 199;
/// Bytes of the first page, with style, script and icon.
const FIRST_BYTES_MAX: usize = 100_000;
/// What half of the loads of a page may take at most.
const PAGE_WITHIN: Duration = Duration::from_millis(50);

#[tokio::test]
#[ignore = "a measurement, with release builds on a quiet machine"]
async fn a_page_of_ten_thousand_tasks_is_fast() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    let cookies = browser.cookies().await;
    let website = Arc::clone(browser.website());
    browser.close().await;

    let client = website.client().await;
    let sender = Person::register(&client, "sender").await;
    let to = AccountName::new(&name).unwrap();
    let sends = stream::iter(0..TASKS).map(|number| {
        let mut task = NewTask::new(format!("Task {number} of many"), vec![to.clone()]);
        task.body = format!("word{number} ").repeat(40);
        task.importance = u8::try_from(number % 9 + 1).unwrap();
        task.kind = if number % 3 == 0 {
            Kind::Review
        } else {
            Kind::Do
        };
        task.due = (number % 2 == 0).then(|| "2030-05-06".parse().unwrap());
        client.send(&sender.name, &sender.credential, task)
    });
    let mut sent = sends.buffer_unordered(AT_ONCE);
    while let Some(outcome) = sent.next().await {
        outcome.expect("it is sent");
    }

    let history = long_history(&client, &sender, &to).await;
    let begun = Instant::now();
    load(&website.address, "/", &cookies).await;
    println!(
        "filling the cache, and the first page: {:?}",
        begun.elapsed()
    );
    let (mut first, mut slow) = (0, Vec::new());
    for path in [
        "/",
        "/?after=1_5_9000000000000000_-1",
        "/search?q=word77",
        "/search?q=word",
        "/asked",
        &history,
    ] {
        let mut times = Vec::new();
        let mut bytes = 0;
        for _ in 0..LOADS {
            let begun = Instant::now();
            bytes = load(&website.address, path, &cookies).await;
            times.push(begun.elapsed());
        }
        times.sort();
        let (median, nine_of_ten) = (times[LOADS / 2], times[LOADS * 9 / 10]);
        println!(
            "{path}: {bytes} bytes, median {median:?}, p90 {nine_of_ten:?}, max {:?}",
            times[LOADS - 1]
        );
        if median >= PAGE_WITHIN {
            slow.push(path);
        }
        first = first.max(bytes * usize::from(path == "/"));
    }
    let parts = parts(&website.address, &cookies).await;
    println!("{parts} bytes of style, script and icon");
    assert!(first + parts < FIRST_BYTES_MAX, "{first} and {parts}");
    assert!(slow.is_empty(), "not within {PAGE_WITHIN:?}: {slow:?}");
}

/// The page of a task that was talked about as long as one page of a history shows.
async fn long_history(client: &Client, sender: &Person, to: &AccountName) -> String {
    let task = NewTask::new("Talked about", vec![to.clone()]);
    let id = task.id;
    let sent = client.send(&sender.name, &sender.credential, task).await;
    sent.expect("it is sent");
    for number in 0..STEPS {
        let text = format!("Remark {number} about this and that, in *one* line.");
        sender.change(client, id, Verb::Comment { text }).await;
    }
    format!("/task/{id}")
}

/// Bytes of what the first page needs beside itself.
async fn parts(address: &str, cookies: &str) -> usize {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nCookie: {cookies}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    let mut named: Vec<_> = page
        .split('"')
        .filter(|part| part.starts_with("/assets/") && !part.ends_with(".png"))
        .collect();
    named.sort_unstable();
    named.dedup();
    assert_eq!(named.len(), 3, "{named:?}");
    let mut bytes = 0;
    for path in named {
        bytes += load(address, path, cookies).await;
    }
    bytes
}

/// Loads a page; how many bytes it has.
async fn load(address: &str, path: &str, cookies: &str) -> usize {
    let (status, head) = ask(address, "GET", path, &[("Cookie", cookies)], "").await;
    assert_eq!(status, 200, "{path}: {head}");
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse())
    });
    length.expect("it says how long it is").expect("a number")
}
