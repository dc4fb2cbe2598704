//! `LOOKUP_ACCOUNTS`: which of these accounts cannot be sent to?

use yoshi_protocol::limit::ACCOUNTS_PAGE_MAX;
use yoshi_protocol::message::account::{AccountsLookedUp, LookupAccounts};
use yoshi_protocol::{Epoch, ErrorCode, ErrorReply};

use super::Server;
use crate::store::query;

pub(super) async fn serve(
    server: Server,
    _epoch: Epoch,
    request: LookupAccounts,
) -> Result<AccountsLookedUp, ErrorReply> {
    if request.accounts.len() > ACCOUNTS_PAGE_MAX {
        let words = format!("at most {ACCOUNTS_PAGE_MAX} accounts may be looked up at once");
        return Err(ErrorReply::new(ErrorCode::TooLarge, words));
    }
    let unknown = query::unusable(server.pool(), &request.accounts).await?;
    Ok(AccountsLookedUp { unknown })
}
