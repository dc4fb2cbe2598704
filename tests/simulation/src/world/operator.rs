//! An operator: finds out that the log is lost, and runs `yoshi recover-log`,
//! around its real plan.

use std::collections::BTreeSet;

use yoshi::recovery::{No, Plan, Stream};
use yoshi_protocol::message::operate::{ServerReport, ServerState};
use yoshi_protocol::message::roster::MsState;
use yoshi_protocol::{Incarnation, Position, ServerId};
use yoshi_replica::Lineage;

use crate::bug::Bug;
use crate::clock::{MILLI, Micros, SECOND};
use crate::disk::Disk;
use crate::message::Addr;
use crate::tasks::Tasks;
use crate::world::{Event, World};

/// How long it takes the operator to notice, and the pause between two looks afterwards.
const NOTICES: Micros = 4 * SECOND;
/// The pause between two tries.
const AGAIN: Micros = SECOND;
/// Two looks this far apart must find all servers in the same place.
const STILL_FOR: Micros = 1_500 * MILLI;

/// Where every server stood at a look.
type Places = Vec<(ServerId, Incarnation, Position)>;

/// What an operator is at.
#[derive(Debug, Default)]
pub(crate) enum Operator {
    /// Nothing is known to be wrong.
    #[default]
    Idle,
    /// Nobody misses anything of a log that was lost; somebody may yet.
    Watching,
    /// The log is to be recovered.
    Recovering,
    /// The lost stream is removed; nothing may move any more.
    Settling { first_sequence: u64, last: Places },
}

/// How far a server's database holds its log (`Handle::held`).
fn held(disk: &Disk<Tasks>, (log, known): (Incarnation, Position)) -> Position {
    let stored = disk.cursor.filter(|cursor| cursor.incarnation == log);
    stored.map_or(known, |cursor| cursor.applied.max(known))
}

impl World {
    /// NATS has lost the last blocks of the tasks log; without a number, all of it.
    pub(super) fn lose_log(&mut self, tail: Option<usize>) {
        match tail {
            // As in `holds_end_alone`.
            Some(_) if self.ends_held_without(None) < self.end_held() => {}
            Some(blocks) => self.tasks.kill(blocks),
            // Whoever provisions NATS again makes an empty one.
            None => {
                let incarnation = Incarnation(self.random.uuid());
                self.tasks.replace(incarnation, Lineage::default(), 1);
            }
        }
        self.operator = Operator::Recovering;
        self.schedule.after(NOTICES, Event::Operate);
    }

    pub(super) fn is_recovering(&self) -> bool {
        !matches!(self.operator, Operator::Idle | Operator::Watching)
    }

    /// Whether a log that has lost its end would have nobody any more who can be
    /// reached and holds it. Others may then write on: that is not promised against.
    pub(super) fn holds_end_alone(&self, node: Addr) -> bool {
        let Addr::Ms(own) = node else {
            return false;
        };
        self.is_recovering() && self.ends_held_without(Some(own)) < self.end_held()
    }

    fn end_held(&self) -> Position {
        let all = self.homes.iter().map(crate::home::Home::applied);
        all.max().unwrap_or(Position::ZERO)
    }

    /// How far those are whom one can reach, but for one of them.
    fn ends_held_without(&self, left_out: Option<usize>) -> Position {
        let others = self.homes.iter().enumerate();
        let others = others.filter(|(index, _)| Some(*index) != left_out);
        let reachable = others.filter(|(index, _)| self.is_reachable(Addr::Ms(*index)));
        let held = reachable.map(|(_, home)| home.applied()).max();
        held.unwrap_or(Position::ZERO)
    }

    fn is_reachable(&self, node: Addr) -> bool {
        let machine = &self.machines[&node];
        machine.up && !machine.paused && machine.cut_to == 0 && machine.cut_from == 0
    }

    /// The reports of the servers that run and can be reached.
    fn reports(&self) -> Vec<ServerReport> {
        let homes = self.homes.iter().enumerate();
        let reachable = homes.filter(|(index, _)| self.is_reachable(Addr::Ms(*index)));
        let known = self.servers.iter();
        let known: Vec<_> = known
            .filter(|(_, addr)| matches!(addr, Addr::Ms(_)))
            .map(|(id, _)| *id)
            .collect();
        let report = |(index, home): (usize, &crate::home::Home)| {
            let replica = home.driver.replica.as_ref()?;
            let stream = replica.held().0;
            let applied = held(&home.driver.disk, replica.held());
            let now = self.machines[&Addr::Ms(index)]
                .clock
                .instant(self.schedule.now());
            let is_serving = home.state(now) == Some(MsState::Serving);
            Some(ServerReport {
                id: home.driver.disk.id,
                host: String::new(),
                load: 0,
                block: None,
                known: known.clone(),
                state: match is_serving {
                    true => ServerState::Serving,
                    false => ServerState::Behind,
                },
                outbox: 0,
                stream,
                applied,
                lineage: home.driver.disk.lineage.as_slice().to_vec(),
                refusal: replica.standing.refusal().map(str::to_owned),
                release: String::new(),
                compared_at: None,
                incarnation: replica.life,
            })
        };
        reachable.filter_map(report).collect()
    }

    pub(super) fn operate(&mut self) {
        let can_reach = self.hub_up && self.without_quorum == 0;
        // One thing after the other: a server that has followed another history is filled anew.
        if !can_reach || self.is_apart() {
            return self.schedule.after(AGAIN, Event::Operate);
        }
        let reports = self.reports();
        match std::mem::take(&mut self.operator) {
            Operator::Idle => {}
            Operator::Watching | Operator::Recovering => self.begin_recovery(&reports),
            Operator::Settling {
                first_sequence,
                last,
            } => self.go_on(&reports, first_sequence, last),
        }
    }

    fn begin_recovery(&mut self, reports: &[ServerReport]) {
        let view = self.tasks.view();
        let stream = Stream {
            incarnation: Some(view.incarnation),
            lineage: view.lineage.as_slice().to_vec(),
            last: view.last,
        };
        match Plan::of(reports, &BTreeSet::new(), Some(&stream)) {
            Ok(plan) => {
                self.tasks.remove();
                self.operator = Operator::Settling {
                    first_sequence: plan.first_sequence,
                    last: Vec::new(),
                };
                self.schedule.after(STILL_FOR, Event::Operate);
            }
            // Nothing was lost that anybody had applied; or not all have found out.
            Err(No::Healthy | No::Adopting | No::Empty) if self.all_have_the_log(reports) => {
                self.operator = Operator::Watching;
                self.schedule.after(NOTICES, Event::Operate);
            }
            Err(_) => {
                self.operator = Operator::Recovering;
                self.schedule.after(AGAIN, Event::Operate);
            }
        }
    }

    fn all_have_the_log(&self, reports: &[ServerReport]) -> bool {
        let all = reports.len() == self.homes.len();
        all && reports
            .iter()
            .all(|report| report.state == ServerState::Serving)
    }

    fn go_on(&mut self, reports: &[ServerReport], first_sequence: u64, last: Places) {
        let now: Places = reports
            .iter()
            .map(|report| (report.id, report.stream, report.applied))
            .collect();
        let plan = Plan::of(reports, &BTreeSet::new(), None);
        let Some(mut plan) = plan.ok().filter(|_| now == last) else {
            let last = now;
            self.operator = Operator::Settling {
                first_sequence,
                last,
            };
            return self.schedule.after(STILL_FOR, Event::Operate);
        };
        let mut begins = plan.first_sequence.max(first_sequence);
        if self.bug == Some(Bug::RecoveredFromAny)
            && let Some(lost) = plan.continues.first_mut()
        {
            let all = now.iter().map(|(_, _, applied)| *applied);
            lost.through = all.min().unwrap_or(lost.through);
        }
        if self.bug == Some(Bug::SequencesReused) {
            begins = 1;
        }
        let incarnation = Incarnation(self.random.uuid());
        self.tasks
            .replace(incarnation, Lineage::new(plan.continues), begins);
        self.recoveries += 1;
        // A look afterwards: everybody must take it up.
        self.operator = Operator::Recovering;
        self.schedule.after(NOTICES, Event::Operate);
    }
}
