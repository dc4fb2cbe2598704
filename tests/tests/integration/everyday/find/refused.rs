//! Searches that are refused, each by its code.

use std::time::Duration;

use async_nats::Request;
use yoshi_client::{Error, Filter, List, Query};
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::find::{FindTasks, TasksFound};
use yoshi_protocol::subject::{self, ClientVerb};
use yoshi_protocol::{AccountName, ErrorCode, Position, Reply};
use yoshi_tests::person::refusal;
use yoshi_tests::{Person, User};

use super::super::system;
use super::text;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What a server answers to these very bytes, unless it finds something.
async fn code(nats: &async_nats::Client, account: &AccountName, bytes: Vec<u8>) -> ErrorCode {
    let request = Request::new()
        .payload(bytes.into())
        .timeout(Some(ANSWER_WITHIN));
    let subject = subject::client(account, ClientVerb::Find);
    let answer = nats.send_request(subject, request).await.unwrap();
    let reply: Reply<TasksFound> = cbor::decode(&answer.payload, Bound::ANSWER).unwrap();
    reply.into_result().expect_err("it is refused").code
}

/// The search for everything that passes, with somebody's credential.
fn request(filter: Filter, who: &Person) -> Vec<u8> {
    cbor::encode(&FindTasks {
        known: Position::ZERO,
        limit: 10,
        before: None,
        filter,
        credential: who.credential.clone(),
    })
}

#[tokio::test]
async fn bad_searches_are_refused_by_their_codes() {
    let system = system().await;
    let client = system.client().await;
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    let nats = system.nats.connect(User::Client).await;
    let many = "東".repeat(33);
    let mut bad = vec![Filter {
        labels: vec!["x".to_owned(); 21],
        ..Filter::default()
    }];
    bad.extend(["", "?!", "\u{301}", &"x".repeat(257), &many].map(text));
    for filter in bad {
        let bytes = request(filter.clone(), &ana);
        let code = code(&nats, &ana.name, bytes).await;
        assert_eq!(code, ErrorCode::InvalidQuery, "{filter:?}");
    }
    // Nor does the client send what must be refused.
    let bad = Query::new(text("?"));
    let refused = client.find(&ana.name, &ana.credential, &bad).await;
    assert_eq!(refusal(refused), ErrorCode::InvalidQuery);
    // Other people's lists are closed, whoever asks, and also for what is not there.
    let bytes = request(Filter::of(List::Sent), &ben);
    let nobody = AccountName::new("nobody-at-all").unwrap();
    for name in [&ana.name, &nobody] {
        let code = code(&nats, name, bytes.clone()).await;
        assert_eq!(code, ErrorCode::Unauthenticated, "{name}");
    }
    let trailing = [&bytes[..], &[0]].concat();
    let cut = bytes[..bytes.len() - 1].to_vec();
    for bytes in [trailing, cut] {
        assert_eq!(code(&nats, &ben.name, bytes).await, ErrorCode::Malformed);
    }
}

#[tokio::test]
async fn cursors_from_nowhere_do_no_harm() {
    let system = system().await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    // Nor do limits that are none.
    for before in [0, 1, (1 << 63) - 1] {
        let query = Query {
            before: Some(Position(before)),
            limit: 0,
            ..Query::of(List::Inbox)
        };
        let page = client.find(&ana.name, &ana.credential, &query).await;
        let page = page.unwrap();
        assert_eq!((page.tasks.len(), page.cursor), (0, None));
    }
    // Nobody is as far as that.
    let ahead = Query {
        known: Position((1 << 63) - 1),
        ..Query::of(List::Inbox)
    };
    let patient = client.clone().with_deadline(Duration::from_secs(2));
    let late = patient.find(&ana.name, &ana.credential, &ahead).await;
    let Err(Error::Deadline { answer, .. }) = late else {
        panic!("{late:?}");
    };
    assert_eq!(answer.unwrap().code, ErrorCode::Behind);
}
