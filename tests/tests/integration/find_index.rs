//! What searches look through: it follows from the other tables alone, so that it
//! fills itself again whenever it is empty; and it is fast.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use yoshi_client::{AskState, Client, Filter, Found, Levels, List, Query, TaskStatus};
use yoshi_protocol::{Kind, NewTask, Verb};
use yoshi_tests::postgres::Database;
use yoshi_tests::{Person, System, SystemSettings, eventually};

/// An index that nobody searches notices within ten seconds that it was emptied;
/// the rest is for a machine that has other things to do.
const FILLED_WITHIN: Duration = Duration::from_secs(45);
const TASKS: usize = 40;
/// What the index of a database holds, as text; nothing while it is to be filled again.
const INDEX: &str = "SELECT to_jsonb(task_listed)::text || to_jsonb(task_search)::text
    FROM task_listed JOIN task_search USING (position), search_cursor WHERE indexed > 0
    ORDER BY account, sent, position";

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

/// The index of two databases, once both hold all of the tasks.
async fn filled(system: &System) -> Vec<String> {
    let mut filled = Vec::new();
    for name in ["ms1", "ms2"] {
        eventually("both are indexed", FILLED_WITHIN, async || {
            filled = index(system.database(name)).await;
            match filled.len() {
                rows if rows == 2 * TASKS => Ok(()),
                rows => Err(format!("{rows} rows")),
            }
        })
        .await;
    }
    filled
}

#[tokio::test]
async fn an_index_that_was_emptied_fills_itself() {
    let settings = SystemSettings {
        message_servers: 2,
        ..SystemSettings::single()
    };
    let mut system = System::start(settings).await;
    let client = system.client().await;
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    // Right after each send it is found.
    for number in 1..=TASKS {
        let receipt = ana.send(&client, &format!("ship {number}"), &[&ben]).await;
        finds(&client, &ben, text("ship"), number).await;
        let page = first_page(&client, &ben, text("ship")).await;
        assert_eq!(page.tasks[0].new_task.id, receipt.task);
        assert!(page.indexed >= receipt.position);
    }
    let before = filled(&system).await;
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
        finds(&client, &ana, Filter::of(List::Sent), TASKS).await;
        for name in ["ms1", "ms2"] {
            is_again(system.database(name), &before).await;
        }
    }
    // While it is down, it misses nothing.
    let emptied = "TRUNCATE task_search, task_listed";
    system.server("ms1").terminate().await;
    system.database("ms1").rows(emptied).await;
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

/// Sends so many tasks, and waits until they are indexed.
async fn fill(client: &Client, [ana, ben]: [&Person; 2], many: usize) {
    let sends = stream::iter(0..many).map(|number| {
        let task = NewTask {
            body: format!("word{number} and some more words about nothing in particular ")
                .repeat(5),
            importance: u8::try_from(number % 9 + 1).unwrap(),
            kind: match number % 3 {
                0 => Kind::Review,
                _ => Kind::Do,
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
    println!("{many} tasks sent in {:?}", begun.elapsed());
    let begun = Instant::now();
    eventually("all are indexed", Duration::from_secs(120), async || {
        let page = first_page(client, ben, text("word77")).await;
        match page.behind {
            true => Err(page.indexed.to_string()),
            false => Ok(()),
        }
    })
    .await;
    println!("indexed {:?} after the last send", begun.elapsed());
}

/// What is asked of words, and of nothing else; and what hangs on other tables,
/// with words that all tasks hold and without.
fn searches() -> Vec<(&'static str, Filter)> {
    let review = Filter {
        importance: Some(Levels { to: 1, from: 1 }),
        kinds: vec![Kind::Review],
        ..Filter::default()
    };
    let mut searches = vec![
        ("everything", Filter::default()),
        ("rare words", text("word77")),
        ("words of all", text("about noth")),
        ("words of none", text("absent")),
        ("importance and kind", review),
        ("sent", Filter::of(List::Sent)),
    ];
    for words in [None, Some("more".to_owned())] {
        let of = || Filter {
            text: words.clone(),
            ..Filter::default()
        };
        let (mut accepted, mut cancelled, mut labelled, mut snoozed) = (of(), of(), of(), of());
        accepted.states = vec![AskState::Accepted];
        cancelled.statuses = vec![TaskStatus::Cancelled];
        labelled.labels = vec!["none".to_owned()];
        snoozed.snoozed = Some(true);
        searches.extend([
            ("three by their state", accepted),
            ("a status of none", cancelled),
            ("a label of none", labelled),
            ("none snoozed", snoozed),
        ]);
    }
    searches
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
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    fill(&client, [&ana, &ben], MANY).await;
    let inbox = first_page(&client, &ben, Filter::default()).await;
    for task in inbox.tasks.iter().take(3) {
        ben.change(&client, task.new_task.id, Verb::Accept).await;
    }
    for (what, filter) in searches() {
        let who = match filter.list {
            List::Inbox => &ben,
            List::Sent => &ana,
        };
        let query = Query {
            limit: 50,
            ..Query::new(filter)
        };
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..LOADS {
            let begun = Instant::now();
            let page = client.find(&who.name, &who.credential, &query).await;
            times.push(begun.elapsed());
            found = page.unwrap().tasks.len();
        }
        times.sort();
        let (median, most) = (times[LOADS / 2], times[LOADS * 9 / 10]);
        let words = query.filter.text.unwrap_or_default();
        println!("{what} {words:?}: {found} tasks, median {median:?}, p90 {most:?}");
        assert!(median < Duration::from_millis(100), "{what}: {median:?}");
    }
}
