//! Faults begin and end.

use crate::balancer::Balancer;
use crate::bug::Bug;
use crate::clock::{Micros, SECOND};
use crate::disk::Disk;
use crate::message::Addr;
use crate::node::Timer;
use crate::plan::Fault;
use crate::world::{Event, World};

/// When a process that could not start is started again.
const START_AGAIN: Micros = SECOND;

impl World {
    pub(super) fn fault(&mut self, index: usize) {
        let fault = self.plan.faults[index].1;
        match fault {
            Fault::Crash { node, .. } | Fault::Pause { node, .. } | Fault::Cut { node, .. }
                if self.holds_end_alone(node) =>
            {
                return;
            }
            Fault::Crash { node, down, late } => {
                self.kill(node, late);
                self.schedule.after(down, Event::Start(node));
            }
            Fault::Wipe { node, down } => {
                if self.may_wipe(node) {
                    self.kill(node, false);
                    self.wipe(node);
                    self.schedule.after(down, Event::Start(node));
                }
            }
            Fault::Pause { node, stands } => {
                self.machine(node).paused = true;
                self.schedule.after(stands, Event::Resume(node));
            }
            Fault::Cut { node, from, to, .. } => {
                let machine = self.machine(node);
                machine.cut_from += u32::from(from);
                machine.cut_to += u32::from(to);
            }
            Fault::KillHub { down } => {
                self.hub_up = false;
                let loses = matches!(self.bug, Some(Bug::StreamLosesTail | Bug::TailUnchecked));
                let tail = if loses { self.random.index(4) + 1 } else { 0 };
                self.tasks.kill(tail);
                self.accounts.kill(tail);
                self.lose_consumers();
                self.schedule.after(down, Event::StartHub);
            }
            Fault::LoseAcks { .. } => self.acks_lost += 1,
            Fault::LoseLog { tail, down } => {
                self.hub_up = false;
                self.lose_consumers();
                self.lose_log(tail);
                self.schedule.after(down, Event::StartHub);
            }
            Fault::RestoreLog {
                node,
                down,
                loses_head,
            } => self.arm_restore(node, down, loses_head),
            Fault::LoseQuorum { .. } => {
                self.without_quorum += 1;
                self.lose_consumers();
            }
            Fault::SlowDisk { node, commit, .. } => self.machine(node).commit += commit,
            Fault::BreakDatabase { node } => self.break_database(node),
            Fault::Clocks { by } => {
                for machine in self.machines.values_mut() {
                    machine.clock.wall_off += by;
                }
            }
        }
        self.schedule.after(fault.heals(), Event::Heal(index));
    }

    pub(super) fn start_hub(&mut self) {
        self.hub_up = true;
        for machine in self.machines.values_mut() {
            machine.connects += 1;
        }
    }

    /// Nobody is delivered anything any more.
    pub(super) fn lose_consumers(&mut self) {
        self.tasks.kill(0);
        self.accounts.kill(0);
        for (watcher, _) in self.bucket.watchers() {
            self.bucket.unwatch(watcher);
        }
    }

    pub(super) fn heal(&mut self, index: usize) {
        match self.plan.faults[index].1 {
            Fault::Cut { node, from, to, .. } => {
                let machine = self.machine(node);
                machine.cut_from -= u32::from(from);
                machine.cut_to -= u32::from(to);
                machine.connects += 1;
                self.send_held_back(node);
            }
            Fault::KillHub { .. } | Fault::LoseLog { .. } => {
                let nodes: Vec<_> = self.machines.keys().copied().collect();
                for node in nodes {
                    self.send_held_back(node);
                }
            }
            Fault::LoseAcks { .. } => self.acks_lost -= 1,
            Fault::LoseQuorum { .. } => self.without_quorum -= 1,
            Fault::SlowDisk { node, commit, .. } => self.machine(node).commit -= commit,
            Fault::Crash { .. }
            | Fault::Wipe { .. }
            | Fault::Pause { .. }
            | Fault::RestoreLog { .. }
            | Fault::BreakDatabase { .. }
            | Fault::Clocks { .. } => {}
        }
    }

    /// What the client library kept while it had no connection goes out late.
    fn send_held_back(&mut self, node: Addr) {
        let held_back = std::mem::take(&mut self.machine(node).held_back);
        for message in held_back {
            self.send(node, Addr::Hub, message);
        }
    }

    /// A process is killed; `late`: a commit that it has sent happens all the same.
    pub(super) fn kill(&mut self, node: Addr, late: bool) {
        let machine = self.machine(node);
        machine.up = false;
        machine.paused = false;
        machine.deferred.clear();
        machine.held_back.clear();
        match node {
            Addr::Ms(index) => self.homes[index].stop(late),
            Addr::Rs(index) => self.registrars[index].stop(late),
            Addr::Lb(index) => self.balancers[index] = None,
            Addr::Client(_) | Addr::Hub => {}
        }
    }

    fn may_wipe(&mut self, node: Addr) -> bool {
        // The stream does not say then who has everything.
        if self.is_recovering() {
            return false;
        }
        let (positions, last): (Vec<_>, _) = match node {
            Addr::Ms(_) => {
                let homes = self.homes.iter().enumerate();
                (
                    homes
                        .map(|(index, home)| (Addr::Ms(index), home.applied()))
                        .collect(),
                    self.tasks.view().last,
                )
            }
            _ => {
                let all = self.registrars.iter().enumerate();
                (
                    all.map(|(index, one)| (Addr::Rs(index), one.applied()))
                        .collect(),
                    self.accounts.view().last,
                )
            }
        };
        let whole = |(other, applied): &(Addr, yoshi_protocol::Position)| {
            *other != node && applied.sequence() >= last && self.machines[other].up
        };
        positions.iter().any(whole)
    }

    pub(super) fn wipe(&mut self, node: Addr) {
        let lost = self.servers.iter().filter(|(_, addr)| **addr == node);
        self.history.wiped.extend(lost.map(|(id, _)| *id));
        self.servers.retain(|_, addr| *addr != node);
        let id = self.new_identity(node);
        match node {
            Addr::Ms(index) => self.homes[index].driver.disk = Disk::new(id),
            Addr::Rs(index) => self.registrars[index].driver.disk = Disk::new(id),
            Addr::Lb(_) | Addr::Client(_) | Addr::Hub => {}
        }
    }

    /// Whether a process with an empty database can ask which log there is.
    fn tells_the_log(&self, node: Addr) -> bool {
        let is_empty_and_there = match node {
            Addr::Ms(index) => {
                let disk = &self.homes[index].driver.disk;
                (disk.cursor.is_none(), self.tasks.is_there)
            }
            Addr::Rs(index) => {
                let disk = &self.registrars[index].driver.disk;
                (disk.cursor.is_none(), self.accounts.is_there)
            }
            Addr::Lb(_) | Addr::Client(_) | Addr::Hub => return true,
        };
        match is_empty_and_there {
            (false, _) => true,
            (true, is_there) => is_there && self.hub_up && self.without_quorum == 0,
        }
    }

    pub(super) fn start(&mut self, node: Addr) {
        if !self.tells_the_log(node) || self.stays_away(node) {
            return self.schedule.after(START_AGAIN, Event::Start(node));
        }
        let machine = self.machine(node);
        if machine.up {
            return;
        }
        machine.up = true;
        machine.life += 1;
        let life = machine.life;
        let (tasks, accounts, bug) = (self.tasks.incarnation, self.accounts.incarnation, self.bug);
        self.with(node, |parts, context| match node {
            Addr::Ms(index) => parts.homes[index].start(context, tasks),
            Addr::Rs(index) => parts.registrars[index].start(context, accounts),
            Addr::Lb(index) => {
                parts.balancers[index] = Some(Balancer::start(index, life, context, bug))
            }
            Addr::Client(index) => {
                let slots = parts
                    .clients
                    .get(index)
                    .map_or(1, crate::client::Client::slots);
                (0..slots).for_each(|slot| context.after(1_000, Timer::Next(slot)));
            }
            Addr::Hub => {}
        });
    }

    /// A paused process goes on: whatever came meanwhile comes at once, in order.
    pub(super) fn resume(&mut self, node: Addr) {
        let machine = self.machine(node);
        machine.paused = false;
        for event in std::mem::take(&mut machine.deferred) {
            self.schedule.after(0, event);
        }
    }

    /// The connection to Postgres breaks: open transactions are undone, or done unheard.
    fn break_database(&mut self, node: Addr) {
        let kept = self.random.percent(50);
        let life = self.machine(node).life;
        let open = match node {
            Addr::Ms(index) => self.homes[index].driver.disk.under_way(),
            Addr::Rs(index) => self.registrars[index].driver.disk.under_way(),
            Addr::Lb(_) | Addr::Client(_) | Addr::Hub => Vec::new(),
        };
        for transaction in open {
            match node {
                Addr::Ms(index) if !kept => self.homes[index].driver.disk.crash(false),
                Addr::Rs(index) if !kept => self.registrars[index].driver.disk.crash(false),
                _ => {}
            }
            self.schedule.after(
                10,
                Event::Committed {
                    node,
                    life,
                    transaction,
                    held: false,
                },
            );
        }
    }
}
