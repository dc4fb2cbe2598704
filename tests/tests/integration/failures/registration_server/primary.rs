//! Primaries that end, die, sleep and lose their database while accounts are created.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::log::{AccountEntry, AccountOp};
use yoshi_protocol::message::roster::NewPrimReg;
use yoshi_protocol::{Epoch, ServerId};
use yoshi_tests::contents::{self, OF_REGISTRATION_SERVERS};
use yoshi_tests::process::Signal;
use yoshi_tests::{Database, Person, System, SystemSettings, User, eventually};

use super::super::joining::short_logs;
use super::creators::{Creators, told_the_truth};

/// As promised with the settings of these tests: a lease of 3 s, and some.
pub(super) const BACK_WITHIN: Duration = Duration::from_secs(20);

/// A small system with so many registration servers, whose lease is short.
pub(super) fn settings(registration_servers: usize) -> SystemSettings {
    let variables = [
        ("YOSHI_LEASE_SECONDS", "3"),
        ("YOSHI_LEASE_RENEW_SECONDS", "1"),
    ];
    SystemSettings {
        registration_servers,
        variables: variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..SystemSettings::single()
    }
}

pub(super) async fn primary(system: &System) -> (NewPrimReg, String) {
    let operator = system.operator().await;
    let primary = operator.primary_rs().await.unwrap();
    let primary = primary.expect("there is a primary");
    for name in system.names().iter().filter(|name| name.starts_with("rs")) {
        if system.id(name).await == primary.id {
            return (primary, name.clone());
        }
    }
    panic!("{primary:?} is no server of this system");
}

async fn another_primary(system: &System, than: &NewPrimReg) -> NewPrimReg {
    let operator = system.operator().await;
    eventually(
        "another server is primary",
        BACK_WITHIN,
        async || match operator.primary_rs().await {
            Ok(Some(now)) if now.id != than.id && now.epoch > than.epoch => Ok(now),
            other => Err(format!("{other:?}")),
        },
    )
    .await
}

/// Every primary that a database's copy of the log knows, by epoch. Fails if an
/// epoch has two, or an entry is of another epoch than the primary before it.
async fn reigns(database: &Database) -> BTreeMap<Epoch, ServerId> {
    let rows = database
        .rows("SELECT body FROM account_event ORDER BY position")
        .await;
    let (mut reigns, mut now) = (BTreeMap::new(), Epoch(0));
    for row in rows {
        let entry: AccountEntry = cbor::decode(row.get(0), Bound::ENTRY).unwrap();
        if let AccountOp::Primary(server) = entry.op {
            assert!(entry.epoch > now, "{:?} after {now:?}", entry.epoch);
            now = entry.epoch;
            assert!(reigns.insert(now, server).is_none());
        }
        assert_eq!(entry.epoch, now, "an entry of a deposed primary");
    }
    reigns
}

#[tokio::test]
async fn no_request_is_lost_when_the_primary_is_asked_to_end() {
    let mut system = System::start(settings(2)).await;
    let creators = Creators::start(&system, 8).await;
    creators.go_on("accounts are created", 40).await;
    let (first, name) = primary(&system).await;
    assert!(system.server(&name).terminate().await.success());
    let second = another_primary(&system, &first).await;
    creators.go_on("accounts are created by the next", 40).await;
    let asked = creators.stop().await;
    let unanswered = asked.iter().filter(|asked| asked.answer.is_none()).count();
    assert_eq!(unanswered, 0, "of {} requests", asked.len());
    told_the_truth(&system, &asked).await;
    assert_eq!(primary(&system).await.0, second);
}

#[tokio::test]
async fn accounts_acknowledged_at_the_last_moment_can_log_in() {
    let mut system = System::start(settings(2)).await;
    let client = system.client().await.with_deadline(BACK_WITHIN);
    let (_, name) = primary(&system).await;
    let mut work = JoinSet::new();
    for _ in 0..20 {
        let client = client.clone();
        work.spawn(async move { Person::register(&client, "late").await });
    }
    let mut people = Vec::new();
    while let Some(person) = work.join_next().await {
        people.push(person.unwrap());
    }
    system.server(&name).kill();
    for person in &people {
        client.log_in(&person.name, &person.password).await.unwrap();
        person.send(&client, "still here", &[&people[0]]).await;
    }
}

#[tokio::test]
async fn a_primary_that_slept_past_its_lease_adds_nothing() {
    let mut system = System::start(settings(3)).await;
    let creators = Creators::start(&system, 8).await;
    creators.go_on("accounts are created", 30).await;
    let (first, name) = primary(&system).await;
    system.server(&name).pause();
    let second = another_primary(&system, &first).await;
    creators.go_on("accounts are created by the next", 30).await;
    system.server(&name).resume();
    eventually("the sleeper is a backup", BACK_WITHIN, async || {
        let metrics = system.server(&name).metrics().await?;
        match metrics.contains("yoshi_rs_primary 0") {
            true => Ok(()),
            false => Err("it is primary".to_owned()),
        }
    })
    .await;
    creators.go_on("accounts are created with three", 30).await;
    let asked = creators.stop().await;
    told_the_truth(&system, &asked).await;
    assert_eq!(primary(&system).await.0, second);
    let databases = ["rs1", "rs2", "rs3"].map(|name| system.database(name));
    contents::equal(&databases, OF_REGISTRATION_SERVERS).await;
    let reigns = reigns(databases[0]).await;
    assert_eq!(reigns.last_key_value(), Some((&second.epoch, &second.id)));
}

#[tokio::test]
async fn three_backups_race_and_each_epoch_has_one_primary() {
    let mut system = System::start(settings(4)).await;
    let creators = Creators::start(&system, 4).await;
    let mut left = Vec::new();
    let (mut now, mut name) = primary(&system).await;
    for _ in 0..2 {
        creators.go_on("accounts are created", 10).await;
        system.server(&name).kill();
        left.push(name);
        another_primary(&system, &now).await;
        (now, name) = primary(&system).await;
    }
    creators.go_on("accounts are created", 10).await;
    for name in left {
        system.server(&name).start();
        system.server(&name).ready().await;
    }
    let asked = creators.stop().await;
    told_the_truth(&system, &asked).await;
    let databases = ["rs1", "rs2", "rs3", "rs4"].map(|name| system.database(name));
    contents::equal(&databases, OF_REGISTRATION_SERVERS).await;
    let reigns = reigns(databases[0]).await;
    assert_eq!(reigns.len(), 3, "{reigns:?}");
    assert_eq!(reigns.last_key_value(), Some((&now.epoch, &now.id)));
}

/// The primary's Postgres fails in one way; another server takes over. It is
/// healed, and everything is equal.
async fn loses_its_database(fail: Signal) {
    let settings = SystemSettings {
        postgres_each: true,
        ..settings(2)
    };
    let mut system = System::start(settings).await;
    let creators = Creators::start(&system, 4).await;
    creators.go_on("accounts are created", 10).await;
    let (first, name) = primary(&system).await;
    system.postgres(&name).signal_all(fail);
    let since = Instant::now();
    another_primary(&system, &first).await;
    // Within a client's own deadline: the next one does not wait β for the first.
    Person::register(&system.client().await, "after").await;
    creators.go_on("accounts are created by the next", 10).await;
    assert!(since.elapsed() < 2 * BACK_WITHIN, "{:?}", since.elapsed());
    if fail == Signal::Kill {
        system.postgres(&name).run_again();
    } else {
        system.postgres(&name).signal_all(Signal::Resume);
    }
    system.postgres(&name).ready().await;
    creators.go_on("accounts are created with both", 10).await;
    let asked = creators.stop().await;
    told_the_truth(&system, &asked).await;
    let databases = ["rs1", "rs2"].map(|name| system.database(name));
    contents::equal(&databases, OF_REGISTRATION_SERVERS).await;
    reigns(databases[0]).await;
}

#[tokio::test]
async fn a_primary_whose_postgres_is_killed_is_replaced() {
    loses_its_database(Signal::Kill).await;
}

#[tokio::test]
async fn a_primary_whose_postgres_hangs_is_replaced() {
    loses_its_database(Signal::Pause).await;
}

#[tokio::test]
async fn a_wiped_server_has_everything_before_it_answers() {
    let (_folder, definitions) = short_logs(20);
    let settings = SystemSettings {
        definitions,
        ..settings(2)
    };
    let mut system = System::start(settings).await;
    let creators = Creators::start(&system, 4).await;
    creators.go_on("more accounts than the log holds", 60).await;
    let (_, first) = primary(&system).await;
    let other = if first == "rs1" { "rs2" } else { "rs1" };
    // The same place, with an empty database.
    system.server(other).kill();
    system.add(other, User::RegistrationServer).await;
    system.server(other).ready().await;
    let asked = creators.stop().await;
    system.server(&first).kill();
    told_the_truth(&system, &asked).await;
    assert_eq!(primary(&system).await.1, other);
}
