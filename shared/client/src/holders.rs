//! Which servers hold a task, asked once more.

use std::time::Duration;

use yoshi_protocol::message::task::{ClientPoll, ClientPolled, View};
use yoshi_protocol::subject::ClientVerb;
use yoshi_protocol::{AccountName, Credential};

use crate::client::Client;
use crate::retry::Effect;
use crate::task::Task;

/// How long to wait before that: a little longer than servers take to hear of
/// each other's commits.
const HEARD_WITHIN: Duration = Duration::from_millis(300);
/// How long an answer may take that only says who holds what.
const ASK_AGAIN_WITHIN: Duration = Duration::from_secs(1);

impl Client {
    /// Asks once more which servers hold these tasks, if some that are there are
    /// not known to: right after a change, their word of it is on its way. Takes
    /// no time else. What cannot be learnt stays as it was.
    pub async fn hear_of_holders(
        &self,
        account: &AccountName,
        credential: &Credential,
        tasks: &mut [Task],
    ) {
        let latest = tasks.iter().map(|task| task.changed).max();
        let Some(since) = latest.filter(|_| tasks.iter().any(|task| !task.lagging.is_empty()))
        else {
            return;
        };
        tokio::time::sleep(HEARD_WITHIN).await;
        let request = ClientPoll {
            view: View::Inbox,
            limit: 1,
            since,
            credential: credential.clone(),
        };
        let client = self.clone().with_deadline(ASK_AGAIN_WITHIN);
        let answer: Result<ClientPolled, _> = client
            .call(account, ClientVerb::Poll, Effect::Reads, &request)
            .await;
        match answer {
            Ok(polled) => tasks.iter_mut().for_each(|task| task.hear(&polled.servers)),
            Err(error) => tracing::debug!(%error, "who holds the tasks is not heard"),
        }
    }
}
