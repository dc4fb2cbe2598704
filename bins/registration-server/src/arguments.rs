//! The settings of a registration server, each by flag or `YOSHI_*` variable.

use std::time::Duration;

use yoshi_protocol::limit::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use yoshi_protocol::subject::ACCOUNTS_STREAM;
use yoshi_service::database::DatabaseArgs;
use yoshi_service::{ConfigurationError, HasServerArgs, JetStreamArgs, ServerArgs};

use crate::election;

/// Keeps accounts, passwords and tokens. One registration server is primary,
/// the rest are backups that follow its log.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "registration-server", version)]
pub struct Arguments {
    #[command(flatten)]
    server: ServerArgs,

    #[command(flatten)]
    pub(crate) database: DatabaseArgs,

    #[command(flatten)]
    pub(crate) jetstream: JetStreamArgs,

    /// How long the primary's lease holds after its last renewal, in seconds.
    /// A dead primary is replaced after it at the latest
    #[arg(long, env = "YOSHI_LEASE_SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(2..=3600), value_name = "SECONDS")]
    lease_seconds: u64,

    /// How often the primary renews its lease, in seconds
    #[arg(long, env = "YOSHI_LEASE_RENEW_SECONDS", default_value_t = 2,
          value_parser = clap::value_parser!(u64).range(1..=1800), value_name = "SECONDS")]
    lease_renew_seconds: u64,

    /// How often a backup asks whether the primary is alive, in seconds
    #[arg(long, env = "YOSHI_HEARTBEAT_SECONDS", default_value_t = 1,
          value_parser = clap::value_parser!(u64).range(1..=60), value_name = "SECONDS")]
    heartbeat_seconds: u64,

    /// After how many unanswered heartbeats in a row a backup tries to take over,
    /// and for how many a silent backup still counts as live
    #[arg(long, env = "YOSHI_HEARTBEATS_MISSED_MAX", default_value_t = 3,
          value_parser = clap::value_parser!(u32).range(1..=60), value_name = "COUNT")]
    heartbeats_missed_max: u32,

    /// The longest random delay before a backup tries to take over, in milliseconds
    #[arg(long, env = "YOSHI_TAKEOVER_DELAY_MILLIS", default_value_t = 1000,
          value_parser = clap::value_parser!(u64).range(10..=60_000), value_name = "MILLISECONDS")]
    takeover_delay_millis: u64,

    /// How long a token from a log-in is valid, in days
    #[arg(long, env = "YOSHI_TOKEN_DAYS", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(1..=3650), value_name = "DAYS")]
    token_days: u32,

    /// How long a backup may take to commit a change before it counts as down, in seconds
    #[arg(long, env = "YOSHI_BETA_SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(3..=600), value_name = "SECONDS")]
    beta_seconds: u64,

    /// How long its database may be silent before this server is primary no more, in
    /// seconds: longer than one query that fails at its bound of 5 s, and the next
    #[arg(long, env = "YOSHI_DATABASE_SILENCE_SECONDS", default_value_t = 7,
          value_parser = clap::value_parser!(u64).range(3..=600), value_name = "SECONDS")]
    database_silence_seconds: u64,

    /// How long a neighbour may take for one page of its copy of the log, in seconds
    #[arg(long, env = "YOSHI_NEIGHBOUR_SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(1..=60), value_name = "SECONDS")]
    neighbour_seconds: u64,

    /// How long after it last followed the accounts log this server checks
    /// credentials for message servers that can only queue and read, in hours; 0
    /// is never. What was changed where the log is in reach is not known to it
    #[arg(long, env = "YOSHI_DEGRADED_HOURS", default_value_t = 24,
          value_parser = clap::value_parser!(u64).range(0..=8760), value_name = "HOURS")]
    degraded_hours: u64,

    /// Fewest characters of a new password
    #[arg(long, env = "YOSHI_PASSWORD_CHARS_MIN", default_value_t = PASSWORD_CHARS_MIN,
          value_name = "COUNT")]
    password_chars_min: usize,
}

impl HasServerArgs for Arguments {
    fn server(&self) -> &ServerArgs {
        &self.server
    }

    fn log(&self) -> Option<&'static str> {
        Some(ACCOUNTS_STREAM)
    }

    fn check(&self) -> Result<(), ConfigurationError> {
        self.database.check()?;
        // Two renewals must be able to fail before the holder stops, at 0.7 of the lease.
        if self.lease_seconds * 7 < self.lease_renew_seconds * 2 * 10 {
            return Err(ConfigurationError::new(format!(
                "--lease-renew-seconds {}: at most {} for a lease of {} s, so that one lost renewal does no harm",
                self.lease_renew_seconds,
                (self.lease_seconds * 7 / 20).max(1),
                self.lease_seconds
            )));
        }
        let jetstream_seconds = self.jetstream.within().as_secs();
        if self.lease_seconds * 7 <= jetstream_seconds * 10 {
            return Err(ConfigurationError::new(format!(
                "--jetstream-seconds {jetstream_seconds}: less than seven tenths of --lease-seconds, {}, so that a renewal can be tried again",
                self.lease_seconds
            )));
        }
        let allowed = PASSWORD_CHARS_MIN..=PASSWORD_BYTES_MAX / 4;
        if !allowed.contains(&self.password_chars_min) {
            return Err(ConfigurationError::new(format!(
                "--password-chars-min {}: use {} to {}",
                self.password_chars_min,
                allowed.start(),
                allowed.end()
            )));
        }
        Ok(())
    }
}

impl Arguments {
    pub(crate) fn election(&self) -> election::Settings {
        election::Settings {
            lease: Duration::from_secs(self.lease_seconds),
            renew: Duration::from_secs(self.lease_renew_seconds),
            heartbeat: self.heartbeat(),
            missed_max: self.heartbeats_missed_max,
            takeover_delay: Duration::from_millis(self.takeover_delay_millis),
        }
    }

    pub(crate) fn heartbeat(&self) -> Duration {
        Duration::from_secs(self.heartbeat_seconds)
    }

    /// How long this server checks credentials without the log.
    pub(crate) fn degraded_max(&self) -> Duration {
        Duration::from_secs(self.degraded_hours * 3_600)
    }

    /// How long a backup may be silent until it is gone.
    pub(crate) fn silence_max(&self) -> Duration {
        self.heartbeat() * self.heartbeats_missed_max
    }

    /// How long its database may be silent before this server is primary no more.
    pub(crate) fn database_silence(&self) -> Duration {
        Duration::from_secs(self.database_silence_seconds)
    }

    /// How long a neighbour may take for one page of the log.
    pub(crate) fn neighbour(&self) -> Duration {
        Duration::from_secs(self.neighbour_seconds)
    }

    pub(crate) fn beta(&self) -> Duration {
        Duration::from_secs(self.beta_seconds)
    }

    /// How long a token is valid, in milliseconds.
    pub(crate) fn token_millis(&self) -> i64 {
        i64::from(self.token_days) * 24 * 60 * 60 * 1_000
    }

    pub(crate) fn password_chars_min(&self) -> usize {
        self.password_chars_min
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn checked(arguments: &[&str]) -> Result<(), String> {
        let fixed = [
            "registration-server",
            "--database-url",
            "postgres://yoshi@127.0.0.1/rs1",
        ];
        Arguments::try_parse_from(fixed.iter().chain(arguments))
            .map_err(|error| error.to_string())?
            .check()
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_a_good_configuration() {
        assert_eq!(checked(&[]), Ok(()));
    }

    #[test]
    fn settings_that_cannot_work_together_are_refused() {
        for arguments in [
            ["--lease-seconds", "1"],
            ["--lease-seconds", "5"],
            ["--lease-renew-seconds", "4"],
            ["--jetstream-seconds", "7"],
            ["--password-chars-min", "7"],
            ["--password-chars-min", "1000"],
            ["--token-days", "0"],
            ["--heartbeat-seconds", "0"],
        ] {
            let refusal = checked(&arguments).unwrap_err();
            assert!(refusal.contains("--"), "{arguments:?}: {refusal}");
        }
    }
}
