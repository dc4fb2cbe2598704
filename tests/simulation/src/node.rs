//! What a node may do while it takes something in: send, wait, commit, stop.

use yoshi_protocol::ServerId;

use crate::clock::{Clock, Micros};
use crate::message::{Addr, Message};
use crate::random::Random;
use crate::replica;
use std::time::Instant;
use yoshi_protocol::Millis;

/// What was put off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The replica's.
    Replica(replica::Timer),
    /// PING_MS, every second.
    Ping,
    /// PING_MS, if there is news.
    News,
    /// A request was not done in time.
    Request(u64),
    /// A task of the outbox was not answered.
    Outbox(u64),
    /// A load balancer's look at the bucket.
    Bucket,
    /// The bucket was not answered.
    BucketAsk(u64),
    /// A load balancer's look at who is silent.
    Sweep,
    /// A load balancer's look at who has lost a home.
    Spread,
    /// A load balancer has listened long enough.
    Listened,
    /// A write or read of the bucket was not answered, or is tried again.
    Assign(u64),
    /// A client does its next thing.
    Next(u64),
    /// A client's attempt was not answered.
    Attempt(u64),
    /// The election's clock.
    Election,
    /// A call of the election was not answered.
    ElectionCall(u64),
    /// A claim is submitted again.
    Claim(u64),
}

/// What a node does.
#[derive(Debug)]
pub(crate) enum Out {
    /// A message to a node.
    Send(Addr, Message),
    /// A message to a server, wherever it is.
    ToServer(ServerId, Message),
    /// A message to every node that listens to such.
    ToAll(Message),
    /// A request to some load balancer.
    ToBalancer(Message),
    /// A timer, by the machine's clock.
    After(Micros, Timer),
    /// The database is to commit this transaction.
    Commit(u64),
    /// The process ends itself.
    Stop(&'static str),
}

/// What a node has at hand.
pub(crate) struct Context<'a> {
    /// Its address.
    pub(crate) own: Addr,
    /// Virtual time; only the history reads it.
    pub(crate) now: Micros,
    /// Its machine's clocks.
    pub(crate) clock: Clock,
    /// How often its connection to NATS was made anew.
    pub(crate) connects: u64,
    /// Chance.
    pub(crate) random: &'a mut Random,
    /// What it does, in order.
    pub(crate) out: &'a mut Vec<Out>,
}

impl Context<'_> {
    /// Its monotonic clock.
    #[must_use]
    pub(crate) fn instant(&self) -> Instant {
        self.clock.instant(self.now)
    }

    /// Its wall clock.
    #[must_use]
    pub(crate) fn wall(&self) -> Millis {
        self.clock.wall(self.now)
    }

    /// Sends a message to a node.
    pub(crate) fn send(&mut self, to: Addr, message: Message) {
        self.out.push(Out::Send(to, message));
    }

    /// Sets a timer.
    pub(crate) fn after(&mut self, delay: Micros, timer: Timer) {
        self.out.push(Out::After(delay, timer));
    }
}
