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

#[tokio::test]
async fn bad_searches_are_refused_by_their_codes() {
    let system = system().await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    let ben = Person::register(&client, "ben").await;
    let nats = system.nats.connect(User::Client).await;
    let request = |filter: Filter, who: &Person| {
        let credential = who.credential.clone();
        cbor::encode(&FindTasks {
            known: Position::ZERO,
            limit: 10,
            before: None,
            filter,
            credential,
        })
    };
    let many = "東".repeat(33);
    for words in ["", "?!", "\u{301}", &"x".repeat(257), &many] {
        let bytes = request(text(words), &ana);
        assert_eq!(
            code(&nats, &ana.name, bytes).await,
            ErrorCode::InvalidQuery,
            "{words}"
        );
    }
    let labels = vec!["x".to_owned(); 21];
    let bytes = request(
        Filter {
            labels,
            ..Filter::default()
        },
        &ana,
    );
    assert_eq!(code(&nats, &ana.name, bytes).await, ErrorCode::InvalidQuery);
    // Other people's lists are closed, whoever asks, and also for what is not there.
    let bytes = request(Filter::of(List::Sent), &ben);
    assert_eq!(
        code(&nats, &ana.name, bytes.clone()).await,
        ErrorCode::Unauthenticated
    );
    let nobody = AccountName::new("nobody-at-all").unwrap();
    assert_eq!(
        code(&nats, &nobody, bytes.clone()).await,
        ErrorCode::Unauthenticated
    );
    let mut trailing = bytes.clone();
    trailing.push(0);
    assert_eq!(code(&nats, &ben.name, trailing).await, ErrorCode::Malformed);
    let cut = bytes[..bytes.len() - 1].to_vec();
    assert_eq!(code(&nats, &ben.name, cut).await, ErrorCode::Malformed);
    // A cursor from nowhere, and limits that are none, do no harm.
    for before in [0, 1, (1 << 63) - 1] {
        let query = Query {
            before: Some(Position(before)),
            limit: 0,
            ..Query::of(List::Inbox)
        };
        let page = client
            .find(&ana.name, &ana.credential, &query)
            .await
            .unwrap();
        assert_eq!((page.tasks.len(), page.cursor), (0, None));
    }
    // Nor does the client send what must be refused.
    let refused = client
        .find(&ana.name, &ana.credential, &Query::new(text("?")))
        .await;
    assert_eq!(refusal(refused), ErrorCode::InvalidQuery);
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
