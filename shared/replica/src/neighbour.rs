//! POLL_MS and POLL_RS: a server that the stream no longer reaches back for
//! fills itself from a neighbour's copy of the log, page by page (§4.2.2).

use std::time::Duration;

use async_nats::{Client, Message};
use deadpool_postgres::Pool;
use futures::StreamExt;
use tokio::sync::watch;
use yoshi_protocol::cbor::{self, Bound, DecodeError};
use yoshi_protocol::message::log::{LogPage, PollLog};
use yoshi_protocol::subject::{self, Role};
use yoshi_protocol::{ErrorCode, ErrorReply, Incarnation, Position, Reply, ServerId};

use crate::applier::Followed;
use crate::cursor::{Cursor, DatabaseError};
use crate::machine::StateMachine;
use crate::{Peer, Settings};

/// How long a neighbour may take to say how far it is.
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);

/// Why no page was to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NeighbourError {
    #[error(
        "the stream begins after this server's position {0}, and no live server is further; \
         start one that is"
    )]
    NobodyAhead(Position),
    #[error("the neighbour did not answer: {0}")]
    NoAnswer(String),
    #[error("the neighbour refused: {0}")]
    Refused(#[from] ErrorReply),
    #[error("the neighbour's page cannot be read: {0}")]
    Malformed(#[from] DecodeError),
    #[error("the neighbour's page does not continue after {0}")]
    Discontinuous(Position),
}

/// Asks a peer for the page after the cursor: the most advanced one at the
/// first try, the next at the next. Of what comes after `until`, nothing is
/// taken: it may be part of another log.
pub(crate) async fn page(
    nats: &Client,
    settings: &Settings,
    peers: &[Peer],
    cursor: Cursor,
    until: Option<Position>,
    tries: usize,
) -> Result<LogPage, NeighbourError> {
    let ahead = |peer: &&Peer| peer.id != settings.id && peer.applied > cursor.applied;
    let mut ahead: Vec<_> = peers.iter().filter(ahead).collect();
    ahead.sort_unstable_by_key(|peer| (std::cmp::Reverse(peer.applied), peer.id));
    if ahead.is_empty() {
        return Err(NeighbourError::NobodyAhead(cursor.applied));
    }
    let peer = ahead[(tries.max(1) - 1) % ahead.len()];
    let request = PollLog {
        since: cursor.applied,
        stream: cursor.incarnation,
    };
    let within = settings.waits.neighbour;
    let mut page = ask(nats, settings.role, peer.id, request, within).await?;
    if let Some(until) = until {
        page.entries.retain(|entry| entry.position <= until);
        page.through = page.through.min(until);
    }
    let positions = page.entries.iter().map(|entry| entry.position);
    let continues = positions.chain([page.through]).is_sorted() && page.through > cursor.applied;
    let begins_after = page
        .entries
        .first()
        .is_none_or(|entry| entry.position > cursor.applied);
    if continues && begins_after {
        Ok(page)
    } else {
        Err(NeighbourError::Discontinuous(cursor.applied))
    }
}

/// One server's page of its copy of a log, as it gives it.
pub(crate) async fn page_of(
    nats: &Client,
    role: Role,
    server: ServerId,
    request: PollLog,
    within: Duration,
) -> Result<LogPage, NeighbourError> {
    ask(nats, role, server, request, within).await
}

/// How far the most advanced of these servers has applied a log, past `since`;
/// none if nobody has, or says so. Silence proves nothing.
pub(crate) async fn furthest(
    nats: &Client,
    role: Role,
    servers: impl IntoIterator<Item = ServerId>,
    stream: Incarnation,
    since: Position,
) -> Option<Position> {
    let request = PollLog { since, stream };
    let answers = servers
        .into_iter()
        .map(|id| ask(nats, role, id, request, LOOK_TIMEOUT));
    let answers = futures::future::join_all(answers).await.into_iter();
    let throughs = answers.filter_map(|answer| Some(answer.ok()?.through));
    throughs.max().filter(|through| *through > since)
}

/// Whether one of these servers follows another log than `stream`.
pub(crate) async fn somebody_follows_another(
    nats: &Client,
    role: Role,
    servers: impl IntoIterator<Item = ServerId>,
    stream: Incarnation,
) -> bool {
    // Past everything: the page is empty, and cheap.
    let since = Position::from_i64(i64::MAX);
    let request = PollLog { since, stream };
    let answers = servers
        .into_iter()
        .map(|id| ask(nats, role, id, request, LOOK_TIMEOUT));
    let answers = futures::future::join_all(answers).await;
    answers.iter().any(|answer| match answer {
        Err(NeighbourError::Refused(refusal)) => refusal.code == ErrorCode::NotFound,
        _ => false,
    })
}

async fn ask(
    nats: &Client,
    role: Role,
    server: ServerId,
    request: PollLog,
    within: Duration,
) -> Result<LogPage, NeighbourError> {
    let request = nats.request(
        subject::poll_log(role, server),
        cbor::encode(&request).into(),
    );
    let answer = tokio::time::timeout(within, request).await;
    let answer = answer.map_err(|elapsed| NeighbourError::NoAnswer(elapsed.to_string()))?;
    let answer = answer.map_err(|error| NeighbourError::NoAnswer(error.to_string()))?;
    let page: Reply<LogPage> = cbor::decode(&answer.payload, Bound::ANSWER)?;
    Ok(page.into_result()?)
}

/// Answers neighbours' requests for pages, one at a time, until the
/// subscription ends.
pub(crate) async fn serve<M: StateMachine>(
    nats: Client,
    mut requests: async_nats::Subscriber,
    pool: Pool,
    followed: watch::Receiver<Followed>,
    applied: watch::Receiver<Position>,
) {
    while let Some(message) = requests.next().await {
        let Message {
            payload,
            reply: Some(reply),
            ..
        } = message
        else {
            continue;
        };
        // In this order: a log is taken up after the position that it begins at.
        let log = followed.borrow().clone();
        let at = *applied.borrow();
        let answer = Reply::from(answer::<M>(&payload, &pool, &log, at).await);
        if let Err(error) = nats.publish(reply, cbor::encode(&answer).into()).await {
            tracing::warn!(%error, "a page of the log was not sent");
        }
    }
}

async fn answer<M: StateMachine>(
    payload: &[u8],
    pool: &Pool,
    log: &Followed,
    applied: Position,
) -> Result<LogPage, ErrorReply> {
    let request: PollLog = cbor::decode(payload, Bound::REQUEST)?;
    // Of a lost log that this one continues, everything that was kept is here.
    let kept = log.lineage.through(request.stream);
    let is_part = kept.is_some_and(|through| request.since <= through);
    if request.stream != log.incarnation && !is_part {
        let message = "this server follows another incarnation of the log";
        return Err(ErrorReply::new(ErrorCode::NotFound, message));
    }
    let page = async {
        let client = pool.get().await?;
        Ok::<_, DatabaseError>(M::log_page(&client, request.since, applied).await?)
    };
    page.await.map_err(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a page of the log cannot be read"
        );
        ErrorReply::new(
            ErrorCode::Unavailable,
            "the server's database does not answer",
        )
    })
}
