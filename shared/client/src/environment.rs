//! Where a program finds its connection settings: the environment, then the env
//! file that `deploy/up` writes.

mod env_file;

use std::io;
use std::path::PathBuf;

use crate::options::Options;
use env_file::EnvFile;

/// Names the env file; else `.run/yoshi.env` is looked for, from the current folder upward.
const ENV_FILE: &str = "YOSHI_ENV_FILE";
/// The address of NATS.
const NATS_URL: &str = "YOSHI_NATS_URL";
/// Authorities to trust for TLS to NATS: a PEM file.
const NATS_CA: &str = "YOSHI_NATS_CA";
/// Bytes of a password file.
const PASSWORD_FILE_BYTES_MAX: u64 = 4_096;

/// A NATS user that a program may connect as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NatsUser {
    /// For accounts: [`crate::Client`]. `YOSHI_CLIENT_PASSWORD_FILE`.
    Client,
    /// For operators: [`crate::Operator`]. `YOSHI_OPERATOR_PASSWORD_FILE`.
    Operator,
    /// For whoever creates the streams. `YOSHI_PROVISIONER_PASSWORD_FILE`.
    Provisioner,
    /// For whoever makes a lost log anew. `YOSHI_RECOVERY_PASSWORD_FILE`.
    Recovery,
}

impl NatsUser {
    const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Operator => "operator",
            Self::Provisioner => "provisioner",
            Self::Recovery => "recovery",
        }
    }

    const fn password_file(self) -> &'static str {
        match self {
            Self::Client => "YOSHI_CLIENT_PASSWORD_FILE",
            Self::Operator => "YOSHI_OPERATOR_PASSWORD_FILE",
            Self::Provisioner => "YOSHI_PROVISIONER_PASSWORD_FILE",
            Self::Recovery => "YOSHI_RECOVERY_PASSWORD_FILE",
        }
    }
}

/// Why connection settings cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// A setting that is needed stands nowhere.
    #[error("{0} is not set, neither in the environment nor in an env file")]
    Missing(&'static str),
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of the env file is not `KEY=VALUE`.
    #[error("{}: line {line} is not KEY=VALUE", path.display())]
    Line {
        /// The env file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
    },
    /// An env file was found, and not named, that others may have written.
    #[error("{} was found, but others own it, or may write to it", .0.display())]
    Foreign(PathBuf),
}

/// The connection settings of this process.
#[derive(Debug)]
pub struct Environment {
    file: EnvFile,
}

impl Environment {
    /// Reads the env file, if there is one.
    ///
    /// # Errors
    /// [`EnvironmentError`].
    pub fn load() -> Result<Self, EnvironmentError> {
        let file = match std::env::var_os(ENV_FILE) {
            Some(path) => EnvFile::read(PathBuf::from(path))?,
            None => EnvFile::look_for()?,
        };
        Ok(Self { file })
    }

    /// The address of NATS.
    ///
    /// # Errors
    /// [`EnvironmentError::Missing`].
    pub fn nats_url(&self) -> Result<String, EnvironmentError> {
        std::env::var(NATS_URL)
            .ok()
            .or_else(|| self.file.get(NATS_URL).map(str::to_owned))
            .ok_or(EnvironmentError::Missing(NATS_URL))
    }

    /// Options to connect as `user` to the NATS at `nats_url`.
    ///
    /// # Errors
    /// [`EnvironmentError`], if the user's password cannot be had.
    pub fn options(&self, user: NatsUser, nats_url: &str) -> Result<Options, EnvironmentError> {
        let variable = user.password_file();
        let path = self
            .path(variable)
            .ok_or(EnvironmentError::Missing(variable))?;
        let text = env_file::read_bounded(&path, PASSWORD_FILE_BYTES_MAX)
            .map_err(|source| EnvironmentError::File { path, source })?;
        let password = text.trim_end_matches(['\r', '\n']).to_owned();
        let options = Options::new(nats_url, user.name(), password);
        Ok(match self.path(NATS_CA) {
            Some(file) => options.certificates(file),
            None => options,
        })
    }

    /// A path from the environment, or from the env file.
    fn path(&self, variable: &str) -> Option<PathBuf> {
        std::env::var_os(variable)
            .map(PathBuf::from)
            .or_else(|| self.file.path(variable))
    }
}
