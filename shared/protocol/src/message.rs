//! The wire types, one request and one answer per opcode, by who serves them.
//!
//! Fields stand in the order of their encoded keys: shorter first, then by
//! bytes (see [`crate::cbor`]). Opcodes without a reply have no answer type.

pub mod account;
pub mod change;
pub mod find;
pub mod log;
pub mod operate;
pub mod roster;
pub mod task;

use serde::{Deserialize, Serialize};

/// The answer that says no more than that it was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}
