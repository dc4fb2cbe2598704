//! COMPARE_MS: every message server compares its rows with its neighbours', a
//! bounded sample at a time, so that a row that was damaged, or that followed
//! other rules, is found. A server that finds itself to be the one in the wrong
//! stops serving until `yoshi resync-server` fills it anew.
//!
//! A round looks at up to `CHUNKS_PER_ROUND` × `SIZES` rows of a walk over the
//! whole database, in the order of their keys, and at the latest tasks. With a
//! round every 30 s, a walk over 1 M tasks takes 313 rounds: 2.6 hours; one over
//! 1 M accounts 1,250 rounds, or 10.4 hours. Reading one chunk of 1 M tasks of
//! 400 bytes took Postgres 95 to 170 ms from a cold cache, ids in random order,
//! before a task had changes to read and an account entries to count. Of accounts
//! with many entries these are counted along a walk (`tally`), so that a step's work
//! is bounded whatever it meets.

mod answer;
pub mod difference;
pub mod sample;
pub(crate) mod stopping;
pub mod tally;
pub mod vote;
mod voter;

use std::time::Duration;

use async_nats::{Client, Subscriber};
use deadpool_postgres::Pool;
use tokio::sync::mpsc;
use yoshi_protocol::subject::{self, MsVerb};
use yoshi_protocol::{Position, ServerId};
use yoshi_replica::Handle;

use self::difference::Claims;
use self::voter::{Progress, Voter};
use crate::membership::Membership;
use crate::rules::Outcome;
use crate::store::fork::Comparison;

/// Suspicions of others that wait to be looked into; more are dropped, and found again.
const SUSPICIONS_MAX: usize = 8;

/// Another server has rows that stand otherwise here.
#[derive(Debug)]
struct Suspicion {
    asker: ServerId,
    /// The asker had committed the log up to here.
    applied: Position,
    /// The rows by its word.
    claims: Claims,
}

/// The comparing side of one life of a server.
pub struct Comparing {
    voter: Voter,
    every: Duration,
    progress: Progress,
    suspicions: mpsc::Receiver<Suspicion>,
    answers: answer::Answers,
    requests: Subscriber,
}

impl Comparing {
    /// Subscribes to what neighbours ask. `before` is where an earlier life
    /// stopped; a round begins every `every`.
    ///
    /// # Errors
    /// If NATS refuses the subscription.
    pub async fn open(
        nats: &Client,
        pool: &Pool,
        membership: &Membership,
        replica: &Handle<Outcome>,
        before: Comparison,
        every: Duration,
    ) -> Result<Self, async_nats::SubscribeError> {
        let id = membership.id();
        let (suspect, suspicions) = mpsc::channel(SUSPICIONS_MAX);
        let requests = nats.subscribe(subject::ms(id, MsVerb::Compare)).await?;
        Ok(Self {
            voter: Voter {
                id,
                nats: nats.clone(),
                pool: pool.clone(),
                membership: membership.clone(),
            },
            every,
            progress: Progress::from(before.walk),
            suspicions,
            answers: answer::Answers::new(nats, pool, membership, replica, suspect),
            requests,
        })
    }

    /// Compares, and answers neighbours, as long as the server lives.
    pub async fn run(&mut self) {
        tokio::join!(
            self.answers.serve(&mut self.requests, &self.voter),
            rounds(
                &self.voter,
                &mut self.progress,
                &mut self.suspicions,
                self.every
            )
        );
    }
}

async fn rounds(
    voter: &Voter,
    progress: &mut Progress,
    suspicions: &mut mpsc::Receiver<Suspicion>,
    every: Duration,
) {
    voter.membership.joined().await;
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while voter.membership.refusal().is_none() {
        let done = tokio::select! {
            Some(suspicion) = suspicions.recv() => {
                let Suspicion { asker, applied, claims } = suspicion;
                voter.vote(&claims, asker, Some(applied)).await
            }
            _ = tick.tick() => voter.round(progress).await,
        };
        if let Err(error) = done {
            voter.failed(&error).await;
        }
    }
}
