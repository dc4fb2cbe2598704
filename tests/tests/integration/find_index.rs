//! What searches look through: it follows from the other tables alone, so that it
//! fills itself again whenever it is empty; and it is fast.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use yoshi_client::{AskState, Client, Filter, Found, List, Query};
use yoshi_protocol::{Kind, NewTask, Verb};
use yoshi_tests::postgres::Database;
use yoshi_tests::{Person, System, SystemSettings, eventually};

const FILLED_WITHIN: Duration = Duration::from_secs(20);
const TASKS: usize = 40;
/// What the index of a database holds, as text.
const INDEX: &str = "SELECT to_jsonb(task_listed)::text || words::text || lists::text
    FROM task_listed JOIN task_search USING (position) ORDER BY account, sent, position";

fn text(text: &str) -> Filter {
    Filter {
        text: Some(text.to_owned()),
        ..Filter::default()
    }
}

async fn first_page(client: &Client, who: &Person, filter: Filter) -> Found {
    let query = Query::new(filter);
    let page = client.find(&who.name, &who.credential, &query).await;
    page.unwrap_or_else(|error| panic!("{}: {error}", who.name))
}

/// Waits until a search finds so many tasks, and says that these are all.
async fn finds(client: &Client, who: &Person, filter: Filter, count: usize) {
    eventually("the index is filled", FILLED_WITHIN, async || {
        let page = first_page(client, who, filter.clone()).await;
        match (page.behind, page.tasks.len()) {
            (false, found) => {
                assert_eq!(found, count, "an answer that says it is complete");
                Ok(())
            }
            (true, found) => Err(format!("{found} so far")),
        }
    })
    .await;
}

async fn index(database: &Database) -> Vec<String> {
    let rows = database.rows(INDEX).await;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Waits until the index of a database holds the same again.
async fn is_again(database: &Database, before: &[String]) {
    eventually("the index is as before", FILLED_WITHIN, async || {
        let now = index(database).await;
        match now == before {
            true => Ok(()),
            false => Err(format!("{} rows of {}", now.len(), before.len())),
        }
    })
    .await;
}

#[tokio::test]
async fn an_index_that_was_emptied_fills_itself() {
    let settings = SystemSettings {
        load_balancers: 1,
        message_servers: 2,
        registration_servers: 1,
        ..SystemSettings::default()
    };
    let mut system = System::start(settings).await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    let ben = Person::register(&client, "ben").await;
    // Right after each send it is found.
    for number in 1..=TASKS {
        let receipt = ana.send(&client, &format!("ship {number}"), &[&ben]).await;
        finds(&client, &ben, text("ship"), number).await;
        let page = first_page(&client, &ben, text("ship")).await;
        assert_eq!(page.tasks[0].new_task.id, receipt.task);
        assert!(page.indexed >= receipt.position);
    }
    let mut before = Vec::new();
    for name in ["ms1", "ms2"] {
        eventually("both are indexed", FILLED_WITHIN, async || {
            before = index(system.database(name)).await;
            match before.len() {
                rows if rows == 2 * TASKS => Ok(()),
                rows => Err(format!("{rows} rows")),
            }
        })
        .await;
    }
    // Also if only one of its tables was, or the cursor.
    for emptied in [
        "TRUNCATE task_search, task_listed",
        "TRUNCATE task_search",
        "TRUNCATE task_listed",
        "TRUNCATE search_cursor",
        "UPDATE search_cursor SET indexed = 0",
    ] {
        for name in ["ms1", "ms2"] {
            system.database(name).rows(emptied).await;
        }
        finds(&client, &ben, text("ship"), TASKS).await;
        let all = Filter::of(List::Sent);
        finds(&client, &ana, all, TASKS).await;
        for name in ["ms1", "ms2"] {
            is_again(system.database(name), &before).await;
        }
    }
    // While it is down, it misses nothing.
    system.server("ms1").terminate().await;
    system
        .database("ms1")
        .rows("TRUNCATE task_search, task_listed")
        .await;
    system.server("ms1").start();
    system.server("ms1").ready().await;
    is_again(system.database("ms1"), &before).await;

    let operator = system.operator().await;
    let refilled = system.id("ms1").await;
    operator.resync_server(refilled, false).await.unwrap();
    system.server("ms1").ready().await;
    is_again(system.database("ms1"), &before).await;
    assert_eq!(index(system.database("ms2")).await, before);
    finds(&client, &ben, text("ship"), TASKS).await;
}

/// A measurement, run by hand:
///
/// ```sh
/// cargo build --release --workspace --bins
/// YOSHI_TEST_BINARIES=target/release cargo test --release -p yoshi-tests --test integration \
///     -- --ignored --nocapture ten_thousand_tasks_are_searched
/// ```
#[tokio::test]
#[ignore = "a measurement, with release builds on a quiet machine"]
async fn ten_thousand_tasks_are_searched_quickly() {
    const MANY: usize = 10_000;
    const LOADS: usize = 50;
    let system = System::start(SystemSettings::default()).await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    let ben = Person::register(&client, "ben").await;
    let sends = stream::iter(0..MANY).map(|number| {
        let task = NewTask {
            body: format!("word{number} and some more words about nothing in particular ")
                .repeat(5),
            importance: u8::try_from(number % 9 + 1).unwrap(),
            kind: if number % 3 == 0 {
                Kind::Review
            } else {
                Kind::Do
            },
            due: (number % 2 == 0).then(|| "2030-05-06".parse().unwrap()),
            ..NewTask::new(format!("Task {number} of many"), vec![ben.name.clone()])
        };
        client.send(&ana.name, &ana.credential, task)
    });
    let begun = Instant::now();
    let mut sent = sends.buffer_unordered(64);
    while let Some(outcome) = sent.next().await {
        outcome.expect("it is sent");
    }
    println!("{MANY} tasks sent in {:?}", begun.elapsed());
    let begun = Instant::now();
    eventually("all are indexed", Duration::from_secs(120), async || {
        let page = first_page(&client, &ben, text("word77")).await;
        if page.behind {
            Err(page.indexed.to_string())
        } else {
            Ok(())
        }
    })
    .await;
    println!("indexed {:?} after the last send", begun.elapsed());
    let inbox = first_page(&client, &ben, Filter::default()).await;
    for task in inbox.tasks.iter().take(3) {
        ben.change(&client, task.new_task.id, Verb::Accept).await;
    }
    let accepted = Filter {
        states: vec![AskState::Accepted],
        ..Filter::default()
    };
    let label = Filter {
        labels: vec!["none".to_owned()],
        ..Filter::default()
    };
    let levels = Filter {
        importance: Some(yoshi_client::Levels { to: 1, from: 1 }),
        kinds: vec![Kind::Review],
        ..Filter::default()
    };
    let snoozed = Filter {
        snoozed: Some(true),
        ..text("more")
    };
    for (what, filter) in [
        ("everything", Filter::default()),
        ("rare words", text("word77")),
        ("words of all", text("about noth")),
        ("words of none", text("absent")),
        ("importance and kind", levels),
        ("three by their state", accepted),
        ("a label of none", label),
        ("words of all, none snoozed", snoozed),
        ("sent", Filter::of(List::Sent)),
    ] {
        let query = Query {
            limit: 50,
            ..Query::new(filter)
        };
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..LOADS {
            let begun = Instant::now();
            let page = client
                .find(&ben.name, &ben.credential, &query)
                .await
                .unwrap();
            times.push(begun.elapsed());
            found = page.tasks.len();
        }
        times.sort();
        let (median, most) = (times[LOADS / 2], times[LOADS * 9 / 10]);
        println!("{what}: {found} tasks, median {median:?}, p90 {most:?}");
        assert!(median < Duration::from_millis(100), "{what}: {median:?}");
    }
}
