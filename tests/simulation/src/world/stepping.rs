//! One event at a time.

use crate::message::{Addr, Message};
use crate::node::Timer;
use crate::world::{Event, World};

impl World {
    pub(super) fn happen(&mut self, event: Event) {
        let node = match &event {
            Event::Deliver { to, .. } => Some(*to),
            Event::Timer { node, .. } | Event::Committed { node, .. } => Some(*node),
            _ => None,
        };
        if let Some(node) = node.filter(|node| *node != Addr::Hub)
            && self.machine(node).paused
        {
            return self.machine(node).deferred.push(event);
        }
        match event {
            Event::Deliver { from, to, message } => self.arrive(from, to, message),
            Event::Timer { node, life, timer } => {
                if self.lives(node, life) {
                    self.timer(node, timer);
                }
            }
            Event::Commit {
                node,
                life,
                transaction,
            } => self.commit(node, life, transaction),
            Event::Committed {
                node,
                life,
                transaction,
                held,
            } => {
                if self.lives(node, life) {
                    self.committed(node, transaction, held);
                }
            }
            Event::Fault(index) => self.fault(index),
            Event::Start(node) => self.start(node),
            Event::Resume(node) => self.resume(node),
            Event::Heal(index) => self.heal(index),
            Event::StartHub => self.start_hub(),
            Event::Operate => self.operate(),
            Event::Resync => self.resync(),
            Event::HubTick => self.hub_tick(),
        }
    }

    fn lives(&mut self, node: Addr, life: u64) -> bool {
        let machine = self.machine(node);
        machine.up && machine.life == life
    }

    fn arrive(&mut self, from: Addr, to: Addr, message: Message) {
        if to == Addr::Hub {
            if self.hub_up {
                self.at_hub(message);
            }
            return;
        }
        let machine = self.machine(to);
        if machine.cut_to > 0 || !machine.up {
            return self.lost(from, to, &message);
        }
        self.with(to, |parts, context| match to {
            Addr::Ms(index) => parts.homes[index].on_message(context, message),
            Addr::Rs(index) => parts.registrars[index].on_message(context, message),
            Addr::Lb(index) => {
                if let Some(balancer) = &mut parts.balancers[index] {
                    balancer.on_message(context, message);
                }
            }
            Addr::Client(index) => {
                if let Some(client) = parts.clients.get_mut(index) {
                    client.on_message(context, message, parts.history);
                } else {
                    parts.people[index].on_message(context, message, parts.ledger);
                }
            }
            Addr::Hub => {}
        });
    }

    fn timer(&mut self, node: Addr, timer: Timer) {
        let connected = self.hub_up;
        self.with(node, |parts, context| match node {
            Addr::Ms(index) => parts.homes[index].on_timer(context, timer),
            Addr::Rs(index) => parts.registrars[index].on_timer(context, timer, connected),
            Addr::Lb(index) => {
                if let Some(balancer) = &mut parts.balancers[index] {
                    balancer.on_timer(context, timer, connected);
                }
            }
            Addr::Client(index) => {
                if let Some(client) = parts.clients.get_mut(index) {
                    client.on_timer(context, timer, parts.history);
                } else {
                    parts.people[index].on_timer(context, timer, parts.ledger);
                }
            }
            Addr::Hub => {}
        });
        if timer == Timer::Election {
            self.check_primaries();
        }
    }

    /// The database comes to the end of a transaction, whatever its process does.
    fn commit(&mut self, node: Addr, life: u64, transaction: u64) {
        let done = match node {
            Addr::Ms(index) => self.homes[index].driver.disk.commit(transaction),
            Addr::Rs(index) => self.registrars[index].driver.disk.commit(transaction),
            Addr::Lb(_) | Addr::Client(_) | Addr::Hub => None,
        };
        if done.is_some_and(|(held, _)| held) {
            self.restore_if_due(node);
        }
        match done {
            Some((true, true)) => {
                let delay = self.random.between(1_000, 30_000);
                self.schedule.after(
                    delay,
                    Event::Commit {
                        node,
                        life,
                        transaction,
                    },
                );
            }
            Some((held, _)) => {
                let delay = self.random.between(100, 1_000);
                self.schedule.after(
                    delay,
                    Event::Committed {
                        node,
                        life,
                        transaction,
                        held,
                    },
                );
            }
            None => {}
        }
    }

    fn committed(&mut self, node: Addr, transaction: u64, held: bool) {
        self.with(node, |parts, context| match node {
            Addr::Ms(index) => parts.homes[index].on_committed(context, transaction, held),
            Addr::Rs(index) => parts.registrars[index].on_committed(context, transaction, held),
            Addr::Lb(_) | Addr::Client(_) | Addr::Hub => {}
        });
    }
}
