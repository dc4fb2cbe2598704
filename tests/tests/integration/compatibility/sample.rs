//! The samples: what release 0.1.0 stored, read from its folder, and put back
//! where it stood.

use std::path::PathBuf;

use async_nats::HeaderMap;
use async_nats::jetstream::{self, message::PublishMessage};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use yoshi_tests::postgres::Database;
use yoshi_tests::{Nats, User};

/// The buckets' streams and who writes to them, then the logs.
pub(super) const STREAMS: [(&str, User); 5] = [
    ("KV_yoshi-affinity", User::LoadBalancer),
    ("KV_yoshi-destroyed", User::LoadBalancer),
    ("KV_yoshi-registration", User::RegistrationServer),
    ("YOSHI_ACCOUNTS", User::RegistrationServer),
    ("YOSHI_TASKS", User::MessageServer),
];

/// A header that held when the message was stored, with the sequences of then.
const EXPECTED_SEQUENCE: &str = "Nats-Expected-Last-Subject-Sequence";

/// A stream as that release left it.
#[derive(Debug, Deserialize)]
pub(super) struct Stream {
    /// As NATS tells it, with the incarnation in its metadata.
    pub(super) config: Value,
    /// What it held.
    pub(super) messages: Vec<Stored>,
}

/// A message of a stream.
#[derive(Debug, Deserialize)]
pub(super) struct Stored {
    pub(super) sequence: u64,
    pub(super) subject: String,
    pub(super) headers: Vec<(String, String)>,
    #[serde(deserialize_with = "from_hex")]
    pub(super) payload: Vec<u8>,
}

/// What that release said of what it stored.
#[derive(Debug, Deserialize)]
pub(super) struct Expected {
    /// Of every send.
    pub(super) receipts: Vec<Receipt>,
    /// Those that can be used.
    pub(super) accounts: Vec<Account>,
    /// Those that were disabled.
    pub(super) disabled: Vec<String>,
}

/// A receipt.
#[derive(Debug, Deserialize)]
pub(super) struct Receipt {
    pub(super) sender: String,
    pub(super) task: String,
    pub(super) number: u64,
    pub(super) position: u64,
    #[serde(deserialize_with = "from_hex")]
    pub(super) hash: Vec<u8>,
}

/// An account and its tasks' ids, in the order of its polls.
#[derive(Debug, Deserialize)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) password: String,
    /// Valid until November 2036.
    pub(super) token: Option<String>,
    pub(super) inbox: Vec<String>,
    pub(super) sent: Vec<String>,
}

/// The folder of the samples.
pub(super) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/integration/compatibility/0.1.0")
}

/// A sample that is text.
pub(super) fn text(name: &str) -> String {
    let path = folder().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A stream, by its name.
pub(super) fn stream(name: &str) -> Stream {
    serde_json::from_str(&text(&format!("{name}.json"))).expect("a sample can be read")
}

/// What that release said of it all.
pub(super) fn expected() -> Expected {
    serde_json::from_str(&text("expected.json")).expect("a sample can be read")
}

/// The bytes that hexadecimal digits stand for.
pub(super) fn bytes(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("they are digits"))
        .collect()
}

fn from_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    Ok(bytes(&String::deserialize(deserializer)?))
}

/// Puts a stream back, every message at its sequence.
pub(super) async fn restore_stream(nats: &Nats, name: &str, writer: User) {
    let Stream { config, messages } = stream(name);
    let provisioner = nats.connect(User::Provisioner).await;
    let request = format!("$JS.API.STREAM.CREATE.{name}");
    let created = provisioner.request(request, config.to_string().into());
    let created: Value = serde_json::from_slice(&created.await.unwrap().payload).unwrap();
    assert!(created.get("error").is_none(), "{name}: {created}");
    let jetstream = jetstream::new(nats.connect(writer).await);
    let is_log = !name.starts_with("KV_");
    for message in messages {
        let mut headers = HeaderMap::new();
        for (header, value) in &message.headers {
            if is_log || header != EXPECTED_SEQUENCE {
                headers.insert(header.as_str(), value.as_str());
            }
        }
        let publish = PublishMessage::build()
            .payload(message.payload.into())
            .headers(headers);
        let stored = jetstream.send_publish(message.subject, publish).await;
        let stored = stored.unwrap().await.unwrap();
        assert!(!is_log || stored.sequence == message.sequence, "{stored:?}");
    }
}

/// Fills an empty database from a dump.
pub(super) async fn restore_database(database: &Database, dump: &str) {
    let mut config: postgres::Config = database.url.parse().expect("it is a URL of Postgres");
    config.password(&database.password);
    let dump = text(dump);
    tokio::task::spawn_blocking(move || {
        let mut client = config.connect(postgres::NoTls).unwrap();
        client.batch_execute(&dump).unwrap();
    })
    .await
    .expect("the driver does not panic");
}
