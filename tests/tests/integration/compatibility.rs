//! What a release stored, the next one reads.
//!
//! `0.1.0/` keeps what that release wrote: its logs and buckets, message by
//! message, as NATS held them (`*.json`); the databases of a message server and
//! of a registration server (`*.dump`, SQL), taken before the end of the logs; a
//! session and an env file of the command line; and what it said of all that
//! (`expected.json`). They are never written anew.
//!
//! A release that changes something stored, in this order:
//! 1. Adds what is new so that its absence means what it meant before: an
//!    optional key, a column with a default in a migration of its own. Then
//!    these tests pass as they are, and nothing else is to be done.
//! 2. If readers of before would take it for something else, raises the version
//!    (`BLOCK_VERSION`, `VALUE_VERSION`, a migration), so that they stop there,
//!    and goes on reading every version that is kept here.
//! 3. Before it is released, adds a folder of its own samples beside `0.1.0`,
//!    made by its programs, and runs these tests over both.

mod refusal;
mod sample;
mod upgrade;

use serde::Serialize;
use serde::de::DeserializeOwned;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::log::{AccountEntry, Block, TaskEntry, TaskOp};
use yoshi_protocol::message::roster::{self, Affinity, PrimaryLease};
use yoshi_protocol::{NewTask, subject};

/// Decodes a sample, and holds its encoding to the sample's bytes.
fn same<T: Serialize + DeserializeOwned>(bytes: &[u8], bound: Bound) -> T {
    let value = cbor::decode(bytes, bound).expect("this release reads it");
    assert_eq!(cbor::encode(&value), bytes);
    value
}

fn blocks(stream: &str) -> Vec<Block> {
    let messages = sample::stream(stream).messages;
    let decoded = messages
        .iter()
        .map(|message| same(&message.payload, Bound::BLOCK));
    decoded.collect()
}

#[test]
fn every_entry_of_the_logs_reads_and_writes_back() {
    let (mut tasks, mut accounts) = (0, 0);
    for block in blocks(subject::TASKS_STREAM) {
        for entry in &block.entries {
            let entry: TaskEntry = same(entry, Bound::ENTRY);
            let TaskOp::Send(content) = entry.op else {
                panic!("that release had sends only");
            };
            let task = NewTask::decode_logged(&content).expect("this release reads it");
            assert_eq!(cbor::encode(&task), content.as_slice());
            tasks += 1;
        }
    }
    for block in blocks(subject::ACCOUNTS_STREAM) {
        for entry in &block.entries {
            same::<AccountEntry>(entry, Bound::ENTRY);
            accounts += 1;
        }
    }
    assert_eq!(tasks, sample::expected().receipts.len());
    assert!(accounts > tasks, "{accounts}");
}

#[test]
fn every_value_of_the_buckets_reads_and_writes_back() {
    let homes = sample::stream("KV_yoshi-affinity").messages;
    assert_eq!(homes.len(), sample::expected().accounts.len());
    for home in homes {
        let value: Affinity = roster::decode_value(&home.payload).unwrap();
        assert_eq!(cbor::encode(&value), home.payload, "{}", home.subject);
    }
    let leases = sample::stream("KV_yoshi-registration").messages;
    assert_eq!(leases.len(), 1);
    let lease: PrimaryLease = roster::decode_value(&leases[0].payload).unwrap();
    assert_eq!(cbor::encode(&lease), leases[0].payload);
}
