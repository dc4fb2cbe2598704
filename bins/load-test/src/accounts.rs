//! Connections, and the synthetic accounts with their tokens.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use yoshi_client::{Client, Environment, Error, NatsUser};
use yoshi_protocol::{AccountName, Credential, ErrorCode, Password};

use crate::Failure;
use crate::arguments::Arguments;
use crate::report::progress;
use crate::workload::Workload;

/// Accounts being created at a time: enough to keep the registration servers'
/// hashing busy, too few to be turned away.
const AT_ONCE: usize = 16;
/// How long creating one account may take: many wait for a few hashers.
const SET_UP_WITHIN: Duration = Duration::from_secs(60);
/// The password of accounts that several runs share.
const PASSWORD: &str = "YOSHI_LOAD_TEST_PASSWORD";

/// The accounts' credentials, by index.
#[derive(Debug)]
pub(crate) struct Accounts {
    credentials: Vec<Credential>,
}

/// Connects, and says where to.
pub(crate) async fn connect(arguments: &Arguments) -> Result<(Vec<Client>, String), Failure> {
    let environment = Environment::load()?;
    let url = match &arguments.nats_url {
        Some(url) => url.clone(),
        None => environment.nats_url()?,
    };
    let options = environment
        .options(NatsUser::Client, &url)?
        .deadline(Duration::from_secs(arguments.timeout.into()));
    let mut clients = Vec::new();
    for _ in 0..arguments.connections {
        let client = Client::connect(options.clone()).await;
        clients.push(client.map_err(Failure::Connect)?);
    }
    Ok((clients, url))
}

impl Accounts {
    /// Creates every account of the workload, and logs it in.
    pub(crate) async fn create(
        clients: &[Client],
        workload: &Workload,
        quiet: bool,
    ) -> Result<Self, Failure> {
        let names = workload.names();
        let password = password();
        let progress = progress(quiet, names.len() as u64, "accounts");
        let set_up = names
            .iter()
            .zip(clients.iter().cycle())
            .map(|(name, client)| {
                let client = client.clone().with_deadline(SET_UP_WITHIN);
                let (password, progress) = (&password, &progress);
                async move {
                    let credential = set_up(&client, name, password).await;
                    progress.inc(1);
                    credential.map_err(|error| Failure::SetUp {
                        account: name.clone(),
                        error,
                    })
                }
            });
        let credentials = stream::iter(set_up).buffered(AT_ONCE).try_collect().await?;
        progress.finish_and_clear();
        Ok(Self { credentials })
    }

    pub(crate) fn credential(&self, index: u32) -> &Credential {
        &self.credentials[index as usize]
    }
}

async fn set_up(
    client: &Client,
    name: &AccountName,
    password: &Password,
) -> Result<Credential, Error> {
    match client.create_account(name, password).await {
        Ok(_) => {}
        Err(Error::Refused(reply)) if reply.code == ErrorCode::AccountExists => {}
        Err(error) => return Err(error),
    }
    Ok(Credential::Token(
        client.log_in(name, password).await?.token,
    ))
}

/// A password that nobody can guess: these accounts are real ones.
fn password() -> Password {
    let chosen = std::env::var(PASSWORD).ok();
    Password::new(chosen.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()))
}
