//! The settings of the website, each by flag or `YOSHI_*` variable.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use yoshi_service::database::DatabaseArgs;
use yoshi_service::{ConfigurationError, HasServerArgs, ServerArgs};

use crate::administration::Administration;
use crate::limit::CHANGE_WITHIN;

/// Bytes of a password file.
const PASSWORD_FILE_BYTES_MAX: u64 = 4 * 1024;
/// The NATS user that the pages for administrators ask the servers as.
const ADMINISTRATION_USER: &str = "administration";

/// A website for people. It keeps their sessions, and a cache of their tasks
/// that may be dropped at any time, in its own Postgres database.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "web-client", version)]
pub struct Arguments {
    #[command(flatten)]
    server: ServerArgs,

    #[command(flatten)]
    pub(crate) database: DatabaseArgs,

    /// Where the website is served, without TLS; port 0 takes a free one. Health
    /// and metrics have an address of their own
    #[arg(
        long,
        env = "YOSHI_WEB_LISTEN",
        default_value = "127.0.0.1:8480",
        value_name = "ADDRESS"
    )]
    pub(crate) web_listen: SocketAddr,

    /// File that the website's address is written to, once it is bound
    #[arg(long, env = "YOSHI_WEB_ADDRESS_FILE", value_name = "FILE")]
    pub(crate) web_address_file: Option<PathBuf>,

    /// The address that people type, scheme and host only, `https://yoshi.example.org` for example.
    /// Needed behind a proxy that ends TLS; requests for another host are refused
    #[arg(long, env = "YOSHI_WEB_URL", value_name = "URL")]
    web_url: Option<String>,

    /// Take the last address in X-Forwarded-For for the browser's: only behind a
    /// proxy that adds it
    #[arg(long, env = "YOSHI_WEB_TRUST_FORWARDED")]
    pub(crate) web_trust_forwarded: bool,

    /// New accounts of one source in an hour: its address, of IPv6 its network. A sixth of
    /// them may come at once
    #[arg(long, env = "YOSHI_WEB_REGISTRATIONS_PER_HOUR", default_value_t = 180,
          value_parser = clap::value_parser!(u32).range(6..=1_000_000), value_name = "COUNT")]
    pub(crate) web_registrations_per_hour: u32,

    /// File with the names of the accounts that see the pages for administrators, one in each
    /// line. It is read again when it changes. Name accounts that exist: a name belongs to
    /// whoever registers it first
    #[arg(long, env = "YOSHI_WEB_ADMINISTRATORS_FILE", value_name = "FILE")]
    web_administrators_file: Option<PathBuf>,

    /// File with the password of the NATS user `administration`, by which those pages ask the
    /// servers
    #[arg(
        long,
        env = "YOSHI_WEB_ADMINISTRATION_PASSWORD_FILE",
        value_name = "FILE"
    )]
    web_administration_password_file: Option<PathBuf>,

    /// Authorities to trust for TLS to NATS: a PEM file
    #[arg(long, env = "YOSHI_NATS_CA", value_name = "FILE")]
    nats_ca: Option<PathBuf>,
}

/// Where the website is for browsers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// At the address that it listens on, for this machine only.
    Loopback,
    /// Behind a proxy, at this origin: scheme and host.
    Public {
        /// `https://yoshi.example.org`.
        origin: String,
        /// `yoshi.example.org`.
        host: String,
    },
}

impl Place {
    /// Whether browsers speak TLS.
    pub(crate) fn is_secure(&self) -> bool {
        matches!(self, Self::Public { origin, .. } if origin.starts_with("https://"))
    }
}

impl HasServerArgs for Arguments {
    fn server(&self) -> &ServerArgs {
        &self.server
    }

    fn check(&self) -> Result<(), ConfigurationError> {
        self.database.check()?;
        self.place()?;
        self.administration()?;
        self.nats_password().map(drop)
    }
}

impl Arguments {
    /// Where the website is for browsers.
    pub(crate) fn place(&self) -> Result<Place, ConfigurationError> {
        let Some(url) = &self.web_url else {
            if self.web_listen.ip().is_loopback() {
                return Ok(Place::Loopback);
            }
            return Err(ConfigurationError::new(
                "--web-listen: without TLS only on loopback; elsewhere put a proxy that ends TLS in \
                 front, and name its address with --web-url https://…",
            ));
        };
        let wrong = || {
            ConfigurationError::new(
                "--web-url: give scheme and host only, for example https://yoshi.example.org",
            )
        };
        let origin = url.trim_end_matches('/').to_ascii_lowercase();
        let (scheme, host) = origin.split_once("://").ok_or_else(wrong)?;
        let name = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        if host.is_empty() || !host.bytes().all(name) {
            return Err(wrong());
        }
        let secure = scheme == "https";
        let loopback = scheme == "http" && self.web_listen.ip().is_loopback();
        if !secure && !loopback {
            return Err(ConfigurationError::new(
                "--web-url: https://…; http:// only if --web-listen is on loopback",
            ));
        }
        Ok(Place::Public {
            host: host.to_owned(),
            origin,
        })
    }

    /// How the communications library reaches NATS.
    pub(crate) fn client_options(&self) -> Result<yoshi_client::Options, ConfigurationError> {
        let user = self.server.nats_user.as_deref().unwrap_or("web-client");
        Ok(self.options(user, self.nats_password()?))
    }

    /// Who administers, and how; none if no file names anybody.
    pub(crate) fn administration(&self) -> Result<Option<Administration>, ConfigurationError> {
        let Some(names) = &self.web_administrators_file else {
            return Ok(None);
        };
        let Some(password) = &self.web_administration_password_file else {
            return Err(ConfigurationError::new(
                "--web-administrators-file: needs --web-administration-password-file, too",
            ));
        };
        let password = password_in("--web-administration-password-file", password)?;
        let options = self.options(ADMINISTRATION_USER, password);
        let administration = Administration::new(names, options.deadline(CHANGE_WITHIN));
        administration.map(Some).map_err(|error| {
            let file = names.display();
            ConfigurationError::new(format!("--web-administrators-file {file}: {error}"))
        })
    }

    fn options(&self, user: &str, password: SecretString) -> yoshi_client::Options {
        let options = yoshi_client::Options::new(self.server.nats_url.join(","), user, password);
        match &self.nats_ca {
            Some(file) => options.certificates(file),
            None => options,
        }
    }

    fn nats_password(&self) -> Result<SecretString, ConfigurationError> {
        match &self.server.nats_password_file {
            Some(path) => password_in("--nats-password-file", path),
            None => Ok(SecretString::from("")),
        }
    }
}

fn password_in(flag: &str, path: &Path) -> Result<SecretString, ConfigurationError> {
    let wrong = |what: &str| ConfigurationError::new(format!("{flag} {}: {what}", path.display()));
    let size = std::fs::metadata(path)
        .map_err(|error| wrong(&error.to_string()))?
        .len();
    if size > PASSWORD_FILE_BYTES_MAX {
        return Err(wrong("too large for a password"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn place(arguments: &[&str]) -> Result<Place, String> {
        let fixed = [
            "web-client",
            "--database-url",
            "postgres://yoshi@127.0.0.1/web1",
        ];
        Arguments::try_parse_from(fixed.iter().chain(arguments))
            .map_err(|error| error.to_string())?
            .place()
            .map_err(|error| error.to_string())
    }

    #[test]
    fn administrators_need_a_password_and_names() {
        let wrong = |arguments: &[&str]| {
            let fixed = [
                "web-client",
                "--database-url",
                "postgres://yoshi@127.0.0.1/web1",
            ];
            let parsed = Arguments::try_parse_from(fixed.iter().chain(arguments)).unwrap();
            parsed.administration().unwrap_err().to_string()
        };
        let names = ["--web-administrators-file", "/nowhere/names"];
        assert!(wrong(&names).contains("--web-administration-password-file"));
        let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let here = here.display().to_string();
        let password = ["--web-administration-password-file", &here];
        let all = [&names[..], &password].concat();
        assert!(wrong(&all).contains("/nowhere/names"));
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        assert_eq!(place(&[]), Ok(Place::Loopback));
        let public = place(&["--web-url", "https://Yoshi.example.org/"]).unwrap();
        assert!(public.is_secure());
        let Place::Public { host, .. } = public else {
            panic!("{public:?}");
        };
        assert_eq!(host, "yoshi.example.org");
        for refused in [
            &["--web-listen", "0.0.0.0:80"][..],
            &["--web-listen", "0.0.0.0:80", "--web-url", "http://a"],
            &["--web-url", "https://a/b"],
            &["--web-url", "a.example.org"],
            &["--web-url", "https://"],
        ] {
            assert!(
                place(refused).unwrap_err().contains("--web-"),
                "{refused:?}"
            );
        }
    }
}
