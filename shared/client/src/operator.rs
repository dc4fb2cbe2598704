//! The methods for operators, who connect inside the servers' NATS account.

mod log;
mod reports;
mod silent;
mod standing;
mod upkeep;

pub use reports::role;
pub use silent::Silent;
pub use standing::{Standing, Stands};

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;
use yoshi_protocol::message::Done;
use yoshi_protocol::message::account::{AccountReceipt, AccountsPage, ListAccounts, SetAccount};
use yoshi_protocol::message::roster::{
    DestroyMs, MessageServers, NewPrimReg, PrimaryRs, QueryLbForMs, QueryLbForRs,
};
use yoshi_protocol::subject::{self, Role, RsVerb};
use yoshi_protocol::{AccountName, ErrorCode, ServerId, cbor};

use crate::error::{Error, Last};
use crate::options::Options;
use crate::retry::{Effect, Policy};
use crate::transport::{self, Failure};

/// A connection for operators. Cloning is cheap, and clones share the connection.
#[derive(Debug, Clone)]
pub struct Operator {
    nats: async_nats::Client,
    policy: Policy,
}

impl Operator {
    /// Connects as the NATS user of operators.
    ///
    /// # Errors
    /// [`Error::Connect`].
    pub async fn connect(options: Options) -> Result<Self, Error> {
        Ok(Self {
            nats: options.connect().await?,
            policy: options.policy(),
        })
    }

    /// `QUERY_LB_FOR_MS`: the live message servers, and the destroyed ones.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn message_servers(&self) -> Result<MessageServers, Error> {
        self.call(subject::LB_QUERY_MS, Effect::Reads, &QueryLbForMs {})
            .await
    }

    /// `QUERY_LB_FOR_RS`: the primary registration server, if there is one.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn primary_rs(&self) -> Result<Option<NewPrimReg>, Error> {
        let answer: PrimaryRs = self
            .call(subject::LB_QUERY_RS, Effect::Reads, &QueryLbForRs {})
            .await?;
        Ok(answer.primary)
    }

    /// `LIST_ACCOUNTS`: a page of the accounts by name, after a name.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn accounts(
        &self,
        after: Option<AccountName>,
        limit: u32,
    ) -> Result<AccountsPage, Error> {
        let request = ListAccounts { after, limit };
        self.call_primary(RsVerb::ListAccounts, Effect::Reads, &request)
            .await
    }

    /// `SET_ACCOUNT`: disables an account, or enables it again.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn set_account(
        &self,
        account: &AccountName,
        disabled: bool,
    ) -> Result<AccountReceipt, Error> {
        let request = SetAccount {
            id: Uuid::now_v7(),
            account: account.clone(),
            disabled,
        };
        self.call_primary(RsVerb::SetAccount, Effect::Changes, &request)
            .await
    }

    /// `DESTROY_MS`: takes a message server out of the system for good. One that
    /// the load balancers have never heard must be known to another server.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn destroy_server(&self, id: ServerId) -> Result<(), Error> {
        let destroy = async |known: bool| -> Result<Done, Error> {
            let request = DestroyMs { id, known };
            self.call(subject::LB_DESTROY_MS, Effect::Changes, &request)
                .await
        };
        let Done {} = match destroy(false).await {
            Err(Error::Refused(reply)) if reply.code == ErrorCode::UnknownServer => {
                let standing = self.standing().await?;
                let mut silent = standing.silent.iter();
                if !silent.any(|silent| silent.id == id && silent.role == Role::Ms) {
                    return Err(Error::Refused(reply));
                }
                destroy(true).await?
            }
            done => done?,
        };
        Ok(())
    }

    async fn call<Q: Serialize, T: DeserializeOwned>(
        &self,
        subject: &str,
        effect: Effect,
        request: &Q,
    ) -> Result<T, Error> {
        let payload = Bytes::from(cbor::encode(request));
        self.policy
            .run(effect, |within| {
                let asked = transport::ask(&self.nats, subject.into(), payload.clone(), within);
                async move { transport::read(asked.await) }
            })
            .await
    }

    /// Asks the primary registration server, and looks for it anew at each try:
    /// the last one may be primary no more.
    async fn call_primary<Q: Serialize, T: DeserializeOwned>(
        &self,
        verb: RsVerb,
        effect: Effect,
        request: &Q,
    ) -> Result<T, Error> {
        let payload = Bytes::from(cbor::encode(request));
        self.policy
            .run(effect, |within| {
                self.ask_primary(verb, payload.clone(), within)
            })
            .await
    }

    async fn ask_primary<T: DeserializeOwned>(
        &self,
        verb: RsVerb,
        payload: Bytes,
        within: Duration,
    ) -> Result<T, Failure> {
        // Half of the time to find it, half to ask it.
        let within = within / 2;
        let query = Bytes::from(cbor::encode(&QueryLbForRs {}));
        let found = transport::ask(&self.nats, subject::LB_QUERY_RS.into(), query, within).await;
        let found: PrimaryRs = transport::read(found).map_err(|failure| match failure {
            // Whatever became of the search: nothing was asked of the primary.
            Failure::Retry { last, .. } => Failure::Retry {
                last,
                may_have_happened: false,
            },
            Failure::Refused(_) | Failure::Malformed(_) => failure,
        })?;
        let Some(primary) = found.primary else {
            return Err(Failure::Retry {
                last: Last::NoPrimary,
                may_have_happened: false,
            });
        };
        let subject = subject::rs(primary.id, verb);
        transport::read(transport::ask(&self.nats, subject, payload, within).await)
    }
}
