//! A registration server: the replica of the accounts log, the real election
//! and the real list of backups (`candidate.rs`, `serve/`).

mod calls;
mod serve;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use registration_server::backups::Backups;
use registration_server::election::{Election, Input as Step, Role, Settings};
use registration_server::rules::Outcome;
use uuid::Uuid;
use yoshi_protocol::{Epoch, Incarnation, Position, ServerId};
use yoshi_replica::{Peer, Standing};

use crate::accounts::Accounts;
use crate::bug::Bug;
use crate::clock::{MILLI, Micros};
use crate::disk::Disk;
use crate::message::{Addr, Message};
use crate::node::{Context, Timer};
use crate::replica::{Effect, Hands, Input, Replica, outward};
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
    pub(crate) replica: Replica<Accounts>,
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
    pub(crate) disk: Disk<Accounts>,
    pub(crate) process: Option<Process>,
    index: usize,
    beta: Duration,
    bug: Option<Bug>,
    lives: u64,
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
            disk,
            process: None,
            index,
            beta,
            bug,
            lives: 0,
        }
    }

    /// Starts the process.
    pub(crate) fn start(&mut self, context: &mut Context<'_>, stream: Incarnation) {
        self.lives += 1;
        let life = Incarnation(context.random.uuid());
        let mut effects = VecDeque::new();
        let now = context.instant();
        let mut hands = Hands {
            now,
            disk: &mut self.disk,
            effects: &mut effects,
        };
        let tokens = self.lives << 40;
        let replica = Replica::start(&mut hands, life, self.beta, stream, tokens, self.bug);
        let logged = self.disk.rows.primary.epoch;
        let seed = context.random.number();
        let silence = HEARTBEAT * MISSED_MAX;
        let process = Process {
            election: Election::new(self.disk.id, settings(), logged, None, seed, now),
            backups: Backups::new(now, HEARTBEAT, silence, replica.applied),
            replica,
            calls: BTreeMap::new(),
            tickets: BTreeMap::new(),
            next: tokens | (1 << 39),
            logged,
            primary_applied: None,
            sticky: None,
        };
        self.process = Some(process);
        self.perform(context, effects);
        context.after(TICK, Timer::Election);
    }

    /// The process has ended.
    pub(crate) fn stop(&mut self) {
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
            Message::AskPage {
                from,
                token,
                since,
                stream,
            } => {
                let own = self
                    .disk
                    .cursor
                    .is_some_and(|cursor| cursor.incarnation == stream);
                let applied = self
                    .process
                    .as_ref()
                    .map_or(Position::ZERO, |process| process.replica.applied);
                let page = own.then(|| self.disk.page(since, applied));
                context.send(from, Message::Page { token, page });
            }
            Message::Accounted {
                to,
                server,
                life,
                position,
            } if self.is_life(to) => self.feed(context, Input::Accounted(server, life, position)),
            Message::Published { token, result } => {
                self.feed(context, Input::Published(token, result))
            }
            Message::Last { token, last } => self.feed(context, Input::Last(token, last)),
            Message::View { token, view } => self.feed(context, Input::View(token, view)),
            Message::Block {
                consumer,
                delivered,
                block,
            } => {
                self.feed(
                    context,
                    Input::Block {
                        consumer,
                        delivered,
                        block,
                    },
                );
            }
            Message::Heartbeat { consumer } => self.feed(context, Input::Heartbeat(consumer)),
            Message::Page { token, page } => self.feed(context, Input::Page(token, page)),
            _ => {}
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
        let Some(process) = &mut self.process else {
            return;
        };
        process
            .backups
            .note(now, process.replica.applied, connected);
        let live = process.backups.live();
        let eligible = process.replica.standing == Standing::AtTail;
        self.tell_peers(context, live);
        self.step(context, Step::Tick { eligible });
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
                    applied: answered
                        .filter(|(of, _)| *of == id)
                        .map_or(Position::ZERO, |(_, applied)| applied),
                    counts: false,
                };
                primary.iter().map(|primary| source(primary.id)).collect()
            }
            Role::Claiming { .. } | Role::Primary { .. } => live,
            Role::Left => return,
        };
        let mut effects = VecDeque::new();
        let mut hands = Hands {
            now: context.instant(),
            disk: &mut self.disk,
            effects: &mut effects,
        };
        process.replica.set_peers(&mut hands, peers);
        self.perform(context, effects);
    }

    fn is_life(&self, life: Incarnation) -> bool {
        let process = self.process.as_ref();
        process.is_some_and(|process| process.replica.life == life)
    }

    fn feed(&mut self, context: &mut Context<'_>, input: Input) {
        let mut effects = VecDeque::new();
        let Some(process) = &mut self.process else {
            return;
        };
        let mut hands = Hands {
            now: context.instant(),
            disk: &mut self.disk,
            effects: &mut effects,
        };
        process.replica.on(&mut hands, input);
        self.perform(context, effects);
        let logged = self.disk.rows.primary.epoch;
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

    fn perform(&mut self, context: &mut Context<'_>, effects: VecDeque<Effect<Outcome>>) {
        let Some(process) = &self.process else {
            return;
        };
        let life = process.replica.life;
        for effect in effects {
            // A peer that missed beta is not reported: this root tells nobody.
            if let Some(Effect::Done(ticket, accounted)) =
                outward(context, life, &self.disk, effect)
            {
                let outcome = accounted.map(|accounted| accounted.outcome);
                self.done(context, ticket, outcome);
            }
        }
    }

    /// How far it has applied the log, for the checks.
    #[must_use]
    pub(crate) fn applied(&self) -> Position {
        self.disk
            .cursor
            .map_or(Position::ZERO, |cursor| cursor.applied)
    }
}
