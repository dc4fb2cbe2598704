//! `accounts`: for operators. How servers stand is in `servers`, what changes one of
//! them in `upkeep`, and how a lost log is made anew in `recover`.

mod recover;
mod servers;
mod upkeep;

pub use recover::plan as recovery;
pub(crate) use recover::recover_log;
pub(crate) use servers::{help as servers_help, servers};
pub(crate) use upkeep::{destroy_server, drain_server, resync_server};

use serde_json::json;
use yoshi_protocol::AccountName;
use yoshi_protocol::limit::ACCOUNTS_PAGE_MAX;
use yoshi_protocol::message::account::AccountSummary;
use yoshi_protocol::message::roster::MsState;

use crate::arguments::AccountsArguments;
use crate::exit::{Exit, Failure};
use crate::output::{self, Columns, Table};
use crate::settings::Settings;

pub(crate) const ACCOUNTS: Columns = Columns {
    header: &["ACCOUNT", "CREATED", "STATE"],
    usual: &[],
    expendable: &[1],
    ids_can_be_short: false,
};

const fn state(state: MsState) -> &'static str {
    match state {
        MsState::Joining => "joining",
        MsState::Serving => "serving",
        MsState::Behind => "behind",
        MsState::Draining => "draining",
    }
}

pub(crate) async fn accounts(
    settings: &Settings,
    arguments: AccountsArguments,
) -> Result<Exit, Failure> {
    if let Some(account) = arguments.disable {
        return set(settings, &account, true).await;
    }
    if let Some(account) = arguments.enable {
        return set(settings, &account, false).await;
    }
    list(settings, arguments.after, arguments.limit as usize).await
}

async fn list(
    settings: &Settings,
    mut after: Option<AccountName>,
    limit: usize,
) -> Result<Exit, Failure> {
    let operator = settings.operator().await?;
    let mut accounts: Vec<AccountSummary> = Vec::new();
    let more = loop {
        let wanted = (limit - accounts.len()).min(ACCOUNTS_PAGE_MAX);
        let page = operator
            .accounts(after, u32::try_from(wanted).unwrap_or(u32::MAX))
            .await?;
        let empty = page.accounts.is_empty();
        accounts.extend(page.accounts);
        if !page.more || empty || accounts.len() >= limit {
            break page.more;
        }
        after = accounts.last().map(|account| account.name.clone());
    };
    if settings.json {
        let printed: Vec<_> = accounts
            .iter()
            .map(|account| {
                json!({
                    "name": account.name,
                    "created_at": output::rfc3339(account.created_at),
                    "disabled": account.disabled,
                })
            })
            .collect();
        return output::json(&json!({ "accounts": printed, "more": more }));
    }
    let mut table = Table::new(&ACCOUNTS);
    for account in &accounts {
        table.row(vec![
            account.name.to_string(),
            output::local(account.created_at),
            if account.disabled {
                "disabled"
            } else {
                "enabled"
            }
            .to_owned(),
        ]);
    }
    table.print()?;
    if accounts.is_empty() {
        output::hint("no account after that name, or none at all; `yoshi register` creates one");
    }
    if let (true, Some(last)) = (more, accounts.last()) {
        let shown = output::count(accounts.len(), "account");
        output::note(&format!(
            "{shown} shown, and there are more: --after {}",
            last.name
        ));
    }
    Ok(Exit::Done)
}

async fn set(settings: &Settings, account: &AccountName, disabled: bool) -> Result<Exit, Failure> {
    let receipt = settings
        .operator()
        .await?
        .set_account(account, disabled)
        .await?;
    if settings.json {
        return output::json(&json!({
            "name": account, "disabled": disabled, "position": receipt.position,
        }));
    }
    let state = if disabled { "disabled" } else { "enabled" };
    output::lines(&format!("{account} is {state}"))
}
