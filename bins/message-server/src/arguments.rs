//! What a message server can be told at its start.

use std::time::Duration;

use clap::Parser;
use yoshi_service::database::DatabaseArgs;
use yoshi_service::{ConfigurationError, HasServerArgs, JetStreamArgs, ServerArgs, SilenceArgs};

use crate::outbox::Limits;
use crate::registration::Patience;

/// A message server: holds all tasks of all accounts, is home of some of
/// them, and replicates every new task through the log.
#[derive(Debug, Parser)]
#[command(name = "message-server", version)]
pub struct Arguments {
    #[command(flatten)]
    server: ServerArgs,

    /// Its database.
    #[command(flatten)]
    pub database: DatabaseArgs,

    /// How long JetStream may take.
    #[command(flatten)]
    pub jetstream: JetStreamArgs,

    /// When a message server is gone.
    #[command(flatten)]
    pub silence: SilenceArgs,

    /// Seconds after which a server that has not accounted for a task counts
    /// as down (the paper's beta). With less than --silence-seconds the server
    /// refuses to start.
    #[arg(long, env = "YOSHI_BETA_SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(3..=3600))]
    pub beta_seconds: u64,

    /// Seconds that a client's request waits for the registration servers in all.
    #[arg(long, env = "YOSHI_REGISTRATION_SECONDS", default_value_t = 8,
          value_parser = clap::value_parser!(u64).range(1..=60))]
    pub registration_seconds: u64,

    /// Seconds that one registration server may take to answer before the load
    /// balancers are asked for another one.
    #[arg(long, env = "YOSHI_REGISTRATION_TRY_SECONDS", default_value_t = 3,
          value_parser = clap::value_parser!(u64).range(1..=60))]
    pub registration_try_seconds: u64,

    /// Seconds that a neighbour may take for one page of its copy of the log.
    #[arg(long, env = "YOSHI_NEIGHBOUR_SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(1..=60))]
    pub neighbour_seconds: u64,

    /// Seconds for which a verified credential is remembered; 0 asks the
    /// registration server every time. A change of the account ends it at once.
    #[arg(long, env = "YOSHI_REMEMBER_SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(0..=60))]
    pub remember_seconds: u64,

    /// Seconds that the log must be out of reach before tasks are queued in this
    /// server's outbox; an election among the nodes of NATS takes 4 to 9.
    #[arg(long, env = "YOSHI_QUEUE_AFTER_SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub queue_after_seconds: u64,

    /// Tasks that the outbox may hold; more are answered "busy".
    #[arg(long, env = "YOSHI_OUTBOX_ENTRIES_MAX", default_value_t = 100_000,
          value_parser = clap::value_parser!(u64).range(0..=10_000_000))]
    pub outbox_entries_max: u64,

    /// Mebibytes of tasks that the outbox may hold; more are answered "busy".
    #[arg(long, env = "YOSHI_OUTBOX_MEBIBYTES_MAX", default_value_t = 512,
          value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    pub outbox_mebibytes_max: u64,

    /// Seconds between two comparisons of rows with the other message servers.
    #[arg(long, env = "YOSHI_COMPARE_SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub compare_seconds: u64,

    /// Requests that may be worked on at once; more are answered "busy".
    #[arg(long, env = "YOSHI_REQUESTS_MAX", default_value_t = 10_000,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub requests_max: u32,
}

impl Arguments {
    /// β.
    #[must_use]
    pub fn beta(&self) -> Duration {
        Duration::from_secs(self.beta_seconds)
    }

    /// How long the registration servers may take to answer.
    #[must_use]
    pub fn registration(&self) -> Patience {
        Patience {
            in_all: Duration::from_secs(self.registration_seconds),
            one_try: Duration::from_secs(self.registration_try_seconds),
        }
    }

    /// How long a neighbour may take for one page of the log.
    #[must_use]
    pub fn neighbour(&self) -> Duration {
        Duration::from_secs(self.neighbour_seconds)
    }

    /// How long the log must be out of reach before tasks are queued.
    #[must_use]
    pub fn queue_after(&self) -> Duration {
        Duration::from_secs(self.queue_after_seconds)
    }

    /// How much the outbox may hold.
    #[must_use]
    pub fn outbox(&self) -> Limits {
        Limits {
            entries_max: self.outbox_entries_max,
            bytes_max: self.outbox_mebibytes_max * 1024 * 1024,
        }
    }

    /// The time between two comparisons of rows.
    #[must_use]
    pub fn compare(&self) -> Duration {
        Duration::from_secs(self.compare_seconds)
    }

    /// How long a verified credential is remembered.
    #[must_use]
    pub fn remember(&self) -> Duration {
        Duration::from_secs(self.remember_seconds)
    }
}

impl HasServerArgs for Arguments {
    fn server(&self) -> &ServerArgs {
        &self.server
    }

    fn check(&self) -> Result<(), ConfigurationError> {
        let silence_seconds = self.silence.silence().as_secs();
        if self.beta_seconds < silence_seconds {
            return Err(ConfigurationError::new(format!(
                "--beta-seconds {}: at least as long as --silence-seconds, {silence_seconds}",
                self.beta_seconds
            )));
        }
        if self.registration_try_seconds > self.registration_seconds {
            return Err(ConfigurationError::new(format!(
                "--registration-try-seconds {}: at most --registration-seconds, {}",
                self.registration_try_seconds, self.registration_seconds
            )));
        }
        self.database.check()
    }

    fn log(&self) -> Option<&'static str> {
        Some(yoshi_protocol::subject::TASKS_STREAM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(arguments: &[&str]) -> Result<(), String> {
        let fixed = [
            "message-server",
            "--database-url",
            "postgres://yoshi@127.0.0.1/ms1",
        ];
        let arguments = Arguments::try_parse_from(fixed.iter().chain(arguments));
        let arguments = arguments.map_err(|error| error.to_string())?;
        arguments.check().map_err(|error| error.to_string())
    }

    #[test]
    fn settings_that_cannot_work_together_are_refused() {
        assert_eq!(checked(&[]), Ok(()));
        for (arguments, flag) in [
            (["--beta-seconds", "5", "--silence-seconds", "10"], "--beta"),
            (
                ["--registration-seconds", "2", "--remember-seconds", "0"],
                "--registration-try",
            ),
        ] {
            let refusal = checked(&arguments).unwrap_err();
            assert!(refusal.contains(flag), "{arguments:?}: {refusal}");
        }
    }
}
