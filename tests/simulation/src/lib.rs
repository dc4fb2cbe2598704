//! The protocol's core under a deterministic simulator, and under an exhaustive
//! model in small bounds.
//!
//! What is real here: the root's bookkeeping ([`yoshi_replica::root`]), the fate
//! of a block ([`yoshi_replica::fate`]), the rules of both logs, the rosters, the
//! load balancer's view and plan, the election and its list of backups. What is
//! simulated: NATS, Postgres, the network, clocks, processes, clients. What is
//! re-stated, as close to the original as it goes: the drivers between the two.
//! `README.md` says more.

mod accounts;
mod balancer;
pub mod bug;
mod check;
mod client;
mod clock;
mod disk;
mod driver;
mod history;
mod home;
mod hub;
mod message;
pub mod model;
mod node;
mod person;
mod plan;
mod random;
mod registrar;
mod replica;
pub mod run;
mod tasks;
mod world;
