//! Finds out about rows: by themselves, from a neighbour, and where the two
//! differ, from all servers.

use std::time::Duration;

use async_nats::Client;
use deadpool_postgres::Pool;
use futures::future::join_all;
use yoshi_protocol::message::operate::{CompareMs, Compared, DIGEST_VERSION};
use yoshi_protocol::subject::{self, MsVerb};
use yoshi_protocol::{Millis, Position, ServerId};
use yoshi_replica::DatabaseError;
use yoshi_service::request;

use super::difference::{Claims, Question};
use super::stopping::alarm;
use super::tally::Tally;
use super::vote::{Verdict, Votes, worst};
use super::{answer, sample};
use crate::membership::Membership;
use crate::store::compare::{self, Rows, Sizes, Walk};
use crate::store::fork;

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

/// How far this server has come.
#[derive(Default)]
pub(super) struct Progress {
    walk: Walk,
    tally: Tally,
}

impl From<Walk> for Progress {
    fn from(walk: Walk) -> Self {
        let tally = Tally::default();
        Self { walk, tally }
    }
}

/// What comparing and judging take.
pub(super) struct Voter {
    pub(super) id: ServerId,
    pub(super) nats: Client,
    pub(super) pool: Pool,
    pub(super) membership: Membership,
}

impl Voter {
    /// One round: some chunks of the walk, from where the last one ended.
    pub(super) async fn round(&self, progress: &mut Progress) -> Result<(), DatabaseError> {
        metrics::counter!("yoshi_compare_rounds_total").increment(1);
        let mut all_equal = true;
        for chunk in 0..CHUNKS_PER_ROUND {
            let recent = if chunk == 0 { SIZES.recent } else { 0 };
            let sizes = Sizes { recent, ..SIZES };
            let Progress { walk, tally } = &*progress;
            let stream = subject::TASKS_STREAM;
            let walked = compare::walk(&self.pool, stream, walk, sizes, tally.through()).await?;
            if let Some(flaw) = sample::flaw(&walked.rows) {
                self.stop(&flaw).await;
                return Ok(());
            }
            match self.ask_somebody(&walked.rows).await {
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
            progress.walk = walked.next;
            let counted = walked.counted.unwrap_or_default();
            if let Some(flaw) = progress.tally.take(counted) {
                self.stop(&flaw).await;
                return Ok(());
            }
            if walked.ended {
                break;
            }
        }
        if all_equal {
            self.membership.compared(Millis::now());
        }
        fork::save(&self.pool, &progress.walk, self.membership.compared_at()).await
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
    pub(super) async fn vote(
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
}

/// What came of one sample.
enum Asked {
    Equal,
    Alone,
    NoAnswer,
    Different(Claims, ServerId),
}
