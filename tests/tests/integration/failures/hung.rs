//! A message server hangs while accounts of the others send, with the paper's β of
//! 30 s: each of them waits for it once at most, and not for β.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use yoshi_client::Client;
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS};
use yoshi_tests::process::Signal;
use yoshi_tests::{Person, System, SystemSettings};

use super::senders::homes;

const SERVERS: [&str; 3] = ["ms1", "ms2", "ms3"];
const SENDERS: usize = 9;
/// How long one send may try, so that a wait for β would be seen, and not end by a retry.
const SEND_WITHIN: Duration = Duration::from_secs(40);
const BEFORE: Duration = Duration::from_secs(2);
/// How long it hangs: several times as long as anybody should wait for it.
const HANGS: Duration = Duration::from_secs(16);
/// A send that takes longer has waited for the server that hangs.
const LONG: Duration = Duration::from_millis(1_500);
/// Some 3 s of silence, or 4 s until a server that says `behind` lags, and what a
/// busy machine adds; a third of β.
const WAIT_MAX: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// Sends until a moment; answers how long each send took.
async fn sends(client: Client, person: Person, until: Instant) -> Vec<Duration> {
    let mut took = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        person.send(&client, "task", &[&person]).await;
        took.push(begun.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    took
}

/// Hangs one server by `hang`, heals it by `heal`, and holds the others' senders to what they may wait.
async fn costs_one_wait(hang: impl Fn(&mut System), heal: impl Fn(&mut System)) {
    let mut system = System::start(SystemSettings {
        postgres_each: true,
        variables: vec![("YOSHI_BETA_SECONDS".into(), "30".into())],
        ..SystemSettings::default()
    })
    .await;
    let client = system.client().await.with_deadline(SEND_WITHIN);
    let hung = system.id("ms2").await;
    let mut people = Vec::new();
    while people.len() < SENDERS {
        let person = Person::register(&client, "sender").await;
        person
            .send(&client, "the first gives it a home", &[&person])
            .await;
        people.push(person);
    }
    let homes = homes(&system, &people).await;
    people.retain(|person| homes[&person.name].server != hung);
    assert!(people.len() >= 2, "the other servers are home of some");

    let until = Instant::now() + BEFORE + HANGS;
    let mut senders = JoinSet::new();
    for person in people {
        senders.spawn(sends(client.clone(), person, until));
    }
    tokio::time::sleep(BEFORE).await;
    hang(&mut system);
    let took = senders.join_all().await;
    heal(&mut system);
    let has_waited = |took: &Vec<Duration>| took.iter().any(|took| *took > LONG);
    assert!(took.iter().any(has_waited), "it hung, and nobody noticed");
    for took in took {
        let waits: Vec<_> = took.iter().filter(|took| **took > LONG).collect();
        assert!(waits.len() <= 1, "nobody waits for it twice: {waits:?}");
        assert!(waits.iter().all(|wait| **wait < WAIT_MAX), "{waits:?}");
    }
    system.server("ms2").ready().await;
    let databases = SERVERS.map(|name| system.database(name));
    contents::equal(&databases, OF_MESSAGE_SERVERS).await;
}

#[tokio::test]
async fn a_paused_server_costs_the_accounts_of_the_others_one_wait() {
    costs_one_wait(
        |system| system.server("ms2").pause(),
        |system| system.server("ms2").resume(),
    )
    .await;
}

#[tokio::test]
async fn a_server_whose_postgres_hangs_costs_the_accounts_of_the_others_one_wait() {
    costs_one_wait(
        |system| system.postgres("ms2").signal_all(Signal::Pause),
        |system| system.postgres("ms2").signal_all(Signal::Resume),
    )
    .await;
}
