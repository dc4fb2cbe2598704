//! STALE_HOME: tells the load balancers that they send an account's requests with
//! an epoch below the one of its latest entry. That passes by itself when the
//! account has just moved; after the bucket of affinity was restored to an older
//! state, or lost, nothing else would tell them.

use std::time::Duration;

use yoshi_protocol::message::roster::StaleHome;
use yoshi_protocol::{AccountName, Epoch, ErrorCode, ErrorReply, cbor, subject};

use crate::requests::Server;
use crate::store;

/// How long the database may take to say which epoch it knows: the refusal waits for it.
const KNOWN_WITHIN: Duration = Duration::from_secs(1);

/// Passes the result of a request on. If it was refused for its epoch, the load
/// balancers hear of it first, so that the repetition finds a home.
pub async fn told<T>(
    server: &Server,
    account: AccountName,
    epoch: Epoch,
    result: Result<T, ErrorReply>,
) -> Result<T, ErrorReply> {
    if let Err(error) = &result
        && error.code == ErrorCode::StaleEpoch
        && epoch != Epoch::NOT_HOME
    {
        tell(server, account, epoch).await;
    }
    result
}

/// A failure is logged: the next refusal tells again.
async fn tell(server: &Server, account: AccountName, sent: Epoch) {
    let known = store::stale::epoch(&server.pool, &account);
    let known = match tokio::time::timeout(KNOWN_WITHIN, known).await {
        Ok(Ok(Some(known))) if known > sent => known,
        Ok(Ok(_)) => return,
        Ok(Err(error)) => {
            tracing::warn!(account = %account, %error, "the epoch of {account} is not known");
            return;
        }
        Err(_) => {
            tracing::warn!(account = %account, "the epoch of {account} is not known in time");
            return;
        }
    };
    metrics::counter!("yoshi_stale_homes_told_total").increment(1);
    let stale = StaleHome {
        epoch: known,
        account,
    };
    let sent = server
        .nats
        .publish(subject::LB_STALE_HOME, cbor::encode(&stale).into());
    if let Err(error) = sent.await {
        tracing::warn!(account = %stale.account, %error, "STALE_HOME not sent");
    }
}
