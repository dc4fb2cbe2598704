//! The settings of one run: options first, then what [`Environment`] finds.

use std::path::PathBuf;
use std::time::Duration;

use yoshi_client::{Client, Environment, EnvironmentError, NatsUser, Operator, Options};
use yoshi_protocol::AccountName;

use crate::arguments::{Common, Who};
use crate::exit::Failure;

/// The settings of one run.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) json: bool,
    pub(crate) password_stdin: bool,
    pub(crate) account: Option<AccountName>,
    /// The address of NATS, which also names the system in session files.
    pub(crate) nats_url: String,
    pub(crate) timeout: Duration,
    nats_ca: Option<PathBuf>,
    environment: Environment,
}

impl Settings {
    /// Finds the settings.
    pub(crate) fn find(common: Common) -> Result<Self, Failure> {
        let environment = Environment::load()?;
        let nats_url = match common.nats_url {
            Some(url) => url,
            None => environment.nats_url()?,
        };
        Ok(Self {
            json: common.json,
            password_stdin: common.password_stdin,
            account: common.account,
            nats_url,
            timeout: common.timeout,
            nats_ca: common.nats_ca,
            environment,
        })
    }

    /// The same settings for the account that a command names itself.
    pub(crate) fn of(mut self, who: Who) -> Self {
        self.account = who.name.or(self.account);
        self
    }

    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        Ok(Client::connect(self.options(NatsUser::Client)?).await?)
    }

    pub(crate) async fn operator(&self) -> Result<Operator, Failure> {
        Ok(Operator::connect(self.options(NatsUser::Operator)?).await?)
    }

    pub(crate) fn options(&self, user: NatsUser) -> Result<Options, Failure> {
        let options = self
            .environment
            .options(user, &self.nats_url)?
            .deadline(self.timeout);
        Ok(match &self.nats_ca {
            Some(file) => options.certificates(file),
            None => options,
        })
    }
}

impl From<EnvironmentError> for Failure {
    fn from(error: EnvironmentError) -> Self {
        match error {
            EnvironmentError::Missing(_) => Self::usage(
                error,
                "run this below the folder of `deploy/up`, or see `yoshi --help`",
            ),
            EnvironmentError::Foreign(_) => {
                Self::usage(error, "name it in YOSHI_ENV_FILE if you trust it")
            }
            _ => Self::input(error),
        }
    }
}
