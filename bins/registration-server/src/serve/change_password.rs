//! `CHANGE_PASSWORD`: a new password; every token of the account ends.

use yoshi_planted::Fault;
use yoshi_protocol::message::account::{AccountReceipt, ChangePassword};
use yoshi_protocol::message::log::{AccountOp, SetPassword};
use yoshi_protocol::{Epoch, ErrorReply};

use super::change::{self, Change};
use super::server::unauthenticated;
use super::{Server, rule};

pub(super) async fn serve(
    server: Server,
    epoch: Epoch,
    request: ChangePassword,
) -> Result<AccountReceipt, ErrorReply> {
    rule::check(
        &request.account,
        &request.new_password,
        server.password_chars_min(),
    )?;
    let checked = server
        .account(&request.account)
        .await?
        .filter(|account| !account.disabled);
    // A retry of a change that was applied: the old password no longer fits, the
    // new one does, and the log gives the first result without changing anything.
    let applied = checked
        .as_ref()
        .is_some_and(|account| account.password_operation == request.id);
    let shown = if applied {
        &request.new_password
    } else {
        &request.password
    };
    let known_hash = checked.map(|account| account.password_hash);
    let verified = server.verify(&request.account, shown, known_hash.clone());
    if !verified.await? {
        return Err(unauthenticated());
    }
    let password_hash = server.passwords().hash(&request.new_password).await?;
    let changed = Change {
        id: request.id,
        epoch,
        account: request.account.clone(),
        op: AccountOp::ChangePassword(SetPassword {
            account: request.account.clone(),
            password_hash,
        }),
    };
    let guard = server.lock(&request.account).await;
    let fits = match server.account(&request.account).await? {
        Some(now) if now.disabled => false,
        Some(now) if Some(&now.password_hash) == known_hash.as_ref() => true,
        // The same request came twice, and the other one was first.
        Some(now) if now.password_operation == request.id => {
            let hash = Some(now.password_hash);
            server
                .verify(&request.account, &request.new_password, hash)
                .await?
        }
        Some(_) | None => false,
    };
    if !fits {
        return Err(unauthenticated());
    }
    if yoshi_planted::is(Fault::PasswordNotLogged) {
        return Ok(change::unlogged(&server));
    }
    let receipt = change::submit(&server, changed).await;
    drop(guard);
    receipt
}
