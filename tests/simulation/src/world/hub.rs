//! What NATS does with what reaches it.

use crate::clock::{Micros, SECOND};
use crate::hub::Log;
use crate::hub::bucket::Change;
use crate::hub::log::Publish;
use crate::message::{Addr, Message, Published, Value};
use crate::world::{Event, World};

/// How long the primary's lease lives.
pub(crate) const LEASE: Micros = 10 * SECOND;
/// A write that races with another one, and is refused without a word on why.
const CONFLICT_PERCENT: u64 = 1;

impl World {
    fn log(&mut self, of: Addr) -> &mut Log {
        if matches!(of, Addr::Rs(_)) {
            &mut self.accounts
        } else {
            &mut self.tasks
        }
    }

    pub(super) fn at_hub(&mut self, message: Message) {
        // Without a leader nothing is answered.
        if self.without_quorum > 0 {
            return;
        }
        let now = self.schedule.now();
        let is_of_log = match &message {
            Message::Publish { from, .. }
            | Message::AskLast { from, .. }
            | Message::AskView { from, .. }
            | Message::AskId { from, .. }
            | Message::Read { from, .. } => Some(*from),
            _ => None,
        };
        if is_of_log.is_some_and(|from| !self.log(from).is_there) {
            return;
        }
        match message {
            Message::Publish {
                from,
                token,
                id,
                root,
                life,
                expected,
                entries,
            } => {
                let conflict = self.random.percent(CONFLICT_PERCENT);
                let publish = Publish {
                    id,
                    root,
                    life,
                    from,
                    expected,
                    entries,
                };
                let result = if conflict {
                    Published::Conflict
                } else {
                    self.log(from).publish(now, publish)
                };
                self.send(Addr::Hub, from, Message::Published { token, result });
                self.deliver_blocks();
            }
            Message::AskLast { from, token, root } => {
                let last = self.log(from).last_on(root);
                self.send(Addr::Hub, from, Message::Last { token, last });
            }
            Message::AskView { from, token } => {
                let view = self.log(from).view();
                self.send(Addr::Hub, from, Message::View { token, view });
            }
            Message::AskId {
                from,
                token,
                sequence,
            } => {
                let id = self.log(from).id_at(sequence);
                self.send(Addr::Hub, from, Message::Id { token, id });
            }
            Message::Read {
                from,
                consumer,
                start,
            } => {
                self.log(from).read(from, consumer, start);
                self.deliver_blocks();
            }
            _ => self.at_bucket(message),
        }
    }

    fn at_bucket(&mut self, message: Message) {
        let now = self.schedule.now();
        match message {
            Message::Put {
                from,
                token,
                key,
                value,
                expected,
            } => {
                self.expire();
                let ends = matches!(value, Some(Value::Lease(_))).then_some(now + LEASE);
                let revision = self.bucket.put(&key, value, expected, ends);
                self.send(Addr::Hub, from, Message::Stored { token, revision });
                if let Some(revision) = revision {
                    self.tell_watchers(&(key, revision, value));
                }
            }
            Message::Get { from, token, key } => {
                self.expire();
                let (revision, value) = self.bucket.get(&key);
                self.send(
                    Addr::Hub,
                    from,
                    Message::Got {
                        token,
                        revision,
                        value,
                    },
                );
            }
            Message::Watch { from, token } => {
                let held = self.bucket.watch(from, token);
                let count = held.len();
                for (index, (key, revision, value)) in held.into_iter().enumerate() {
                    let last = index + 1 == count;
                    self.send(
                        Addr::Hub,
                        from,
                        Message::Key {
                            token,
                            key,
                            revision,
                            value,
                            last,
                        },
                    );
                }
            }
            _ => {}
        }
    }

    fn deliver_blocks(&mut self) {
        let mut due = self.tasks.deliveries();
        due.extend(self.accounts.deliveries());
        for (reader, consumer, delivered, block) in due {
            self.send(
                Addr::Hub,
                reader,
                Message::Block {
                    consumer,
                    delivered,
                    block,
                },
            );
        }
    }

    fn expire(&mut self) {
        let now = self.schedule.now();
        for change in self.bucket.expire(now) {
            self.tell_watchers(&change);
        }
    }

    fn tell_watchers(&mut self, (key, revision, value): &Change) {
        for (watcher, token) in self.bucket.watchers() {
            let (key, revision, value) = (key.clone(), *revision, *value);
            self.send(
                Addr::Hub,
                watcher,
                Message::Key {
                    token,
                    key,
                    revision,
                    value,
                    last: false,
                },
            );
        }
    }

    pub(super) fn hub_tick(&mut self) {
        self.schedule.after(SECOND, Event::HubTick);
        if !self.hub_up || self.without_quorum > 0 {
            return;
        }
        self.expire();
        let mut alive = self.tasks.alive();
        alive.extend(self.accounts.alive());
        alive.extend(self.bucket.watchers());
        for (reader, consumer) in alive {
            self.send(Addr::Hub, reader, Message::Heartbeat { consumer });
        }
    }
}
