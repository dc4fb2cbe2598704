//! What an operator is shown and asked before a log is made anew, and told afterwards.

use serde_json::json;
use yoshi_protocol::message::operate::ServerReport;
use yoshi_protocol::{Incarnation, ServerId};

use super::super::servers::state;
use super::Recovery;
use super::plan::Plan;
use crate::exit::{Exit, Failure};
use crate::output::{self, Columns, Table};

const COLUMNS: Columns = Columns {
    header: &["SERVER", "HOST", "STATE", "HOLDS UP TO", "BLOCK", "LOG", ""],
    usual: &[],
    expendable: &[5, 2],
    ids_can_be_short: false,
};

impl Recovery<'_> {
    pub(super) fn show(&self, reports: &[ServerReport], plan: &Plan) -> Result<(), Failure> {
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

    pub(super) fn question(&self, plan: &Plan) -> String {
        format!(
            "Replace the stream {} by a new one that goes on after position {}, at block {}?",
            self.name,
            plan.through(),
            plan.first_sequence
        )
    }

    pub(super) fn tell(
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
}
