//! The arguments of what an operator does to one message server.

use std::time::Duration;

use clap::Args;
use yoshi_protocol::ServerId;

use super::Connection;
use super::value::{seconds, server};

#[derive(Debug, Args)]
pub(crate) struct DrainArguments {
    /// The server's id, as `yoshi servers` shows it
    #[arg(value_parser = server)]
    pub(crate) server: ServerId,
    /// Let it serve again
    #[arg(long, conflicts_with = "force")]
    pub(crate) undo: bool,
    /// Drain it even if no other server serves
    #[arg(long)]
    pub(crate) force: bool,
    /// How long to wait until it is done, in seconds
    #[arg(long, default_value = "600", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) within: Duration,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct ResyncArguments {
    /// The server's id, as `yoshi servers` shows it
    #[arg(value_parser = server)]
    pub(crate) server: ServerId,
    /// Do it even if no other serving server holds everything that this one does
    #[arg(long, conflicts_with = "keep_rows")]
    pub(crate) force: bool,
    /// Forget nothing: its rows are right, and those of the others are not
    #[arg(long)]
    pub(crate) keep_rows: bool,
    /// Do not ask, with --force
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// How long to wait until it serves again, in seconds
    #[arg(long, default_value = "3600", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) within: Duration,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
