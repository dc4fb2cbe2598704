//! `LIST_ACCOUNTS`: a page of the accounts, by name.

use yoshi_protocol::limit::ACCOUNTS_PAGE_MAX;
use yoshi_protocol::message::account::{AccountSummary, AccountsPage, ListAccounts};
use yoshi_protocol::{Epoch, ErrorReply};

use super::Server;
use crate::store::query;

pub(super) async fn serve(
    server: Server,
    _epoch: Epoch,
    request: ListAccounts,
) -> Result<AccountsPage, ErrorReply> {
    let asked = usize::try_from(request.limit).unwrap_or(usize::MAX);
    let limit = asked.clamp(1, ACCOUNTS_PAGE_MAX);
    // One more than asked for tells whether there are more.
    let rows = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut listed = query::list(server.pool(), request.after.as_ref(), rows).await?;
    let more = listed.len() > limit;
    listed.truncate(limit);
    let accounts = listed
        .into_iter()
        .map(|account| AccountSummary {
            name: account.name,
            disabled: account.disabled,
            created_at: account.created_at,
        })
        .collect();
    Ok(AccountsPage { more, accounts })
}
