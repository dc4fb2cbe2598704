//! An account that a test acts as.

use yoshi_client::{ChangeReceipt, Client, Error, Outgoing, Position, Receipt, Sent, Task, View};
use yoshi_protocol::limit::POLL_TASKS_MAX;
use yoshi_protocol::{AccountName, Credential, ErrorCode, NewTask, Password, TaskId, Verb};

/// An account with its password and a token.
#[derive(Debug, Clone)]
pub struct Person {
    /// Its name.
    pub name: AccountName,
    /// Its password.
    pub password: Password,
    /// The token of a log-in.
    pub credential: Credential,
}

impl Person {
    /// Creates an account whose name begins with `prefix` and is nobody else's,
    /// and logs it in.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn register(client: &Client, prefix: &str) -> Self {
        let name = fresh_name(prefix);
        let password = Password::new(format!("the secret of {name}"));
        client
            .create_account(&name, &password)
            .await
            .unwrap_or_else(|error| panic!("{name} is not created: {error}"));
        Self::log_in(client, name, password).await
    }

    /// Logs in somebody who has an account already.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn log_in(client: &Client, name: AccountName, password: Password) -> Self {
        let logged_in = client.log_in(&name, &password).await;
        let logged_in = logged_in.unwrap_or_else(|error| panic!("{name} cannot log in: {error}"));
        Self {
            name,
            password,
            credential: Credential::Token(logged_in.token),
        }
    }

    /// Registers several people, all at once.
    ///
    /// # Panics
    /// If one is refused.
    pub async fn register_all<const N: usize>(client: &Client, prefixes: [&str; N]) -> [Self; N] {
        let registered = prefixes.map(|prefix| Self::register(client, prefix));
        let registered = futures::future::join_all(registered).await;
        registered.try_into().expect("there are as many as before")
    }

    /// The password as a credential.
    #[must_use]
    pub fn by_password(&self) -> Credential {
        Credential::Password(self.password.clone())
    }

    /// Sends a task, and answers its receipt.
    ///
    /// # Panics
    /// If it is not accounted for.
    pub async fn send(&self, client: &Client, title: &str, to: &[&Self]) -> Receipt {
        let names = to.iter().map(|person| person.name.clone()).collect();
        let task = Outgoing::new(NewTask::new(title, names)).expect("it is a good task");
        self.send_outgoing(client, &task).await
    }

    /// Sends a task that is encoded already.
    ///
    /// # Panics
    /// If it is not accounted for.
    pub async fn send_outgoing(&self, client: &Client, task: &Outgoing) -> Receipt {
        match client
            .send_outgoing(&self.name, &self.credential, task)
            .await
        {
            Ok(Sent::Accounted(receipt)) => receipt,
            Ok(Sent::Queued(queued)) => panic!("{}: only queued: {queued:?}", self.name),
            Err(error) => panic!("{}: not sent: {error}", self.name),
        }
    }

    /// Does something with a task, and answers its receipt.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn change(&self, client: &Client, task: TaskId, verb: Verb) -> ChangeReceipt {
        let words = format!("{}: {verb:?}", self.name);
        let changed = client
            .change(&self.name, &self.credential, task, verb)
            .await;
        changed.unwrap_or_else(|error| panic!("{words}: {error}"))
    }

    /// A task as this account sees it.
    ///
    /// # Panics
    /// If it does not see it.
    pub async fn shown(&self, client: &Client, task: TaskId) -> Task {
        let shown = client.show(&self.name, &self.credential, task).await;
        let shown = shown.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        shown.unwrap_or_else(|| panic!("{} sees no task {task}", self.name))
    }

    /// Everything in a view, in pages of `limit`.
    ///
    /// # Panics
    /// If a page is refused, is larger, or its cursor does not rise.
    pub async fn read(&self, client: &Client, view: View, limit: u32) -> Vec<Task> {
        let (mut tasks, mut cursor) = (Vec::new(), Position::ZERO);
        loop {
            let page = client
                .poll(&self.name, &self.credential, view, cursor, limit)
                .await
                .unwrap_or_else(|error| panic!("{} cannot read: {error}", self.name));
            assert!(page.tasks.len() <= limit as usize, "{}", page.tasks.len());
            assert!(page.tasks.is_empty() || page.cursor > cursor);
            tasks.extend(page.tasks);
            cursor = page.cursor;
            if !page.more {
                return tasks;
            }
        }
    }

    /// Everything that was sent to it.
    ///
    /// # Panics
    /// As [`Person::read`].
    pub async fn inbox(&self, client: &Client) -> Vec<Task> {
        self.read(client, View::Inbox, POLL_TASKS_MAX).await
    }
}

/// A name that begins with `prefix`, with 64 random bits.
///
/// # Panics
/// If the prefix is not the beginning of a name.
#[must_use]
pub fn fresh_name(prefix: &str) -> AccountName {
    let random = uuid::Uuid::new_v4().as_u64_pair().0;
    AccountName::new(&format!("{prefix}-{random:016x}")).expect("it is a name")
}

/// Why a call was refused.
///
/// # Panics
/// If it was not refused.
pub fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorCode {
    match result {
        Err(Error::Refused(reply)) => reply.code,
        other => panic!("not a refusal: {other:?}"),
    }
}
