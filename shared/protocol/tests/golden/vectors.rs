//! One value of every message, made of fixed ids.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_bytes::{ByteArray, ByteBuf};
use yoshi_protocol::cbor::{self, Bound, DecodeError};
use yoshi_protocol::message::Done;
use yoshi_protocol::message::account::{
    AccountChanged, AccountSummary, AccountsLookedUp, AccountsPage, AuthClient, Authenticated,
    ChangePassword, ListAccounts, LogIn, LogOut, LoggedIn, LookupAccounts, NewAcct, SetAccount,
};
use yoshi_protocol::message::log::{AccountOp, EndToken, NewToken, SetDisabled};
use yoshi_protocol::message::roster::{
    Affinity, DestroyMs, DownReason, MessageServer, MessageServers, MsDown, MsState, PingMs,
    PrimaryLease, PrimaryRs, QueryLbForMs, QueryLbForRs, ResyncTurn, RsHeartbeat, StaleHome,
    StillAlive,
};
use yoshi_protocol::message::task::{
    Ask, AskState, ClientPoll, ClientPolled, Note, Queued, Receipt, Sent, ServerApplied,
    TaskStatus, TaskView, View,
};
use yoshi_protocol::{
    Credential, ErrorCode, ErrorReply, Opcode, Password, Position, Reply, TaskId,
};

use crate::fixtures::{
    AT, EPOCH, POSITION, account_entry, account_receipt, accounted_for, block, full_task, id,
    incarnation, log, log_page, name, password, ping, poll_log, primary, server, set_password,
    small_task, task_entry, task_from_client, token,
};
use crate::{changes, find, operators};

/// Which way a message of an opcode goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    Request,
    Answer,
}

/// A golden vector.
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) heading: String,
    pub(crate) of: Option<(Opcode, Direction)>,
    pub(crate) bytes: Vec<u8>,
    /// Decodes the bytes and encodes them again.
    pub(crate) again: fn(&[u8]) -> Result<Vec<u8>, DecodeError>,
}

pub(crate) fn named<T: Serialize + DeserializeOwned>(
    name: &str,
    heading: &str,
    value: &T,
) -> Vector {
    Vector {
        name: name.to_owned(),
        heading: heading.to_owned(),
        of: None,
        bytes: cbor::encode(value),
        again: |bytes| cbor::decode::<T>(bytes, Bound::ANSWER).map(|value| cbor::encode(&value)),
    }
}

fn of<T: Serialize + DeserializeOwned>(opcode: Opcode, direction: Direction, value: &T) -> Vector {
    let word = match direction {
        Direction::Request => "request",
        Direction::Answer => "answer",
    };
    let (number, opcode_name) = (opcode.number(), opcode.name());
    let file = opcode_name.to_lowercase().replace('_', "-");
    let mut vector = named(
        &format!("{number:02}-{file}-{word}"),
        &format!("{number} {opcode_name}, {word}"),
        value,
    );
    vector.of = Some((opcode, direction));
    vector
}

pub(crate) fn request<T: Serialize + DeserializeOwned>(opcode: Opcode, value: &T) -> Vector {
    of(opcode, Direction::Request, value)
}

pub(crate) fn answer<T: Serialize + DeserializeOwned>(opcode: Opcode, value: T) -> Vector {
    of(opcode, Direction::Answer, &Reply::Ok(value))
}

/// Every vector.
pub(crate) fn vectors() -> Vec<Vector> {
    let mut vectors = between_servers();
    vectors.extend(of_message_servers());
    vectors.extend(of_registration_servers());
    vectors.extend(of_log_ins());
    vectors.extend(of_operators());
    vectors.extend(operators::of_recovery());
    vectors.extend(changes::messages());
    vectors.extend(changes::changes());
    vectors.extend(find::messages());
    vectors.extend(further());
    vectors.extend(buckets());
    vectors.extend(account_entries());
    vectors
}

fn between_servers() -> Vec<Vector> {
    let task_entry = cbor::encode(&task_entry());
    let account_entry = cbor::encode(&account_entry(AccountOp::Create(set_password())));
    vec![
        request(Opcode::QueryLbForRs, &QueryLbForRs {}),
        answer(
            Opcode::QueryLbForRs,
            PrimaryRs {
                primary: Some(primary()),
            },
        ),
        request(Opcode::QueryLbForMs, &QueryLbForMs {}),
        answer(
            Opcode::QueryLbForMs,
            MessageServers {
                silent: vec![MessageServer {
                    ping: ping(),
                    accounts: 0,
                    silent_millis: 90_000,
                }],
                servers: vec![MessageServer {
                    ping: ping(),
                    accounts: 12,
                    silent_millis: 400,
                }],
                destroyed: vec![server(4)],
            },
        ),
        request(Opcode::PingMs, &ping()),
        request(Opcode::TaskToMs, &block(task_entry.clone())),
        of(Opcode::TaskToMs, Direction::Answer, &accounted_for()),
        request(Opcode::PollMs, &poll_log()),
        answer(Opcode::PollMs, log_page(task_entry)),
        request(Opcode::NewPrimReg, &primary()),
        request(Opcode::AccountToRs, &block(account_entry.clone())),
        of(Opcode::AccountToRs, Direction::Answer, &accounted_for()),
        request(Opcode::PollRs, &poll_log()),
        answer(Opcode::PollRs, log_page(account_entry)),
        request(
            Opcode::DestroyMs,
            &DestroyMs {
                id: server(4),
                known: true,
            },
        ),
        answer(Opcode::DestroyMs, Done {}),
        request(
            Opcode::MsDown,
            &MsDown {
                id: server(3),
                reason: DownReason::Timeout,
                incarnation: Some(incarnation()),
            },
        ),
        request(
            Opcode::StaleHome,
            &StaleHome {
                epoch: EPOCH,
                account: name("ana"),
            },
        ),
    ]
}

fn of_message_servers() -> Vec<Vector> {
    vec![
        request(
            Opcode::ClientPollMs,
            &ClientPoll {
                view: View::Inbox,
                limit: 100,
                since: Position::ZERO,
                credential: Credential::Token(token()),
            },
        ),
        answer(
            Opcode::ClientPollMs,
            ClientPolled {
                more: false,
                tasks: vec![TaskView {
                    asks: vec![Ask {
                        state: AskState::NeedsAction,
                        answer: None,
                        reason: String::new(),
                        percent: 0,
                        recipient: name("ben"),
                    }],
                    hash: ByteArray::new([0xaa; 32]),
                    mine: Note::default(),
                    task: ByteBuf::from(cbor::encode(&small_task())),
                    number: 1,
                    sender: name("ana"),
                    status: TaskStatus::NeedsAction,
                    changed: POSITION,
                    sent_at: AT,
                    comments: 0,
                    position: POSITION,
                    revision: 0,
                    reminders: 0,
                    needs_sender: false,
                }],
                behind: false,
                cursor: Position::end_of_block(7),
                servers: vec![ServerApplied {
                    id: server(1),
                    applied: Position::end_of_block(7),
                }],
            },
        ),
        request(Opcode::TaskFromClient, &task_from_client()),
        answer(
            Opcode::TaskFromClient,
            Sent::Accounted(Receipt {
                hash: ByteArray::new([0xaa; 32]),
                task: TaskId(id(1)),
                number: 1,
                position: POSITION,
                accounted_for: vec![server(1), server(2), server(3)],
            }),
        ),
    ]
}

fn of_registration_servers() -> Vec<Vector> {
    let account = name("ana");
    vec![
        request(
            Opcode::AuthClient,
            &AuthClient {
                account: account.clone(),
                credential: Credential::Password(password()),
            },
        ),
        answer(Opcode::AuthClient, Authenticated { valid: true }),
        request(
            Opcode::NewAcct,
            &NewAcct {
                id: id(0xacc),
                account: account.clone(),
                password: password(),
            },
        ),
        answer(Opcode::NewAcct, account_receipt()),
        request(
            Opcode::RsHeartbeat,
            &RsHeartbeat {
                id: server(8),
                host: "rs1".to_owned(),
                lost: false,
                stream: Some(log()),
                applied: POSITION,
                incarnation: incarnation(),
            },
        ),
        answer(
            Opcode::RsHeartbeat,
            StillAlive {
                epoch: EPOCH,
                applied: POSITION,
            },
        ),
    ]
}

fn of_log_ins() -> Vec<Vector> {
    let (new_id, account) = (id(0xacc), name("ana"));
    vec![
        request(
            Opcode::LogIn,
            &LogIn {
                id: new_id,
                account: account.clone(),
                password: password(),
            },
        ),
        answer(
            Opcode::LogIn,
            LoggedIn {
                token: token(),
                expires_at: AT,
            },
        ),
        request(
            Opcode::LogOut,
            &LogOut {
                token: token(),
                account: account.clone(),
            },
        ),
        answer(Opcode::LogOut, Done {}),
        request(
            Opcode::ChangePassword,
            &ChangePassword {
                id: new_id,
                account: account.clone(),
                password: password(),
                new_password: Password::new("battery staple".to_owned()),
            },
        ),
        answer(Opcode::ChangePassword, account_receipt()),
    ]
}

fn of_operators() -> Vec<Vector> {
    let (new_id, account) = (id(0xacc), name("ana"));
    vec![
        request(
            Opcode::LookupAccounts,
            &LookupAccounts {
                accounts: vec![name("ben"), name("nobody")],
            },
        ),
        answer(
            Opcode::LookupAccounts,
            AccountsLookedUp {
                unknown: vec![name("nobody")],
            },
        ),
        request(
            Opcode::ListAccounts,
            &ListAccounts {
                after: None,
                limit: 100,
            },
        ),
        answer(
            Opcode::ListAccounts,
            AccountsPage {
                more: false,
                accounts: vec![AccountSummary {
                    name: account.clone(),
                    disabled: false,
                    created_at: AT,
                }],
            },
        ),
        request(
            Opcode::SetAccount,
            &SetAccount {
                id: new_id,
                account: account.clone(),
                disabled: true,
            },
        ),
        answer(Opcode::SetAccount, account_receipt()),
        request(
            Opcode::AccountChanged,
            &AccountChanged {
                accounts: vec![account],
            },
        ),
    ]
}

fn further() -> Vec<Vector> {
    let refusal = ErrorReply::new(ErrorCode::UnknownRecipients, "no such account: nobody")
        .about(vec!["nobody".to_owned()]);
    vec![
        named("task-small", "a task with what it must have", &small_task()),
        named("task-full", "a task with every field", &full_task()),
        named("task-entry", "an entry of the tasks log", &task_entry()),
        named(
            "accounted-for",
            "accounted for: the reply to a block",
            &accounted_for(),
        ),
        named(
            "ping-stopped",
            "3 PING_MS of a server that found its rows to be wrong",
            &PingMs {
                state: MsState::Behind,
                stopped: true,
                ..ping()
            },
        ),
        named(
            "ping-patient",
            "3 PING_MS of a server that may be silent for longer than usual",
            &PingMs {
                silence_seconds: Some(10),
                ..ping()
            },
        ),
        named(
            "ping-lost",
            "3 PING_MS of a server whose stream is not its log",
            &PingMs {
                state: MsState::Behind,
                lost: true,
                ..ping()
            },
        ),
        named(
            "refusal",
            "an answer that refuses",
            &Reply::<Done>::Error(refusal),
        ),
        named(
            "sent-queued",
            "7 TASK_FROM_CLIENT, answer while the log is out of reach",
            &Reply::Ok(Sent::Queued(Queued {
                task: TaskId(id(1)),
                server: server(1),
            })),
        ),
        named(
            "poll-queued",
            "6 CLIENT_POLL_MS, answer about a task that waits in this server's outbox",
            &Reply::<ClientPolled>::Error(
                ErrorReply::new(ErrorCode::Queued, "the task waits in an outbox")
                    .about(vec![server(1).to_string()]),
            ),
        ),
        named(
            "poll-one-task",
            "6 CLIENT_POLL_MS, request for one task",
            &ClientPoll {
                view: View::Task(TaskId(id(1))),
                limit: 1,
                since: POSITION,
                credential: Credential::Token(token()),
            },
        ),
    ]
}

fn buckets() -> Vec<Vector> {
    vec![
        named(
            "bucket-affinity",
            "a value in the bucket yoshi-affinity",
            &Affinity {
                epoch: EPOCH,
                server: server(1),
            },
        ),
        named(
            "bucket-primary",
            "the value of the key primary in the bucket yoshi-registration",
            &PrimaryLease {
                epoch: EPOCH,
                server: server(9),
            },
        ),
        named(
            "bucket-resync",
            "the value of the key resync in the bucket yoshi-registration",
            &ResyncTurn { server: server(1) },
        ),
    ]
}

fn account_entries() -> Vec<Vector> {
    let token_hash = || ByteBuf::from(vec![0x5a; 32]);
    let account = name("ana");
    let operations = [
        ("primary", AccountOp::Primary(server(9))),
        ("create", AccountOp::Create(set_password())),
        ("change-password", AccountOp::ChangePassword(set_password())),
        (
            "log-in",
            AccountOp::LogIn(NewToken {
                account: account.clone(),
                expires_at: AT,
                token_hash: token_hash(),
            }),
        ),
        (
            "log-out",
            AccountOp::LogOut(EndToken {
                account: account.clone(),
                token_hash: token_hash(),
            }),
        ),
        (
            "set",
            AccountOp::Set(SetDisabled {
                account,
                disabled: true,
            }),
        ),
    ];
    let vector = |(word, op): (&str, AccountOp)| {
        named(
            &format!("account-entry-{word}"),
            &format!("an entry of the accounts log: {word}"),
            &account_entry(op),
        )
    };
    operations.into_iter().map(vector).collect()
}
