//! Answers COMPARE_MS, one neighbour at a time.

use std::time::Duration;

use async_nats::{Client, Subscriber};
use deadpool_postgres::Pool;
use futures::StreamExt;
use tokio::sync::mpsc;
use uuid::Uuid;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::operate::{CompareMs, Compared, DIGEST_VERSION};
use yoshi_protocol::{ErrorCode, ErrorReply, Position, subject};
use yoshi_replica::{DatabaseError, Handle};
use yoshi_service::request::respond;

use super::difference::{Claims, differences};
use super::voter::Voter;
use super::{Suspicion, sample};
use crate::membership::Membership;
use crate::rules::Outcome;
use crate::store::compare::{self, Rows};

/// How long this server may take to come to the asker's position.
const REACH_WITHIN: Duration = Duration::from_secs(1);

/// What answering takes.
pub(super) struct Answers {
    nats: Client,
    pool: Pool,
    membership: Membership,
    replica: Handle<Outcome>,
    suspect: mpsc::Sender<Suspicion>,
}

impl Answers {
    pub(super) fn new(
        nats: &Client,
        pool: &Pool,
        membership: &Membership,
        replica: &Handle<Outcome>,
        suspect: mpsc::Sender<Suspicion>,
    ) -> Self {
        Self {
            nats: nats.clone(),
            pool: pool.clone(),
            membership: membership.clone(),
            replica: replica.clone(),
            suspect,
        }
    }

    /// Answers until the subscription ends.
    pub(super) async fn serve(&self, requests: &mut Subscriber, voter: &Voter) {
        while let Some(message) = requests.next().await {
            let answer = self.answer(&message.payload, voter).await;
            respond(&self.nats, &message, answer).await;
        }
    }

    async fn answer(&self, payload: &[u8], voter: &Voter) -> Result<Compared, ErrorReply> {
        let asked: CompareMs = cbor::decode(payload, Bound::REQUEST)?;
        self.membership.check_not_stopped()?;
        if asked.version != DIGEST_VERSION {
            return Err(unable("this server makes digests of another form"));
        }
        self.reach(asked.applied).await?;
        let claims = Claims {
            tasks: asked.tasks.clone(),
            accounts: asked.accounts.clone(),
        };
        let rows = match rows(&self.pool, &claims).await {
            Ok(rows) => rows,
            Err(error) => {
                voter.failed(&error).await;
                return Err(unable("the server's database does not answer"));
            }
        };
        if asked.stream != rows.stream {
            return Err(unable("this server follows another incarnation of the log"));
        }
        if rows.applied < asked.applied {
            return Err(behind(rows.applied));
        }
        let answer = differences(&asked, &rows);
        let different = claims.named_in(&answer);
        if different.is_empty() {
            return Ok(answer);
        }
        // A row that is wrong by its own evidence has no vote, and its server
        // learns it now.
        if let Some(flaw) = flaw_of(rows, &different) {
            voter.stop(&flaw).await;
            return Err(unable("this server's own rows are wrong"));
        }
        let suspicion = Suspicion {
            asker: asked.id,
            applied: asked.applied,
            claims: different,
        };
        // With too many of them, the next round finds the rows again.
        drop(self.suspect.try_send(suspicion));
        Ok(answer)
    }

    async fn reach(&self, position: Position) -> Result<(), ErrorReply> {
        let mut applied = self.replica.applied_changes();
        let reached = applied.wait_for(|applied| *applied >= position);
        match tokio::time::timeout(REACH_WITHIN, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(behind(self.replica.applied())),
        }
    }
}

/// This server's rows that the claims are about.
pub(super) async fn rows(pool: &Pool, claims: &Claims) -> Result<Rows, DatabaseError> {
    let ids: Vec<Uuid> = claims.tasks.iter().map(|claim| claim.id.0).collect();
    let names = claims.accounts.iter().map(|claim| claim.name.as_str());
    let names: Vec<&str> = names.collect();
    compare::these(pool, subject::TASKS_STREAM, &ids, &names).await
}

fn flaw_of(mut rows: Rows, different: &Claims) -> Option<String> {
    rows.tasks
        .retain(|row| different.tasks.iter().any(|claim| claim.id.0 == row.id));
    rows.accounts.retain(|row| {
        let mut accounts = different.accounts.iter();
        accounts.any(|claim| claim.name.as_str() == row.name)
    });
    sample::flaw(&rows)
}

fn unable(why: &str) -> ErrorReply {
    ErrorReply::new(ErrorCode::Unavailable, why)
}

fn behind(applied: Position) -> ErrorReply {
    let message = format!("this server has only applied up to position {applied}");
    ErrorReply::new(ErrorCode::Behind, message)
}
