//! `show`: one task, by its id, or the end or beginning of it.

use std::collections::BTreeMap;
use std::time::Duration;

use yoshi_client::Task;
use yoshi_protocol::ServerId;

use crate::arguments::TaskGiven;
use crate::asker::Asker;
use crate::exit::{Exit, Failure};
use crate::output::{self, PrintedTask};
use crate::settings::Settings;

/// How long to look for the servers' names, which are nice to have.
const NAMES_WITHIN: Duration = Duration::from_secs(1);
/// Characters of a server's id that stand for it where its name is not known.
const SERVER_ID_CHARS: usize = 8;

pub(crate) async fn show(settings: &Settings, given: TaskGiven) -> Result<Exit, Failure> {
    let asker = Asker::new(settings).await?;
    let id = asker.meant(&given).await?;
    let mut task = asker.shown(id).await?;
    asker.hear_of_holders(std::slice::from_mut(&mut task)).await;
    print(settings, &task).await
}

/// Prints everything about a task.
pub(crate) async fn print(settings: &Settings, task: &Task) -> Result<Exit, Failure> {
    if settings.json {
        output::json(&PrintedTask::from(task))
    } else {
        let names = names(settings, task).await;
        output::lines(&output::details(task, &names))
    }
}

/// The servers that hold a task: by their hosts if this machine may ask for
/// them, which takes an operator's password; else by the beginnings of their ids.
async fn names(settings: &Settings, task: &Task) -> Vec<String> {
    let asked = async {
        let operator = settings.operator_if_any(NAMES_WITHIN).await?;
        operator.message_servers().await.ok()
    };
    let roster = tokio::time::timeout(NAMES_WITHIN, asked)
        .await
        .ok()
        .flatten();
    let hosts: BTreeMap<ServerId, String> = roster
        .into_iter()
        .flat_map(|roster| roster.servers)
        .map(|server| (server.ping.id, output::clean_line(&server.ping.host)))
        .collect();
    let mut names: Vec<_> = task
        .held_by
        .iter()
        .map(|id| match hosts.get(id) {
            Some(host) => host.clone(),
            None => id.to_string().chars().take(SERVER_ID_CHARS).collect(),
        })
        .collect();
    names.sort();
    names
}
