//! The way of a message: through the hub, over links that may be cut, and in
//! some runs lost, doubled, or late.

use yoshi_protocol::ServerId;

use crate::clock::{MILLI, Micros, SECOND};
use crate::message::{Addr, Message};
use crate::plan::Network;
use crate::world::{Event, World};

/// Share of single messages that a lossy network loses, and doubles.
const LOSS_PERCENT: u64 = 3;
const DOUBLE_PERCENT: u64 = 3;
/// Share that may overtake what was sent before.
const OVERTAKE_PERCENT: u64 = 5;
/// Publishes that a client holds back while it has no connection.
const HELD_BACK_PERCENT: u64 = 30;

impl World {
    pub(super) fn send(&mut self, from: Addr, to: Addr, message: Message) {
        let cut = from != Addr::Hub && self.machine(from).cut_from > 0;
        if cut || !self.hub_up {
            let fenced = matches!(message, Message::Publish { .. } | Message::Put { .. });
            if fenced && self.random.percent(HELD_BACK_PERCENT) {
                self.machine(from).held_back.push(message);
            } else {
                self.lost(from, to, &message);
            }
            return;
        }
        if matches!(message, Message::Published { .. })
            && self.acks_lost > 0
            && self.random.percent(50)
        {
            return;
        }
        if self.plan.network == Network::Lossy && self.schedule.now() < self.plan.healed {
            if self.random.percent(LOSS_PERCENT) {
                return self.lost(from, to, &message);
            }
            if self.random.percent(DOUBLE_PERCENT) {
                self.deliver(from, to, message.clone());
            }
        }
        self.deliver(from, to, message);
    }

    /// To a server's subject. Of one that does not run, NATS tells whoever asks.
    pub(super) fn send_to_server(&mut self, from: Addr, server: ServerId, message: Message) {
        let to = self.servers.get(&server).copied();
        match (to.filter(|to| self.machines[to].up), message) {
            (Some(to), message) => self.send(from, to, message),
            (None, Message::AskPage { from, token, .. }) => {
                let is_heard = self.hub_up && self.machine(from).cut_from == 0;
                if is_heard {
                    self.send(Addr::Hub, from, Message::NobodyThere { token });
                }
            }
            (None, _) => {}
        }
    }

    fn deliver(&mut self, from: Addr, to: Addr, message: Message) {
        let now = self.schedule.now();
        let mut at = now + self.delay();
        let lossy = self.plan.network == Network::Lossy && now < self.plan.healed;
        if !(lossy && self.random.percent(OVERTAKE_PERCENT)) {
            // As a connection does: in order.
            let last = self.last_arrival.entry((from, to)).or_default();
            // What is late by seconds was held up alone.
            if at < now + SECOND / 2 {
                at = at.max(*last);
                *last = at;
            }
        }
        self.schedule
            .after(at - now, Event::Deliver { from, to, message });
    }

    fn delay(&mut self) -> Micros {
        let healed = self.schedule.now() >= self.plan.healed;
        match (self.plan.network, self.random.number() % 200) {
            (Network::Lossy, 0) if !healed => self.random.between(500 * MILLI, 6_000 * MILLI),
            (_, 1..8) => self.random.between(5 * MILLI, 100 * MILLI),
            _ => self.random.between(100, 2_000),
        }
    }

    /// A message does not arrive. What came over a connection in order, comes
    /// no more until it is made anew.
    pub(super) fn lost(&mut self, from: Addr, to: Addr, message: &Message) {
        if from != Addr::Hub {
            return;
        }
        match message {
            Message::Block { consumer, .. } | Message::Heartbeat { consumer } => {
                self.tasks.lost(to, *consumer);
                self.accounts.lost(to, *consumer);
                if matches!(to, Addr::Lb(_)) {
                    self.bucket.unwatch(to);
                }
            }
            Message::Key { .. } => self.bucket.unwatch(to),
            _ => {}
        }
    }

    pub(super) fn fan_out(&mut self, from: Addr, message: &Message) {
        let listeners: Vec<_> = self.machines.keys().copied().collect();
        for to in listeners {
            let hears = match message {
                Message::Primary(_) => matches!(to, Addr::Rs(_) | Addr::Client(_)),
                _ => matches!(to, Addr::Ms(_) | Addr::Lb(_)),
            };
            if hears {
                self.send(from, to, message.clone());
            }
        }
    }

    /// The queue group: whoever has subscribed, alive or not.
    pub(super) fn balance(&mut self, from: Addr, message: Message) {
        let ready = |(index, balancer): (usize, &Option<crate::balancer::Balancer>)| {
            balancer
                .as_ref()
                .is_some_and(crate::balancer::Balancer::is_ready)
                .then_some(index)
        };
        let ready: Vec<_> = self
            .balancers
            .iter()
            .enumerate()
            .filter_map(ready)
            .collect();
        if !ready.is_empty() {
            let index = ready[self.random.index(ready.len())];
            self.send(from, Addr::Lb(index), message);
        }
    }
}
