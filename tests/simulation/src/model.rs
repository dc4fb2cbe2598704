//! Models for exhaustive checking in small bounds (stateright): how a task
//! reaches every server while servers fail and accounts move, and who may be
//! primary. Abstract: no code of the servers runs here. Every interleaving of
//! the steps is visited; a message that is late, lost or overtaken is a step
//! that is taken late, or never.

pub mod election;
pub mod propagation;
