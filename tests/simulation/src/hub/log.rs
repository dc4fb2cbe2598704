//! A log: what JetStream promises of a stream with limits retention.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use bytes::Bytes;
use message_server::machine;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::log::AccountEntry;
use yoshi_protocol::{Incarnation, Position, ServerId};
use yoshi_replica::{Entry, Lineage, StateMachine as _, View};

use crate::clock::{Micros, SECOND};
use crate::message::{Addr, Decoded, Published, StoredBlock};

/// How long a message id is remembered.
const DUPLICATE_WINDOW: Micros = 30 * SECOND;

/// Which entries it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The tasks log.
    Tasks,
    /// The accounts log.
    Accounts,
}

/// Who reads, and how far it was served.
#[derive(Debug)]
struct Consumer {
    id: u64,
    next: u64,
    delivered: u64,
    /// Something was lost on the way: nothing more comes, as from a connection that broke.
    broken: bool,
}

/// What is to be stored.
pub(crate) struct Publish {
    /// Its message id.
    pub(crate) id: String,
    /// Whose subject.
    pub(crate) root: ServerId,
    /// In which life.
    pub(crate) life: Incarnation,
    /// The node.
    pub(crate) from: Addr,
    /// The sequence that the subject's last message must have; none checks nothing.
    pub(crate) expected: Option<u64>,
    /// Encoded entries.
    pub(crate) entries: Rc<Vec<Vec<u8>>>,
}

/// A log.
#[derive(Debug)]
pub(crate) struct Log {
    kind: Kind,
    /// Which life of it.
    pub(crate) incarnation: Incarnation,
    /// Every block ever stored, for the checks; the stream itself holds from `first` on.
    pub(crate) archive: Vec<Rc<StoredBlock>>,
    blocks: Vec<Rc<StoredBlock>>,
    /// The lost logs that it continues.
    lineage: Lineage,
    /// The first sequence that it ever gave out.
    begins: u64,
    /// Whether there is a stream.
    pub(crate) is_there: bool,
    first: u64,
    keep: usize,
    replicated: bool,
    ids: HashMap<String, (u64, Micros)>,
    consumers: BTreeMap<Addr, Consumer>,
}

impl Log {
    /// An empty log that keeps `keep` blocks. One node and several answer a
    /// repetition differently, which `replicated` chooses.
    #[must_use]
    pub(crate) fn new(kind: Kind, incarnation: Incarnation, keep: usize, replicated: bool) -> Self {
        Self {
            kind,
            incarnation,
            archive: Vec::new(),
            blocks: Vec::new(),
            lineage: Lineage::default(),
            begins: 1,
            is_there: true,
            first: 1,
            keep,
            replicated,
            ids: HashMap::new(),
            consumers: BTreeMap::new(),
        }
    }

    /// Where it stands.
    #[must_use]
    pub(crate) fn view(&self) -> View {
        View {
            incarnation: self.incarnation,
            lineage: self.lineage.clone(),
            begins: self.begins,
            first: self.first,
            last: self.last(),
            proven: None,
        }
    }

    fn last(&self) -> u64 {
        self.begins - 1 + self.blocks.len() as u64
    }

    /// The last block of a root that it still holds.
    #[must_use]
    pub(crate) fn last_on(&self, root: ServerId) -> Option<(u64, String)> {
        let held = self
            .blocks
            .iter()
            .rev()
            .take_while(|block| block.sequence >= self.first);
        let found = held.into_iter().find(|block| block.root == root)?;
        Some((found.sequence, found.id.clone()))
    }

    /// The message id of the block at a sequence that it still holds.
    #[must_use]
    pub(crate) fn id_at(&self, sequence: u64) -> Option<String> {
        let index = usize::try_from(sequence.checked_sub(self.begins)?).ok()?;
        let block = self.blocks.get(index).filter(|_| sequence >= self.first)?;
        Some(block.id.clone())
    }

    /// The stream is gone, and this one stands in its place.
    pub(crate) fn replace(&mut self, incarnation: Incarnation, lineage: Lineage, begins: u64) {
        self.remove();
        self.is_there = true;
        self.incarnation = incarnation;
        self.lineage = lineage;
        (self.begins, self.first) = (begins, begins);
    }

    /// The stream is gone.
    pub(crate) fn remove(&mut self) {
        self.is_there = false;
        self.consumers.clear();
        self.blocks.clear();
        self.ids.clear();
    }

    /// Stores a block, if nothing speaks against it.
    pub(crate) fn publish(&mut self, now: Micros, publish: Publish) -> Published {
        self.ids
            .retain(|_, (_, stored)| now < *stored + DUPLICATE_WINDOW);
        let known = self.ids.get(&publish.id).map(|(sequence, _)| *sequence);
        if let (true, Some(sequence)) = (self.replicated, known) {
            return Published::Stored(sequence);
        }
        let last = self
            .last_on(publish.root)
            .map_or(0, |(sequence, _)| sequence);
        if publish.expected.is_some_and(|expected| expected != last) {
            return Published::Refused;
        }
        if let Some(sequence) = known {
            return Published::Stored(sequence);
        }
        let sequence = self.last() + 1;
        let entries = publish.entries.iter().enumerate();
        let entries = entries.map(|(index, bytes)| {
            let position = Position::in_block(sequence, index);
            (position, self.decode(position, bytes))
        });
        let block = Rc::new(StoredBlock {
            sequence,
            root: publish.root,
            life: publish.life,
            from: publish.from,
            id: publish.id.clone(),
            entries: entries.collect(),
        });
        self.ids.insert(publish.id, (sequence, now));
        self.archive.push(Rc::clone(&block));
        self.blocks.push(block);
        self.first = self
            .first
            .max((self.last() + 1).saturating_sub(self.keep as u64));
        Published::Stored(sequence)
    }

    /// As the server's own machine decodes it.
    fn decode(&self, position: Position, bytes: &[u8]) -> Decoded {
        match self.kind {
            Kind::Tasks => Decoded::Task(Rc::new(decode_task(position, bytes))),
            Kind::Accounts => {
                Decoded::Account(cbor::decode::<AccountEntry>(bytes, Bound::ENTRY).ok())
            }
        }
    }

    /// Begins to deliver to a node, in the place of its earlier consumer.
    pub(crate) fn read(&mut self, reader: Addr, consumer: u64, start: u64) {
        let next = start.max(self.first);
        let consumer = Consumer {
            id: consumer,
            next,
            delivered: 0,
            broken: false,
        };
        self.consumers.insert(reader, consumer);
    }

    /// Everything that is due: reader, consumer, its own count, and the block.
    pub(crate) fn deliveries(&mut self) -> Vec<(Addr, u64, u64, Rc<StoredBlock>)> {
        let mut due = Vec::new();
        for (reader, consumer) in &mut self.consumers {
            while !consumer.broken && consumer.next < self.begins + self.blocks.len() as u64 {
                let index =
                    usize::try_from(consumer.next - self.begins).expect("blocks fit into memory");
                consumer.next += 1;
                consumer.delivered += 1;
                let block = Rc::clone(&self.blocks[index]);
                due.push((*reader, consumer.id, consumer.delivered, block));
            }
        }
        due
    }

    /// The consumers that are alive.
    #[must_use]
    pub(crate) fn alive(&self) -> Vec<(Addr, u64)> {
        let alive = self
            .consumers
            .iter()
            .filter(|(_, consumer)| !consumer.broken);
        alive
            .map(|(reader, consumer)| (*reader, consumer.id))
            .collect()
    }

    /// Something was lost on its way to a consumer.
    pub(crate) fn lost(&mut self, reader: Addr, id: u64) {
        if let Some(consumer) = self.consumers.get_mut(&reader)
            && consumer.id == id
        {
            consumer.broken = true;
        }
    }

    /// NATS was killed: consumers are gone. With `tail`, so are that many blocks
    /// at the end, which is what running without sync comes to.
    pub(crate) fn kill(&mut self, tail: usize) {
        self.consumers.clear();
        let left = self.blocks.len().saturating_sub(tail);
        for lost in self.blocks.drain(left..) {
            self.ids.remove(&lost.id);
        }
        self.first = self.first.min(self.last() + 1);
    }
}

fn decode_task(position: Position, bytes: &[u8]) -> machine::Decoded {
    let entry = Entry {
        position,
        bytes: Bytes::copy_from_slice(bytes),
    };
    let decoded = machine::Tasks.decode(&[entry]).pop();
    decoded.expect("one entry gives one")
}
