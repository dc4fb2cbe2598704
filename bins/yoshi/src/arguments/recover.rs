//! The arguments of `recover-log`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use yoshi_protocol::ServerId;

use super::Connection;
use super::value::{seconds, server};

/// A log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogName {
    /// Of tasks, which message servers follow.
    Tasks,
    /// Of accounts, which registration servers follow.
    Accounts,
}

impl LogName {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Accounts => "accounts",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct RecoverArguments {
    /// Which log
    #[arg(value_enum)]
    pub(crate) log: LogName,
    /// A server that is gone for good: what only it holds is lost
    #[arg(long, value_name = "ID", value_parser = server)]
    pub(crate) without: Vec<ServerId>,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// How long to wait until the servers have taken it up, in seconds
    #[arg(long, default_value = "60", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) within: Duration,
    /// The folder with the definitions, for a stream that is missing
    #[arg(long, default_value = "nats/definitions", value_name = "DIR")]
    pub(crate) definitions: PathBuf,
    /// Copies of a stream that is missing, instead of what the definitions say
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=5))]
    pub(crate) replicas: Option<u8>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
