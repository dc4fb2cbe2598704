//! `servers`: how every server stands, by its own word and by that of the load
//! balancers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use yoshi_client::Operator;
use yoshi_protocol::message::operate::{ServerReport, ServerState};
use yoshi_protocol::message::roster::{MessageServer, MessageServers, MsState, NewPrimReg};
use yoshi_protocol::subject::Role;
use yoshi_protocol::{Position, ServerId};

use crate::exit::{Exit, Failure};
use crate::output::{self, Columns, Table};
use crate::settings::Settings;

/// How long servers may take to report.
const REPORTS_WITHIN: Duration = Duration::from_secs(2);
/// How long load balancers may take: without one, servers report all the same.
const BALANCERS_WITHIN: Duration = Duration::from_secs(3);

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
    let operator = settings.operator().await?;
    let (roster, primary) = balancers(&operator).await;
    let live: Vec<_> = roster.iter().flat_map(|roster| &roster.servers).collect();
    let expected = live.iter().map(|server| server.ping.id);
    let reports = operator.server_reports(expected, REPORTS_WITHIN).await?;
    let message_servers = of_kind(Role::Ms, &reports, &live);
    let registration_servers = of_kind(Role::Rs, &reports, &[]);
    let destroyed: Vec<_> = roster.iter().flat_map(|roster| &roster.destroyed).collect();
    if settings.json {
        return output::json(&json!({
            "servers": message_servers,
            "registration_servers": registration_servers,
            "destroyed": destroyed.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "primary_rs": primary.map(|primary| json!({
                "id": primary.id.to_string(),
                "epoch": primary.epoch,
            })),
        }));
    }
    print(&message_servers, &registration_servers)?;
    if output::to_terminal() {
        output::lines("")?;
        for server in &destroyed {
            output::lines(&format!("destroyed: {server}"))?;
        }
        output::lines(&match (roster, primary) {
            (None, _) => "no load balancer answers".to_owned(),
            (_, Some(primary)) => format!("primary registration server: {}", primary.id),
            (_, None) => "no registration server is primary".to_owned(),
        })?;
    }
    Ok(Exit::Done)
}

/// What the load balancers know, if one answers.
async fn balancers(operator: &Operator) -> (Option<MessageServers>, Option<NewPrimReg>) {
    let asked = async {
        (
            operator.message_servers().await,
            operator.primary_rs().await,
        )
    };
    match tokio::time::timeout(BALANCERS_WITHIN, asked).await {
        Ok((roster, primary)) => (roster.ok(), primary.ok().flatten()),
        Err(_) => (None, None),
    }
}

fn of_kind(kind: Role, reports: &[ServerReport], live: &[&MessageServer]) -> Vec<PrintedServer> {
    let reports = reports
        .iter()
        .filter(|report| yoshi_client::role(report) == kind);
    let reports: BTreeMap<ServerId, _> = reports.map(|report| (report.id, report)).collect();
    let mut live: BTreeMap<_, _> = live
        .iter()
        .map(|server| (server.ping.id, *server))
        .collect();
    let reported = reports.values().map(|report| report.applied.0);
    let most = reported
        .chain(live.values().map(|server| server.ping.applied.0))
        .max()
        .unwrap_or(0);
    let mut printed: Vec<_> = reports
        .into_iter()
        .map(|(id, report)| by_report(kind, report, live.remove(&id), most))
        .collect();
    printed.extend(live.into_values().map(|server| by_ping(server, most)));
    printed.sort_by(|a, b| (&a.host, &a.id).cmp(&(&b.host, &b.id)));
    printed
}

fn by_report(
    kind: Role,
    report: &ServerReport,
    live: Option<&MessageServer>,
    most: u64,
) -> PrintedServer {
    let known = report.known.iter().map(ToString::to_string).collect();
    PrintedServer {
        id: report.id.to_string(),
        host: report.host.clone(),
        state: report.state,
        applied: report.applied,
        lag: most - report.applied.0.min(most),
        accounts: (kind == Role::Ms).then(|| live.map_or(0, |server| server.accounts)),
        load: report.load,
        silent_millis: live.map_or(0, |server| server.silent_millis),
        incarnation: report.incarnation.to_string(),
        kind: match kind {
            Role::Ms => "message-server",
            Role::Rs => "registration-server",
        },
        outbox: Some(report.outbox),
        compared_at: report.compared_at.and_then(output::rfc3339),
        refusal: report.refusal.clone(),
        stream: Some(report.stream.to_string()),
        release: Some(report.release.clone()),
        known: Some(known),
    }
}

/// A message server that load balancers hear, and that did not report.
fn by_ping(server: &MessageServer, most: u64) -> PrintedServer {
    let ping = &server.ping;
    PrintedServer {
        id: ping.id.to_string(),
        host: ping.host.clone(),
        state: match ping.state {
            MsState::Joining => ServerState::Joining,
            MsState::Serving => ServerState::Serving,
            MsState::Behind => ServerState::Behind,
            MsState::Draining => ServerState::Draining,
        },
        applied: ping.applied,
        lag: most - ping.applied.0.min(most),
        accounts: Some(server.accounts),
        load: ping.load,
        silent_millis: server.silent_millis,
        incarnation: ping.incarnation.to_string(),
        kind: "message-server",
        outbox: None,
        compared_at: None,
        refusal: None,
        stream: None,
        release: None,
        known: None,
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
