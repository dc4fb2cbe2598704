//! `LOG_IN`: a token for a password.

use serde_bytes::ByteBuf;
use uuid::Uuid;
use yoshi_protocol::message::account::{LogIn, LoggedIn};
use yoshi_protocol::message::log::{AccountOp, NewToken};
use yoshi_protocol::{Epoch, ErrorCode, ErrorReply, Millis};

use super::Server;
use super::change::{self, Change};
use super::server::unauthenticated;
use crate::token;

/// Each attempt is an operation of its own, with an id and a token of its own:
/// of an earlier attempt's token only the hash is left, so it cannot be given
/// out again. The token of an answer that was lost ends by itself.
pub(super) async fn serve(
    server: Server,
    epoch: Epoch,
    request: LogIn,
) -> Result<LoggedIn, ErrorReply> {
    let known_hash = server
        .account(&request.account)
        .await?
        .filter(|account| !account.disabled)
        .map(|account| account.password_hash);
    let verified = server.verify(&request.account, &request.password, known_hash.clone());
    if !verified.await? {
        return Err(unauthenticated());
    }
    let token = token::fresh().map_err(|error| {
        tracing::error!(%error, "no randomness for a token");
        ErrorReply::new(ErrorCode::Internal, "no token could be made")
    })?;
    let expires_at = Millis(Millis::now().0.saturating_add(server.token_millis()));
    let guard = server.lock(&request.account).await;
    let now = server.account(&request.account).await?;
    let same =
        now.is_some_and(|account| !account.disabled && Some(account.password_hash) == known_hash);
    if !same {
        return Err(unauthenticated());
    }
    let logged_in = Change {
        id: Uuid::now_v7(),
        epoch,
        account: request.account.clone(),
        op: AccountOp::LogIn(NewToken {
            account: request.account,
            expires_at,
            token_hash: ByteBuf::from(token::hash(&token).0),
        }),
    };
    change::submit(&server, logged_in).await?;
    drop(guard);
    Ok(LoggedIn { token, expires_at })
}
