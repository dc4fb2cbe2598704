//! The harness itself: what tests stand on must stand.

use std::time::Duration;

use yoshi_tests::process::Signal;
use yoshi_tests::{Postgres, eventually};

#[tokio::test]
async fn databases_are_separate_and_durable() {
    let postgres = Postgres::start().await;
    let (one, two) = (postgres.database().await, postgres.database().await);
    one.rows("CREATE TABLE only_here (id bigint)").await;
    assert!(one.rows("SELECT id FROM only_here").await.is_empty());
    let tables = two
        .rows("SELECT 1 FROM pg_tables WHERE tablename = 'only_here'")
        .await;
    assert!(tables.is_empty());
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        let rows = one.rows(&format!("SHOW {setting}")).await;
        assert_eq!(rows[0].get::<_, String>(0), "on", "{setting}");
    }
    let version = one.rows("SHOW server_version_num").await;
    let version: i32 = version[0].get::<_, String>(0).parse().unwrap();
    assert!(version >= 150_000, "{version}");
}

#[tokio::test]
async fn a_private_instance_ends_by_signal() {
    let mut postgres = Postgres::start_private().await;
    let database = postgres.database().await;
    database.rows("SELECT 1").await;
    postgres.process().signal(Signal::Interrupt);
    let status = postgres.process().end(Duration::from_secs(20)).await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
#[should_panic(expected = "the sky falls: not within")]
async fn what_never_becomes_true_is_told_with_its_last_reason() {
    eventually("the sky falls", Duration::from_millis(120), async || {
        Err::<(), _>("it does not")
    })
    .await;
}
