//! Where the database is, and the settings of each connection to it.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;

use crate::args::{ConfigurationError, password_from};
use crate::limit;

/// The arguments of a server that owns a database.
#[derive(Debug, Clone, clap::Args)]
pub struct DatabaseArgs {
    /// The server's own database: postgres://USER@HOST:PORT/DATABASE.
    /// May hold a password in the variable, never as an argument
    #[arg(
        long,
        env = "YOSHI_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    database_url: SecretString,

    /// File with the password for it
    #[arg(long, env = "YOSHI_DATABASE_PASSWORD_FILE", value_name = "FILE")]
    database_password_file: Option<PathBuf>,

    /// Connections to it, at most
    #[arg(long, env = "YOSHI_DATABASE_POOL_SIZE", default_value_t = 8,
          value_parser = clap::value_parser!(u16).range(2..=200), value_name = "COUNT")]
    database_pool_size: u16,

    /// Seconds that a server waits for Postgres at start
    #[arg(long, env = "YOSHI_DATABASE_WAIT_SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=3600), value_name = "SECONDS")]
    database_wait_seconds: u64,

    /// Seconds that one attempt to reach Postgres may take
    #[arg(long, env = "YOSHI_DATABASE_CONNECT_SECONDS", default_value_t = 5,
          value_parser = clap::value_parser!(u64).range(1..=60), value_name = "SECONDS")]
    database_connect_seconds: u64,

    /// Seconds that a request waits for a free connection
    #[arg(long, env = "YOSHI_DATABASE_POOL_SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(1..=600), value_name = "SECONDS")]
    database_pool_seconds: u64,

    /// Seconds that one statement may run
    #[arg(long, env = "YOSHI_DATABASE_STATEMENT_SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=3600), value_name = "SECONDS")]
    database_statement_seconds: u64,

    /// Seconds that one statement may wait for a lock
    #[arg(long, env = "YOSHI_DATABASE_LOCK_SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(1..=3600), value_name = "SECONDS")]
    database_lock_seconds: u64,
}

/// Every statement has its index. Without this, one that is planned while the
/// tables are small reads them whole for as long as its plan is kept, and they grow
/// (measured at a third of all processor time in a new system's first minutes).
const PLANS: &str = "-c enable_seqscan=off -c jit=off";

impl DatabaseArgs {
    /// Checks the arguments; for [`crate::HasServerArgs::check`].
    ///
    /// # Errors
    /// [`ConfigurationError`], in words for the operator.
    pub fn check(&self) -> Result<(), ConfigurationError> {
        self.config("check").map(drop)
    }

    pub(super) fn pool_size(&self) -> usize {
        usize::from(self.database_pool_size)
    }

    /// How long Postgres is waited for at start.
    pub(super) fn wait(&self) -> Duration {
        Duration::from_secs(self.database_wait_seconds)
    }

    pub(super) fn connect_within(&self) -> Duration {
        Duration::from_secs(self.database_connect_seconds)
    }

    pub(super) fn pool_wait(&self) -> Duration {
        Duration::from_secs(self.database_pool_seconds)
    }

    /// The settings of every connection.
    pub(super) fn config(&self, role: &str) -> Result<Config, ConfigurationError> {
        let mut config = Config::from_str(self.database_url.expose_secret()).map_err(|_| {
            // The parser's words may quote the password.
            ConfigurationError::new(
                "--database-url: not a URL of Postgres; use something like \
                 postgres://yoshi@127.0.0.1:5432/ms1",
            )
        })?;
        if config.get_hosts().is_empty()
            || config.get_user().is_none()
            || config.get_dbname().is_none()
        {
            return Err(ConfigurationError::new(
                "--database-url: name host, user and database, as in \
                 postgres://yoshi@127.0.0.1:5432/ms1",
            ));
        }
        if let Some(path) = &self.database_password_file {
            let password = password_from("--database-password-file", path)?;
            config.password(password.expose_secret());
        }
        let bounds = format!(
            "-c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout={}",
            self.database_statement_seconds * 1_000,
            self.database_lock_seconds * 1_000,
            limit::DATABASE_IDLE_TRANSACTION_MILLIS
        );
        let given = config.get_options().unwrap_or_default();
        // Options of the URL come last, so that they win.
        let options = format!("{bounds} {PLANS} {given}");
        config
            .options(options)
            .application_name(format!("yoshi-{role}"))
            .connect_timeout(self.connect_within());
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct Args {
        #[command(flatten)]
        database: DatabaseArgs,
    }

    fn args(url: &str) -> DatabaseArgs {
        Args::parse_from(["server", "--database-url", url]).database
    }

    #[test]
    fn every_connection_is_named_and_bounded() {
        let url = "postgres://yoshi@127.0.0.1/ms1?options=-c%20work_mem%3D64MB";
        let config = args(url).config("message-server").unwrap();
        assert_eq!(config.get_application_name(), Some("yoshi-message-server"));
        let options = config.get_options().unwrap();
        assert!(options.contains("statement_timeout=60000"), "{options}");
        assert!(options.contains("lock_timeout=10000"), "{options}");
        assert!(options.contains("enable_seqscan=off"), "{options}");
        assert!(options.ends_with("-c work_mem=64MB"), "{options}");
    }

    #[test]
    fn wrong_urls_are_refused_without_being_quoted() {
        for url in [
            "nonsense with secret",
            "postgres://yoshi:secret@127.0.0.1",
            "postgres://127.0.0.1/secret",
            "postgres://yoshi:secret@127.0.0.1:port/ms1",
        ] {
            let refusal = args(url).check().unwrap_err().to_string();
            assert!(refusal.contains("--database-url"), "{refusal}");
            assert!(!refusal.contains("secret"), "{refusal}");
        }
        let mut args = args("postgres://yoshi@127.0.0.1/ms1");
        args.database_password_file = Some("/nowhere/at/all".into());
        let refusal = args.check().unwrap_err().to_string();
        assert!(refusal.contains("--database-password-file"), "{refusal}");
    }
}
