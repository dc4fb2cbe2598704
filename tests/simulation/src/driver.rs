//! What a message server and a registration server have in common: a database,
//! the replica on it while the process runs, and the way between the two and
//! the rest of the system.

use std::collections::VecDeque;
use std::time::Duration;

use yoshi_protocol::{AccountName, Incarnation, Position};
use yoshi_replica::Peer;

use crate::bug::Bug;
use crate::disk::{Disk, Rows};
use crate::message::Message;
use crate::node::Context;
use crate::replica::{Effect, Hands, Input, Replica, Timer, outward};

/// What a replica asks of its own server.
pub(crate) type Asked<R> = Vec<Effect<<R as Rows>::Outcome>>;

/// A database, and the replica of one life of its process.
pub(crate) struct Driver<R: Rows> {
    pub(crate) disk: Disk<R>,
    /// None while the process does not run.
    pub(crate) replica: Option<Replica<R>>,
    pub(crate) beta: Duration,
    pub(crate) bug: Option<Bug>,
    lives: u64,
}

impl<R: Rows> Driver<R> {
    /// A server that does not run yet, with its database.
    #[must_use]
    pub(crate) fn new(disk: Disk<R>, beta: Duration, bug: Option<Bug>) -> Self {
        Self {
            disk,
            replica: None,
            beta,
            bug,
            lives: 0,
        }
    }

    /// Starts the process. The stream was asked for its incarnation.
    pub(crate) fn start(&mut self, context: &mut Context<'_>, stream: Incarnation) -> Asked<R> {
        self.lives += 1;
        let life = Incarnation(context.random.uuid());
        if self.is_restarted() {
            self.disk.rows.restarted(self.bug);
            if self.bug == Some(Bug::LastBlockForgotten) {
                self.disk.block = None;
            }
        }
        let numbers = self.numbers();
        let mut effects = VecDeque::new();
        let mut hands = Hands {
            now: context.instant(),
            connects: context.connects,
            disk: &mut self.disk,
            effects: &mut effects,
        };
        let replica = Replica::start(&mut hands, life, self.beta, stream, numbers, self.bug);
        self.replica = Some(replica);
        self.perform(context, effects)
    }

    /// Whether this is not the first life of the process.
    #[must_use]
    pub(crate) fn is_restarted(&self) -> bool {
        self.lives > 1
    }

    /// The process has ended; `late`: a commit that it has sent happens all the same.
    pub(crate) fn stop(&mut self, late: bool) {
        self.disk.crash(late);
        self.replica = None;
    }

    /// The numbers of this life begin after this one.
    #[must_use]
    pub(crate) fn numbers(&self) -> u64 {
        self.lives << 40
    }

    /// Gives the replica what happened.
    pub(crate) fn feed(&mut self, context: &mut Context<'_>, input: Input) -> Asked<R> {
        self.with(context, |replica, hands| replica.on(hands, input))
    }

    /// Puts an entry into the log; the ticket comes back if too much is waiting.
    pub(crate) fn submit(
        &mut self,
        context: &mut Context<'_>,
        ticket: u64,
        account: AccountName,
        entry: Vec<u8>,
    ) -> (Result<(), u64>, Asked<R>) {
        let mut taken = Err(ticket);
        let asked = self.with(context, |replica, hands| {
            taken = replica.submit(hands, ticket, account, entry);
        });
        (taken, asked)
    }

    /// Whom success waits for.
    pub(crate) fn set_peers(&mut self, context: &mut Context<'_>, peers: Vec<Peer>) -> Asked<R> {
        self.with(context, |replica, hands| replica.set_peers(hands, peers))
    }

    /// Takes a message that is the replica's business; anything else comes back.
    pub(crate) fn take(
        &mut self,
        context: &mut Context<'_>,
        message: Message,
    ) -> Result<Asked<R>, Message> {
        let input = match message {
            Message::AskPage {
                from,
                token,
                since,
                stream,
            } => {
                let page = self
                    .replica
                    .as_ref()
                    .and_then(|replica| replica.page(&self.disk, stream, since));
                context.send(from, Message::Page { token, page });
                return Ok(Vec::new());
            }
            Message::Accounted {
                to,
                server,
                life,
                position,
            } => {
                if self.life() != Some(to) {
                    return Ok(Vec::new());
                }
                Input::Accounted(server, life, position)
            }
            Message::Published { token, result } => Input::Published(token, result),
            Message::Last { token, last } => Input::Last(token, last),
            Message::View { token, view } => Input::View(token, view),
            Message::Id { token, id } => Input::Id(token, id),
            Message::Block {
                consumer,
                delivered,
                block,
            } => Input::Block {
                consumer,
                delivered,
                block,
            },
            Message::Heartbeat { consumer } => Input::Heartbeat(consumer),
            Message::Page { token, page } => Input::Page(token, page),
            Message::NobodyThere { token } => Input::Timer(Timer::Call(token)),
            other => return Err(other),
        };
        Ok(self.feed(context, input))
    }

    /// Which life of the process this is.
    #[must_use]
    pub(crate) fn life(&self) -> Option<Incarnation> {
        self.replica.as_ref().map(|replica| replica.life)
    }

    /// How far the database has applied the log.
    #[must_use]
    pub(crate) fn applied(&self) -> Position {
        self.disk
            .cursor
            .map_or(Position::ZERO, |cursor| cursor.applied)
    }

    fn with(
        &mut self,
        context: &mut Context<'_>,
        act: impl FnOnce(&mut Replica<R>, &mut Hands<'_, R>),
    ) -> Asked<R> {
        let mut effects = VecDeque::new();
        if let Some(replica) = &mut self.replica {
            let mut hands = Hands {
                now: context.instant(),
                connects: context.connects,
                disk: &mut self.disk,
                effects: &mut effects,
            };
            act(replica, &mut hands);
        }
        self.perform(context, effects)
    }

    /// Does what concerns others; answers what is the server's own business.
    fn perform(
        &mut self,
        context: &mut Context<'_>,
        effects: VecDeque<Effect<R::Outcome>>,
    ) -> Asked<R> {
        let Some(life) = self.life() else {
            return Vec::new();
        };
        let own = |effect| outward(context, life, &self.disk, effect);
        effects.into_iter().filter_map(own).collect()
    }
}
