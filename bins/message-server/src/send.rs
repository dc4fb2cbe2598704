//! TASK_FROM_CLIENT and OUTBOX_TO_HOME: the home server checks a task, puts it
//! into the log, and answers with a receipt once every live server has accounted
//! for it. Without the log it takes the task into its outbox instead.

use serde_bytes::{ByteArray, ByteBuf};
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::log::{TaskEntry, TaskOp};
use yoshi_protocol::message::roster::MsState;
use yoshi_protocol::message::task::{OutboxToHome, Receipt, Sent, TaskFromClient};
use yoshi_protocol::{AccountName, Epoch, ErrorCode, ErrorReply, Millis, NewTask, TaskId};
use yoshi_replica::{Accounted, SubmitError};

use crate::footing::Footing;
use crate::requests::Server;
use crate::rules::{Outcome, Proof};

/// A task on its way to the log, checked.
struct Checked {
    account: AccountName,
    epoch: Epoch,
    task: TaskId,
    recipients: Vec<AccountName>,
    content: Vec<u8>,
}

/// Serves TASK_FROM_CLIENT of an account; the epoch is what the load balancer
/// sent with it.
///
/// # Errors
/// An [`ErrorReply`] for the client. Nothing was sent then, unless its code is `unknown`.
pub async fn serve(
    server: &Server,
    account: AccountName,
    epoch: Epoch,
    payload: &[u8],
) -> Result<Sent, ErrorReply> {
    let footing = server.membership.footing();
    if footing != Footing::Queueing {
        serves(server)?;
    }
    let request: TaskFromClient = cbor::decode(payload, Bound::REQUEST)?;
    let task = NewTask::decode(&request.task)?;
    let accounts = &server.accounts;
    accounts
        .authenticate(&account, request.credential, footing)
        .await?;
    accounts.check_recipients(&task.recipients, footing).await?;
    let checked = Checked {
        account,
        epoch,
        task: task.id,
        recipients: task.recipients,
        content: request.task.into_vec(),
    };
    // The checks took their time: what held before them need not hold now.
    if server.membership.footing() == Footing::Queueing {
        return queue(server, checked).await;
    }
    serves(server)?;
    is_home(epoch)?;
    if server.outbox.holds(&checked.account) {
        return queue_behind(server, checked).await;
    }
    tokio::select! {
        sent = log(server, &checked) => sent,
        // It may go in by itself once the log is back, and by the outbox: that
        // is once, because both carry its id. The client hears what is certain.
        () = server.membership.queueing() => queue(server, checked).await,
    }
}

/// Serves OUTBOX_TO_HOME: a task that another server took, or this one, while
/// the log was out of reach. It goes past the outbox of this server.
///
/// # Errors
/// An [`ErrorReply`] for the server that took it.
pub async fn serve_outbox(
    server: &Server,
    account: AccountName,
    epoch: Epoch,
    payload: &[u8],
) -> Result<Sent, ErrorReply> {
    serves(server)?;
    is_home(epoch)?;
    let request: OutboxToHome = cbor::decode(payload, Bound::REQUEST)?;
    let task = NewTask::decode(&request.task)?;
    server.accounts.check_sender(&account).await?;
    server
        .accounts
        .check_recipients(&task.recipients, Footing::Log)
        .await?;
    let checked = Checked {
        account,
        epoch,
        task: task.id,
        recipients: task.recipients,
        content: request.task.into_vec(),
    };
    log(server, &checked).await
}

/// Whether this server is at the tail of the log, and takes new entries.
///
/// # Errors
/// `behind`.
pub fn serves(server: &Server) -> Result<(), ErrorReply> {
    match server.membership.state(&server.replica) {
        MsState::Serving => Ok(()),
        state @ (MsState::Joining | MsState::Behind | MsState::Draining) => {
            let message = format!("this server is {state:?} and takes no tasks; try again");
            Err(ErrorReply::new(ErrorCode::Behind, message))
        }
    }
}

/// Whether the load balancer takes this server for the account's home.
///
/// # Errors
/// `stale_epoch`.
pub fn is_home(epoch: Epoch) -> Result<(), ErrorReply> {
    if epoch == Epoch::NOT_HOME {
        return Err(rejection(ErrorCode::StaleEpoch));
    }
    Ok(())
}

/// Puts a task into the log, and waits until it is accounted for.
async fn log(server: &Server, checked: &Checked) -> Result<Sent, ErrorReply> {
    let op = TaskOp::Send(ByteBuf::from(checked.content.as_slice()));
    let accounted = submit(server, &checked.account, checked.epoch, op).await?;
    let position = accounted.position;
    let receipt = receipt(checked.task, accounted)?;
    let sender = [checked.account.clone()].into_iter();
    let concerned = sender.chain(checked.recipients.iter().cloned());
    server.notices.changed(position, concerned.collect());
    Ok(receipt)
}

/// Puts an entry into the log, and waits until it is accounted for.
///
/// # Errors
/// An [`ErrorReply`] for the client.
pub async fn submit(
    server: &Server,
    account: &AccountName,
    epoch: Epoch,
    op: TaskOp,
) -> Result<Accounted<Outcome>, ErrorReply> {
    let entry = TaskEntry {
        at: Millis::now(),
        op,
        epoch,
        account: account.clone(),
    };
    let submitted = server.replica.submit(account.clone(), cbor::encode(&entry));
    let submitted = tokio::time::timeout(server.wait_max, submitted).await;
    submitted.map_err(|_| no_answer())?.map_err(refusal)
}

/// Takes a task into the outbox, unless everybody has it already.
async fn queue(server: &Server, checked: Checked) -> Result<Sent, ErrorReply> {
    if let Some(receipt) = already_sent(server, &checked).await? {
        return Ok(Sent::Accounted(receipt));
    }
    let Checked {
        account,
        task,
        content,
        ..
    } = checked;
    let queued = server.outbox.queue(&account, task, &content).await?;
    Ok(Sent::Queued(queued))
}

/// The log is back, and the account's earlier tasks are on their way into it:
/// this one goes behind them.
async fn queue_behind(server: &Server, checked: Checked) -> Result<Sent, ErrorReply> {
    if let Some(receipt) = already_sent(server, &checked).await? {
        return Ok(Sent::Accounted(receipt));
    }
    let Checked {
        account,
        task,
        content,
        ..
    } = checked;
    server
        .outbox
        .queue_and_wait(&account, task, &content, server.wait_max)
        .await
}

/// The receipt of a task that the log brought here before, if every server that
/// can be heard has it, too: the same that its root would wait for.
async fn already_sent(server: &Server, checked: &Checked) -> Result<Option<Receipt>, ErrorReply> {
    let Checked {
        account,
        task,
        content,
        ..
    } = checked;
    let Some(logged) = server.outbox.logged(account, *task, content).await? else {
        return Ok(None);
    };
    let servers = server.membership.servers(server.replica.applied());
    let everywhere = servers
        .iter()
        .all(|server| server.applied >= logged.proof.position);
    let holders = servers.into_iter().map(|server| server.id).collect();
    Ok(everywhere.then(|| proven(*task, logged.proof, holders)))
}

fn receipt(task: TaskId, accounted: Accounted<Outcome>) -> Result<Sent, ErrorReply> {
    match accounted.outcome {
        Outcome::Sent(proof) => {
            let receipt = proven(task, proof, accounted.accounted_for);
            Ok(Sent::Accounted(receipt))
        }
        Outcome::Rejected(code) => Err(rejection(code)),
        Outcome::Changed { .. } | Outcome::Refused(_) => {
            unreachable!("a send is sent or rejected")
        }
    }
}

fn proven(task: TaskId, proof: Proof, accounted_for: Vec<yoshi_protocol::ServerId>) -> Receipt {
    Receipt {
        hash: ByteArray::new(proof.hash),
        task,
        number: proof.number,
        position: proof.position,
        accounted_for,
    }
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
