//! What the network may send: each bad request is refused by its code, or by
//! NATS, and leaves nothing behind.

use std::time::Duration;

use async_nats::{Client, Request, RequestErrorKind};
use bytes::Bytes;
use serde_bytes::ByteBuf;
use uuid::Uuid;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::limit::{REQUEST_BYTES_MAX, REQUEST_ITEMS_MAX};
use yoshi_protocol::message::Done;
use yoshi_protocol::message::account::NewAcct;
use yoshi_protocol::message::task::TaskFromClient;
use yoshi_protocol::subject::{self, ClientVerb};
use yoshi_protocol::{AccountName, ErrorCode, NewTask, Reply};
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS};
use yoshi_tests::{Person, System, SystemSettings, User};

const MESSAGE_SERVERS: [&str; 3] = ["ms1", "ms2", "ms3"];
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// What makes a good task bad.
type Change = fn(&mut NewTask);
/// Long enough for an answer to arrive that must not.
const SILENCE: Duration = Duration::from_millis(300);

/// Somebody on the network with the password of the NATS user of clients.
struct Stranger {
    nats: Client,
    ana: Person,
    ben: Person,
}

impl Stranger {
    /// The code of the refusal.
    async fn refused(&self, subject: String, payload: impl Into<Bytes>) -> ErrorCode {
        let request = Request::new()
            .payload(payload.into())
            .timeout(Some(ANSWER_WITHIN));
        let answer = self.nats.send_request(subject.clone(), request).await;
        let answer = answer.unwrap_or_else(|error| panic!("{subject}: {error}"));
        match cbor::decode::<Reply<Done>>(&answer.payload, Bound::ANSWER).unwrap() {
            Reply::Error(reply) => reply.code,
            Reply::Ok(_) => panic!("{subject}: accepted"),
        }
    }

    fn subject(&self, verb: ClientVerb) -> String {
        subject::client(&self.ana.name, verb)
    }

    /// A request to send these bytes as a task.
    fn sending(&self, task: Vec<u8>) -> Vec<u8> {
        cbor::encode(&TaskFromClient {
            task: ByteBuf::from(task),
            credential: self.ana.credential.clone(),
        })
    }

    /// A good task but for what `change` does to it.
    async fn task_refused(&self, change: impl FnOnce(&mut NewTask)) -> ErrorCode {
        let mut task = NewTask::new("bad", vec![self.ben.name.clone()]);
        change(&mut task);
        let request = self.sending(cbor::encode(&task));
        self.refused(self.subject(ClientVerb::Task), request).await
    }

    /// A good task in whose bytes the title is replaced.
    async fn title_refused(&self, title: &[u8]) -> ErrorCode {
        let placeholder = "x".repeat(title.len());
        let mut bytes = cbor::encode(&NewTask::new(&placeholder, vec![self.ben.name.clone()]));
        let at = bytes
            .windows(title.len())
            .position(|part| part == placeholder.as_bytes());
        bytes[at.unwrap()..][..title.len()].copy_from_slice(title);
        self.refused(self.subject(ClientVerb::Task), self.sending(bytes))
            .await
    }
}

async fn malformed_bytes(stranger: &Stranger) {
    let good = stranger.sending(cbor::encode(&NewTask::new(
        "good",
        vec![stranger.ben.name.clone()],
    )));
    for verb in ClientVerb::ALL {
        let subject = || stranger.subject(verb);
        for bytes in [
            &b""[..],
            b"\xff",
            b"\x00",
            b"\xf7",
            b"{\"task\": 1}",
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\xbb\x00\x00\x00\x00\xff\xff\xff\xff",
            b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
            b"\x9f\xff",
            b"\xa2\x61a\x00\x61a\x00",
            b"\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00",
            b"\xc0\x60",
        ] {
            let code = stranger.refused(subject(), bytes.to_vec()).await;
            assert_eq!(code, ErrorCode::Malformed, "{verb:?} {bytes:x?}");
        }
        let deep = [vec![0x81; 100], vec![0x00]].concat();
        assert_eq!(
            stranger.refused(subject(), deep).await,
            ErrorCode::Malformed
        );
        let many = [&b"\x99\x20\x00"[..], &[0; 0x2000]].concat();
        assert!(many.len() > REQUEST_ITEMS_MAX);
        assert_eq!(stranger.refused(subject(), many).await, ErrorCode::TooLarge);
        let large = vec![0x40; REQUEST_BYTES_MAX + 1];
        assert_eq!(
            stranger.refused(subject(), large).await,
            ErrorCode::TooLarge
        );
    }
    let subject = || stranger.subject(ClientVerb::Task);
    let trailing = [&good[..], b"\x00"].concat();
    assert_eq!(
        stranger.refused(subject(), trailing).await,
        ErrorCode::Malformed
    );
    for end in 0..good.len() {
        let code = stranger.refused(subject(), good[..end].to_vec()).await;
        assert_eq!(code, ErrorCode::Malformed, "the first {end} bytes");
    }
    let inner = [
        &cbor::encode(&NewTask::new("x", vec![stranger.ben.name.clone()]))[..],
        b"\x00",
    ]
    .concat();
    assert_eq!(
        stranger.refused(subject(), stranger.sending(inner)).await,
        ErrorCode::Malformed
    );
}

async fn bad_tasks(stranger: &Stranger) {
    for title in [&b"a\0b"[..], b"\xff\xfe\xfd"] {
        assert_eq!(
            stranger.title_refused(title).await,
            ErrorCode::Malformed,
            "{title:?}"
        );
    }
    for title in [&b"a\r\nb"[..], b"a\nb", b"\x1b[2J"] {
        assert_eq!(
            stranger.title_refused(title).await,
            ErrorCode::InvalidTask,
            "{title:?}"
        );
    }
    let ben = stranger.ben.name.clone();
    let invalid: [(&str, Change); 7] = [
        ("no title", |task| task.title.clear()),
        ("a long title", |task| task.title = "x".repeat(256)),
        ("no recipient", |task| task.recipients.clear()),
        ("importance", |task| task.importance = 10),
        ("CRLF", |task| task.body = "a\r\nb".to_owned()),
        ("a long body", |task| task.body = "x".repeat(65_537)),
        ("options", |task| {
            task.options = vec!["a".to_owned(), "b".to_owned()]
        }),
    ];
    for (what, change) in invalid {
        assert_eq!(
            stranger.task_refused(change).await,
            ErrorCode::InvalidTask,
            "{what}"
        );
    }
    let twice = stranger
        .task_refused(|task| task.recipients = vec![ben.clone(), ben.clone()])
        .await;
    assert_eq!(twice, ErrorCode::InvalidTask);
    let crowd: Vec<_> = (0..101)
        .map(|n| AccountName::new(&format!("a{n}")).unwrap())
        .collect();
    let crowd = stranger.task_refused(|task| task.recipients = crowd).await;
    assert_eq!(crowd, ErrorCode::InvalidTask);
    let large = stranger
        .task_refused(|task| task.body = "x".repeat(100_000))
        .await;
    assert_eq!(large, ErrorCode::TooLarge);
    // A recipient that would be a wildcard of a subject.
    let mut bytes = cbor::encode(&NewTask::new(
        "bad",
        vec![AccountName::new("qqqq").unwrap()],
    ));
    let at = bytes.windows(4).position(|part| part == b"qqqq").unwrap();
    bytes[at..at + 4].copy_from_slice(b"a.*b");
    let wild = stranger
        .refused(stranger.subject(ClientVerb::Task), stranger.sending(bytes))
        .await;
    assert_eq!(wild, ErrorCode::Malformed);
}

async fn bad_subjects(stranger: &Stranger) {
    let good = stranger.sending(cbor::encode(&NewTask::new(
        "x",
        vec![stranger.ben.name.clone()],
    )));
    for (subject, code) in [
        ("yoshi.v1.client.ana.fly", ErrorCode::Malformed),
        ("yoshi.v1.client.Ana.task", ErrorCode::InvalidName),
        ("yoshi.v1.client.$x.task", ErrorCode::InvalidName),
        ("yoshi.v1.client.a%2fb.task", ErrorCode::InvalidName),
        ("yoshi.v1.client.-.poll", ErrorCode::InvalidName),
    ] {
        assert_eq!(
            stranger.refused(subject.to_owned(), good.clone()).await,
            code,
            "{subject}"
        );
    }
    let long = format!("yoshi.v1.client.{}.task", "a".repeat(64));
    assert_eq!(
        stranger.refused(long, good.clone()).await,
        ErrorCode::InvalidName
    );
    // Ana's credential does not send in Ben's name.
    let as_ben = subject::client(&stranger.ben.name, ClientVerb::Task);
    assert_eq!(
        stranger.refused(as_ben, good.clone()).await,
        ErrorCode::Unauthenticated
    );
    // Not a client's subject: nobody hears it, and nobody answers.
    for subject in [
        "yoshi.v1.ms.ping",
        "yoshi.v1.lb.query-ms",
        "yoshi.v1.rs.changed",
        "$JS.API.INFO",
    ] {
        let request = Request::new()
            .payload(good.clone().into())
            .timeout(Some(SILENCE));
        let error = stranger
            .nats
            .send_request(subject, request)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), RequestErrorKind::TimedOut, "{subject}");
    }
}

/// Answers that a client aims at others reach nothing inside.
async fn forged_replies(stranger: &Stranger, operator: &Client) {
    let mut down = operator.subscribe("yoshi.v1.ms.down").await.unwrap();
    let mut accounts = operator.subscribe("yoshi.v1.rs.account.*").await.unwrap();
    operator.flush().await.unwrap();
    let id = Uuid::nil();
    for forged in [
        "yoshi.v1.ms.down".to_owned(),
        "yoshi.v1.ms.ping".to_owned(),
        format!("yoshi.v1.ms.task.{id}"),
        format!("yoshi.v1.rs.account.{id}"),
        "$JS.API.STREAM.PURGE.YOSHI_TASKS".to_owned(),
        "$KV.yoshi-affinity.ana".to_owned(),
        "_R_.a.b".to_owned(),
        subject::client(&stranger.ana.name, ClientVerb::NewAccount),
    ] {
        let poll = stranger.subject(ClientVerb::Poll);
        let sent = stranger
            .nats
            .publish_with_reply(poll, forged, Bytes::from_static(b"\xa0"));
        sent.await.unwrap();
    }
    // Without a reply subject nobody could be answered.
    let quiet = stranger.nats.publish(
        stranger.subject(ClientVerb::Task),
        Bytes::from_static(b"\xa0"),
    );
    quiet.await.unwrap();
    stranger.nats.flush().await.unwrap();
    for heard in [&mut down, &mut accounts] {
        let heard = tokio::time::timeout(SILENCE, futures::StreamExt::next(heard)).await;
        assert!(heard.is_err(), "{heard:?}");
    }
}

/// A system of its own: it must be certain that nobody else changes anything.
#[tokio::test]
async fn bad_requests_are_refused_and_leave_nothing_behind() {
    let system = System::start(SystemSettings::default()).await;
    let client = system.client().await;
    let stranger = Stranger {
        nats: system.nats.connect(User::Client).await,
        ana: Person::register(&client, "ana").await,
        ben: Person::register(&client, "ben").await,
    };
    stranger.ana.send(&client, "before", &[&stranger.ben]).await;
    let databases = MESSAGE_SERVERS.map(|name| system.database(name));
    let before = contents::equal(&databases, OF_MESSAGE_SERVERS).await;
    let events = async || {
        let count = "SELECT count(*) FROM account_event";
        let rows = system.database("rs1").rows(count).await;
        rows[0].get::<_, i64>(0)
    };
    let events_before = events().await;

    malformed_bytes(&stranger).await;
    bad_tasks(&stranger).await;
    bad_subjects(&stranger).await;
    forged_replies(&stranger, &system.nats.connect(User::Operator).await).await;
    let weak = NewAcct {
        id: Uuid::now_v7(),
        account: stranger.ana.name.clone(),
        password: stranger.ana.password.clone(),
    };
    let taken = stranger
        .refused(
            stranger.subject(ClientVerb::NewAccount),
            cbor::encode(&weak),
        )
        .await;
    assert_eq!(taken, ErrorCode::AccountExists);

    let after = contents::equal(&databases, OF_MESSAGE_SERVERS).await;
    assert_eq!(after, before);
    assert_eq!(events().await, events_before);
    for number in 2..=4 {
        let receipt = stranger.ana.send(&client, "after", &[&stranger.ben]).await;
        assert_eq!((receipt.number, receipt.accounted_for.len()), (number, 3));
    }
}
