//! Searching an account's tasks: words, filters, pages, and what is refused.

mod command;
mod fields;
mod paging;
mod refused;
mod standing;
mod words;

use std::sync::Arc;
use std::time::Duration;

use yoshi_client::{Client, Filter, Found, List, Query, Task};
use yoshi_protocol::{Completion, Kind, NewTask, TaskId};
use yoshi_tests::{Person, System, eventually};

use super::system;

/// How long the index may take, on a machine that has other things to do.
const INDEXED_WITHIN: Duration = Duration::from_secs(20);

/// A page of which nothing is missing.
pub(super) async fn page(client: &Client, who: &Person, query: &Query) -> Found {
    eventually("everything is indexed", INDEXED_WITHIN, async || {
        let page = client.find(&who.name, &who.credential, query).await;
        match page {
            Ok(page) if page.behind => Err(format!("up to {}", page.indexed)),
            Ok(page) => Ok(page),
            Err(error) => panic!("{}: {error}", who.name),
        }
    })
    .await
}

/// Everything that passes a filter, in pages of `limit`, the latest sent first.
pub(super) async fn all(client: &Client, who: &Person, filter: Filter, limit: u32) -> Vec<Task> {
    let mut next = Some(Query {
        limit,
        ..Query::new(filter)
    });
    let mut tasks = Vec::new();
    while let Some(query) = next {
        let page = page(client, who, &query).await;
        assert!(page.tasks.len() <= limit as usize, "{page:?}");
        next = query.after(&page);
        tasks.extend(page.tasks);
    }
    assert!(tasks.is_sorted_by(|a, b| a.position > b.position));
    tasks
}

/// The titles of what passes a filter, the first sent first.
async fn titles(client: &Client, who: &Person, filter: Filter) -> Vec<String> {
    let tasks = all(client, who, filter, 100).await.into_iter().rev();
    tasks.map(|task| task.new_task.title).collect()
}

fn text(text: &str) -> Filter {
    Filter {
        text: Some(text.to_owned()),
        ..Filter::default()
    }
}

async fn send(client: &Client, from: &Person, task: NewTask) -> TaskId {
    let id = task.id;
    let task = yoshi_client::Outgoing::new(task).unwrap();
    from.send_outgoing(client, &task).await;
    id
}

/// Some tasks of Ana's for Ben, the third for Cleo, too.
struct Scene {
    // Ends with whoever holds it last.
    _system: Arc<System>,
    client: Client,
    ana: Person,
    ben: Person,
    cleo: Person,
    tasks: [TaskId; 4],
}

impl Scene {
    async fn set() -> Self {
        let system = system().await;
        let client = system.client().await;
        let [ana, ben, cleo] = Person::register_all(&client, ["ana", "ben", "cleo"]).await;
        let to_ben = || vec![ben.name.clone()];
        let made = [
            NewTask {
                body: "Vor dem *Überflug* prüfen.".to_owned(),
                due: "2026-11-27".parse().ok(),
                labels: vec!["release".to_owned()],
                importance: 1,
                ..NewTask::new("Ship 1.2 on Monday", to_ben())
            },
            NewTask {
                kind: Kind::Decide,
                options: vec!["monday".to_owned(), "wait".to_owned()],
                due: "2026-11-27T16:00:00".parse().ok(),
                importance: 5,
                ..NewTask::new("Which day?", to_ben())
            },
            NewTask {
                kind: Kind::Read,
                due: "2026-12-24T09:00:00[Europe/Berlin]".parse().ok(),
                importance: 0,
                completion: Completion::Any,
                ..NewTask::new("東京 minutes", vec![ben.name.clone(), cleo.name.clone()])
            },
            NewTask {
                importance: 9,
                ..NewTask::new("Tidy up", to_ben())
            },
        ];
        let tasks = made.each_ref().map(|task| task.id);
        for task in made {
            send(&client, &ana, task).await;
        }
        Self {
            _system: system,
            client,
            ana,
            ben,
            cleo,
            tasks,
        }
    }

    async fn finds(&self, filter: Filter, expected: &[&str]) {
        let found = titles(&self.client, &self.ben, filter.clone()).await;
        assert_eq!(found, expected, "{filter:?}");
    }

    async fn asked(&self, filter: Filter, expected: &[&str]) {
        let filter = Filter {
            list: List::Sent,
            ..filter
        };
        let found = titles(&self.client, &self.ana, filter.clone()).await;
        assert_eq!(found, expected, "{filter:?}");
    }
}

const SHIP: &str = "Ship 1.2 on Monday";
const WHICH: &str = "Which day?";
const TOKYO: &str = "東京 minutes";
const TIDY: &str = "Tidy up";
