//! A message server: the replica, its place among the others
//! (`membership.rs`), and what it answers (`requests.rs`, `send.rs`,
//! `poll.rs`).

mod answers;
mod membership;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use message_server::roster::Roster;
use message_server::rules::Outcome;
use yoshi_protocol::message::roster::{DownReason, MsDown, MsState};
use yoshi_protocol::{Incarnation, Position};
use yoshi_replica::Accounted;
use yoshi_replica::root::Down;

use crate::bug::Bug;
use crate::clock::{MILLI, Micros, SECOND};
use crate::disk::{Disk, Rows as _};
use crate::message::{Message, Request};
use crate::node::{Context, Out, Timer};
use crate::replica::{Effect, Hands, Input, Replica, outward};
use crate::tasks::Tasks;
use membership::Place;

const PING_EVERY: Micros = SECOND;
const NEWS_EVERY: Micros = 250 * MILLI;

/// One life of the process.
pub(crate) struct Process {
    pub(crate) replica: Replica<Tasks>,
    roster: Roster,
    place: Place,
    state: MsState,
    /// Tasks on their way through the log, by ticket.
    tickets: BTreeMap<u64, Request>,
    /// Polls that wait for this server to reach their cursor.
    waiting: BTreeMap<u64, Request>,
    next_ticket: u64,
}

/// A message server and its database.
pub(crate) struct Home {
    pub(crate) disk: Disk<Tasks>,
    pub(crate) process: Option<Process>,
    index: usize,
    beta: Duration,
    bug: Option<Bug>,
    lives: u64,
}

impl Home {
    /// A server that does not run yet, with its database.
    #[must_use]
    pub(crate) fn new(index: usize, disk: Disk<Tasks>, beta: Duration, bug: Option<Bug>) -> Self {
        Self {
            disk,
            process: None,
            index,
            beta,
            bug,
            lives: 0,
        }
    }

    /// Starts the process. The stream was asked for its incarnation.
    pub(crate) fn start(&mut self, context: &mut Context<'_>, stream: Incarnation) {
        self.lives += 1;
        let life = Incarnation(context.random.uuid());
        let mut effects = VecDeque::new();
        if self.lives > 1 {
            self.disk.rows.restarted(self.bug);
        }
        let mut hands = Hands {
            now: context.instant(),
            disk: &mut self.disk,
            effects: &mut effects,
        };
        let replica = Replica::start(
            &mut hands,
            life,
            self.beta,
            stream,
            self.lives << 40,
            self.bug,
        );
        self.process = Some(Process {
            replica,
            roster: Roster::default(),
            place: Place::default(),
            state: MsState::Joining,
            tickets: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next_ticket: self.lives << 40,
        });
        self.perform(context, effects);
        self.tick(context);
        context.after(NEWS_EVERY, Timer::News);
    }

    /// Something came in.
    pub(crate) fn on_message(&mut self, context: &mut Context<'_>, message: Message) {
        match message {
            Message::Ping(ping) => self.heard_ping(context, ping),
            Message::Down(down) => self.heard_down(context, down),
            // A server whose disk was wiped is another one, and hears other subjects.
            Message::ToHome(server, ..) if server != self.disk.id => {}
            Message::ToHome(_, request, epoch) => self.request(context, request, Some(epoch)),
            Message::Request(request) => self.request(context, request, None),
            Message::AskPage {
                from,
                token,
                since,
                stream,
            } => self.give_page(context, from, token, since, stream),
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
    pub(crate) fn on_timer(&mut self, context: &mut Context<'_>, timer: Timer) {
        match timer {
            Timer::Replica(timer) => self.feed(context, Input::Timer(timer)),
            Timer::Ping => self.tick(context),
            Timer::News => self.news(context),
            Timer::Request(ticket) => self.request_is_late(context, ticket),
            _ => {}
        }
    }

    /// A transaction has ended.
    pub(crate) fn on_committed(&mut self, context: &mut Context<'_>, transaction: u64, held: bool) {
        self.feed(context, Input::Committed(transaction, held));
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
        let before = (process.replica.applied, process.replica.standing.clone());
        let mut hands = Hands {
            now: context.instant(),
            disk: &mut self.disk,
            effects: &mut effects,
        };
        process.replica.on(&mut hands, input);
        let after = (process.replica.applied, process.replica.standing.clone());
        self.perform(context, effects);
        if before.0 != after.0 {
            self.serve_waiting(context);
        }
        if before.1 != after.1 {
            self.settle_and_tell(context);
        }
    }

    /// Gives the replica the peers that the roster knows.
    fn publish_peers(&mut self, context: &mut Context<'_>) {
        let mut effects = VecDeque::new();
        let Some(process) = &mut self.process else {
            return;
        };
        let peers = process.roster.peers();
        let mut hands = Hands {
            now: context.instant(),
            disk: &mut self.disk,
            effects: &mut effects,
        };
        process.replica.set_peers(&mut hands, peers);
        self.perform(context, effects);
    }

    fn perform(&mut self, context: &mut Context<'_>, effects: VecDeque<Effect<Outcome>>) {
        let Some(process) = &self.process else {
            return;
        };
        let life = process.replica.life;
        for effect in effects {
            match outward(context, life, &self.disk, effect) {
                Some(Effect::Done(ticket, accounted)) => self.done(context, ticket, accounted),
                Some(Effect::Down(Down { id, incarnation })) => {
                    let report = MsDown {
                        id,
                        reason: DownReason::Timeout,
                        incarnation: Some(incarnation),
                    };
                    context.out.push(Out::ToAll(Message::Down(report)));
                }
                Some(_) | None => {}
            }
        }
    }

    fn done(
        &mut self,
        context: &mut Context<'_>,
        ticket: u64,
        accounted: Option<Accounted<Outcome>>,
    ) {
        let Some(process) = &mut self.process else {
            return;
        };
        if let Some(request) = process.tickets.remove(&ticket) {
            answers::settle(context, &request, accounted);
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
