//! Options that several commands share. A command takes those that mean something to it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use yoshi_protocol::AccountName;

use super::value::{account, seconds};

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Common {
    /// Print JSON with stable fields; an error is one JSON object on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
}

/// How to reach the system.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Address of NATS; several are separated by commas
    #[arg(long, env = "YOSHI_NATS_URL", value_name = "URL")]
    pub(crate) nats_url: Option<String>,
    /// Authorities to trust for TLS to NATS
    #[arg(long, env = "YOSHI_NATS_CA", value_name = "PEM FILE")]
    pub(crate) nats_ca: Option<PathBuf>,
    /// How long to try, in seconds
    #[arg(long, default_value = "15", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

/// Who acts.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Account")]
pub(crate) struct Account {
    /// The account to act as; not needed if only one is logged in
    #[arg(long, env = "YOSHI_ACCOUNT", value_name = "NAME", value_parser = account)]
    pub(crate) account: Option<AccountName>,
}

/// Who acts, and how they prove it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Account")]
pub(crate) struct Acting {
    #[command(flatten)]
    pub(crate) account: Account,
    /// Read the account's password from the first line of standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Always, also where the output is piped.
    Always,
    /// Never.
    Never,
}

impl Color {
    pub(crate) fn write_global(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}
