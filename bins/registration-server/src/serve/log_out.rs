//! `LOG_OUT`: forget a token. The token itself is the proof of the right to.

use serde_bytes::ByteBuf;
use uuid::Uuid;
use yoshi_protocol::message::Done;
use yoshi_protocol::message::account::LogOut;
use yoshi_protocol::message::log::{AccountOp, EndToken};
use yoshi_protocol::{Epoch, ErrorReply};

use super::Server;
use super::change::{self, Change};
use crate::store::query;
use crate::token;

/// A token that has ended already is no error, and makes no entry.
pub(super) async fn serve(
    server: Server,
    epoch: Epoch,
    request: LogOut,
) -> Result<Done, ErrorReply> {
    let hash = token::hash(&request.token);
    if !query::token_exists(server.pool(), &request.account, hash).await? {
        return Ok(Done {});
    }
    let logged_out = Change {
        id: Uuid::now_v7(),
        epoch,
        account: request.account.clone(),
        op: AccountOp::LogOut(EndToken {
            account: request.account,
            token_hash: ByteBuf::from(hash.0),
        }),
    };
    change::submit(&server, logged_out).await?;
    Ok(Done {})
}
