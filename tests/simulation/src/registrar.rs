//! A registration server: the replica of the accounts log, the real election
//! and the real list of backups (`candidate.rs`, `serve/`).

mod calls;
mod serve;

use std::collections::BTreeMap;
use std::time::Duration;

use registration_server::backups::Backups;
use registration_server::election::{Election, Input as Step, Role, Settings};
use uuid::Uuid;
use yoshi_protocol::{Epoch, Incarnation, Position, ServerId};
use yoshi_replica::{Peer, Standing};

use crate::accounts::Accounts;
use crate::bug::Bug;
use crate::clock::{MILLI, Micros};
use crate::disk::Disk;
use crate::driver::{Asked, Driver};
use crate::message::{Addr, Message};
use crate::node::{Context, Timer};
use crate::replica::{Effect, Input};
use calls::Call;

const TICK: Micros = 50 * MILLI;
const HEARTBEAT: Duration = Duration::from_secs(1);
const MISSED_MAX: u32 = 3;

fn settings() -> Settings {
    Settings {
        lease: Duration::from_micros(crate::world::LEASE),
        renew: Duration::from_secs(2),
        heartbeat: HEARTBEAT,
        missed_max: MISSED_MAX,
        takeover_delay: Duration::from_secs(1),
    }
}

/// What a ticket of the replica was for.
#[derive(Debug, Clone)]
pub(crate) enum Submitted {
    /// The claim of an epoch; one id for all its tries.
    Claim { id: Uuid, epoch: Epoch },
    /// A client's change.
    Change { from: Addr, number: u64 },
}

/// One life of the process.
pub(crate) struct Process {
    pub(crate) election: Election,
    backups: Backups,
    calls: BTreeMap<u64, Call>,
    tickets: BTreeMap<u64, Submitted>,
    next: u64,
    /// The highest epoch in the log that the election was told.
    logged: Epoch,
    /// Which primary answered a heartbeat last, and how far it had applied the log.
    primary_applied: Option<(ServerId, Position)>,
    /// With a planted mistake: the epoch in which it believes to be primary for ever.
    sticky: Option<Epoch>,
}

/// A registration server and its database.
pub(crate) struct Registrar {
    pub(crate) driver: Driver<Accounts>,
    process: Option<Process>,
    index: usize,
    bug: Option<Bug>,
}

impl Registrar {
    /// A server that does not run yet.
    #[must_use]
    pub(crate) fn new(
        index: usize,
        disk: Disk<Accounts>,
        beta: Duration,
        bug: Option<Bug>,
    ) -> Self {
        Self {
            driver: Driver::new(disk, beta, bug),
            process: None,
            index,
            bug,
        }
    }

    /// Starts the process.
    pub(crate) fn start(&mut self, context: &mut Context<'_>, stream: Incarnation) {
        let asked = self.driver.start(context, stream);
        let now = context.instant();
        let (id, logged) = (self.driver.disk.id, self.driver.disk.rows.primary.epoch);
        let seed = context.random.number();
        let silence = HEARTBEAT * MISSED_MAX;
        let applied = self.driver.applied();
        let process = Process {
            election: Election::new(id, settings(), logged, None, seed, now),
            backups: Backups::new(now, HEARTBEAT, silence, applied),
            calls: BTreeMap::new(),
            tickets: BTreeMap::new(),
            next: self.driver.numbers() | (1 << 39),
            logged,
            primary_applied: None,
            sticky: None,
        };
        self.process = Some(process);
        self.perform(context, asked);
        context.after(TICK, Timer::Election);
    }

    /// The process has ended.
    pub(crate) fn stop(&mut self, late: bool) {
        self.driver.stop(late);
        self.process = None;
    }

    /// Something came in.
    pub(crate) fn on_message(&mut self, context: &mut Context<'_>, message: Message) {
        match message {
            Message::Primary(primary) => self.step(context, Step::Heard(primary)),
            Message::Beat { from, token, beat } => self.beaten(context, from, token, &beat),
            Message::Alive { token, answer } => self.alive(context, token, answer),
            Message::Stored { token, revision } => self.lease_stored(context, token, revision),
            Message::Got {
                token,
                revision,
                value,
            } => self.lease_read(context, token, revision, value),
            Message::AccountRequest {
                from,
                number,
                id,
                ask,
            } => self.request(context, (from, number), id, ask),
            message => {
                let asked = self.driver.take(context, message).unwrap_or_default();
                self.perform(context, asked);
                self.see_epoch(context);
            }
        }
    }

    /// A timer ran out.
    pub(crate) fn on_timer(&mut self, context: &mut Context<'_>, timer: Timer, connected: bool) {
        match timer {
            Timer::Replica(timer) => self.feed(context, Input::Timer(timer)),
            Timer::Election => self.tick(context, connected),
            Timer::ElectionCall(token) => self.call_failed(context, token),
            Timer::Claim(token) => self.claim_again(context, token),
            Timer::Request(ticket) => self.change_is_late(context, ticket),
            _ => {}
        }
    }

    /// A transaction has ended.
    pub(crate) fn on_committed(&mut self, context: &mut Context<'_>, transaction: u64, held: bool) {
        self.feed(context, Input::Committed(transaction, held));
    }

    fn tick(&mut self, context: &mut Context<'_>, connected: bool) {
        context.after(TICK, Timer::Election);
        let now = context.instant();
        let (Some(process), Some(replica)) = (&mut self.process, &self.driver.replica) else {
            return;
        };
        process.backups.note(now, replica.applied, connected);
        let live = process.backups.live();
        let eligible = replica.standing == Standing::AtTail;
        self.tell_peers(context, live);
        // Commits are slow here, and queries never: the database always answers promptly.
        let prompt = true;
        self.step(context, Step::Tick { eligible, prompt });
    }

    /// As primary, or nearly: the live backups. As backup: the primary.
    fn tell_peers(&mut self, context: &mut Context<'_>, live: Vec<Peer>) {
        let Some(process) = &mut self.process else {
            return;
        };
        let peers = match process.election.role() {
            Role::Backup { primary } => {
                let answered = process.primary_applied;
                let source = |id: ServerId| Peer {
                    id,
                    incarnation: Incarnation(Uuid::nil()),
                    lost: false,
                    stream: None,
                    applied: answered
                        .filter(|(of, _)| *of == id)
                        .map_or(Position::ZERO, |(_, applied)| applied),
                    counts: false,
                    silence: Duration::ZERO,
                };
                primary.iter().map(|primary| source(primary.id)).collect()
            }
            Role::Claiming { .. } | Role::Primary { .. } => live,
            Role::Left => return,
        };
        let asked = self.driver.set_peers(context, peers);
        self.perform(context, asked);
    }

    fn feed(&mut self, context: &mut Context<'_>, input: Input) {
        let asked = self.driver.feed(context, input);
        self.perform(context, asked);
        self.see_epoch(context);
    }

    /// The election hears of a higher epoch in the log.
    fn see_epoch(&mut self, context: &mut Context<'_>) {
        let logged = self.driver.disk.rows.primary.epoch;
        if let Some(process) = &mut self.process
            && logged > process.logged
        {
            process.logged = logged;
            self.step(context, Step::Outranked(logged));
        }
    }

    fn step(&mut self, context: &mut Context<'_>, input: Step) {
        let now = context.instant();
        let Some(process) = &mut self.process else {
            return;
        };
        let actions = process.election.step(now, input);
        for action in actions {
            self.act(context, action);
        }
        self.remember_reign();
    }

    fn perform(&mut self, context: &mut Context<'_>, asked: Asked<Accounts>) {
        for effect in asked {
            // A peer that missed beta is not reported: this root tells nobody.
            if let Effect::Done(ticket, accounted) = effect {
                let outcome = accounted.map(|accounted| accounted.outcome);
                self.done(context, ticket, outcome);
            }
        }
    }

    /// How far it has applied the log, for the checks.
    #[must_use]
    pub(crate) fn applied(&self) -> Position {
        self.driver.applied()
    }
}
