//! TASK_FROM_CLIENT: the home server checks a task, puts it into the log, and
//! answers with a receipt once every live server has accounted for it.

use std::time::Duration;

use serde_bytes::{ByteArray, ByteBuf};
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::log::{TaskEntry, TaskOp};
use yoshi_protocol::message::task::{Receipt, Sent, TaskFromClient};
use yoshi_protocol::{AccountName, Epoch, ErrorCode, ErrorReply, Millis, NewTask};
use yoshi_replica::{Accounted, Handle, SubmitError};

use crate::accounts::Accounts;
use crate::rules::Outcome;

/// Serves one request of an account; the epoch is what the load balancer sent
/// with it, and `wait_max` how long the log may take.
///
/// # Errors
/// An [`ErrorReply`] for the client. Nothing was sent then, unless its code is `unknown`.
pub async fn serve(
    accounts: &Accounts,
    replica: &Handle<Outcome>,
    account: AccountName,
    epoch: Epoch,
    payload: &[u8],
    wait_max: Duration,
) -> Result<Sent, ErrorReply> {
    let request: TaskFromClient = cbor::decode(payload, Bound::REQUEST)?;
    let task = NewTask::decode(&request.task)?;
    accounts.authenticate(&account, request.credential).await?;
    accounts.check_recipients(&task.recipients).await?;
    let entry = TaskEntry {
        at: Millis::now(),
        op: TaskOp::Send(ByteBuf::from(request.task.into_vec())),
        epoch,
        account: account.clone(),
    };
    let submitted = replica.submit(account, cbor::encode(&entry));
    let submitted = tokio::time::timeout(wait_max, submitted).await;
    let accounted = submitted.map_err(|_| no_answer())?.map_err(refusal)?;
    receipt(task, accounted)
}

fn receipt(task: NewTask, accounted: Accounted<Outcome>) -> Result<Sent, ErrorReply> {
    let proof = match accounted.outcome {
        Outcome::Sent(proof) => proof,
        Outcome::Rejected(code) => return Err(rejection(code)),
    };
    Ok(Sent::Accounted(Receipt {
        hash: ByteArray::new(proof.hash),
        task: task.id,
        number: proof.number,
        position: proof.position,
        accounted_for: accounted.accounted_for,
    }))
}

fn rejection(code: ErrorCode) -> ErrorReply {
    let message = match code {
        ErrorCode::IdReused => "a task with this id was sent before, with other content",
        ErrorCode::StaleEpoch => "the account has moved to another server; try again",
        _ => "the task was refused",
    };
    ErrorReply::new(code, message)
}

fn no_answer() -> ErrorReply {
    let message =
        "the log does not answer; send the task again with the same id to learn its outcome";
    ErrorReply::new(ErrorCode::Unknown, message)
}

fn refusal(error: SubmitError) -> ErrorReply {
    match error {
        SubmitError::Busy => ErrorReply::new(ErrorCode::Busy, "too many tasks are waiting"),
        SubmitError::Unknown => ErrorReply::new(ErrorCode::Unknown, error),
        SubmitError::Stopped => ErrorReply::new(
            ErrorCode::Unknown,
            "the server is shutting down; send the task again with the same id to learn its outcome",
        ),
    }
}
