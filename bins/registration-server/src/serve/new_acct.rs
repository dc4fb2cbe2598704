//! `NEW_ACCT`: create an account.

use yoshi_protocol::message::account::{AccountReceipt, NewAcct};
use yoshi_protocol::message::log::{AccountOp, SetPassword};
use yoshi_protocol::{Epoch, ErrorCode, ErrorReply};

use super::change::{self, Change};
use super::{Server, rule};
use crate::store::query;

pub(super) async fn serve(
    server: Server,
    epoch: Epoch,
    request: NewAcct,
) -> Result<AccountReceipt, ErrorReply> {
    rule::check(
        &request.account,
        &request.password,
        server.password_chars_min(),
    )?;
    let password_hash = match server.account(&request.account).await? {
        None => server.passwords().hash(&request.password).await?,
        // A retry: the log knows the id, and gives the first result without changing anything.
        Some(known) if known.password_operation == request.id => {
            let hash = known.password_hash;
            let verified = server.verify(&request.account, &request.password, Some(hash.clone()));
            if !verified.await? {
                let words = "this id was used to create the account with another password";
                return Err(ErrorReply::new(ErrorCode::IdReused, words));
            }
            hash
        }
        // A late retry: the password was changed since.
        Some(known) if query::operation(server.pool(), request.id).await?.is_some() => {
            known.password_hash
        }
        Some(_) => {
            let words = format!("an account named {} exists", request.account);
            return Err(ErrorReply::new(ErrorCode::AccountExists, words));
        }
    };
    let created = Change {
        id: request.id,
        epoch,
        account: request.account.clone(),
        op: AccountOp::Create(SetPassword {
            account: request.account,
            password_hash,
        }),
    };
    change::submit(&server, created).await
}
