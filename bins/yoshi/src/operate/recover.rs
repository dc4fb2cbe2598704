//! `recover-log`: puts a stream that continues a lost log in its place.
//!
//! The servers' databases hold the log, so the new stream begins empty, beyond
//! every position. Its metadata say which log it continues and from where; the
//! servers level themselves up to there before they take it up.

pub mod plan;
mod stream;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};
use yoshi_client::{NatsUser, Operator};
use yoshi_protocol::message::operate::ServerReport;
use yoshi_protocol::subject::{self, Role};
use yoshi_protocol::{Incarnation, ServerId};

use super::servers::state;
use super::upkeep::{Progress, confirmed};
use crate::arguments::{LogName, RecoverArguments};
use crate::exit::{Exit, Failure};
use crate::output::{self, Columns, Table};
use crate::settings::Settings;
use plan::{No, Plan};
use stream::Streams;

/// How long servers may take to report.
const REPORTS_WITHIN: Duration = Duration::from_secs(3);
/// After the stream is gone, servers may still apply what they had read: until
/// two looks, this far apart, find them all in the same place.
const STILL_FOR: Duration = Duration::from_millis(1_500);
const LOOKS_MAX: u32 = 20;
/// The pause between two looks at who has taken up the new log.
const PAUSE: Duration = Duration::from_millis(500);

const COLUMNS: Columns = Columns {
    header: &["SERVER", "HOST", "STATE", "HOLDS UP TO", "BLOCK", "LOG", ""],
    usual: &[],
    expendable: &[5, 2],
    ids_can_be_short: false,
};

/// One recovery.
struct Recovery<'a> {
    settings: &'a Settings,
    arguments: &'a RecoverArguments,
    role: Role,
    name: &'static str,
    without: BTreeSet<ServerId>,
    operator: Operator,
    streams: Streams,
}

pub(crate) async fn recover_log(
    settings: &Settings,
    arguments: &RecoverArguments,
) -> Result<Exit, Failure> {
    let (role, name) = match arguments.log {
        LogName::Tasks => (Role::Ms, subject::TASKS_STREAM),
        LogName::Accounts => (Role::Rs, subject::ACCOUNTS_STREAM),
    };
    let options = settings.options(NatsUser::Recovery)?;
    let recovery = Recovery {
        settings,
        arguments,
        role,
        name,
        without: arguments.without.iter().copied().collect(),
        operator: Operator::connect(options.clone()).await?,
        streams: Streams::new(options.connect().await?, settings.timeout),
    };
    recovery.run().await
}

impl Recovery<'_> {
    async fn run(&self) -> Result<Exit, Failure> {
        let reports = self.reports(&[]).await?;
        let there = self.streams.look(self.name).await?;
        let there = there.as_ref();
        let plan = Plan::of(&reports, &self.without, there.map(|there| &there.stream));
        let plan = plan.map_err(|no| self.refusal(no))?;
        self.show(&reports, &plan)?;
        if !self.arguments.yes && !confirmed(&self.question(&plan))? {
            return Err(Failure::usage("nothing was done", ""));
        }
        let config = match there {
            Some(there) => there.config.clone(),
            None => stream::defined(self.arguments, self.name)?,
        };
        if there.is_some() {
            self.streams.delete(self.name).await?;
        }
        // From here on nothing is applied but what servers had read already.
        let (reports, settled) = self.settled(&reports).await?;
        let first_sequence = settled.first_sequence.max(plan.first_sequence);
        let plan = Plan {
            first_sequence,
            ..settled
        };
        let incarnation = Incarnation::random();
        self.streams
            .create(self.name, config, incarnation, &plan)
            .await
            .map_err(|failure| failure.advised(&self.again()))?;
        let waiting = self.taken_up(&reports, &plan, incarnation).await?;
        self.tell(&plan, incarnation, &waiting)
    }

    /// The reports of this kind of servers.
    async fn reports(&self, expected: &[ServerReport]) -> Result<Vec<ServerReport>, Failure> {
        let expected = expected.iter().map(|report| report.id);
        let reports = self
            .operator
            .server_reports(expected, REPORTS_WITHIN)
            .await?;
        let reports = reports.into_iter();
        Ok(reports
            .filter(|report| yoshi_client::role(report) == self.role)
            .collect())
    }

    /// The plan, once nothing moves any more and everybody has reported again.
    async fn settled(&self, before: &[ServerReport]) -> Result<(Vec<ServerReport>, Plan), Failure> {
        let places = |reports: &[ServerReport]| -> Vec<_> {
            let with = reports
                .iter()
                .filter(|report| !self.without.contains(&report.id));
            with.map(|report| (report.id, report.stream, report.applied))
                .collect()
        };
        let mut last = Vec::new();
        for _ in 0..LOOKS_MAX {
            let reports = self.reports(before).await?;
            let now = places(&reports);
            let everybody = before.iter().all(|report| {
                self.without.contains(&report.id) || reports.iter().any(|now| now.id == report.id)
            });
            if everybody && now == last {
                let plan = Plan::of(&reports, &self.without, None);
                let plan = plan.map_err(|no| self.refusal(no).advised(&self.again()))?;
                return Ok((reports, plan));
            }
            last = now;
            sleep(STILL_FOR).await;
        }
        let what = "the servers do not come to rest; the lost stream is removed, and no new one is there yet";
        Err(Failure::here(Exit::Unclear, what, self.again()))
    }

    fn again(&self) -> String {
        format!(
            "run `yoshi recover-log {}` again: the servers hold everything",
            self.log()
        )
    }

    fn log(&self) -> &'static str {
        self.arguments.log.name()
    }

    fn show(&self, reports: &[ServerReport], plan: &Plan) -> Result<(), Failure> {
        if self.settings.json {
            return Ok(());
        }
        let mut table = Table::new(&COLUMNS);
        for report in reports {
            let remark = if self.without.contains(&report.id) {
                "not asked: --without"
            } else if plan.left_out.contains(&report.id) {
                "holds entries that the log does not continue"
            } else if plan.stopped.contains(&report.id) {
                "has stopped: its rows are wrong"
            } else if report.applied == plan.through() {
                "has everything"
            } else {
                "will be levelled"
            };
            table.row(vec![
                report.id.to_string(),
                output::clean_line(&report.host),
                state(report.state).to_owned(),
                report.applied.to_string(),
                report.applied.sequence().to_string(),
                report.stream.to_string(),
                remark.to_owned(),
            ]);
        }
        table.print()?;
        for id in &self.without {
            output::lines(&format!(
                "without {id}: what only this server holds is LOST, also if its success was reported"
            ))?;
        }
        Ok(())
    }

    fn question(&self, plan: &Plan) -> String {
        format!(
            "Replace the stream {} by a new one that goes on after position {}, at block {}?",
            self.name,
            plan.through(),
            plan.first_sequence
        )
    }

    /// Waits until the servers have taken up the new log, or the time is over;
    /// answers those that have not.
    async fn taken_up(
        &self,
        before: &[ServerReport],
        plan: &Plan,
        incarnation: Incarnation,
    ) -> Result<Vec<ServerId>, Failure> {
        let progress = Progress::new(self.settings);
        let end = Instant::now() + self.arguments.within;
        let expected = before
            .iter()
            .map(|report| report.id)
            .filter(|id| !plan.left_out.contains(id) && !self.without.contains(id))
            .filter(|id| !plan.stopped.contains(id));
        let expected: Vec<_> = expected.collect();
        loop {
            let reports = self.reports(before).await?;
            let has = |id: &ServerId| {
                let mut reports = reports.iter().filter(|report| report.id == *id);
                reports.any(|report| report.stream == incarnation && report.refusal.is_none())
            };
            let waiting: Vec<_> = expected.iter().filter(|id| !has(id)).copied().collect();
            if waiting.is_empty() || Instant::now() + PAUSE >= end {
                return Ok(waiting);
            }
            let left = output::count(waiting.len(), "server");
            progress.tell(&format!("{left} to take up the new log"));
            sleep(PAUSE).await;
        }
    }

    fn tell(
        &self,
        plan: &Plan,
        incarnation: Incarnation,
        waiting: &[ServerId],
    ) -> Result<Exit, Failure> {
        let texts = |ids: &mut dyn Iterator<Item = &ServerId>| -> Vec<_> {
            ids.map(ToString::to_string).collect()
        };
        if self.settings.json {
            return output::json(&json!({
                "log": self.log(),
                "incarnation": incarnation.to_string(),
                "continues": plan.continues.first().map(|lost| lost.incarnation.to_string()),
                "through": plan.through(),
                "first_sequence": plan.first_sequence,
                "waiting": texts(&mut waiting.iter()),
                "left_out": texts(&mut plan.left_out.iter()),
                "stopped": texts(&mut plan.stopped.iter()),
                "without": texts(&mut self.without.iter()),
            }));
        }
        output::lines(&format!(
            "the log of {} goes on after position {}, at block {}",
            self.log(),
            plan.through(),
            plan.first_sequence
        ))?;
        for id in waiting {
            output::lines(&format!(
                "{id} has not taken it up yet: see `yoshi servers`"
            ))?;
        }
        for id in &plan.left_out {
            output::lines(&format!(
                "{id} holds entries that the log does not continue, and stays out"
            ))?;
        }
        for id in &plan.stopped {
            output::lines(&format!(
                "{id} has stopped because its rows are wrong: fill it anew with `yoshi resync-server {id}`"
            ))?;
        }
        Ok(Exit::Done)
    }

    fn refusal(&self, no: No) -> Failure {
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
                "see `yoshi servers`".to_owned(),
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
}
