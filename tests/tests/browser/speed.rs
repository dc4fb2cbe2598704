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
use yoshi_protocol::{AccountName, Kind, NewTask};
use yoshi_tests::Person;

use crate::browser::people;
use crate::hostile::ask;

const TASKS: usize = 10_000;
const AT_ONCE: usize = 64;
const LOADS: usize = 100;
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

    let begun = Instant::now();
    load(&website.address, "/", &cookies).await;
    println!(
        "filling the cache, and the first page: {:?}",
        begun.elapsed()
    );
    for path in [
        "/",
        "/?after=1_5_9000000000000000_-1",
        "/search?q=word77",
        "/asked",
    ] {
        let mut times = Vec::new();
        for _ in 0..LOADS {
            let begun = Instant::now();
            load(&website.address, path, &cookies).await;
            times.push(begun.elapsed());
        }
        times.sort();
        let (median, nine_of_ten) = (times[LOADS / 2], times[LOADS * 9 / 10]);
        println!(
            "{path}: median {median:?}, p90 {nine_of_ten:?}, max {:?}",
            times[LOADS - 1]
        );
        assert!(median < PAGE_WITHIN, "{path}: {median:?}");
    }
}

async fn load(address: &str, path: &str, cookies: &str) {
    let (status, head) = ask(address, "GET", path, &[("Cookie", cookies)], "").await;
    assert_eq!(status, 200, "{path}: {head}");
}
