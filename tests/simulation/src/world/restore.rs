//! The tasks log is put back from an older backup, and written on: what one
//! server alone had committed, and nobody was told of, is gone from it, and other
//! blocks stand in its place. That server must find out when it comes back, and is
//! filled anew by hand (`yoshi resync-server`).

use yoshi_protocol::Position;
use yoshi_protocol::message::roster::MsState;
use yoshi_replica::Standing;

use crate::clock::{MILLI, Micros, SECOND};
use crate::home::Home;
use crate::message::Addr;
use crate::world::{Event, World};

/// How long the moment is waited for at which a server alone has a block.
pub(crate) const WAITED_FOR: Micros = 3 * SECOND;
/// How long after its return a server stays away until the log has lost what it
/// follows on: not all logs lose their heads.
const HEAD_WAITED_FOR: Micros = 10 * SECOND;
const STARTS: Micros = SECOND;
/// How long the operator takes to look again.
const LOOKS: Micros = SECOND;

/// Where this stands.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) enum Restoring {
    /// Nothing of the kind is under way.
    #[default]
    Idle,
    /// It happens as soon as this server alone has a block, until then.
    Armed {
        node: Addr,
        down: Micros,
        loses_head: bool,
        until: Micros,
    },
    /// It has happened: this server alone had applied so much.
    Apart {
        node: Addr,
        applied: u64,
        head_until: Option<Micros>,
    },
}

impl World {
    /// Whether a server has followed another history, and was not filled anew yet.
    pub(super) fn is_apart(&self) -> bool {
        matches!(self.restoring, Restoring::Apart { .. })
    }

    pub(super) fn arm_restore(&mut self, node: Addr, down: Micros, loses_head: bool) {
        let until = self.schedule.now() + WAITED_FOR;
        self.restoring = Restoring::Armed {
            node,
            down,
            loses_head,
            until,
        };
    }

    /// A database has come to the end of a transaction.
    pub(super) fn restore_if_due(&mut self, committed: Addr) {
        let Restoring::Armed {
            node,
            down,
            loses_head,
            until,
        } = self.restoring
        else {
            return;
        };
        let now = self.schedule.now();
        if now > until {
            self.restoring = Restoring::Idle;
        } else if node == committed
            && let Some((kept, applied)) = self.alone(node)
        {
            self.restore_log(kept);
            self.restoring = Restoring::Apart {
                node,
                applied,
                head_until: loses_head.then_some(now + down + HEAD_WAITED_FOR),
            };
            for index in 0..self.homes.len() {
                let other = Addr::Ms(index);
                self.kill(other, false);
                let wait = if other == node { down } else { STARTS };
                self.schedule.after(wait, Event::Start(other));
            }
            self.schedule.after(STARTS, Event::StartHub);
            self.schedule.after(down, Event::Resync);
        }
    }

    /// If everybody serves, and this server alone has committed a block of which it
    /// has told nobody: how far the others are, and how far it is.
    fn alone(&self, node: Addr) -> Option<(u64, u64)> {
        let now = self.schedule.now();
        let all_well = self.hub_up && self.without_quorum == 0 && !self.is_recovering();
        let mut kept = 0;
        let mut own = None;
        for (index, home) in self.homes.iter().enumerate() {
            let machine = &self.machines[&Addr::Ms(index)];
            let serves = home.state(machine.clock.instant(now)) == Some(MsState::Serving);
            let cursor = home.driver.disk.cursor;
            let cursor = cursor.filter(|at| at.incarnation == self.tasks.incarnation)?;
            if !serves || machine.paused || machine.cut_from + machine.cut_to > 0 {
                return None;
            }
            if Addr::Ms(index) == node {
                let replica = home.driver.replica.as_ref()?;
                own = Some((cursor.applied.sequence(), replica.applied.sequence()));
            } else {
                kept = kept.max(cursor.applied.sequence());
            }
        }
        let (applied, told) = own.filter(|_| all_well)?;
        let end = Position::end_of_block(kept);
        let mut done = self.history.deeds.values().filter_map(|deed| deed.done);
        let mut seen = self.history.seen.values();
        let is_unheard = told <= kept
            && done.all(|(_, proof)| proof.position <= end)
            && seen.all(|seen| seen.reached <= end);
        (kept > 0 && applied > kept && is_unheard).then_some((kept, applied))
    }

    fn restore_log(&mut self, kept: u64) {
        self.hub_up = false;
        self.lose_consumers();
        let lost = self.tasks.view().last - kept;
        self.tasks
            .kill(usize::try_from(lost).expect("blocks fit into memory"));
    }

    /// Whether a server's return must wait: until the others have written past it,
    /// or the log has lost what it follows on.
    pub(super) fn stays_away(&self, node: Addr) -> bool {
        let Restoring::Apart {
            node: apart,
            applied,
            head_until,
        } = self.restoring
        else {
            return false;
        };
        let view = self.tasks.view();
        let waits_for_head = head_until.is_some_and(|until| self.schedule.now() < until);
        let has_gone_on = view.last > applied && (view.first > applied + 1 || !waits_for_head);
        node == apart && !has_gone_on
    }

    /// The operator looks at the server that came back: it says that it follows
    /// another history, so its database is emptied, and filled anew.
    pub(super) fn resync(&mut self) {
        let Restoring::Apart { node, .. } = self.restoring else {
            return;
        };
        let (Addr::Ms(index), true) = (node, self.machine(node).up) else {
            return self.schedule.after(LOOKS, Event::Resync);
        };
        let replica = self.homes[index].driver.replica.as_ref();
        let standing = replica.map(|replica| &replica.standing);
        let now = self.schedule.now();
        let serves = |(other, home): (usize, &Home)| {
            let clock = self.machines[&Addr::Ms(other)].clock;
            home.state(clock.instant(now)) == Some(MsState::Serving)
        };
        // What was reported is on those who serve.
        let others = self.homes.iter().enumerate();
        let all_serve = others.filter(|(other, _)| *other != index).all(serves);
        if matches!(standing, Some(Standing::Lost(_))) && all_serve {
            self.restoring = Restoring::Idle;
            self.resyncs += 1;
            self.kill(node, false);
            self.wipe(node);
            return self.schedule.after(500 * MILLI, Event::Start(node));
        }
        self.schedule.after(LOOKS, Event::Resync);
    }
}
