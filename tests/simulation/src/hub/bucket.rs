//! The key-value bucket: revisions, compare-and-set, watches, and keys that
//! end by themselves.

use std::collections::BTreeMap;

use crate::clock::Micros;
use crate::message::{Addr, Value};

/// A change that watchers hear of: key, revision, value.
pub(crate) type Change = (String, u64, Option<Value>);

#[derive(Debug, Clone, Copy)]
struct Held {
    revision: u64,
    value: Option<Value>,
    ends: Option<Micros>,
}

/// The bucket.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    revision: u64,
    keys: BTreeMap<String, Held>,
    watchers: BTreeMap<Addr, u64>,
    /// Every home that was ever written, for the checks.
    pub(crate) written: Vec<(String, Value)>,
}

impl Bucket {
    /// The revision of a key, 0 if it never was, and its value.
    #[must_use]
    pub(crate) fn get(&self, key: &str) -> (u64, Option<Value>) {
        let held = self.keys.get(key);
        held.map_or((0, None), |held| (held.revision, held.value))
    }

    /// Writes a key, or its end, if it has the expected revision.
    pub(crate) fn put(
        &mut self,
        key: &str,
        value: Option<Value>,
        expected: Option<u64>,
        ends: Option<Micros>,
    ) -> Option<u64> {
        if expected.is_some_and(|expected| expected != self.get(key).0) {
            return None;
        }
        self.revision += 1;
        let revision = self.revision;
        self.keys.insert(
            key.to_owned(),
            Held {
                revision,
                value,
                ends,
            },
        );
        if let Some(value) = value {
            self.written.push((key.to_owned(), value));
        }
        Some(revision)
    }

    /// Ends what has lived long enough.
    pub(crate) fn expire(&mut self, now: Micros) -> Vec<Change> {
        let over = |held: &Held| held.value.is_some() && held.ends.is_some_and(|ends| ends <= now);
        let ended: Vec<String> = self
            .keys
            .iter()
            .filter(|(_, held)| over(held))
            .map(|(key, _)| key.clone())
            .collect();
        let end = |key: String| {
            self.revision += 1;
            let revision = self.revision;
            self.keys.insert(
                key.clone(),
                Held {
                    revision,
                    value: None,
                    ends: None,
                },
            );
            (key, revision, None)
        };
        ended.into_iter().map(end).collect()
    }

    /// Begins to tell a node of every change; answers everything that is there.
    pub(crate) fn watch(&mut self, watcher: Addr, token: u64) -> Vec<Change> {
        self.watchers.insert(watcher, token);
        let held = self.keys.iter();
        held.map(|(key, held)| (key.clone(), held.revision, held.value))
            .collect()
    }

    /// Who watches, with its token.
    #[must_use]
    pub(crate) fn watchers(&self) -> Vec<(Addr, u64)> {
        self.watchers
            .iter()
            .map(|(watcher, token)| (*watcher, *token))
            .collect()
    }

    /// A watcher has missed something, or is gone.
    pub(crate) fn unwatch(&mut self, watcher: Addr) {
        self.watchers.remove(&watcher);
    }
}
