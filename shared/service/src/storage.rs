//! Whether NATS keeps what it has acknowledged: every node that can be seen, and
//! the stream of this server's log.
//!
//! Looked at before the server begins, and refused then. What cannot be seen at
//! that moment, because the log has no leader or a node is down, is looked at
//! later: its first sight counts as the start. What gets worse after that is an
//! alarm, because nothing is safer for a server's end.

mod log;
mod node;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_nats::{Client, jetstream};
use futures::StreamExt;
use tokio::time::{Instant, MissedTickBehavior};
use yoshi_protocol::subject;

use crate::args::ConfigurationError;
use crate::run::Context;
use crate::{Health, limit};
use node::Node;

/// Why a server does not run on this ground.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It may lose what it has acknowledged.
    #[error("NATS may lose what this server reports as done")]
    Unsafe(#[source] ConfigurationError),
    /// The question could not be asked.
    #[error("NATS cannot be asked how it stores")]
    Subscribe(#[from] async_nats::SubscribeError),
    /// The same.
    #[error("NATS cannot be asked how it stores")]
    Publish(#[from] async_nats::PublishError),
}

/// What NATS is for a server of a log.
pub(crate) struct Ground {
    nats: Client,
    jetstream: jetstream::Context,
    /// The stream.
    log: &'static str,
    health: Health,
    /// Unsafe storage is let pass.
    let_pass: bool,
    /// The names of the nodes that were seen. A node has another id after each start.
    nodes_seen: BTreeSet<String>,
    log_seen: bool,
}

/// What one look finds, in words for the operator.
#[derive(Default)]
struct Found {
    /// About what was seen for the first time.
    first: Vec<String>,
    /// About what was good when it was seen first.
    later: Vec<String>,
}

impl Ground {
    pub(crate) fn new(context: &Context, log: &'static str) -> Self {
        let asked = Duration::from_secs(limit::STORAGE_ANSWER_SECONDS);
        Self {
            nats: context.nats.clone(),
            jetstream: jetstream::ContextBuilder::new()
                .timeout(asked)
                .build(context.nats.clone()),
            log,
            health: context.health.clone(),
            let_pass: context.unsafe_storage,
            nodes_seen: BTreeSet::new(),
            log_seen: false,
        }
    }

    /// Looks before the server begins.
    ///
    /// # Errors
    /// [`Error`]; with a [`ConfigurationError`] inside that says what to change.
    pub(crate) async fn look_first(&mut self) -> Result<(), Error> {
        let mut found = self.look(limit::STORAGE_ROUNDS_FIRST).await?;
        if self.nodes_seen.is_empty() {
            found.first.push(format!(
                "NATS does not say how it stores (no answer on {}): use this release's \
                 nats/accounts.conf on every node",
                subject::NATS_STATUS
            ));
        }
        self.judge(found)
    }

    /// Looks again now and then, until something that was not to be seen before
    /// turns out to be unsafe.
    pub(crate) async fn watch(mut self) -> Error {
        let mut ticks = tokio::time::interval(Duration::from_secs(limit::STORAGE_LOOK_SECONDS));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let judged = match self.look(1).await {
                Ok(found) => self.judge(found),
                Err(error) => Err(error),
            };
            match judged {
                Ok(()) => {}
                Err(Error::Unsafe(refusal)) => return Error::Unsafe(refusal),
                Err(error) => tracing::debug!(%error, "NATS was not asked how it stores"),
            }
        }
    }

    async fn look(&mut self, rounds: u32) -> Result<Found, Error> {
        let mut found = Found::default();
        for node in self.ask_nodes(rounds).await?.into_values() {
            let known = self.nodes_seen.contains(&node.name);
            let wrong = node.wrong();
            if known {
                found.later.extend(wrong);
            } else {
                if self.nodes_seen.len() < limit::STORAGE_NODES_MAX {
                    self.nodes_seen.insert(node.name);
                }
                found.first.extend(wrong);
            }
        }
        // Without a leader the stream cannot be seen: not an error here, the
        // server knows how to live without its log.
        match self.jetstream.get_stream(self.log).await {
            Ok(stream) => {
                let wrong = log::wrong(&stream.cached_info().config);
                if std::mem::replace(&mut self.log_seen, true) {
                    found.later.extend(wrong);
                } else {
                    found.first.extend(wrong);
                }
            }
            Err(error) => tracing::debug!(%error, "the stream {} was not looked at", self.log),
        }
        Ok(found)
    }

    /// Asks every node for its state, until as many have answered as there are
    /// said to be, at most so many times; answers them by name.
    async fn ask_nodes(&self, rounds: u32) -> Result<BTreeMap<String, Node>, Error> {
        let mut nodes = BTreeMap::new();
        let mut active = 1;
        for _ in 0..rounds {
            let inbox = self.nats.new_inbox();
            let mut answers = self.nats.subscribe(inbox.clone()).await?;
            self.nats
                .publish_with_reply(subject::NATS_STATUS, inbox, "".into())
                .await?;
            let end = Instant::now() + Duration::from_secs(limit::STORAGE_ANSWER_SECONDS);
            while nodes.len() < active
                && let Ok(Some(answer)) = tokio::time::timeout_at(end, answers.next()).await
            {
                // Also a "no responders", which is not a node's answer.
                if let Some((node, servers)) = node::read(&answer.payload) {
                    active = active.max(servers).min(limit::STORAGE_NODES_MAX);
                    nodes.insert(node.name.clone(), node);
                }
            }
            if nodes.len() >= active {
                return Ok(nodes);
            }
        }
        let count = nodes.len();
        tracing::warn!(
            count,
            active,
            "{count} of {active} nodes of NATS say how they store; the rest is asked again later"
        );
        Ok(nodes)
    }

    fn judge(&self, found: Found) -> Result<(), Error> {
        let refused = !found.first.is_empty() && !self.let_pass;
        let wrong: Vec<_> = found.first.into_iter().chain(found.later).collect();
        let wrong = wrong.join("; ");
        if refused {
            return Err(Error::Unsafe(ConfigurationError::new(format!(
                "{wrong}; or allow it with --unsafe-storage, for experiments only"
            ))));
        }
        if !wrong.is_empty() && self.let_pass {
            tracing::warn!("--unsafe-storage lets this pass: {wrong}");
        } else if !wrong.is_empty() {
            tracing::error!("NATS has become unsafe while this server runs: {wrong}");
        }
        self.health
            .unsafe_storage("nats", (!wrong.is_empty()).then_some(wrong));
        Ok(())
    }
}
