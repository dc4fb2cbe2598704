//! `recover-log`: puts a stream that continues a lost log in its place.
//!
//! The servers' databases hold the log, so the new stream begins empty, beyond
//! every position. Its metadata say which log it continues and from where; the
//! servers level themselves up to there before they take it up.

mod history;
mod lost;
mod parted;
pub mod plan;
mod refusal;
mod stream;
mod telling;

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use yoshi_client::{NatsUser, Operator};
use yoshi_protocol::message::operate::ServerReport;
use yoshi_protocol::subject::{self, Role};
use yoshi_protocol::{Incarnation, ServerId};

use super::upkeep::{Progress, confirmed};
use crate::arguments::{LogName, RecoverArguments};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::settings::Settings;
use history::Copies;
use plan::Plan;
use stream::Streams;

/// How long servers may take to report.
const REPORTS_WITHIN: Duration = Duration::from_secs(3);
/// After the stream is gone, servers may still apply what they had read: until
/// two looks, this far apart, find them all in the same place.
const STILL_FOR: Duration = Duration::from_millis(1_500);
const LOOKS_MAX: u32 = 20;
/// The pause between two looks at who has taken up the new log.
const PAUSE: Duration = Duration::from_millis(500);

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
        self.of_one_history(&reports, &plan).await?;
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
        // The same reports that the histories were compared by.
        let proven = self.proven(&reports, &plan);
        self.streams
            .create(self.name, config, incarnation, &plan, &proven)
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
                // They may have applied more of a shortened stream meanwhile.
                self.of_one_history(&reports, &plan).await?;
                return Ok((reports, plan));
            }
            last = now;
            sleep(STILL_FOR).await;
        }
        let what = "the servers do not come to rest; the lost stream is removed, and no new one is there yet";
        Err(Failure::here(Exit::Unclear, what, self.again()))
    }

    /// Holds the servers' histories against the leader's.
    async fn of_one_history(&self, reports: &[ServerReport], plan: &Plan) -> Result<(), Failure> {
        let copies = Copies {
            operator: &self.operator,
            role: self.role,
        };
        let are_one = copies.are_one(reports, plan).await;
        are_one.map_err(|doubt| self.doubted(&doubt))
    }

    /// The servers whose histories are known to be the beginning of the leader's.
    fn proven(&self, reports: &[ServerReport], plan: &Plan) -> Vec<ServerId> {
        let ids = reports.iter().map(|report| report.id);
        let out = |id: &ServerId| {
            let of_plan = plan.left_out.iter().chain(&plan.stopped);
            self.without.contains(id) || of_plan.copied().any(|out| out == *id)
        };
        ids.filter(|id| !out(id)).collect()
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
}
