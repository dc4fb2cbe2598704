//! An account that asks: who it is, how it proves that, and which task it means.

mod find;

use yoshi_client::{Client, Polled, Task, View};
use yoshi_protocol::limit::POLL_TASKS_MAX;
use yoshi_protocol::{AccountName, Credential, Position, TaskId};

use crate::arguments::TaskGiven;
use crate::exit::{Exit, Failure};
use crate::secret;
use crate::settings::Settings;
use crate::who::{acting, or_unreachable};

/// What to do when every server is behind a cursor.
const AHEAD: &str = "a cursor belongs to the system that it comes from; --since 0 begins anew";

/// An account that asks, and of whom.
pub(crate) struct Asker {
    pub(crate) client: Client,
    pub(crate) account: AccountName,
    pub(crate) credential: Credential,
}

impl Asker {
    pub(crate) async fn new(settings: &Settings) -> Result<Self, Failure> {
        let who = acting(settings).and_then(|account| {
            let credential = secret::credential(settings, &account)?;
            Ok((account, credential))
        });
        let (account, credential) = match who {
            Ok(who) => who,
            Err(failure) => return Err(or_unreachable(settings, failure).await),
        };
        Ok(Self {
            client: settings.client().await?,
            account,
            credential,
        })
    }

    pub(crate) async fn poll(
        &self,
        view: View,
        since: Position,
        limit: u32,
    ) -> Result<Polled, Failure> {
        let limit = limit.min(POLL_TASKS_MAX);
        self.client
            .poll(&self.account, &self.credential, view, since, limit)
            .await
            .map_err(|error| Failure::from(error).advise_if_behind(AHEAD))
    }

    /// The id of the task that is meant.
    pub(crate) async fn meant(&self, given: &TaskGiven) -> Result<TaskId, Failure> {
        match given {
            TaskGiven::Id(id) => Ok(*id),
            TaskGiven::Part(part) => self.only_with(part).await,
        }
    }

    /// The task as it stands.
    pub(crate) async fn shown(&self, id: TaskId) -> Result<Task, Failure> {
        let found = self
            .client
            .show(&self.account, &self.credential, id)
            .await?;
        found.ok_or_else(|| self.no_such(&format!("task {id}")))
    }

    /// Asks once more who holds these tasks, where it is on its way to the server
    /// that answered.
    pub(crate) async fn hear_of_holders(&self, tasks: &mut [Task]) {
        let (account, credential) = (&self.account, &self.credential);
        self.client
            .hear_of_holders(account, credential, tasks)
            .await;
    }

    fn no_such(&self, what: &str) -> Failure {
        let what = format!("{} neither sent nor received a {what}", self.account);
        Failure::here(Exit::Refused, what, "").coded("not_found")
    }
}
