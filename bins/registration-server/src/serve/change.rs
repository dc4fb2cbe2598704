//! A change of an account on its way through the log.

use uuid::Uuid;
use yoshi_planted::Fault;
use yoshi_protocol::message::account::{AccountChanged, AccountReceipt};
use yoshi_protocol::message::log::{AccountEntry, AccountOp};
use yoshi_protocol::subject::RS_CHANGED;
use yoshi_protocol::{AccountName, Epoch, ErrorCode, ErrorReply, Millis, cbor};
use yoshi_replica::SubmitError;

use super::Server;
use super::server::{not_primary, unauthenticated};
use crate::rules::Outcome;

/// A change, and the primary's epoch in which it was decided on.
pub(super) struct Change {
    pub(super) id: Uuid,
    pub(super) epoch: Epoch,
    pub(super) account: AccountName,
    pub(super) op: AccountOp,
}

/// Puts a change into the log, waits until every live registration server has
/// accounted for it, and has everyone forget what they remember of the account.
///
/// A repeated id has the first one's result: its position, and the servers that
/// have committed that by now.
pub(super) async fn submit(server: &Server, change: Change) -> Result<AccountReceipt, ErrorReply> {
    let account = change.account.clone();
    let forget = must_be_forgotten(&change.op);
    let receipt = account_for(server, change).await?;
    if forget {
        // Before the answer, so that nobody who has it finds the old state remembered.
        tell(server, account).await;
    }
    Ok(receipt)
}

/// A new token takes nothing back that anybody may remember.
fn must_be_forgotten(op: &AccountOp) -> bool {
    match op {
        AccountOp::Primary(_) | AccountOp::LogIn(_) => false,
        AccountOp::Create(_)
        | AccountOp::ChangePassword(_)
        | AccountOp::LogOut(_)
        | AccountOp::Set(_) => true,
    }
}

async fn account_for(server: &Server, change: Change) -> Result<AccountReceipt, ErrorReply> {
    let entry = cbor::encode(&AccountEntry {
        at: Millis::now(),
        id: change.id,
        op: change.op,
        epoch: change.epoch,
    });
    // The account's lock may have been waited for, and the password hashed, for long.
    server.still_primary(change.epoch)?;
    if yoshi_planted::is(Fault::AccountReportedEarly) {
        let replica = server.replica().clone();
        drop(tokio::spawn(async move {
            replica.submit(change.account, entry).await
        }));
        return Ok(unlogged(server));
    }
    let submitted = server.replica().submit(change.account, entry);
    let accounted = tokio::time::timeout(server.change_max(), submitted)
        .await
        .map_err(|_elapsed| unknown())?
        .map_err(|error| match error {
            SubmitError::Busy => ErrorReply::new(ErrorCode::Busy, error),
            SubmitError::Stopped | SubmitError::Unknown => unknown(),
        })?;
    match accounted.outcome {
        Outcome::Applied(position) => Ok(AccountReceipt {
            position,
            accounted_for: accounted.accounted_for,
        }),
        Outcome::Rejected(code) => Err(refusal(code)),
    }
}

/// A receipt for what nobody has yet: of use to planted faults alone.
pub(super) fn unlogged(server: &Server) -> AccountReceipt {
    AccountReceipt {
        position: server.applied(),
        accounted_for: Vec::new(),
    }
}

async fn tell(server: &Server, account: AccountName) {
    let changed = AccountChanged {
        accounts: vec![account],
    };
    let sent = async {
        let payload = cbor::encode(&changed).into();
        server.nats().publish(RS_CHANGED, payload).await?;
        server.nats().flush().await?;
        Ok::<(), async_nats::Error>(())
    };
    if let Err(error) = sent.await {
        // Whoever remembers something of the account forgets it by itself within a minute.
        tracing::warn!(%error, "ACCOUNT_CHANGED was not sent");
    }
}

pub(super) fn unknown() -> ErrorReply {
    let words = "the outcome is not known yet; ask again with the same id";
    ErrorReply::new(ErrorCode::Unknown, words)
}

/// The words of a refusal by the rules.
fn refusal(code: ErrorCode) -> ErrorReply {
    match code {
        ErrorCode::NotPrimary => not_primary(),
        ErrorCode::Unauthenticated => unauthenticated(),
        ErrorCode::AccountExists => ErrorReply::new(code, "an account of this name exists"),
        ErrorCode::UnknownAccount => ErrorReply::new(code, "there is no such account"),
        ErrorCode::IdReused => ErrorReply::new(code, "this id was used for something else"),
        other => {
            tracing::error!(code = %other, "an entry of our own was refused: {other}");
            ErrorReply::new(ErrorCode::Internal, "the change was refused")
        }
    }
}
