//! What a later release stored is refused, and left as it is: a schema, a
//! block, a value in a bucket.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::{self, kv::Store};
use bytes::Bytes;
use serde::Serialize;
use serde_bytes::ByteBuf;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::Done;
use yoshi_protocol::message::log::{BLOCK_VERSION, Block};
use yoshi_protocol::message::roster::VALUE_VERSION;
use yoshi_protocol::subject::{self, ClientVerb, Role};
use yoshi_protocol::{AccountName, ErrorCode, Incarnation, Reply, ServerId};
use yoshi_tests::scratch::Scratch;
use yoshi_tests::{
    Database, Nats, Person, Postgres, Server, System, SystemSettings, User, contents, eventually,
};

use super::sample;

const WITHIN: Duration = Duration::from_secs(30);

/// A migration of a later release, in the tables' history and in the replica's.
const LATER_TASKS: &str = "INSERT INTO refinery_schema_history
    VALUES (99, 'of_a_later_release', '2036-01-01T00:00:00Z', '1')";
const LATER_ACCOUNTS: &str = "INSERT INTO registration_server_migrations
    VALUES (99, 'of_a_later_release', '2036-01-01T00:00:00Z', '1')";
const LATER_REPLICA: &str = "INSERT INTO replica_migration
    VALUES (99, 'of_a_later_release', '2036-01-01T00:00:00Z', '1')";

/// Rows, whose columns say which migrations the tables have seen.
const TASKS: &[&str] = &[
    "SELECT to_jsonb(task)::text FROM task ORDER BY position",
    "SELECT to_jsonb(ask)::text FROM ask ORDER BY task, place",
];
const ACCOUNTS: &[&str] = &[
    "SELECT to_jsonb(account)::text FROM account ORDER BY name",
    "SELECT to_jsonb(token)::text FROM token ORDER BY hash",
];

#[tokio::test]
async fn a_database_of_a_later_release_is_refused() {
    let nats = Nats::single().await;
    nats.provision().await;
    let (postgres, folder) = (Postgres::start().await, Scratch::new("servers"));
    let of_tasks = (User::MessageServer, "message-server.dump", TASKS);
    let of_accounts = (
        User::RegistrationServer,
        "registration-server.dump",
        ACCOUNTS,
    );
    for ((role, dump, rows), later) in [
        (of_tasks, LATER_TASKS),
        (of_tasks, LATER_REPLICA),
        (of_accounts, LATER_ACCOUNTS),
        (of_accounts, LATER_REPLICA),
    ] {
        let database = postgres.database().await;
        sample::restore_database(&database, dump).await;
        database.rows(later).await;
        let before = contents::of(&database, rows).await;
        refuses(Server::new(
            role.name(),
            role,
            &nats,
            Some(&database),
            folder.path(),
        ))
        .await;
        assert_eq!(contents::of(&database, rows).await, before, "{later}");
    }
}

/// Starts a server, and waits until it ends and names the release to run.
async fn refuses(mut server: Server) {
    server.start();
    let process = server.process().expect("it was started");
    let status = process.end(WITHIN).await;
    let said = process.log_end();
    assert!(!status.success(), "{said}");
    let advice = "run the release that made it, or a later one";
    assert!(said.contains(advice), "{said}");
}

async fn applied(database: &Database) -> i64 {
    let rows = database.rows("SELECT applied FROM replica_cursor").await;
    rows[0].get(0)
}

#[tokio::test]
async fn a_block_of_a_later_release_stops_a_message_server() {
    let mut system = System::start(SystemSettings::single()).await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    ana.send(&client, "before", &[&ana]).await;
    let before = applied(system.database("ms1")).await;

    let root = ServerId::random();
    let later = Block {
        root,
        entries: vec![ByteBuf::from(vec![0xa0])],
        version: BLOCK_VERSION + 1,
        incarnation: Incarnation::random(),
    };
    let jetstream = jetstream::new(system.nats.connect(User::MessageServer).await);
    let stored = jetstream.publish(subject::block(Role::Ms, root), cbor::encode(&later).into());
    stored.await.unwrap().await.unwrap();
    for restarted in [false, true] {
        if restarted {
            system.server("ms1").kill();
            system.server("ms1").start();
        }
        let server = system.server("ms1");
        eventually("it does not serve", WITHIN, async || {
            match server.healthy().await {
                Err(said) if said.starts_with("503") => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        assert_eq!(applied(system.database("ms1")).await, before);
    }
}

/// A value of the bucket of affinity as a later release may write it.
#[derive(Serialize)]
struct LaterValue {
    place: &'static str,
    version: u64,
}

/// A request that a home refuses unread: what becomes of it?
async fn asked(client: &Client, account: &AccountName) -> ErrorCode {
    let subject = subject::client(account, ClientVerb::Poll);
    let answer = client.request(subject, Bytes::from_static(b"\xff")).await;
    match cbor::decode(&answer.unwrap().payload, Bound::ANSWER).unwrap() {
        Reply::<Done>::Error(reply) => reply.code,
        Reply::Ok(done) => panic!("{done:?}"),
    }
}

async fn until(client: &Client, account: &AccountName, code: ErrorCode) {
    eventually(
        "the load balancers have seen it",
        WITHIN,
        async || match asked(client, account).await {
            found if found == code => Ok(()),
            other => Err(other),
        },
    )
    .await;
}

#[tokio::test]
async fn a_home_that_a_later_release_wrote_is_not_written_over() {
    let system = System::start(SystemSettings {
        registration_servers: 2,
        ..SystemSettings::single()
    })
    .await;
    let client = system.nats.connect(User::Client).await;
    let jetstream = jetstream::new(system.nats.connect(User::LoadBalancer).await);
    let bucket: Store = jetstream
        .get_key_value(subject::AFFINITY_BUCKET)
        .await
        .unwrap();
    let later = LaterValue {
        place: "rack 4",
        version: VALUE_VERSION + 1,
    };
    let later = Bytes::from(cbor::encode(&later));
    // One account that had a home before, and one that had none.
    let (known, unknown) = (
        AccountName::new("known").unwrap(),
        AccountName::new("unknown").unwrap(),
    );
    until(&client, &known, ErrorCode::Malformed).await;
    for account in [&known, &unknown] {
        bucket.put(account.as_str(), later.clone()).await.unwrap();
        until(&client, account, ErrorCode::Unavailable).await;
        for _ in 0..5 {
            assert_eq!(asked(&client, account).await, ErrorCode::Unavailable);
        }
        let held = bucket.get(account.as_str()).await.unwrap();
        assert_eq!(held, Some(later.clone()), "{account}");
        // Once it is gone, the account gets a home again.
        bucket.delete(account.as_str()).await.unwrap();
        until(&client, account, ErrorCode::Malformed).await;
    }
}
