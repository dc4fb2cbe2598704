//! The bytes of release 0.1.0, in the folder `0.1.0`, which is never written
//! anew: this release reads them, and writes everything back that they say.
//!
//! A field may be added, as one that may be absent. One that is taken away,
//! renamed, or given another type or value, fails here: then the message needs
//! another opcode, or what is stored another version.

use ciborium::Value;
use yoshi_protocol::Reply;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::log::AccountedFor;
use yoshi_protocol::message::operate::ServerReport;
use yoshi_protocol::message::roster::{
    Affinity, PingMs, PrimaryLease, RsHeartbeat, VALUE_VERSION, ValueError, decode_value,
};

use crate::annotate::parse_hex;
use crate::vectors::vectors;

/// How many messages that release had vectors of.
const KEPT: usize = 55;

fn value(bytes: &[u8]) -> Value {
    ciborium::from_reader(bytes).unwrap()
}

/// Whether the one says everything that the other said.
fn says_all(now: &Value, before: &Value) -> bool {
    match (now, before) {
        (Value::Map(now), Value::Map(before)) => before.iter().all(|(key, value)| {
            let same_key = now.iter().find(|(other, _)| other == key);
            same_key.is_some_and(|(_, now)| says_all(now, value))
        }),
        (Value::Array(now), Value::Array(before)) => {
            now.len() == before.len()
                && now
                    .iter()
                    .zip(before)
                    .all(|(now, before)| says_all(now, before))
        }
        _ => now == before,
    }
}

#[test]
fn what_release_0_1_0_wrote_is_read_and_written_back() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/0.1.0");
    let vectors = vectors();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let bytes = parse_hex(&std::fs::read_to_string(&path).unwrap());
        let vector = vectors.iter().find(|vector| vector.name == name);
        let vector = vector.unwrap_or_else(|| panic!("{name} is not known any more"));
        let again = (vector.again)(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(says_all(&value(&again), &value(&bytes)), "{name}");
        count += 1;
    }
    assert_eq!(count, KEPT);
}

/// What servers said before they told of which log they speak, byte for byte: it is
/// still read, as if nothing was said about that, and written as it was.
#[test]
fn servers_that_do_not_name_their_log_are_understood() {
    let read = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/before-streams");
        parse_hex(&std::fs::read_to_string(format!("{folder}/{name}.hex")).unwrap())
    };
    let bytes = read("03-ping-ms-request");
    let ping: PingMs = cbor::decode(&bytes, Bound::REQUEST).unwrap();
    assert_eq!((ping.stream, cbor::encode(&ping)), (None, bytes));
    let bytes = read("11-rs-heartbeat-request");
    let beat: RsHeartbeat = cbor::decode(&bytes, Bound::REQUEST).unwrap();
    assert_eq!((beat.stream, cbor::encode(&beat)), (None, bytes));
    let bytes = read("accounted-for");
    let accounted: AccountedFor = cbor::decode(&bytes, Bound::REQUEST).unwrap();
    assert_eq!((accounted.stream, cbor::encode(&accounted)), (None, bytes));
    let bytes = read("23-server-status-answer");
    let report: Reply<ServerReport> = cbor::decode(&bytes, Bound::ANSWER).unwrap();
    assert_eq!(cbor::encode(&report), bytes);
    assert_eq!(report.into_result().unwrap().block, None);
}

/// A value of a bucket with one more key, `version`, which is the last in order.
fn versioned(file: &str, version: u8) -> Vec<u8> {
    let text = std::fs::read_to_string(format!(
        "{}/tests/golden/0.1.0/{file}.hex",
        env!("CARGO_MANIFEST_DIR")
    ));
    let mut bytes = parse_hex(&text.unwrap());
    bytes[0] += 1;
    bytes.extend(b"\x67version");
    bytes.push(version);
    bytes
}

#[test]
fn a_value_of_a_later_version_is_told_from_a_broken_one() {
    let later = Err(ValueError::Later(VALUE_VERSION + 1));
    let next = u8::try_from(VALUE_VERSION + 1).unwrap();
    let home = versioned("bucket-affinity", next);
    assert_eq!(decode_value::<Affinity>(&home), later);
    let lease = versioned("bucket-primary", next);
    let later = Err(ValueError::Later(VALUE_VERSION + 1));
    assert_eq!(decode_value::<PrimaryLease>(&lease), later);
    // Nothing of it but its version must be as it was.
    let bare = b"\xa1\x67version\x02";
    let later = Err(ValueError::Later(VALUE_VERSION + 1));
    assert_eq!(decode_value::<Affinity>(bare), later);
    // A version that this release knows may be said.
    assert!(decode_value::<Affinity>(&versioned("bucket-affinity", 1)).is_ok());
    for broken in [&b"\xa0"[..], b"", b"\x80", b"\xa1\x67version\x61x"] {
        let refused = decode_value::<Affinity>(broken);
        assert!(
            matches!(refused, Err(ValueError::Malformed(_))),
            "{broken:x?}"
        );
    }
}
