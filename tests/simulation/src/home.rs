//! A message server: the replica, its place among the others
//! (`membership.rs`), and what it answers (`requests.rs`, `send.rs`,
//! `change.rs`, `poll.rs`, `outbox.rs`).

mod answers;
mod entries;
mod membership;
mod outbox;

use std::collections::BTreeMap;
use std::time::Duration;

use message_server::footing::Footing;
use message_server::machine;
use message_server::roster::Roster;
use message_server::rules::Outcome;
use yoshi_protocol::message::roster::{DownReason, MsDown, MsState};
use yoshi_protocol::{Incarnation, Position};
use yoshi_replica::root::Down;

use crate::bug::Bug;
use crate::clock::{MILLI, Micros, SECOND, SILENT_MAX};
use crate::disk::Disk;
use crate::driver::{Asked, Driver};
use crate::message::{Ask, Decoded, Message, Request};
use crate::node::{Context, Out, Timer};
use crate::replica::{Effect, Input};
use crate::tasks::Tasks;
use membership::Place;
use outbox::Outbox;

const PING_EVERY: Micros = SECOND;
const NEWS_EVERY: Micros = 250 * MILLI;

/// What one life of the process knows.
pub(crate) struct Process {
    roster: Roster,
    place: Place,
    state: MsState,
    footing: Footing,
    outbox: Outbox,
    /// Entries on their way through the log, by ticket.
    tickets: BTreeMap<u64, Request>,
    /// Polls that wait for this server to reach their cursor.
    waiting: BTreeMap<u64, Request>,
    next_ticket: u64,
}

impl Process {
    fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }
}

/// A message server and its database.
pub(crate) struct Home {
    pub(crate) driver: Driver<Tasks>,
    process: Option<Process>,
    index: usize,
    bug: Option<Bug>,
}

impl Home {
    /// A server that does not run yet, with its database.
    #[must_use]
    pub(crate) fn new(index: usize, disk: Disk<Tasks>, beta: Duration, bug: Option<Bug>) -> Self {
        Self {
            driver: Driver::new(disk, beta, bug),
            process: None,
            index,
            bug,
        }
    }

    /// Starts the process. The stream was asked for its incarnation.
    pub(crate) fn start(&mut self, context: &mut Context<'_>, stream: Incarnation) {
        let asked = self.driver.start(context, stream);
        self.process = Some(Process {
            roster: Roster::new(SILENT_MAX),
            place: Place::default(),
            state: MsState::Joining,
            footing: Footing::Log,
            outbox: Outbox::default(),
            tickets: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next_ticket: self.driver.numbers(),
        });
        self.look_into_outbox(context);
        if self.driver.is_restarted() {
            self.forget_what_was_sent();
        }
        self.perform(context, asked);
        self.tick(context);
        context.after(NEWS_EVERY, Timer::News);
    }

    /// The process has ended.
    pub(crate) fn stop(&mut self, late: bool) {
        self.driver.stop(late);
        self.process = None;
    }

    /// Something came in.
    pub(crate) fn on_message(&mut self, context: &mut Context<'_>, message: Message) {
        match message {
            Message::Ping(ping) => self.heard_ping(context, ping),
            Message::Down(down) => self.heard_down(context, down),
            // A server whose disk was wiped is another one, and hears other subjects.
            Message::ToHome(server, ..) if server != self.driver.disk.id => {}
            Message::ToHome(_, request, epoch) => self.request(context, request, Some(epoch)),
            Message::Request(request) => self.request(context, request, None),
            Message::Answer { number, answer } => self.sent_out(context, number, &answer),
            message => {
                self.watched(context, |driver, context| {
                    driver.take(context, message).unwrap_or_default()
                });
            }
        }
    }

    /// A timer ran out.
    pub(crate) fn on_timer(&mut self, context: &mut Context<'_>, timer: Timer) {
        match timer {
            Timer::Replica(timer) => self.feed(context, Input::Timer(timer)),
            Timer::Ping => self.tick(context),
            Timer::News => self.news(context),
            Timer::Request(ticket) => self.request_is_late(context, ticket),
            Timer::Outbox(number) => self.sending_is_late(context, number),
            _ => {}
        }
    }

    /// A transaction has ended.
    pub(crate) fn on_committed(&mut self, context: &mut Context<'_>, transaction: u64, held: bool) {
        if !self.outbox_committed(context, transaction, held) {
            self.feed(context, Input::Committed(transaction, held));
        }
    }

    fn feed(&mut self, context: &mut Context<'_>, input: Input) {
        self.watched(context, |driver, context| driver.feed(context, input));
    }

    /// Lets the replica do something, and sees whether this server's place changed.
    fn watched(
        &mut self,
        context: &mut Context<'_>,
        act: impl FnOnce(&mut Driver<Tasks>, &mut Context<'_>) -> Asked<Tasks>,
    ) {
        let stand = |driver: &Driver<Tasks>| {
            let replica = driver.replica.as_ref();
            replica.map(|replica| (replica.applied, replica.standing.clone()))
        };
        let before = stand(&self.driver);
        let asked = act(&mut self.driver, context);
        let after = stand(&self.driver);
        self.perform(context, asked);
        let (Some(before), Some(after)) = (before, after) else {
            return;
        };
        if before.0 != after.0 {
            self.serve_waiting(context);
        }
        if before.1 != after.1 {
            self.settle_and_tell(context);
        }
    }

    /// Gives the replica the peers that the roster knows.
    fn publish_peers(&mut self, context: &mut Context<'_>) {
        let Some(process) = &self.process else {
            return;
        };
        let peers = process.roster.peers();
        let asked = self.driver.set_peers(context, peers);
        self.perform(context, asked);
    }

    fn perform(&mut self, context: &mut Context<'_>, asked: Asked<Tasks>) {
        for effect in asked {
            match effect {
                Effect::Done(ticket, accounted) => {
                    let outcome = accounted.map(|accounted| accounted.outcome);
                    self.done(context, ticket, outcome);
                }
                Effect::Decided(entry, outcome) => self.decided(context, &entry, outcome),
                Effect::Down(Down { id, incarnation }) => {
                    let report = MsDown {
                        id,
                        reason: DownReason::Timeout,
                        incarnation: Some(incarnation),
                    };
                    context.out.push(Out::ToAll(Message::Down(report)));
                }
                _ => {}
            }
        }
    }

    fn done(&mut self, context: &mut Context<'_>, ticket: u64, outcome: Option<Outcome>) {
        let Some(process) = &mut self.process else {
            return;
        };
        if let Some(request) = process.tickets.remove(&ticket) {
            answers::settle(context, &request, outcome);
        }
    }

    /// A planted mistake: a change is acknowledged before its commit.
    fn decided(&mut self, context: &mut Context<'_>, entry: &Decoded, outcome: Outcome) {
        let (Decoded::Task(entry), Some(process)) = (entry, &self.process) else {
            return;
        };
        let machine::Decoded::Change(entry) = &**entry else {
            return;
        };
        let is_it = |request: &Request| matches!(&request.ask, Ask::Change(content) if *content == entry.content);
        let mut tickets = process.tickets.iter();
        let ticket = tickets.find(|(_, request)| is_it(request));
        if let Some(ticket) = ticket.map(|(ticket, _)| *ticket) {
            self.done(context, ticket, Some(outcome));
        }
    }

    /// How far the database has applied the log, for the checks.
    #[must_use]
    pub(crate) fn applied(&self) -> Position {
        self.driver.applied()
    }
}
