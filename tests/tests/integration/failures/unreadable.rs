//! Somebody else has written to a log. What is no block changes nothing, on any
//! server. Before a block that no server can read, all of them stop and say what to
//! do; what stands before it is applied. The same holds for a neighbour's page.

use std::time::Duration;

use async_nats::Client;
use bytes::Bytes;
use futures::StreamExt;
use serde_bytes::ByteBuf;
use yoshi_client::Receipt;
use yoshi_protocol::message::log::{BLOCK_VERSION, Block, LogEntry, LogPage};
use yoshi_protocol::message::roster::{MsState, PingMs};
use yoshi_protocol::subject::{self, Role};
use yoshi_protocol::{Incarnation, Position, Reply, ServerId, cbor};
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS, OF_REGISTRATION_SERVERS};
use yoshi_tests::scratch::Scratch;
use yoshi_tests::{
    Database, Nats, Person, Postgres, Server, System, SystemSettings, User, eventually,
};

use super::joining::short_logs;
use super::lost_log::{SEEN_WITHIN, all_ready, all_refuse, done, nothing_is_lost, sends};

/// Stores bytes in a log, as whoever knows the servers' password can; answers where.
async fn store(system: &System, role: Role, payload: Vec<u8>) -> u64 {
    let user = match role {
        Role::Ms => User::MessageServer,
        Role::Rs => User::RegistrationServer,
    };
    let jetstream = async_nats::jetstream::new(system.nats.connect(user).await);
    let subject = subject::block(role, ServerId::random());
    let stored = jetstream.publish(subject, Bytes::from(payload)).await;
    stored.unwrap().await.expect("it is stored").sequence
}

fn block(entries: usize) -> Vec<u8> {
    cbor::encode(&Block {
        root: ServerId::random(),
        entries: vec![ByteBuf::from(vec![0xa0]); entries],
        version: BLOCK_VERSION,
        incarnation: Incarnation::random(),
    })
}

async fn applied(database: &Database) -> u64 {
    let rows = database.rows("SELECT applied FROM replica_cursor").await;
    u64::try_from(rows[0].get::<_, i64>(0)).expect("positions are not negative")
}

#[tokio::test]
async fn what_is_no_block_changes_nothing_on_any_server() {
    let mut system = System::start(SystemSettings::default()).await;
    let client = system.client().await;
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    let half = block(3);
    let half = half[..half.len() / 2].to_vec();
    let mut receipts: Vec<Receipt> = Vec::new();
    for junk in [
        Vec::new(),
        b"junk".to_vec(),
        half,
        b"\xa1\x64root\x07".to_vec(),
        b"\xa1\x67version\x63two".to_vec(),
        vec![0xff; 900_000],
    ] {
        store(&system, Role::Ms, junk.clone()).await;
        store(&system, Role::Rs, junk).await;
        receipts.extend(sends(&system, &ana, &ben, 1).await);
    }
    // A block with entries that are none: each is refused, on every server.
    store(&system, Role::Ms, block(3)).await;
    store(&system, Role::Rs, block(3)).await;
    receipts.extend(sends(&system, &ana, &ben, 1).await);
    assert_eq!(receipts.last().unwrap().accounted_for.len(), 3);
    Person::register(&client, "later").await;

    // One that was away, and one that reads all of it at once.
    system.server("ms2").kill();
    system.server("ms2").start();
    system.add("ms4", User::MessageServer).await;
    system.add("rs3", User::RegistrationServer).await;
    system.ready().await;
    nothing_is_lost(&system, &ben, &receipts).await;
    let servers = ["ms1", "ms4"].map(|name| system.database(name));
    contents::equal(&servers, OF_MESSAGE_SERVERS).await;
    let servers = ["rs1", "rs3"].map(|name| system.database(name));
    contents::equal(&servers, OF_REGISTRATION_SERVERS).await;
}

#[tokio::test]
async fn a_block_beyond_the_bounds_stops_every_server_before_it() {
    let command = "yoshi recover-log tasks";
    let mut system = System::start(SystemSettings::default()).await;
    let client = system.client().await;
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    let mut receipts = sends(&system, &ana, &ben, 3).await;
    // This one finds the last tasks and the block at once.
    system.server("ms2").pause();
    receipts.extend(sends(&system, &ana, &ben, 5).await);
    let sequence = store(&system, Role::Ms, block(2_000)).await;
    all_refuse(&system, Role::Ms, 2, command).await;
    system.server("ms2").resume();
    all_refuse(&system, Role::Ms, 3, command).await;
    for name in ["ms1", "ms2", "ms3"] {
        let before = applied(system.database(name)).await / 1_024 + 1;
        assert_eq!(before, sequence, "{name} has applied what stands before it");
    }
    nothing_is_in_the_way_of_reading(&system).await;
    // It is the same after a restart.
    system.server("ms3").kill();
    system.server("ms3").start();
    let server = system.server("ms3");
    eventually("ms3 says what to do", SEEN_WITHIN, async || {
        match server.healthy().await {
            Err(said) if said.contains(command) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;

    let recovered = done(&system, &["--json", "recover-log", "tasks", "--yes"]).await;
    assert_eq!(recovered["waiting"], serde_json::json!([]), "{recovered}");
    all_ready(&mut system).await;
    receipts.extend(sends(&system, &ana, &ben, 2).await);
    assert_eq!(receipts.last().unwrap().accounted_for.len(), 3);
    nothing_is_lost(&system, &ben, &receipts).await;
}

/// All message servers hold the same.
async fn nothing_is_in_the_way_of_reading(system: &System) {
    let servers = ["ms1", "ms2", "ms3"].map(|name| system.database(name));
    let rows = contents::equal(&servers, OF_MESSAGE_SERVERS).await;
    assert!(rows.len() > 8, "{} rows", rows.len());
}

#[tokio::test]
async fn a_block_that_no_registration_server_can_read_stops_all_of_them() {
    let command = "yoshi recover-log accounts";
    let mut system = System::start(SystemSettings::default()).await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    // It says its version, and nothing else.
    let broken = [&b"\xa1\x67version"[..], &[BLOCK_VERSION]].concat();
    store(&system, Role::Rs, broken).await;
    all_refuse(&system, Role::Rs, 2, command).await;
    let recovered = done(&system, &["--json", "recover-log", "accounts", "--yes"]).await;
    assert_eq!(recovered["waiting"], serde_json::json!([]), "{recovered}");
    all_ready(&mut system).await;
    client.log_in(&ana.name, &ana.password).await.unwrap();
    Person::register(&client, "later").await;
    let servers = ["rs1", "rs2"].map(|name| system.database(name));
    contents::equal(&servers, OF_REGISTRATION_SERVERS).await;
}

/// How often the neighbour of the test announces itself.
const PING: Duration = Duration::from_millis(300);

/// A neighbour that has committed everything up to `applied`, and gives all of it
/// in one page, as long as the future is polled.
async fn neighbour(client: Client, applied: Position, version: Option<u64>) {
    let id = ServerId::random();
    let ping = PingMs {
        id,
        host: "neighbour".to_owned(),
        load: 0,
        state: MsState::Serving,
        lost: false,
        stream: None,
        applied,
        stopped: false,
        incarnation: Incarnation::random(),
        silence_seconds: None,
    };
    let page = LogPage {
        more: false,
        entries: vec![LogEntry {
            entry: ByteBuf::from(vec![0xa0]),
            position: Position::in_block(1, 0),
        }],
        through: applied,
        version,
    };
    let page = Bytes::from(cbor::encode(&Reply::Ok(page)));
    let ping = Bytes::from(cbor::encode(&ping));
    let questions = subject::poll_log(Role::Ms, id);
    let mut questions = client.subscribe(questions).await.unwrap();
    let mut pinging = tokio::time::interval(PING);
    loop {
        tokio::select! {
            _ = pinging.tick() => client.publish(subject::MS_PING, ping.clone()).await.unwrap(),
            Some(question) = questions.next() => {
                let reply = question.reply.expect("it wants an answer");
                client.publish(reply, page.clone()).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_neighbours_page_of_a_later_release_stops_a_server() {
    let nats = Nats::single().await;
    let (_definitions, folder) = short_logs(1);
    nats.provision_from(&folder).await;
    let user = nats.connect(User::MessageServer).await;
    let jetstream = async_nats::jetstream::new(user.clone());
    for _ in 0..3 {
        let subject = subject::block(Role::Ms, ServerId::random());
        jetstream
            .publish(subject, "junk".into())
            .await
            .unwrap()
            .await
            .unwrap();
    }
    let (postgres, folder) = (Postgres::start().await, Scratch::new("servers"));
    let database = postgres.database().await;
    let mut server = Server::new(
        "ms1",
        User::MessageServer,
        &nats,
        Some(&database),
        folder.path(),
    );
    server.start();

    // What the stream no longer holds, only this one has.
    let all = Position::end_of_block(3);
    let later = neighbour(user.clone(), all, Some(u64::from(BLOCK_VERSION) + 1));
    let says = "in blocks of version 3; start this server in that release";
    let stops = eventually("it says what to do", SEEN_WITHIN, async || {
        match server.healthy().await {
            Err(said) if said.contains(says) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    tokio::select! {
        () = stops => {}
        () = later => unreachable!("it answers for ever"),
    }
    assert_eq!(applied(&database).await, 0, "nothing of the page is taken");
    // A release that says no version has none that is later.
    tokio::select! {
        () = server.ready() => {}
        () = neighbour(user, all, None) => unreachable!("it answers for ever"),
    }
    assert_eq!(
        Position::from_i64(applied(&database).await.try_into().unwrap()),
        all
    );
}
