//! Bytes that must be refused, each with its code.

use serde::de::DeserializeOwned;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::account::{LogOut, NewAcct};
use yoshi_protocol::message::log::LogPage;
use yoshi_protocol::message::roster::StaleHome;
use yoshi_protocol::message::task::TaskFromClient;
use yoshi_protocol::{ErrorCode, ErrorReply, Kind, NewTask};

use crate::find;
use crate::fixtures::{small_task, task_from_client};

/// Bytes that must be refused.
pub(crate) struct Malformed {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) code: ErrorCode,
    pub(crate) bytes: Vec<u8>,
    pub(crate) refuse: fn(&[u8]) -> Result<(), ErrorReply>,
}

fn request<T: DeserializeOwned>(bytes: &[u8]) -> Result<(), ErrorReply> {
    Ok(cbor::decode::<T>(bytes, Bound::REQUEST).map(drop)?)
}

fn task(bytes: &[u8]) -> Result<(), ErrorReply> {
    Ok(NewTask::decode(bytes).map(drop)?)
}

fn case(
    name: &'static str,
    what: &'static str,
    bytes: impl Into<Vec<u8>>,
    refuse: fn(&[u8]) -> Result<(), ErrorReply>,
) -> Malformed {
    Malformed {
        name,
        what,
        code: ErrorCode::Malformed,
        bytes: bytes.into(),
        refuse,
    }
}

/// A text with its head, as long as one byte can say.
fn text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    let head = if length < 24 {
        vec![0x60 + length]
    } else {
        vec![0x78, length]
    };
    [head, text.as_bytes().to_vec()].concat()
}

fn bytes_of(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// `NEW_ACCT` of this name and password.
fn new_acct(account: &str, password: &[u8]) -> Vec<u8> {
    let id = [0x50_u8; 17];
    bytes_of(&[
        b"\xa3\x62id",
        &id,
        &text("account"),
        &text(account),
        &text("password"),
        password,
    ])
}

/// Every case.
pub(crate) fn malformed() -> Vec<Malformed> {
    let mut cases = broken_encodings();
    cases.extend(forbidden_items());
    cases.extend(sizes_and_shapes());
    cases.extend(broken_names());
    cases.extend(values());
    cases.extend(tasks());
    cases.extend(find::malformed());
    cases.extend(pages());
    cases
}

/// Pages of a log whose version is none: they must not pass for those without one.
fn pages() -> Vec<Malformed> {
    let page = |version: &[u8]| {
        let start = b"\xa4\x64more\xf4\x67entries\x80\x67through\x00\x67version";
        bytes_of(&[start, version])
    };
    let refuse = request::<LogPage>;
    vec![
        case(
            "page-version-text",
            "a version in words",
            page(b"\x613"),
            refuse,
        ),
        case(
            "page-version-negative",
            "a version below nothing",
            page(b"\x22"),
            refuse,
        ),
        case(
            "page-version-float",
            "a version with a fraction",
            page(b"\xf9\x42\x00"),
            refuse,
        ),
    ]
}

fn broken_encodings() -> Vec<Malformed> {
    let refuse = request::<TaskFromClient>;
    let good = cbor::encode(&task_from_client());
    let mut trailing = good.clone();
    trailing.push(0);
    vec![
        case("empty", "no bytes at all", [], refuse),
        case(
            "truncated",
            "the last byte is missing",
            &good[..good.len() - 1],
            refuse,
        ),
        case("trailing", "a byte follows the message", trailing, refuse),
        case(
            "key-order",
            "keys out of order",
            b"\xa2\x61b\x01\x61a\x01".as_slice(),
            refuse,
        ),
        case(
            "key-twice",
            "a key twice",
            b"\xa2\x61a\x01\x61a\x02".as_slice(),
            refuse,
        ),
        case(
            "key-number",
            "a key that is no text",
            b"\xa1\x01\x01".as_slice(),
            refuse,
        ),
        case(
            "long-integer",
            "23 in two bytes",
            b"\xa1\x61a\x18\x17".as_slice(),
            refuse,
        ),
        case(
            "long-length",
            "a length in two bytes",
            b"\xa1\x61a\x78\x01x".as_slice(),
            refuse,
        ),
        case(
            "indefinite-map",
            "a map of indefinite length",
            b"\xbf\xff".as_slice(),
            refuse,
        ),
        case(
            "indefinite-text",
            "a text in pieces",
            b"\xa1\x61a\x7f\x61x\xff".as_slice(),
            refuse,
        ),
    ]
}

fn forbidden_items() -> Vec<Malformed> {
    let refuse = request::<TaskFromClient>;
    vec![
        case("tag", "a tag", b"\xa1\x61a\xc0\x61x".as_slice(), refuse),
        case(
            "float",
            "a floating-point number",
            b"\xa1\x61a\xf9\x3c\x00".as_slice(),
            refuse,
        ),
        case(
            "undefined",
            "the value undefined",
            b"\xa1\x61a\xf7".as_slice(),
            refuse,
        ),
        case(
            "nul",
            "U+0000 in a text",
            b"\xa1\x61a\x61\x00".as_slice(),
            refuse,
        ),
        case(
            "utf8",
            "a text that is not UTF-8",
            b"\xa1\x61a\x61\xff".as_slice(),
            refuse,
        ),
        case(
            "surrogate",
            "half a surrogate pair",
            b"\xa1\x61a\x63\xed\xa0\x80".as_slice(),
            refuse,
        ),
    ]
}

fn sizes_and_shapes() -> Vec<Malformed> {
    let refuse = request::<TaskFromClient>;
    let mut many = vec![0x99, 0x10, 0x00];
    many.extend([0x60; 4096]);
    vec![
        case(
            "deep",
            "nested 40 levels deep",
            [[0x81; 40].as_slice(), &[0]].concat(),
            refuse,
        ),
        case(
            "huge-array",
            "an array of 2^63 items, none of them there",
            b"\x9b\x80\x00\x00\x00\x00\x00\x00\x00".as_slice(),
            refuse,
        ),
        case(
            "huge-text",
            "a text of 2^64 - 1 bytes, none of them there",
            b"\x7b\xff\xff\xff\xff\xff\xff\xff\xff".as_slice(),
            refuse,
        ),
        Malformed {
            code: ErrorCode::TooLarge,
            ..case("many-items", "4,097 items in a small message", many, refuse)
        },
        case(
            "other-type",
            "an array where a map is wanted",
            b"\x80".as_slice(),
            refuse,
        ),
        case(
            "missing-fields",
            "a map without its fields",
            b"\xa0".as_slice(),
            refuse,
        ),
    ]
}

fn values() -> Vec<Malformed> {
    let token = |length: u8| {
        let body = vec![0x7a; usize::from(length)];
        bytes_of(&[
            b"\xa2",
            &text("token"),
            &[0x58, length],
            &body,
            &text("account"),
            &text("ana"),
        ])
    };
    let long_password = bytes_of(&[b"\x79\x04\x01", &[b'x'; 1025]]);
    vec![
        case(
            "token-33-bytes",
            "a token of 33 bytes",
            token(33),
            request::<LogOut>,
        ),
        case(
            "token-31-bytes",
            "a token of 31 bytes",
            token(31),
            request::<LogOut>,
        ),
        case(
            "password-long",
            "a password of 1,025 bytes",
            new_acct("ana", &long_password),
            request::<NewAcct>,
        ),
        case(
            "password-number",
            "a number for a password",
            new_acct("ana", b"\x01"),
            request::<NewAcct>,
        ),
        case(
            "credential-unknown",
            "a credential of an unknown kind",
            bytes_of(&[
                b"\xa2",
                &text("task"),
                b"\x41\xa0",
                &text("credential"),
                b"\xa1",
                &text("key"),
                b"\x01",
            ]),
            request::<TaskFromClient>,
        ),
    ]
}

fn broken_names() -> Vec<Malformed> {
    let password = text("correct horse");
    vec![
        case(
            "name-dot",
            "a name of two tokens",
            new_acct("ana.b", &password),
            request::<NewAcct>,
        ),
        case(
            "name-wildcard",
            "a wildcard for a name",
            new_acct("*", &password),
            request::<NewAcct>,
        ),
        case(
            "name-capital",
            "a capital letter",
            new_acct("Ana", &password),
            request::<NewAcct>,
        ),
        case(
            "stale-home-name",
            "a capital letter in whose home is old",
            bytes_of(&[b"\xa2\x65epoch\x07", &text("account"), &text("Ana")]),
            request::<StaleHome>,
        ),
        case(
            "stale-home-epoch",
            "an epoch below nothing",
            bytes_of(&[b"\xa2\x65epoch\x26", &text("account"), &text("ana")]),
            request::<StaleHome>,
        ),
        case(
            "name-empty",
            "an empty name",
            new_acct("", &password),
            request::<NewAcct>,
        ),
        case(
            "name-newline",
            "CR and LF in a name",
            new_acct("ana\r\n", &password),
            request::<NewAcct>,
        ),
        case(
            "name-cyrillic",
            "a look-alike letter",
            new_acct("аna", &password),
            request::<NewAcct>,
        ),
    ]
}

fn tasks() -> Vec<Malformed> {
    let changed = |change: fn(&mut NewTask)| {
        let mut task = small_task();
        change(&mut task);
        cbor::encode(&task)
    };
    let invalid = |name, what, change| Malformed {
        code: ErrorCode::InvalidTask,
        ..case(name, what, changed(change), task)
    };
    let mut not_a_moment = cbor::encode(&small_task());
    // One more pair, in its place: after `id`, before `kind`.
    not_a_moment[0] += 1;
    let at = not_a_moment
        .windows(5)
        .position(|window| window == b"\x64kind")
        .unwrap();
    not_a_moment.splice(at..at, [text("due"), text("tomorrow")].concat());
    vec![
        invalid("task-title-empty", "a task without a title", |task| {
            task.title.clear()
        }),
        invalid("task-title-lines", "a title of two lines", |task| {
            task.title = "a\r\nb".into()
        }),
        invalid("task-no-recipient", "a task for nobody", |task| {
            task.recipients.clear()
        }),
        invalid("task-recipient-twice", "a recipient twice", |task| {
            task.recipients.push(task.recipients[0].clone());
        }),
        invalid(
            "task-options",
            "options of a task that is no decision",
            |task| {
                task.options = vec!["a".into(), "b".into()];
            },
        ),
        invalid("task-importance", "an importance of 10", |task| {
            task.importance = 10
        }),
        invalid("task-link", "a link that would run a script", |task| {
            task.links = vec!["javascript:alert(1)".into()];
        }),
        invalid("task-option-twice", "an option twice", |task| {
            task.kind = Kind::Decide;
            task.options = vec!["a".into(), "a".into()];
        }),
        invalid("task-start", "a start after the due date", |task| {
            task.start = "2026-11-28".parse().ok();
            task.due = "2026-11-27".parse().ok();
        }),
        case("task-due", "a due date that is none", not_a_moment, task),
    ]
}
