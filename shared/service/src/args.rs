//! The arguments that every server takes, and the check of all of them before
//! anything is connected or bound.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::ServerAddr;
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;
use yoshi_protocol::limit::{HOST_CHARS_MAX, SILENCE_SECONDS, SILENCE_SECONDS_MAX};

use crate::limit;
use crate::liveness::SILENT_MAX;

/// A setting that cannot work. Ends the process with exit code 64, wherever it
/// stands in the chain of an error that `serve` returns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigurationError(String);

impl ConfigurationError {
    /// Says what is wrong, and what to do.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// Arguments of a server: the shared ones, and its own.
pub trait HasServerArgs {
    /// The shared ones.
    fn server(&self) -> &ServerArgs;

    /// Checks the server's own arguments, files that they name included.
    /// Called before anything is connected or bound.
    ///
    /// # Errors
    /// [`ConfigurationError`], in words for the operator.
    fn check(&self) -> Result<(), ConfigurationError> {
        Ok(())
    }

    /// Whether the server takes clients' requests as they send them, of any size:
    /// then they have a connection of their own, with shorter queues.
    fn takes_requests(&self) -> bool {
        false
    }

    /// The stream that holds the server's log, if it has one. It, and every node
    /// of NATS, must keep what is acknowledged, or the server does not start.
    fn log(&self) -> Option<&'static str> {
        None
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// The arguments that every server takes.
#[derive(Debug, Clone, clap::Args)]
pub struct ServerArgs {
    /// NATS servers, separated by commas; without user or password
    #[arg(
        long,
        env = "YOSHI_NATS_URL",
        value_delimiter = ',',
        default_value = "nats://127.0.0.1:4222"
    )]
    pub nats_url: Vec<String>,

    /// User at NATS; the server's role if not given
    #[arg(long, env = "YOSHI_NATS_USER")]
    pub nats_user: Option<String>,

    /// File with that user's password; without one, no user is named to NATS
    #[arg(long, env = "YOSHI_NATS_PASSWORD_FILE", value_name = "FILE")]
    pub nats_password_file: Option<PathBuf>,

    /// How long to wait for NATS at start, in seconds
    #[arg(long, env = "YOSHI_NATS_CONNECT_SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=3600), value_name = "SECONDS")]
    pub nats_connect_seconds: u64,

    /// Where /healthz and /metrics are served; port 0 takes a free one
    #[arg(
        long,
        env = "YOSHI_HTTP_LISTEN",
        default_value = "127.0.0.1:0",
        value_name = "ADDRESS"
    )]
    pub http_listen: SocketAddr,

    /// File that the address of /healthz and /metrics is written to, once it is bound
    #[arg(long, env = "YOSHI_HTTP_ADDRESS_FILE", value_name = "FILE")]
    pub http_address_file: Option<PathBuf>,

    /// Where this server runs, for people; the host's name if not given
    #[arg(long, env = "YOSHI_HOST_LABEL", value_name = "LABEL")]
    pub host_label: Option<String>,

    /// What is logged, as tracing-subscriber's `EnvFilter` reads it
    #[arg(
        long,
        env = "YOSHI_LOG",
        default_value = "info,async_nats=warn,postgres=warn,refinery_core=warn",
        value_name = "FILTER"
    )]
    pub log: String,

    /// How log lines look
    #[arg(
        long,
        env = "YOSHI_LOG_FORMAT",
        value_enum,
        default_value = "text",
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,

    /// How long to finish what was begun after SIGTERM or SIGINT, in seconds
    #[arg(long, env = "YOSHI_DRAIN_SECONDS", default_value_t = 20,
          value_parser = clap::value_parser!(u64).range(1..=3600), value_name = "SECONDS")]
    pub drain_seconds: u64,

    /// Run even where NATS or Postgres may lose what was reported as done: for experiments only
    #[arg(long, env = "YOSHI_UNSAFE_STORAGE", alias = "unsafe-durability")]
    pub unsafe_storage: bool,
}

/// The argument of servers that ask JetStream.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct JetStreamArgs {
    /// How long JetStream may take to acknowledge or to answer, in seconds, before
    /// what was asked of it counts as unknown, and what it holds as out of reach
    #[arg(long, env = "YOSHI_JETSTREAM_SECONDS", default_value_t = 2,
          value_parser = clap::value_parser!(u64).range(1..=60), value_name = "SECONDS")]
    jetstream_seconds: u64,
}

impl JetStreamArgs {
    /// How long it may take.
    #[must_use]
    pub fn within(&self) -> Duration {
        Duration::from_secs(self.jetstream_seconds)
    }
}

/// The argument of servers that go by message servers' announcements.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct SilenceArgs {
    /// After how many seconds without PING_MS, which comes every second, a message
    /// server counts as gone. Whoever hears of a longer one of another server
    /// grants it that
    #[arg(long, env = "YOSHI_SILENCE_SECONDS", default_value_t = SILENT_MAX.as_secs(),
          value_parser = clap::value_parser!(u64).range(SILENCE_SECONDS..=SILENCE_SECONDS_MAX),
          value_name = "SECONDS")]
    silence_seconds: u64,
}

impl SilenceArgs {
    /// How long a message server may be silent.
    #[must_use]
    pub fn silence(&self) -> Duration {
        Duration::from_secs(self.silence_seconds)
    }
}

/// The shared arguments, read and checked.
pub(crate) struct Settings {
    pub(crate) nats_servers: Vec<ServerAddr>,
    pub(crate) nats_user: String,
    pub(crate) nats_password: Option<SecretString>,
    pub(crate) nats_connect: Duration,
    pub(crate) http_listen: SocketAddr,
    pub(crate) http_address_file: Option<PathBuf>,
    pub(crate) host: String,
    pub(crate) filter: EnvFilter,
    pub(crate) log_format: LogFormat,
    pub(crate) drain: Duration,
    pub(crate) unsafe_storage: bool,
}

impl ServerArgs {
    pub(crate) fn check(&self, role: &str) -> Result<Settings, ConfigurationError> {
        let nats_user = self.nats_user.clone().unwrap_or_else(|| role.to_owned());
        if !is_token(&nats_user) {
            return Err(ConfigurationError::new(format!(
                "--nats-user {nats_user:?}: use letters, digits, '-' and '_'"
            )));
        }
        let filter = EnvFilter::builder().parse(&self.log).map_err(|error| {
            ConfigurationError::new(format!(
                "--log {:?}: {error}; use something like info,async_nats=warn",
                self.log
            ))
        })?;
        Ok(Settings {
            nats_servers: self
                .nats_url
                .iter()
                .map(|url| nats_server(url))
                .collect::<Result<_, _>>()?,
            nats_user,
            nats_password: self
                .nats_password_file
                .as_deref()
                .map(|path| password_from("--nats-password-file", path))
                .transpose()?,
            nats_connect: Duration::from_secs(self.nats_connect_seconds),
            http_listen: self.http_listen,
            http_address_file: self.http_address_file.clone(),
            host: self.host()?,
            filter,
            log_format: self.log_format,
            drain: Duration::from_secs(self.drain_seconds),
            unsafe_storage: self.unsafe_storage,
        })
    }

    fn host(&self) -> Result<String, ConfigurationError> {
        let host = match &self.host_label {
            Some(label) => label.clone(),
            None => std::fs::read_to_string("/proc/sys/kernel/hostname")
                .map(|name| name.trim().to_owned())
                .unwrap_or_default(),
        };
        if host.is_empty()
            || host.chars().count() > HOST_CHARS_MAX
            || host.contains(char::is_control)
        {
            return Err(ConfigurationError::new(format!(
                "--host-label: give 1 to {HOST_CHARS_MAX} characters on one line"
            )));
        }
        Ok(host)
    }
}

fn is_token(text: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=63).contains(&text.len()) && text.bytes().all(safe)
}

fn nats_server(url: &str) -> Result<ServerAddr, ConfigurationError> {
    let address: ServerAddr = url.trim().parse().map_err(|error| {
        ConfigurationError::new(format!(
            "--nats-url: {error}; use something like nats://127.0.0.1:4222"
        ))
    })?;
    if address.has_user_pass() || address.username().is_some() {
        return Err(ConfigurationError::new(
            "--nats-url: leave out user and password, and use --nats-user and --nats-password-file",
        ));
    }
    Ok(address)
}

/// Reads a password from a file: one line, without its line feed.
pub(crate) fn password_from(flag: &str, path: &Path) -> Result<SecretString, ConfigurationError> {
    let wrong =
        |what: String| ConfigurationError::new(format!("{flag} {}: {what}", path.display()));
    let size = std::fs::metadata(path)
        .map_err(|error| wrong(error.to_string()))?
        .len();
    if size > limit::PASSWORD_FILE_BYTES_MAX {
        return Err(wrong(format!(
            "larger than {} bytes: not a password",
            limit::PASSWORD_FILE_BYTES_MAX
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() || password.contains(char::is_control) {
        return Err(wrong("must hold a password on one line".to_owned()));
    }
    Ok(password.to_owned().into())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use secrecy::ExposeSecret;

    use super::*;

    #[derive(clap::Parser)]
    struct Args {
        #[command(flatten)]
        server: ServerArgs,
    }

    fn checked(arguments: &[&str]) -> Result<Settings, ConfigurationError> {
        let arguments = std::iter::once("server").chain(arguments.iter().copied());
        Args::try_parse_from(arguments)
            .map_err(|error| ConfigurationError::new(error.to_string()))?
            .server
            .check("load-balancer")
    }

    fn refused(arguments: &[&str]) -> String {
        checked(arguments)
            .err()
            .expect("must be refused")
            .to_string()
    }

    #[test]
    fn the_defaults_are_a_good_configuration() {
        let settings = checked(&[]).unwrap();
        assert_eq!(settings.nats_user, "load-balancer");
        assert!(settings.nats_password.is_none());
        assert!(settings.http_listen.ip().is_loopback());
        assert!(!settings.unsafe_storage);
    }

    #[test]
    fn each_wrong_argument_is_named() {
        for (arguments, flag) in [
            (["--nats-url", "nats://a:b@127.0.0.1"], "--nats-url"),
            (["--nats-url", "nats://:x:"], "--nats-url"),
            (["--nats-user", "a.b"], "--nats-user"),
            (
                ["--nats-password-file", "/nowhere/at/all"],
                "--nats-password-file",
            ),
            (["--http-listen", "nonsense"], "--http-listen"),
            (["--host-label", "a\nb"], "--host-label"),
            (["--log", "a=b=c"], "--log"),
            (["--log-format", "xml"], "--log-format"),
            (["--drain-seconds", "0"], "--drain-seconds"),
        ] {
            let refusal = refused(&arguments);
            assert!(refusal.contains(flag), "{arguments:?}: {refusal}");
            assert!(!refusal.contains("a:b@"), "{refusal}");
        }
    }

    #[test]
    fn several_nats_servers_may_be_given() {
        let settings = checked(&["--nats-url", "nats://one:4222, nats://two:4222"]).unwrap();
        assert_eq!(settings.nats_servers.len(), 2);
    }

    #[test]
    fn a_password_is_one_line_of_a_file() {
        let path = std::env::temp_dir().join(format!("yoshi-password-{}", std::process::id()));
        for (content, password) in [
            ("secret\n", Some("secret")),
            ("s p\r\n", Some("s p")),
            ("", None),
            ("\n", None),
            ("a\nb\n", None),
        ] {
            std::fs::write(&path, content).unwrap();
            let read = password_from("--flag", &path);
            assert_eq!(
                read.as_ref().ok().map(ExposeSecret::expose_secret),
                password,
                "{content:?}"
            );
        }
        std::fs::remove_file(&path).unwrap();
    }
}
