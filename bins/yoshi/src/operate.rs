//! `servers`, `accounts` and `destroy-server`: for operators.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use serde::Serialize;
use serde_json::json;
use yoshi_protocol::limit::ACCOUNTS_PAGE_MAX;
use yoshi_protocol::message::account::AccountSummary;
use yoshi_protocol::message::roster::{MessageServer, MsState};
use yoshi_protocol::{AccountName, Position};

use crate::arguments::{AccountsArguments, DestroyArguments};
use crate::exit::{Exit, Failure};
use crate::output::{self, Table};
use crate::settings::Settings;

/// A message server, as `servers --json` prints it.
#[derive(Debug, Serialize)]
struct PrintedServer {
    id: String,
    host: String,
    state: MsState,
    applied: Position,
    /// Positions behind the most advanced server.
    lag: u64,
    accounts: u64,
    load: u32,
    silent_millis: u64,
    incarnation: String,
}

pub(crate) async fn servers(settings: &Settings) -> Result<Exit, Failure> {
    let operator = settings.operator().await?;
    let roster = operator.message_servers().await?;
    let primary = operator.primary_rs().await?;
    let most = roster
        .servers
        .iter()
        .map(|server| server.ping.applied.0)
        .max()
        .unwrap_or(0);
    let servers: Vec<_> = roster
        .servers
        .iter()
        .map(|server| printed(server, most))
        .collect();
    if settings.json {
        return output::json(&json!({
            "servers": servers,
            "destroyed": roster.destroyed.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "primary_rs": primary.map(|primary| json!({
                "id": primary.id.to_string(),
                "epoch": primary.epoch,
            })),
        }));
    }
    print_servers(&servers)?;
    if output::to_terminal() {
        output::lines("")?;
        for server in &roster.destroyed {
            output::lines(&format!("destroyed: {server}"))?;
        }
        output::lines(&match primary {
            Some(primary) => format!("primary registration server: {}", primary.id),
            None => "no registration server is primary".to_owned(),
        })?;
    }
    Ok(Exit::Done)
}

fn printed(server: &MessageServer, most: u64) -> PrintedServer {
    let ping = &server.ping;
    PrintedServer {
        id: ping.id.to_string(),
        host: ping.host.clone(),
        state: ping.state,
        applied: ping.applied,
        lag: most - ping.applied.0.min(most),
        accounts: server.accounts,
        load: ping.load,
        silent_millis: server.silent_millis,
        incarnation: ping.incarnation.to_string(),
    }
}

fn print_servers(servers: &[PrintedServer]) -> Result<Exit, Failure> {
    let header = [
        "SERVER", "HOST", "STATE", "APPLIED", "LAG", "ACCOUNTS", "LOAD", "SILENT",
    ];
    let mut table = Table::new(&header).expendable(&[7, 6, 3, 5]);
    for server in servers {
        table.row(vec![
            server.id.clone(),
            output::clean_line(&server.host),
            state(server.state).to_owned(),
            server.applied.to_string(),
            server.lag.to_string(),
            server.accounts.to_string(),
            server.load.to_string(),
            format!("{} ms", server.silent_millis),
        ]);
    }
    table.print()
}

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
    let mut table = Table::new(&["ACCOUNT", "CREATED", "STATE"]);
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
    if let (true, true, Some(last)) = (more, output::to_terminal(), accounts.last()) {
        output::lines(&format!("there are more: --after {}", last.name))?;
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

pub(crate) async fn destroy_server(
    settings: &Settings,
    arguments: &DestroyArguments,
) -> Result<Exit, Failure> {
    let server = arguments.server;
    if !arguments.yes && !confirmed(&format!("Take server {server} out of the system for good?"))? {
        return Err(Failure::usage("nothing was done", ""));
    }
    settings.operator().await?.destroy_server(server).await?;
    if settings.json {
        return output::json(&json!({ "destroyed": server.to_string() }));
    }
    output::lines(&format!(
        "server {server} is destroyed: its accounts move to others"
    ))
}

fn confirmed(question: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(
            "this cannot be undone",
            "add --yes to do it without being asked",
        ));
    }
    let failed = |error: io::Error| Failure::local("the terminal", &error);
    let mut out = anstream::stderr().lock();
    write!(out, "{question} [y/N] ")
        .and_then(|()| out.flush())
        .map_err(failed)?;
    let mut answer = String::new();
    io::stdin()
        .lock()
        .take(16)
        .read_line(&mut answer)
        .map_err(failed)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
