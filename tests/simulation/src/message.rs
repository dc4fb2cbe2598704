//! What travels between the nodes of a simulated system, and who they are.

use std::rc::Rc;

use bytes::Bytes;
use message_server::machine;
use message_server::rules::{Change, ChangeEntry, Proof, Send, SendEntry};
use registration_server::election::LeaseView;
use yoshi_protocol::message::log::AccountEntry;
use yoshi_protocol::message::roster::{
    Affinity, MsDown, NewPrimReg, PingMs, PrimaryLease, RsHeartbeat,
};
use yoshi_protocol::{AccountName, Epoch, ErrorCode, Incarnation, Position, ServerId, TaskId};
use yoshi_replica::View;

/// A node. What none of them is, is NATS: the hub between all of them, with
/// the two logs and the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Addr {
    /// A message server.
    Ms(usize),
    /// A registration server.
    Rs(usize),
    /// A load balancer.
    Lb(usize),
    /// A client.
    Client(usize),
    /// NATS.
    Hub,
}

/// An entry of a log, decoded when it was stored: the same for every reader.
#[derive(Debug, Clone)]
pub(crate) enum Decoded {
    /// Of the tasks log.
    Task(Rc<machine::Decoded>),
    /// Of the accounts log.
    Account(Option<AccountEntry>),
}

/// A block as it stands in a log.
#[derive(Debug)]
pub(crate) struct StoredBlock {
    /// Where.
    pub(crate) sequence: u64,
    /// Whose.
    pub(crate) root: ServerId,
    /// In which life.
    pub(crate) life: Incarnation,
    /// Which node that was, for *accounted for*.
    pub(crate) from: Addr,
    /// Its message id.
    pub(crate) id: String,
    /// Its entries with their positions.
    pub(crate) entries: Vec<(Position, Decoded)>,
}

/// How a publish ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Published {
    /// It is stored.
    Stored(u64),
    /// It was refused for certain.
    Refused,
    /// Nobody knows: it raced with another one.
    Conflict,
}

/// A page of a neighbour's log.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// Entries, in order.
    pub(crate) entries: Vec<(Position, Decoded)>,
    /// Up to where the page is complete.
    pub(crate) through: Position,
}

/// What a client asks of an account's home.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    /// TASK_FROM_CLIENT: the encoded task.
    Send(Bytes),
    /// CHANGE_TASK: the encoded change.
    Change(Bytes),
    /// OUTBOX_TO_HOME: a task that waited in some server's outbox.
    Outbox(Bytes),
    /// CLIENT_POLL_MS: what changed for the account after a position.
    Poll(Position),
}

/// A client's request. An answer carries its number back.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Who wants the answer.
    pub(crate) from: Addr,
    /// The attempt's own number.
    pub(crate) number: u64,
    /// The account.
    pub(crate) account: AccountName,
    /// What is asked.
    pub(crate) ask: Ask,
}

/// A task as a poll shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The position of its latest change for the account.
    pub(crate) changed: Position,
    /// Which.
    pub(crate) id: TaskId,
    /// How often it was revised.
    pub(crate) revision: u32,
}

/// What a home answers.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// The task or change is accounted for.
    Receipt(Proof),
    /// The task is in the outbox of this server, which alone has it.
    Queued(ServerId),
    /// What changed for an account.
    Polled {
        /// Tasks in the order of their latest changes.
        tasks: Vec<Shown>,
        /// Where the next poll goes on.
        cursor: Position,
        /// Whether the server may lack what was accounted for elsewhere.
        behind: bool,
        /// Which server this was.
        server: usize,
        /// How many recipients of each task see it on this server, and how many there are.
        asks: Vec<(TaskId, usize, usize)>,
    },
    /// Nothing came of it, or nobody knows (`unknown`).
    Refused(ErrorCode),
}

/// What a client asks of a registration server.
#[derive(Debug, Clone)]
pub(crate) enum AccountAsk {
    /// NEW_ACCT with a password.
    Create(AccountName, u64),
    /// CHANGE_PASSWORD to another one.
    Change(AccountName, u64),
    /// Is this the account's password?
    Authenticate(AccountName, u64),
}

/// What it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccountAnswer {
    /// The change is on every live registration server.
    Done,
    /// Whether the password is the account's.
    Valid(bool),
    /// Nothing came of it, or nobody knows.
    Refused(ErrorCode),
}

/// A value of the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    /// An account's home.
    Affinity(Affinity),
    /// The primary's lease.
    Lease(PrimaryLease),
}

/// A message.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    /// PING_MS.
    Ping(PingMs),
    /// MS_DOWN.
    Down(MsDown),
    /// NEW_PRIM_REG.
    Primary(NewPrimReg),
    /// *Accounted for*, to one life of a root.
    Accounted {
        to: Incarnation,
        server: ServerId,
        life: Incarnation,
        position: Position,
    },
    /// POLL_MS and POLL_RS.
    AskPage {
        from: Addr,
        token: u64,
        since: Position,
        stream: Incarnation,
    },
    /// Its answer; none is a refusal.
    Page { token: u64, page: Option<Page> },
    /// Nobody is there who could answer.
    NobodyThere { token: u64 },

    /// To the stream: store a block.
    Publish {
        from: Addr,
        token: u64,
        id: String,
        root: ServerId,
        life: Incarnation,
        expected: Option<u64>,
        entries: Rc<Vec<Vec<u8>>>,
    },
    /// Its answer.
    Published { token: u64, result: Published },
    /// To the stream: the last block of a root.
    AskLast {
        from: Addr,
        token: u64,
        root: ServerId,
    },
    /// Its answer.
    Last {
        token: u64,
        last: Option<(u64, String)>,
    },
    /// To the stream: where does it stand?
    AskView { from: Addr, token: u64 },
    /// Its answer.
    View { token: u64, view: View },
    /// To the stream: which block stands at a sequence?
    AskId {
        from: Addr,
        token: u64,
        sequence: u64,
    },
    /// Its answer: the message id.
    Id { token: u64, id: Option<String> },
    /// To the stream: deliver from here on.
    Read {
        from: Addr,
        consumer: u64,
        start: u64,
    },
    /// A delivery.
    Block {
        consumer: u64,
        delivered: u64,
        block: Rc<StoredBlock>,
    },
    /// The consumer is alive.
    Heartbeat { consumer: u64 },

    /// To the bucket: write a key; `expected` is the revision that it must have.
    Put {
        from: Addr,
        token: u64,
        key: String,
        value: Option<Value>,
        expected: Option<u64>,
    },
    /// Its answer; none is a refusal.
    Stored { token: u64, revision: Option<u64> },
    /// To the bucket: read a key.
    Get { from: Addr, token: u64, key: String },
    /// Its answer: the revision of the key, 0 if it never was, and its value.
    Got {
        token: u64,
        revision: u64,
        value: Option<Value>,
    },
    /// To the bucket: send everything, and every change.
    Watch { from: Addr, token: u64 },
    /// A key of the bucket; `last` ends what was there at the beginning.
    Key {
        token: u64,
        key: String,
        revision: u64,
        value: Option<Value>,
        last: bool,
    },

    /// A client's request, on its way through a load balancer.
    Request(Request),
    /// The same, forwarded to a server with the account's epoch.
    ToHome(ServerId, Request, Epoch),
    /// What came of it.
    Answer { number: u64, answer: Answer },

    /// RS_HEARTBEAT.
    Beat {
        from: Addr,
        token: u64,
        beat: RsHeartbeat,
    },
    /// Its answer: the primary's epoch and position; none if it is not primary.
    Alive {
        token: u64,
        answer: Option<(Epoch, Position)>,
    },
    /// A client's request about an account.
    AccountRequest {
        from: Addr,
        number: u64,
        id: uuid::Uuid,
        ask: AccountAsk,
    },
    /// What came of it.
    AccountAnswer { number: u64, answer: AccountAnswer },
}

/// The lease as the bucket holds it.
#[must_use]
pub(crate) fn lease_view(revision: u64, value: Option<Value>) -> LeaseView {
    let holder = match value {
        Some(Value::Lease(lease)) => Some(lease),
        Some(Value::Affinity(_)) | None => None,
    };
    LeaseView { revision, holder }
}

/// A change as the neighbours' log holds it.
#[must_use]
pub(crate) fn changed_again(change: &Change) -> ChangeEntry {
    ChangeEntry {
        position: change.position,
        at: change.at,
        epoch: change.epoch,
        account: change.account.clone(),
        content: change.content.clone(),
        change: yoshi_protocol::TaskChange::decode_logged(&change.content).expect("it was applied"),
    }
}

/// A send as the neighbours' log holds it.
#[must_use]
pub(crate) fn relogged(send: &Send) -> SendEntry {
    SendEntry {
        position: send.position,
        at: send.sent_at,
        epoch: send.epoch,
        account: send.sender.clone(),
        content: send.content.clone(),
        task: yoshi_protocol::NewTask::decode_logged(&send.content).expect("it was applied"),
    }
}
