//! `servers`: how every server stands, by its own word and by that of the load
//! balancers.

use serde::Serialize;
use serde_json::json;
use yoshi_client::Stands;
use yoshi_protocol::Position;
use yoshi_protocol::message::operate::ServerState;
use yoshi_protocol::subject::Role;

use crate::exit::{Exit, Failure};
use crate::output::{self, Columns, Table};
use crate::settings::Settings;

const COLUMNS: Columns = Columns {
    header: &[
        "SERVER", "KIND", "HOST", "STATE", "APPLIED", "LAG", "ACCOUNTS", "LOAD", "OUTBOX",
        "COMPARED",
    ],
    usual: &[],
    expendable: &[7, 9, 4, 8, 6, 1],
    // `destroy-server` takes no short one.
    ids_can_be_short: false,
};

/// A server, as `servers --json` prints it.
#[derive(Debug, Serialize)]
struct PrintedServer {
    id: String,
    host: String,
    state: ServerState,
    applied: Position,
    /// Positions behind the most advanced server of its kind.
    lag: u64,
    /// Null for registration servers.
    accounts: Option<u64>,
    load: u32,
    silent_millis: u64,
    incarnation: String,
    kind: &'static str,
    /// From here on by the server's own word: null if it gave none.
    outbox: Option<u64>,
    compared_at: Option<String>,
    refusal: Option<String>,
    stream: Option<String>,
    release: Option<String>,
    known: Option<Vec<String>>,
}

pub(crate) async fn servers(settings: &Settings) -> Result<Exit, Failure> {
    let standing = settings.operator().await?.standing().await?;
    let printed = |servers: &[Stands]| servers.iter().map(print_as).collect::<Vec<_>>();
    let message_servers = printed(&standing.message_servers);
    let registration_servers = printed(&standing.registration_servers);
    if settings.json {
        return output::json(&json!({
            "servers": message_servers,
            "registration_servers": registration_servers,
            "destroyed": standing.destroyed.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "primary_rs": standing.primary.map(|primary| json!({
                "id": primary.id.to_string(),
                "epoch": primary.epoch,
            })),
        }));
    }
    print(&message_servers, &registration_servers)?;
    if output::to_terminal() {
        output::lines("")?;
        for server in &standing.destroyed {
            output::lines(&format!("destroyed: {server}"))?;
        }
        output::lines(&match standing.primary {
            _ if !standing.balancers_answer => "no load balancer answers".to_owned(),
            Some(primary) => format!("primary registration server: {}", primary.id),
            None => "no registration server is primary".to_owned(),
        })?;
    }
    Ok(Exit::Done)
}

fn print_as(server: &Stands) -> PrintedServer {
    let report = server.report.as_ref();
    PrintedServer {
        id: server.id.to_string(),
        host: server.host.clone(),
        state: server.state,
        applied: server.applied,
        lag: server.lag,
        accounts: server.accounts,
        load: server.load,
        silent_millis: server.silent_millis,
        incarnation: server.incarnation.to_string(),
        kind: match server.role {
            Role::Ms => "message-server",
            Role::Rs => "registration-server",
        },
        outbox: report.map(|report| report.outbox),
        compared_at: report.and_then(|report| output::rfc3339(report.compared_at?)),
        refusal: report.and_then(|report| report.refusal.clone()),
        stream: report.map(|report| report.stream.to_string()),
        release: report.map(|report| report.release.clone()),
        known: report.map(|report| report.known.iter().map(ToString::to_string).collect()),
    }
}

fn print(
    message_servers: &[PrintedServer],
    registration_servers: &[PrintedServer],
) -> Result<Exit, Failure> {
    let mut table = Table::new(&COLUMNS);
    let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let all = || message_servers.iter().chain(registration_servers);
    for server in all() {
        table.row(vec![
            server.id.clone(),
            if server.kind == "message-server" {
                "MS"
            } else {
                "RS"
            }
            .to_owned(),
            output::clean_line(&server.host),
            state(server.state).to_owned(),
            server.applied.to_string(),
            server.lag.to_string(),
            number(server.accounts),
            server.load.to_string(),
            number(server.outbox),
            server.compared_at.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    table.print()?;
    for server in all() {
        if let Some(refusal) = &server.refusal {
            let (host, refusal) = (
                output::clean_line(&server.host),
                output::clean_line(refusal),
            );
            output::lines(&format!("{host} refuses: {refusal}"))?;
        }
    }
    Ok(Exit::Done)
}

pub(crate) const fn state(state: ServerState) -> &'static str {
    match state {
        ServerState::Joining => "joining",
        ServerState::Serving => "serving",
        ServerState::Behind => "behind",
        ServerState::Draining => "draining",
        ServerState::Primary => "primary",
        ServerState::Backup => "backup",
    }
}
