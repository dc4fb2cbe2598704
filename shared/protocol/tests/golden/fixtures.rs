//! Values made of fixed ids, which the vectors are made of.

use serde_bytes::ByteBuf;
use uuid::Uuid;
use yoshi_protocol::cbor::{self};
use yoshi_protocol::message::account::AccountReceipt;
use yoshi_protocol::message::log::{
    AccountEntry, AccountOp, AccountedFor, BLOCK_VERSION, Block, LogEntry, LogPage, PollLog,
    SetPassword, TaskEntry, TaskOp,
};
use yoshi_protocol::message::operate::{Continued, LastBlock, ServerReport, ServerState};
use yoshi_protocol::message::roster::{MsState, NewPrimReg, PingMs};
use yoshi_protocol::message::task::TaskFromClient;
use yoshi_protocol::{
    AccountName, Completion, Credential, Epoch, Incarnation, Kind, Millis, NewTask, Password,
    Position, Privacy, ServerId, TaskId, Token,
};

pub(crate) fn id(last: u128) -> Uuid {
    Uuid::from_u128(0x0193_5b7e_0000_7000_8000_0000_0000_0000 + last)
}

pub(crate) fn server(last: u128) -> ServerId {
    ServerId(id(0x5e00 + last))
}

pub(crate) fn incarnation() -> Incarnation {
    Incarnation(id(0x1c))
}

/// The identity of a log.
pub(crate) fn log() -> Incarnation {
    Incarnation(id(0x109))
}

pub(crate) fn name(text: &str) -> AccountName {
    AccountName::new(text).unwrap()
}

pub(crate) fn password() -> Password {
    Password::new("correct horse".to_owned())
}

pub(crate) fn token() -> Token {
    Token::new([0x7a; 32])
}

pub(crate) const AT: Millis = Millis(1_795_000_000_000);
pub(crate) const EPOCH: Epoch = Epoch(1_795_000_000_000);
pub(crate) const POSITION: Position = Position(7 * 1024 + 3);

/// The least that a task can be.
pub(crate) fn small_task() -> NewTask {
    NewTask {
        id: TaskId(id(1)),
        ..NewTask::new("Ship 1.2", vec![name("ben")])
    }
}

/// A task with every field.
pub(crate) fn full_task() -> NewTask {
    NewTask {
        id: TaskId(id(2)),
        due: "2026-11-27".parse().ok(),
        body: "Which day?\n\n* Friday is *early*.".to_owned(),
        kind: Kind::Decide,
        links: vec!["https://example.org/1.2".to_owned()],
        start: "2026-11-24T09:00:00".parse().ok(),
        effort: Some(90),
        labels: vec!["release".to_owned()],
        parent: Some(TaskId(id(1))),
        options: vec!["ship".to_owned(), "wait a week".to_owned()],
        privacy: Privacy::Confidential,
        completion: Completion::Each,
        depends_on: Some(TaskId(id(3))),
        importance: 1,
        recipients: vec![name("ben"), name("carla")],
        respond_by: "2026-11-26T16:00:00[Europe/Berlin]".parse().ok(),
        ..NewTask::new("Ship on Friday?", Vec::new())
    }
}

pub(crate) fn task_from_client() -> TaskFromClient {
    TaskFromClient {
        task: ByteBuf::from(cbor::encode(&small_task())),
        credential: Credential::Password(password()),
    }
}

pub(crate) fn ping() -> PingMs {
    PingMs {
        id: server(1),
        host: "ms1".to_owned(),
        load: 3,
        lost: false,
        state: MsState::Serving,
        stream: Some(log()),
        applied: POSITION,
        stopped: false,
        incarnation: incarnation(),
        silence_seconds: None,
    }
}

pub(crate) fn report() -> ServerReport {
    ServerReport {
        id: server(1),
        host: "ms1".to_owned(),
        load: 3,
        block: Some(LastBlock {
            id: Some(format!("{}-7", incarnation())),
            sequence: 7,
        }),
        known: vec![server(2), server(3)],
        state: ServerState::Behind,
        outbox: 2,
        stream: incarnation(),
        applied: POSITION,
        lineage: vec![Continued {
            through: POSITION,
            incarnation: incarnation(),
        }],
        refusal: Some("the log is out of reach".to_owned()),
        release: "0.1.0".to_owned(),
        compared_at: Some(AT),
        incarnation: incarnation(),
    }
}

pub(crate) fn primary() -> NewPrimReg {
    NewPrimReg {
        id: server(9),
        epoch: EPOCH,
    }
}

pub(crate) fn task_entry() -> TaskEntry {
    TaskEntry {
        at: AT,
        op: TaskOp::Send(ByteBuf::from(cbor::encode(&small_task()))),
        epoch: EPOCH,
        account: name("ana"),
    }
}

pub(crate) fn account_entry(op: AccountOp) -> AccountEntry {
    AccountEntry {
        at: AT,
        id: id(0xacc),
        op,
        epoch: EPOCH,
    }
}

pub(crate) fn block(entry: Vec<u8>) -> Block {
    Block {
        root: server(1),
        entries: vec![ByteBuf::from(entry)],
        version: BLOCK_VERSION,
        incarnation: incarnation(),
    }
}

pub(crate) fn accounted_for() -> AccountedFor {
    AccountedFor {
        server: server(2),
        stream: Some(log()),
        position: Position::end_of_block(7),
        incarnation: incarnation(),
    }
}

pub(crate) fn poll_log() -> PollLog {
    PollLog {
        since: Position(0),
        stream: incarnation(),
    }
}

pub(crate) fn log_page(entry: Vec<u8>) -> LogPage {
    let entry = LogEntry {
        entry: ByteBuf::from(entry),
        position: POSITION,
    };
    LogPage::new(vec![entry], Position::end_of_block(7), false)
}

pub(crate) fn set_password() -> SetPassword {
    SetPassword {
        account: name("ana"),
        password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g".to_owned(),
    }
}

pub(crate) fn account_receipt() -> AccountReceipt {
    AccountReceipt {
        position: POSITION,
        accounted_for: vec![server(8), server(9)],
    }
}
