//! People who ask for accounts without a pause while something breaks: one
//! request each, never repeated, so that each missing answer shows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::Request;
use tokio::task::JoinSet;
use uuid::Uuid;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::account::{AccountReceipt, NewAcct};
use yoshi_protocol::subject::{self, ClientVerb};
use yoshi_protocol::{AccountName, ErrorReply, Password, Reply};
use yoshi_tests::person::fresh_name;
use yoshi_tests::{System, User, eventually};

/// How long one request waits for its answer: longer than any server drains.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
const WORK_WITHIN: Duration = Duration::from_secs(40);

/// A request for an account, and what came of it; none if nobody answered.
pub(super) struct Asked {
    pub(super) name: AccountName,
    pub(super) password: Password,
    pub(super) answer: Option<Result<AccountReceipt, ErrorReply>>,
}

/// At work.
pub(super) struct Creators {
    stop: Arc<AtomicBool>,
    created: Arc<AtomicUsize>,
    work: JoinSet<Vec<Asked>>,
}

impl Creators {
    /// So many at once.
    pub(super) async fn start(system: &System, count: usize) -> Self {
        let (stop, created) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut work = JoinSet::new();
        for _ in 0..count {
            let nats = system.nats.connect(User::Client).await;
            let (stop, created) = (Arc::clone(&stop), Arc::clone(&created));
            work.spawn(async move {
                let mut asked = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let one = ask(&nats).await;
                    if matches!(one.answer, Some(Ok(_))) {
                        created.fetch_add(1, Ordering::Relaxed);
                    } else {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    asked.push(one);
                }
                asked
            });
        }
        Self {
            stop,
            created,
            work,
        }
    }

    /// Waits until so many more accounts are created.
    pub(super) async fn go_on(&self, what: &str, more: usize) {
        let wanted = self.created.load(Ordering::Relaxed) + more;
        eventually(what, WORK_WITHIN, async || {
            match self.created.load(Ordering::Relaxed) {
                enough if enough >= wanted => Ok(()),
                created => Err(format!("{created} of {wanted}")),
            }
        })
        .await;
    }

    /// Lets them end, and answers what they asked for.
    pub(super) async fn stop(self) -> Vec<Asked> {
        self.stop.store(true, Ordering::Relaxed);
        self.work.join_all().await.into_iter().flatten().collect()
    }
}

async fn ask(nats: &async_nats::Client) -> Asked {
    let name = fresh_name("new");
    let password = Password::new(format!("the secret of {name}"));
    let request = NewAcct {
        id: Uuid::now_v7(),
        account: name.clone(),
        password: password.clone(),
    };
    let request = Request::new()
        .payload(cbor::encode(&request).into())
        .timeout(Some(ANSWER_WITHIN));
    let subject = subject::client(&name, ClientVerb::NewAccount);
    let answer = nats.send_request(subject, request).await.ok();
    let answer = answer.map(|message| {
        let reply: Reply<AccountReceipt> =
            cbor::decode(&message.payload, Bound::ANSWER).expect("it is an answer");
        reply.into_result()
    });
    Asked {
        name,
        password,
        answer,
    }
}

/// Whoever was told that the account was created can log in, and whoever was
/// told otherwise was told the truth or that it is not known.
pub(super) async fn told_the_truth(system: &System, asked: &[Asked]) {
    let client = system.client().await.with_deadline(WORK_WITHIN);
    for Asked {
        name,
        password,
        answer,
    } in asked
    {
        match answer {
            Some(Ok(_)) => {
                let logged_in = client.log_in(name, password).await;
                logged_in.unwrap_or_else(|error| panic!("{name} was created: {error}"));
            }
            Some(Err(refusal)) => {
                assert!(refusal.code.is_retryable(), "{name}: {refusal:?}");
            }
            None => {}
        }
    }
}
