//! Backups that lose their database while accounts are created.

use yoshi_protocol::{Password, ServerId};
use yoshi_tests::contents::{self, OF_REGISTRATION_SERVERS};
use yoshi_tests::person::fresh_name;
use yoshi_tests::process::Signal;
use yoshi_tests::{System, SystemSettings, eventually};

use super::primary::{BACK_WITHIN, primary, settings};

/// Creates an account within a client's own deadline, and answers who has committed it.
async fn create(system: &System) -> Vec<ServerId> {
    let client = system.client().await;
    let name = fresh_name("new");
    let password = Password::new(format!("the secret of {name}"));
    let created = client.create_account(&name, &password).await;
    let receipt = created.unwrap_or_else(|error| panic!("{name} is not created: {error}"));
    receipt.accounted_for
}

async fn both_commit(what: &str, system: &System) {
    eventually(what, BACK_WITHIN, async || {
        match create(system).await.as_slice() {
            [_, _] => Ok(()),
            other => Err(format!("committed by {other:?}")),
        }
    })
    .await;
}

/// The backup's Postgres fails in one way: nobody waits β for it, and once it
/// is healed it has everything.
async fn loses_its_database(fail: Signal) {
    let settings = SystemSettings {
        postgres_each: true,
        ..settings(2)
    };
    let mut system = System::start(settings).await;
    both_commit("the primary waits for the backup", &system).await;
    let (first, name) = primary(&system).await;
    let backup = if name == "rs1" { "rs2" } else { "rs1" };
    system.postgres(backup).signal_all(fail);
    for _ in 0..3 {
        assert_eq!(create(&system).await, [first.id]);
    }
    if fail == Signal::Kill {
        system.postgres(backup).run_again();
    } else {
        system.postgres(backup).signal_all(Signal::Resume);
    }
    system.postgres(backup).ready().await;
    both_commit("the primary waits for the backup again", &system).await;
    assert_eq!(primary(&system).await.0, first);
    let databases = ["rs1", "rs2"].map(|name| system.database(name));
    contents::equal(&databases, OF_REGISTRATION_SERVERS).await;
}

#[tokio::test]
async fn nobody_waits_for_a_backup_whose_postgres_is_killed() {
    loses_its_database(Signal::Kill).await;
}

#[tokio::test]
async fn nobody_waits_for_a_backup_whose_postgres_hangs() {
    loses_its_database(Signal::Pause).await;
}
