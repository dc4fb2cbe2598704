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
//! before a task had changes to read and an account entries to count.

mod answer;
pub mod difference;
pub mod sample;
pub mod vote;

use std::time::Duration;

use async_nats::{Client, Subscriber};
use deadpool_postgres::Pool;
use futures::future::join_all;
use tokio::sync::mpsc;
use tokio_postgres::error::SqlState;
use yoshi_protocol::message::operate::{CompareMs, Compared, DIGEST_VERSION};
use yoshi_protocol::subject::{self, MsVerb};
use yoshi_protocol::{Millis, Position, ServerId};
use yoshi_replica::{DatabaseError, Handle};
use yoshi_service::request;

use self::difference::{Claims, Question};
use self::vote::{Verdict, Votes, worst};
use crate::membership::Membership;
use crate::rules::Outcome;
use crate::store::compare::{self, Rows, Sizes, Walk};
use crate::store::fork::{self, Comparison};

/// Rows in one message. All of them, at their largest, stay below the bounds of
/// a request: 7 items of CBOR for a task, 9 for an account.
const SIZES: Sizes = Sizes {
    tasks: 320,
    accounts: 80,
    recent: 40,
};
/// Messages in one round.
const CHUNKS_PER_ROUND: u32 = 10;
/// How long a neighbour may take to compare.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Neighbours that are asked about one sample, if the first does not answer.
const NEIGHBOURS_TRIED_MAX: usize = 2;
/// How often all others are asked before those that stay silent count no more.
const VOTES_MAX: u32 = 5;
const VOTE_PAUSE: Duration = Duration::from_secs(1);
/// Suspicions of others that wait to be looked into; more are dropped, and found again.
const SUSPICIONS_MAX: usize = 8;
/// How long writing that this database has forked may take before the server
/// stops without it, and goes on trying.
const MARK_WITHIN: Duration = Duration::from_secs(2);
const MARK_PAUSE: Duration = Duration::from_secs(5);

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
    walk: Walk,
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
            walk: before.walk,
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
                &mut self.walk,
                &mut self.suspicions,
                self.every
            )
        );
    }
}

async fn rounds(
    voter: &Voter,
    walk: &mut Walk,
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
            _ = tick.tick() => voter.round(walk).await,
        };
        if let Err(error) = done {
            voter.failed(&error).await;
        }
    }
}

/// What comparing and judging take.
struct Voter {
    id: ServerId,
    nats: Client,
    pool: Pool,
    membership: Membership,
}

impl Voter {
    /// One round: some chunks of the walk, from where the last one ended.
    async fn round(&self, walk: &mut Walk) -> Result<(), DatabaseError> {
        metrics::counter!("yoshi_compare_rounds_total").increment(1);
        let mut all_equal = true;
        for chunk in 0..CHUNKS_PER_ROUND {
            let recent = if chunk == 0 { SIZES.recent } else { 0 };
            let sizes = Sizes { recent, ..SIZES };
            let walked = compare::walk(&self.pool, subject::TASKS_STREAM, walk, sizes).await?;
            let (rows, next, ended) = walked;
            if let Some(flaw) = sample::flaw(&rows) {
                self.stop(&flaw).await;
                return Ok(());
            }
            match self.ask_somebody(&rows).await {
                Asked::Equal => {}
                // With nobody there, only a flaw can be found.
                Asked::Alone => all_equal = false,
                // The same rows again in the next round.
                Asked::NoAnswer => return Ok(()),
                Asked::Different(claims, neighbour) => {
                    all_equal = false;
                    self.vote(&claims, neighbour, None).await?;
                }
            }
            *walk = next;
            if ended {
                break;
            }
        }
        if all_equal {
            self.membership.compared(Millis::now());
        }
        fork::save(&self.pool, walk, self.membership.compared_at()).await
    }

    /// Asks one neighbour at random; another one, if it does not answer.
    async fn ask_somebody(&self, rows: &Rows) -> Asked {
        let claims = Claims::of(rows);
        let mut neighbours = self.membership.neighbours();
        if neighbours.is_empty() {
            return Asked::Alone;
        }
        let compared = claims.tasks.len() + claims.accounts.len();
        for _ in 0..NEIGHBOURS_TRIED_MAX.min(neighbours.len()) {
            // A fresh id is as random as need be.
            let index = uuid::Uuid::new_v4().as_u128() % neighbours.len() as u128;
            let index = usize::try_from(index).expect("less than a length");
            let neighbour = neighbours.swap_remove(index);
            match self.ask(neighbour, &claims, rows).await {
                Ok(answer) => {
                    metrics::counter!("yoshi_compare_rows_total").increment(compared as u64);
                    let different = claims.named_in(&answer);
                    return if different.is_empty() {
                        Asked::Equal
                    } else {
                        Asked::Different(different, neighbour)
                    };
                }
                Err(error) => {
                    metrics::counter!("yoshi_compare_unanswered_total").increment(1);
                    tracing::debug!(server.id = %neighbour, %error, "{neighbour} compares nothing now");
                }
            }
        }
        Asked::NoAnswer
    }

    async fn ask(
        &self,
        neighbour: ServerId,
        claims: &Claims,
        rows: &Rows,
    ) -> Result<Compared, request::Error> {
        let Claims { tasks, accounts } = claims.clone();
        let question = CompareMs {
            id: self.id,
            tasks,
            stream: rows.stream,
            applied: rows.applied,
            version: DIGEST_VERSION,
            accounts,
        };
        let subject = subject::ms(neighbour, MsVerb::Compare);
        request::request(&self.nats, subject, &question, ANSWER_WITHIN).await
    }

    /// Finds out who is right about rows that `opponent` has otherwise than this
    /// server. The claims are the opponent's, at the position `theirs`; without
    /// one, they are this server's own. The opponent's vote is known, and stays,
    /// also if it stops meanwhile: of two that differ, both find a tie.
    async fn vote(
        &self,
        claims: &Claims,
        opponent: ServerId,
        theirs: Option<Position>,
    ) -> Result<(), DatabaseError> {
        for turn in 1..=VOTES_MAX {
            let rows = answer::rows(&self.pool, claims).await?;
            if let Some(flaw) = sample::flaw(&rows) {
                self.stop(&flaw).await;
                return Ok(());
            }
            let question = Question::about(claims, theirs, &rows);
            let asked = question.claims();
            if asked.is_empty() || self.membership.refusal().is_some() {
                return Ok(());
            }
            let (votes, silent) = self.count(&question, &asked, &rows, opponent).await;
            let silent = if turn == VOTES_MAX { 0 } else { silent };
            let words = asked.words();
            match worst(votes.iter().map(|votes| votes.verdict(silent))) {
                Verdict::Right => {
                    alarm(&words);
                    return Ok(());
                }
                Verdict::Wrong => {
                    self.stop(&format!("{words}: most servers hold it otherwise"))
                        .await;
                    return Ok(());
                }
                Verdict::Tie => {
                    let what = format!("{words}: as many servers hold it otherwise as so");
                    self.stop(&what).await;
                    return Ok(());
                }
                Verdict::Open => tokio::time::sleep(VOTE_PAUSE).await,
            }
        }
        Ok(())
    }

    /// Asks every live server but the opponent; answers the votes on each row,
    /// and how many servers were silent.
    async fn count(
        &self,
        question: &Question,
        asked: &Claims,
        rows: &Rows,
        opponent: ServerId,
    ) -> (Vec<Votes>, usize) {
        let mut others = self.membership.neighbours();
        others.retain(|id| *id != opponent);
        let answers = others.iter().map(|id| self.ask(*id, asked, rows));
        let first = Votes {
            with: 1,
            against: 1,
        };
        let mut votes = vec![first; asked.tasks.len() + asked.accounts.len()];
        let mut silent = 0;
        for (id, answer) in others.iter().zip(join_all(answers).await) {
            match answer {
                Ok(answer) => {
                    for (votes, with_us) in votes.iter_mut().zip(question.with_us(&answer)) {
                        votes.with += usize::from(with_us);
                        votes.against += usize::from(!with_us);
                    }
                }
                Err(error) => {
                    silent += 1;
                    tracing::info!(server.id = %id, %error, "{id} has no vote now");
                }
            }
        }
        (votes, silent)
    }

    /// This server is in the wrong: it serves no more, and does not forget it.
    async fn stop(&self, what: &str) {
        if self.membership.refusal().is_some() {
            return;
        }
        tracing::error!(
            what,
            "THIS SERVER'S ROWS ARE WRONG, and it stops serving: {what}"
        );
        let mut marked = self.mark(what).await;
        self.membership.refuse(what);
        while !marked {
            tokio::time::sleep(MARK_PAUSE).await;
            marked = self.mark(what).await;
        }
    }

    async fn mark(&self, what: &str) -> bool {
        let marked = tokio::time::timeout(MARK_WITHIN, fork::mark(&self.pool, what)).await;
        let error = match marked {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => error.to_string(),
            Err(elapsed) => elapsed.to_string(),
        };
        tracing::error!(
            error,
            "a restart would forget that this server must not serve"
        );
        false
    }

    /// A database that says itself that it is damaged is in the wrong, too.
    async fn failed(&self, error: &DatabaseError) {
        if let DatabaseError::Statement(statement) = error
            && [
                Some(&SqlState::DATA_CORRUPTED),
                Some(&SqlState::INDEX_CORRUPTED),
            ]
            .contains(&statement.code())
        {
            return self
                .stop(&format!("Postgres finds damage: {statement}"))
                .await;
        }
        let error = error as &dyn std::error::Error;
        tracing::warn!(error, "rows could not be compared");
    }
}

/// What came of one sample.
enum Asked {
    Equal,
    Alone,
    NoAnswer,
    Different(Claims, ServerId),
}

fn alarm(words: &str) {
    metrics::counter!("yoshi_compare_alarms_total").increment(1);
    tracing::error!(
        rows = words,
        "ANOTHER SERVER'S ROWS ARE WRONG: {words}; most servers hold it as this one does"
    );
}
