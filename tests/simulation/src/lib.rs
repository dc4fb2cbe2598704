//! The protocol's core under a deterministic simulator, and under an exhaustive
//! model in small bounds.
//!
//! What is real here: the root's bookkeeping ([`yoshi_replica::root`]), the fate
//! of a block ([`yoshi_replica::fate`]), the rules of both logs, the rosters, the
//! load balancer's view and plan, the election and its list of backups. What is
//! simulated: NATS, Postgres, the network, clocks, processes, clients. What is
//! re-stated, as close to the original as it goes: the drivers between the two.
//! `README.md` says more.

pub mod accounts;
pub mod balancer;
pub mod bug;
mod check;
pub mod client;
pub mod clock;
pub mod disk;
pub mod history;
pub mod home;
pub mod hub;
pub mod message;
pub mod model;
pub mod node;
pub mod person;
pub mod plan;
pub mod random;
pub mod registrar;
pub mod replica;
pub mod run;
pub mod tasks;
pub mod world;
