//! `SET_ACCOUNT`: disable an account, which ends its tokens, or enable it again.

use yoshi_protocol::message::account::{AccountReceipt, SetAccount};
use yoshi_protocol::message::log::{AccountOp, SetDisabled};
use yoshi_protocol::{Epoch, ErrorReply};

use super::Server;
use super::change::{self, Change};

pub(super) async fn serve(
    server: Server,
    epoch: Epoch,
    request: SetAccount,
) -> Result<AccountReceipt, ErrorReply> {
    let set = Change {
        id: request.id,
        epoch,
        account: request.account.clone(),
        op: AccountOp::Set(SetDisabled {
            account: request.account.clone(),
            disabled: request.disabled,
        }),
    };
    let guard = server.lock(&request.account).await;
    let receipt = change::submit(&server, set).await;
    drop(guard);
    receipt
}
