//! Accounts that send all the while when something breaks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream;
use tokio::task::JoinSet;
use yoshi_client::{Client, Outgoing};
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::roster::Affinity;
use yoshi_protocol::message::task::TaskView;
use yoshi_protocol::{AccountName, NewTask, Position, subject};
use yoshi_tests::direct::titles_by_sender;
use yoshi_tests::{Person, System, User, eventually};

/// How long one send may try: longer than any failover.
const SEND_WITHIN: Duration = Duration::from_secs(60);

/// The pause of each between two sends: enough sends for a fault to hit some, and few
/// enough for two cores to do what else a test waits for.
const PAUSE: Duration = Duration::from_millis(20);

/// Senders at work.
pub(super) struct Senders {
    pub(super) people: Vec<Person>,
    /// Whom all of them send to.
    pub(super) reader: Person,
    stop: Arc<AtomicBool>,
    sent: Arc<Vec<AtomicU64>>,
    work: JoinSet<(usize, Vec<Acknowledged>)>,
}

/// A send that was reported a success.
pub(super) struct Acknowledged {
    title: String,
    number: u64,
    position: Position,
}

impl Senders {
    /// So many, each with an account of its own.
    pub(super) async fn start(system: &System, count: usize) -> Self {
        let client = system.client().await.with_deadline(SEND_WITHIN);
        let reader = Person::register(&client, "reader").await;
        let mut people = Vec::new();
        for _ in 0..count {
            people.push(Person::register(&client, "sender").await);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let sent: Arc<Vec<_>> = Arc::new((0..count).map(|_| AtomicU64::new(0)).collect());
        let mut work = JoinSet::new();
        for (index, person) in people.iter().cloned().enumerate() {
            let (client, reader) = (client.clone(), reader.clone());
            let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
            work.spawn(async move {
                let mut acknowledged = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    acknowledged.push(send(&client, &person, &reader, acknowledged.len()).await);
                    sent[index].fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(PAUSE).await;
                }
                (index, acknowledged)
            });
        }
        Self {
            people,
            reader,
            stop,
            sent,
            work,
        }
    }

    /// Waits until each of them has sent so many more.
    pub(super) async fn go_on(&self, what: &str, more: u64, within: Duration) {
        let counts = || self.sent.iter().map(|count| count.load(Ordering::Relaxed));
        let before: Vec<_> = counts().collect();
        eventually(what, within, async || {
            let done: Vec<_> = counts()
                .zip(&before)
                .map(|(now, before)| now - before)
                .collect();
            match done.iter().all(|done| *done >= more) {
                true => Ok(()),
                false => Err(format!("each sent so many: {done:?}")),
            }
        })
        .await;
    }

    /// Stops them, and answers the titles of what was acknowledged, by sender.
    pub(super) async fn stop(&mut self) -> BTreeMap<String, Vec<String>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = BTreeMap::new();
        while let Some(ended) = self.work.join_next().await {
            let (index, acknowledged) = ended.expect("no sender fails");
            let numbers = acknowledged.iter().map(|sent| sent.number);
            assert!(
                numbers.eq(1..=acknowledged.len() as u64),
                "no gap, nothing twice"
            );
            assert!(acknowledged.is_sorted_by_key(|sent| sent.position));
            let titles = acknowledged.into_iter().map(|sent| sent.title);
            all.insert(self.people[index].name.to_string(), titles.collect());
        }
        all
    }
}

async fn send(client: &Client, person: &Person, reader: &Person, index: usize) -> Acknowledged {
    let title = format!("{} {index}", person.name);
    let task = NewTask::new(&title, vec![reader.name.clone()]);
    let receipt = person
        .send_outgoing(client, &Outgoing::new(task).unwrap())
        .await;
    Acknowledged {
        title,
        number: receipt.number,
        position: receipt.position,
    }
}

/// Where these people's accounts live.
pub(super) async fn homes(system: &System, people: &[Person]) -> BTreeMap<AccountName, Affinity> {
    let operator = jetstream::new(system.nats.connect(User::Operator).await);
    let bucket = operator.get_key_value(subject::AFFINITY_BUCKET);
    let bucket = bucket.await.unwrap();
    let mut homes = BTreeMap::new();
    for person in people {
        let value = bucket.get(person.name.to_string()).await.unwrap();
        let home = cbor::decode(&value.expect("it has a home"), Bound::REQUEST);
        homes.insert(person.name.clone(), home.unwrap());
    }
    homes
}

/// Holds a server's list to what was acknowledged: all of it, once, in order.
pub(super) fn holds_exactly(list: &[TaskView], acknowledged: &BTreeMap<String, Vec<String>>) {
    let found = titles_by_sender(list);
    for (sender, titles) in acknowledged {
        assert_eq!(found.get(sender), Some(titles), "{sender}");
    }
    assert_eq!(found.len(), acknowledged.len());
    assert!(list.is_sorted_by(|a, b| a.changed < b.changed));
}
