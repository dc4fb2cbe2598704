//! The methods for accounts: sending, retrieving, and the account itself.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;
use yoshi_protocol::message::Done;
use yoshi_protocol::message::account::{
    AccountReceipt, ChangePassword, LogIn, LogOut, LoggedIn, NewAcct,
};
use yoshi_protocol::message::task::{ClientPoll, ClientPolled, Sent, TaskFromClient, View};
use yoshi_protocol::subject::{self, ClientVerb};
use yoshi_protocol::{
    AccountName, Credential, ErrorCode, NewTask, Password, Position, TaskId, Token, cbor, limit,
};

use crate::error::Error;
use crate::options::Options;
use crate::outgoing::Outgoing;
use crate::retry::{Effect, Policy};
use crate::task::{Polled, Task};
use crate::transport;

/// A connection for accounts. Cloning is cheap, and clones share the connection.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) nats: async_nats::Client,
    pub(crate) policy: Policy,
}

impl Client {
    /// Connects as the NATS user of clients.
    ///
    /// # Errors
    /// [`Error::Connect`].
    pub async fn connect(options: Options) -> Result<Self, Error> {
        Ok(Self {
            nats: options.connect().await?,
            policy: options.policy(),
        })
    }

    /// The same connection, with another deadline for each call.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.policy.deadline = deadline;
        self
    }

    /// `TASK_FROM_CLIENT`: sends a task. [`Sent::Accounted`] is success: every
    /// live server that serves has committed it. [`Sent::Queued`] is not: the log is out of
    /// reach, and one server alone holds the task until it is back.
    ///
    /// # Errors
    /// [`Error`]; after an unknown outcome, send a task with the same id and
    /// content to learn it.
    pub async fn send(
        &self,
        account: &AccountName,
        credential: &Credential,
        task: NewTask,
    ) -> Result<Sent, Error> {
        self.send_outgoing(account, credential, &Outgoing::new(task)?)
            .await
    }

    /// [`Client::send`] for a task that was encoded already, so that it can be
    /// sent again byte for byte.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn send_outgoing(
        &self,
        account: &AccountName,
        credential: &Credential,
        task: &Outgoing,
    ) -> Result<Sent, Error> {
        #[cfg(feature = "planted-faults")]
        if yoshi_planted::is(yoshi_planted::Fault::FreshIdOnRetry) {
            return self.send_by_fresh_ids(account, credential, task).await;
        }
        let request = TaskFromClient {
            task: task.bytes.clone(),
            credential: credential.clone(),
        };
        self.call(account, ClientVerb::Task, Effect::Changes, &request)
            .await
    }

    /// `CLIENT_POLL_MS`: the tasks sent to the account that changed since a
    /// cursor, as many as one answer holds.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn retrieve(
        &self,
        account: &AccountName,
        credential: &Credential,
        since: Position,
    ) -> Result<Polled, Error> {
        self.poll(
            account,
            credential,
            View::Inbox,
            since,
            limit::POLL_TASKS_MAX,
        )
        .await
    }

    /// `CLIENT_POLL_MS`: a page of at most `limit` tasks of a view that changed
    /// since a cursor.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn poll(
        &self,
        account: &AccountName,
        credential: &Credential,
        view: View,
        since: Position,
        limit: u32,
    ) -> Result<Polled, Error> {
        let request = ClientPoll {
            view,
            limit,
            since,
            credential: credential.clone(),
        };
        let polled: ClientPolled = self
            .call(account, ClientVerb::Poll, Effect::Reads, &request)
            .await?;
        Polled::new(polled, since).map_err(|reason| Error::Malformed {
            reason,
            may_have_happened: false,
        })
    }

    /// One task that the account sent or received; none if there is none.
    ///
    /// # Errors
    /// [`Error`]; one that waits in the outbox of the server that answers is
    /// [`ErrorCode::Queued`].
    pub async fn show(
        &self,
        account: &AccountName,
        credential: &Credential,
        task: TaskId,
    ) -> Result<Option<Task>, Error> {
        let polled = self
            .poll(account, credential, View::Task(task), Position::ZERO, 1)
            .await;
        match polled {
            Ok(polled) => Ok(polled.tasks.into_iter().next()),
            Err(Error::Refused(reply)) if reply.code == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `NEW_ACCT`: creates an account.
    ///
    /// # Errors
    /// [`Error`]; a name that is taken is [`ErrorCode::AccountExists`].
    pub async fn create_account(
        &self,
        account: &AccountName,
        password: &Password,
    ) -> Result<AccountReceipt, Error> {
        let request = NewAcct {
            id: Uuid::now_v7(),
            account: account.clone(),
            password: password.clone(),
        };
        self.call(account, ClientVerb::NewAccount, Effect::Changes, &request)
            .await
    }

    /// `LOG_IN`: a token, to be used instead of the password from then on.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn log_in(
        &self,
        account: &AccountName,
        password: &Password,
    ) -> Result<LoggedIn, Error> {
        let request = LogIn {
            id: Uuid::now_v7(),
            account: account.clone(),
            password: password.clone(),
        };
        self.call(account, ClientVerb::LogIn, Effect::Changes, &request)
            .await
    }

    /// `LOG_OUT`: ends a token. Succeeds also if it had ended already.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn log_out(&self, account: &AccountName, token: &Token) -> Result<(), Error> {
        let request = LogOut {
            token: token.clone(),
            account: account.clone(),
        };
        let Done {} = self
            .call(account, ClientVerb::LogOut, Effect::Changes, &request)
            .await?;
        Ok(())
    }

    /// `CHANGE_PASSWORD`: a new password. Every token of the account ends.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn change_password(
        &self,
        account: &AccountName,
        password: &Password,
        new_password: &Password,
    ) -> Result<AccountReceipt, Error> {
        let request = ChangePassword {
            id: Uuid::now_v7(),
            account: account.clone(),
            password: password.clone(),
            new_password: new_password.clone(),
        };
        self.call(
            account,
            ClientVerb::ChangePassword,
            Effect::Changes,
            &request,
        )
        .await
    }

    /// Ends the connection, of all clones, once NATS has what was published before.
    pub async fn close(self) {
        if let Err(error) = self.nats.drain().await {
            tracing::debug!(%error, "nats: draining failed");
        }
    }

    /// One call: encoded once, asked until there is an answer.
    pub(crate) async fn call<Q: Serialize, T: DeserializeOwned>(
        &self,
        account: &AccountName,
        verb: ClientVerb,
        effect: Effect,
        request: &Q,
    ) -> Result<T, Error> {
        let subject = subject::client(account, verb);
        let payload = Bytes::from(cbor::encode(request));
        self.policy
            .run(effect, |within| {
                let asked = transport::ask(&self.nats, subject.clone(), payload.clone(), within);
                async move { transport::read(asked.await) }
            })
            .await
    }
}
