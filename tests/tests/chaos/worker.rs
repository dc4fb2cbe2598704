//! A worker: one process of the history, which does one operation after
//! another with accounts of its own and the hot ones.

mod accounts;
mod changes;
mod tasks;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use yoshi_client::{Client, Error, Outgoing};
use yoshi_protocol::{AccountName, Credential, ServerId, TaskChange, TaskId};
use yoshi_tests::{Direct, Person};

use crate::history::{History, Outcome};
use crate::operation::{self, Operation};

pub(crate) use accounts::done;
pub(crate) use changes::what;
pub(crate) use tasks::{hex, seen_view, sent_outcome};

/// The longest pause between two operations of a worker.
const PAUSE_MILLIS_MAX: u64 = 180;
/// Old tasks that may be sent again.
const SENT_MAX: usize = 200;

/// What all workers share.
pub(crate) struct Shared {
    pub(crate) history: Arc<History>,
    /// The accounts of the run, the hot ones first.
    pub(crate) people: Vec<Person>,
    /// The account of each worker whose tasks change.
    pub(crate) changers: Vec<Person>,
    pub(crate) direct: Direct,
    /// The names and identities of the message servers at the beginning.
    pub(crate) servers: Vec<(String, ServerId)>,
    pub(crate) stop: AtomicBool,
}

/// One process.
pub(crate) struct Worker {
    process: u32,
    random: SmallRng,
    client: Client,
    shared: Arc<Shared>,
    /// Its own accounts, by their number.
    own: Vec<usize>,
    /// Where each reading goes on, by account.
    sessions: BTreeMap<usize, Session>,
    /// What it has sent, the latest last.
    sent: VecDeque<Sent>,
    /// The account whose tasks it changes, for nobody else.
    changer: Sender,
    /// Tasks of that account, by payload, the latest last.
    changing: VecDeque<(String, TaskId)>,
    /// The changes that it has made, the latest last.
    made: VecDeque<Made>,
    /// The accounts that it has created.
    created: Vec<Created>,
    /// Where reading pairs goes on, by server.
    pairs: BTreeMap<usize, u64>,
    count: u64,
}

#[derive(Debug, Clone, Copy)]
struct Session {
    id: u64,
    cursor: u64,
}

/// A task that was sent, and may be sent again byte for byte.
#[derive(Clone)]
struct Sent {
    sender: Sender,
    payload: String,
    to: Vec<String>,
    outgoing: Outgoing,
}

/// A change that was made, and may be made again byte for byte.
#[derive(Clone)]
struct Made {
    /// The task's payload.
    task: String,
    change: TaskChange,
    /// Whether its last try may have made it, or not.
    unclear: bool,
}

#[derive(Clone)]
struct Sender {
    name: AccountName,
    credential: Credential,
}

/// An account whose password changes.
struct Created {
    name: AccountName,
    password: String,
    /// Passwords that may have been set: then nobody knows which it is.
    doubtful: Vec<String>,
}

impl Sender {
    fn of(person: &Person) -> Self {
        Self {
            name: person.name.clone(),
            credential: person.credential.clone(),
        }
    }
}

impl Worker {
    pub(crate) fn new(
        process: u32,
        workers: u32,
        seed: u64,
        client: Client,
        shared: Arc<Shared>,
    ) -> Self {
        let own = (operation::HOT..shared.people.len())
            .filter(|number| number % workers as usize == process as usize)
            .collect();
        let changer = Sender::of(&shared.changers[process as usize]);
        Self {
            process,
            random: SmallRng::seed_from_u64(operation::derived(seed, u64::from(process) + 1)),
            client,
            shared,
            own,
            sessions: BTreeMap::new(),
            sent: VecDeque::new(),
            changer,
            changing: VecDeque::new(),
            made: VecDeque::new(),
            created: Vec::new(),
            pairs: BTreeMap::new(),
            count: 0,
        }
    }

    /// Works until it is told to stop.
    pub(crate) async fn run(mut self) {
        while !self.shared.stop.load(Ordering::Relaxed) {
            let operation = Operation::draw(&mut self.random);
            let pause = self.random.random_range(0..=PAUSE_MILLIS_MAX);
            self.act(operation).await;
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    async fn act(&mut self, operation: Operation) {
        match operation {
            Operation::Send { hot, to } => self.send(hot, &to).await,
            Operation::SendByPassword { to } => self.send_by_password(&to).await,
            Operation::Poll { hot } => self.poll(hot).await,
            Operation::PollFromStart => self.poll_from_start().await,
            Operation::Pair { server } => self.pair(server).await,
            Operation::Retry { latest } => self.retry(latest).await,
            Operation::SendToSelf => self.send_to_self().await,
            Operation::Change(act) => self.change(act).await,
            Operation::ChangeAgain { latest } => self.change_again(latest).await,
            Operation::Create => self.create().await,
            Operation::ChangePassword => self.change_password().await,
            Operation::LogIn => self.log_in().await,
        }
    }

    /// One of its own accounts, or a hot one.
    fn account(&mut self, hot: Option<usize>) -> usize {
        match hot {
            Some(number) => number,
            None if self.own.is_empty() => 0,
            None => self.own[self.random.random_range(0..self.own.len())],
        }
    }

    /// A name for something that this worker makes: `p3-17`.
    fn fresh(&mut self) -> String {
        self.count += 1;
        format!("p{}-{}", self.process, self.count)
    }
}

/// Adds one at the end, and forgets the first one beyond so many.
fn keep<T>(all: &mut VecDeque<T>, one: T, most: usize) {
    all.push_back(one);
    if all.len() > most {
        all.pop_front();
    }
}

/// The latest of a number of old things, or any of them.
fn old(random: &mut SmallRng, count: usize, latest: bool) -> Option<usize> {
    let last = count.checked_sub(1)?;
    Some(match latest {
        true => last,
        false => random.random_range(0..=last),
    })
}

/// What an error of the client library means for the history.
pub(crate) fn outcome_of(error: &Error) -> Outcome {
    if error.may_have_happened() {
        return Outcome::Unknown {
            reason: error.to_string(),
        };
    }
    let code = match error {
        Error::Refused(reply) => reply.code.as_str().to_owned(),
        other => format!("not done: {other}"),
    };
    Outcome::Fail { code }
}
