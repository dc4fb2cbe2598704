//! The wire of Yoshi: names, task types, opcodes, subjects, CBOR, errors and limits.
//!
//! Everything here is pure: no sockets, no clocks, no database. A client in
//! another language needs `PROTOCOL.md` beside this crate and nothing else;
//! a test holds that document to this code.

pub mod cbor;
pub mod change;
pub mod credential;
pub mod error;
pub mod header;
pub mod history;
pub mod limit;
pub mod message;
pub mod name;
pub mod opcode;
pub mod subject;
pub mod task;

pub use change::{Answer, Revise, TaskChange, Verb, Verdict};
pub use credential::{Credential, Password, Token};
pub use error::{ErrorCode, ErrorReply, Reply};
pub use name::{
    AccountName, ChangeId, Epoch, Incarnation, InvalidName, Millis, Position, ServerId, TaskId,
};
pub use opcode::Opcode;
pub use task::{Completion, InvalidTask, Kind, NewTask, Privacy, When};
