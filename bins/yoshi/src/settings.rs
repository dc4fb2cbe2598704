//! The settings of one run: options first, then what [`Environment`] finds.

use std::path::PathBuf;
use std::time::Duration;

use yoshi_client::{Client, Environment, EnvironmentError, NatsUser, Operator, Options};
use yoshi_protocol::AccountName;

use crate::arguments::{Account, Acting, Common, Connection};
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
    /// Finds the settings of a command in which nobody acts.
    pub(crate) fn find(common: &Common, connection: Connection) -> Result<Self, Failure> {
        let environment = Environment::load()?;
        let nats_url = match connection.nats_url {
            Some(url) => url,
            None => environment.nats_url()?,
        };
        Ok(Self {
            json: common.json,
            password_stdin: false,
            account: None,
            nats_url,
            timeout: connection.timeout,
            nats_ca: connection.nats_ca,
            environment,
        })
    }

    /// The same settings for whoever acts, and how they prove it.
    pub(crate) fn acting(mut self, acting: Acting) -> Self {
        self.password_stdin = acting.password_stdin;
        self.account(acting.account)
    }

    /// The same settings for whoever acts.
    pub(crate) fn account(mut self, account: Account) -> Self {
        self.account = account.account;
        self
    }

    /// The same settings for the account that a command names itself.
    pub(crate) fn named(mut self, name: Option<AccountName>) -> Self {
        self.account = name.or(self.account);
        self
    }

    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        Ok(Client::connect(self.options(NatsUser::Client)?).await?)
    }

    pub(crate) async fn operator(&self) -> Result<Operator, Failure> {
        Ok(Operator::connect(self.options(NatsUser::Operator)?).await?)
    }

    /// An operator's connection, if this machine has an operator's password.
    pub(crate) async fn operator_if_any(&self, within: Duration) -> Option<Operator> {
        let options = self.options(NatsUser::Operator).ok()?.deadline(within);
        Operator::connect(options).await.ok()
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
            EnvironmentError::Missing(_) => Self::settings(
                error,
                "run this below the folder of `deploy/up`, or see `yoshi --help`",
            ),
            EnvironmentError::Foreign(_) => {
                Self::settings(error, "name it in YOSHI_ENV_FILE if you trust it")
            }
            _ => Self::input(error),
        }
    }
}
