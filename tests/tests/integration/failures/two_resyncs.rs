//! Two message servers are told to be filled anew at the same moment: each would count
//! on the other, and what the stream no longer holds would be gone.

use std::time::Duration;

use async_nats::{Client, Request};
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::Done;
use yoshi_protocol::message::operate::ResyncMs;
use yoshi_protocol::message::roster::MsState;
use yoshi_protocol::subject::{self, MsVerb};
use yoshi_protocol::{ErrorCode, ErrorReply, Reply, ServerId};
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS};
use yoshi_tests::{Person, System, SystemSettings, User, eventually};

use super::draining::seen;
use super::joining::short_logs;

const ASKED_WITHIN: Duration = Duration::from_secs(10);
const BACK_WITHIN: Duration = Duration::from_secs(60);
const TASKS: usize = 30;

/// RESYNC_MS, once.
async fn told(nats: &Client, server: ServerId) -> Result<Done, ErrorReply> {
    let request = cbor::encode(&ResyncMs {
        keep: false,
        force: false,
    });
    let request = Request::new()
        .payload(request.into())
        .timeout(Some(ASKED_WITHIN));
    let subject = subject::ms(server, MsVerb::Resync);
    let answer = nats.send_request(subject, request).await.unwrap();
    let reply: Reply<Done> = cbor::decode(&answer.payload, Bound::ANSWER).unwrap();
    reply.into_result()
}

#[tokio::test]
async fn of_two_servers_only_one_forgets_what_it_holds() {
    // The log does not reach back to the first tasks.
    let (_folder, definitions) = short_logs(10);
    let system = System::start(SystemSettings {
        definitions,
        message_servers: 2,
        ..SystemSettings::default()
    })
    .await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    for number in 0..TASKS {
        ana.send(&client, &number.to_string(), &[&ana]).await;
    }
    let databases = ["ms1", "ms2"].map(|name| system.database(name));
    let before = contents::equal(&databases, OF_MESSAGE_SERVERS).await;
    let (one, other) = (system.id("ms1").await, system.id("ms2").await);
    let nats = system.nats.connect(User::Operator).await;
    let (first, second) = tokio::join!(told(&nats, one), told(&nats, other));
    let refused: Vec<_> = [first, second]
        .into_iter()
        .filter_map(Result::err)
        .collect();
    assert_eq!(refused.len(), 1, "one has its turn: {refused:?}");
    assert_eq!(refused[0].code, ErrorCode::Busy, "{}", refused[0]);
    assert!(
        refused[0].message.contains("a moment ago"),
        "{}",
        refused[0]
    );
    for id in [one, other] {
        eventually("it serves again", BACK_WITHIN, async || {
            match seen(&system, id).await?.ping {
                ping if ping.state == MsState::Serving => Ok(()),
                ping => Err(format!("{ping:?}")),
            }
        })
        .await;
    }
    let after = contents::equal(&databases, OF_MESSAGE_SERVERS).await;
    assert_eq!(after, before, "nothing is gone");
}
