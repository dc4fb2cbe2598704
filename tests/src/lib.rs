//! The harness of the integration tests: real parts as values.
//!
//! [`Nats`], [`Postgres`] and [`Server`] are private processes on free loopback
//! ports that end with the value, also when a test panics, and, through a
//! [`process`] that outlives the test program for a moment, when that program
//! is killed. [`System`] is all of them together. What a failed test leaves is
//! kept in `target/tmp` for a day, and the test says where. Tests wait with
//! [`eventually()`], never with a bare sleep.

pub mod clock;
pub mod command;
pub mod contents;
pub mod direct;
pub mod disk;
pub mod eventually;
pub mod nats;
pub mod person;
pub mod place;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod scratch;
pub mod server;
pub mod system;

pub use clock::Clock;
pub use direct::Direct;
pub use disk::Disk;
pub use eventually::eventually;
pub use nats::{Nats, User};
pub use person::Person;
pub use postgres::{Database, Postgres};
pub use proxy::{Flow, Link, Proxy};
pub use scratch::Scratch;
pub use server::Server;
pub use system::{Far, System, SystemSettings};
