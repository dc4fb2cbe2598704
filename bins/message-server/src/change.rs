//! CHANGE_TASK: the home of an account puts what it does with a task into the
//! log, and answers once every live server has accounted for it.

use serde_bytes::{ByteArray, ByteBuf};
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::change::{ChangeReceipt, ChangeTask};
use yoshi_protocol::message::log::TaskOp;
use yoshi_protocol::{AccountName, Epoch, ErrorCode, ErrorReply, TaskChange};

use crate::footing::Footing;
use crate::requests::Server;
use crate::rules::Outcome;
use crate::send;

/// Serves CHANGE_TASK of an account; the epoch is what the load balancer sent
/// with it. Without the log it is refused: what a change comes to depends on
/// what others did before it.
///
/// # Errors
/// An [`ErrorReply`] for the client. Nothing was changed then, unless its code is `unknown`.
pub async fn serve(
    server: &Server,
    account: AccountName,
    epoch: Epoch,
    payload: &[u8],
) -> Result<ChangeReceipt, ErrorReply> {
    let footing = server.membership.footing();
    if footing == Footing::Queueing {
        let words = "the log is out of reach: tasks can be sent and are queued, but not changed; \
                     try again later";
        return Err(ErrorReply::new(ErrorCode::Unavailable, words));
    }
    send::serves(server)?;
    let request: ChangeTask = cbor::decode(payload, Bound::REQUEST)?;
    let change = TaskChange::decode(&request.change)?;
    server
        .accounts
        .authenticate(&account, request.credential, footing)
        .await?;
    send::serves(server)?;
    send::is_home(epoch)?;
    if server.outbox.holds(&account) {
        let words = "tasks that you sent before are on their way into the log; try again";
        return Err(ErrorReply::new(ErrorCode::Busy, words));
    }
    let op = TaskOp::Change(ByteBuf::from(request.change.into_vec()));
    let accounted = send::submit(server, &account, epoch, op).await?;
    match accounted.outcome {
        Outcome::Changed { proof, concerns } => {
            server.notices.changed(accounted.position, concerns);
            Ok(ChangeReceipt {
                hash: ByteArray::new(proof.hash),
                change: change.id,
                number: proof.number,
                position: proof.position,
                accounted_for: accounted.accounted_for,
            })
        }
        Outcome::Refused(refusal) => Err(ErrorReply::new(refusal.code, refusal.why)),
        Outcome::Rejected(ErrorCode::IdReused) => Err(ErrorReply::new(
            ErrorCode::IdReused,
            "a change with this id was made before, with other content",
        )),
        Outcome::Rejected(code) => Err(ErrorReply::new(
            code,
            "the account has moved to another server; try again",
        )),
        Outcome::Sent(_) => unreachable!("a change does not send"),
    }
}
