//! What every server of Yoshi shares: configuration, logs, metrics, health,
//! the connections to NATS and Postgres, and a shutdown that drains.
//!
//! A server's `main` is one call of [`run_server`]. Nothing here knows what a
//! server does.

mod args;
mod beginning;
pub mod database;
mod discovery;
mod health;
pub mod key;
pub mod limit;
pub mod liveness;
mod nats;
pub mod request;
mod run;
mod shutdown;
mod storage;
mod telemetry;

pub use args::{
    ConfigurationError, HasServerArgs, JetStreamArgs, LogFormat, ServerArgs, SilenceArgs,
};
pub use beginning::Beginning;
pub use discovery::Discovery;
pub use health::Health;
pub use run::{Context, run_server};
pub use shutdown::Shutdown;
