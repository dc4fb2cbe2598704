//! Why a log is not made anew, in words, and what to do.

use yoshi_protocol::ServerId;
use yoshi_protocol::subject::Role;

use super::Recovery;
use super::history::Doubt;
use super::plan::No;
use crate::exit::{Exit, Failure};
use crate::output;

impl Recovery<'_> {
    pub(super) fn refusal(&self, no: No) -> Failure {
        let log = self.log();
        let list = |ids: &mut dyn Iterator<Item = &ServerId>| -> String {
            ids.map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let (what, advice) = match no {
            No::Nobody => (
                format!("no server with the log of {log} answers"),
                "start them; without their databases nothing can be recovered".to_owned(),
            ),
            No::Empty => (
                format!("no server has anything of the log of {log}"),
                "nothing can be recovered; `yoshi provision` creates streams that are missing"
                    .to_owned(),
            ),
            No::Healthy => (
                format!("the log of {log} is whole: nothing was done"),
                match self.without.is_empty() {
                    true => "see `yoshi servers`".to_owned(),
                    false => self.refill(),
                },
            ),
            No::Adopting => (
                format!("the log of {log} was recovered already: the servers take it up now"),
                "see `yoshi servers`".to_owned(),
            ),
            No::Missing(ids) => (
                format!(
                    "{} that others know {} not answer: {}",
                    output::count(ids.len(), "server"),
                    if ids.len() == 1 { "does" } else { "do" },
                    list(&mut ids.iter())
                ),
                "start what is missing. What only such a server holds would be lost, also if its \
                 success was reported; if it is gone for good, accept that with --without ID"
                    .to_owned(),
            ),
            No::Stopped(ids) => (
                format!(
                    "only servers that have stopped because their rows are wrong hold the end of the log: {}",
                    list(&mut ids.iter())
                ),
                "if their rows are right, `yoshi resync-server --keep-rows ID`; else go without \
                 them by --without ID: what only they hold would be lost"
                    .to_owned(),
            ),
            No::Strangers(logs) => {
                let logs = logs
                    .iter()
                    .map(|(log, ids)| format!("log {log}: {}", list(&mut ids.iter())));
                (
                    format!(
                        "the servers follow logs that do not continue each other; {}",
                        logs.collect::<Vec<_>>().join("; ")
                    ),
                    "name those that followed the wrong one with --without ID, and fill them anew \
                     afterwards: what only they hold will be lost"
                        .to_owned(),
                )
            }
        };
        Failure::here(Exit::Refused, what, advice)
    }

    /// What is left to do, if the servers that remain have their log.
    fn refill(&self) -> String {
        let ids = self.without.iter();
        match self.role {
            Role::Ms => {
                let commands = ids.map(|id| format!("`yoshi resync-server {id}`"));
                format!(
                    "fill the others anew: {}",
                    commands.collect::<Vec<_>>().join(", ")
                )
            }
            Role::Rs => "start the others with empty databases".to_owned(),
        }
    }

    pub(super) fn doubted(&self, doubt: &Doubt) -> Failure {
        match doubt {
            Doubt::Parted(parted) => parted.failure(self.log()),
            Doubt::Unshown(unshown) => unshown.failure(self.log()),
        }
    }
}
