//! `servers`: how every server stands, by its own word and by that of the load
//! balancers.

use serde::Serialize;
use serde_json::json;
use yoshi_client::{Silent, Stands};
use yoshi_protocol::message::operate::ServerState;
use yoshi_protocol::subject::Role;
use yoshi_protocol::{Millis, Position};

use crate::exit::{Exit, Failure};
use crate::output::{self, Columns, Table};
use crate::settings::Settings;

const COLUMNS: Columns = Columns {
    header: &[
        "SERVER",
        "KIND",
        "HOST",
        "STATE",
        "APPLIED",
        "LAG",
        "ACCOUNTS",
        "LOAD",
        "OUTBOX",
        "COMPARED",
        "SILENT SINCE",
    ],
    usual: &[],
    expendable: &[10, 7, 9, 4, 8, 6, 1],
    // `destroy-server` takes no short one.
    ids_can_be_short: false,
};

/// The state of a server that is known, and gives no answer.
const SILENT: &str = "silent";

/// What stands in the columns, beside their names.
const HELP: &str = "\
Every server that is known is shown: who answers, and who is silent. A message server is known to the \
load balancers that heard it, any server to those that it has replicated with. One that is silent has \
the state `silent`, and a line besides says since when; the exit code is 0 all the same.

APPLIED is the position up to which it has committed the log, LAG the positions behind the most advanced \
server of its kind. ACCOUNTS counts the accounts that it is home of now: they move to others when it is \
silent for too long (3 s by default) or drains, and do not move back, so that a server that was started again has 0 until new \
accounts, or those of another one that fails, come to it. OUTBOX are tasks that wait because the log did \
not take them, COMPARED is when its rows were last found equal to another server's.";

pub(crate) fn help() -> String {
    format!("{HELP}\n\n{}", COLUMNS.help())
}

/// A server, as `servers --json` prints it.
#[derive(Debug, Serialize)]
struct PrintedServer {
    id: String,
    /// Null, like what else is not known of a server that is silent.
    host: Option<String>,
    /// What it says that it does, or `silent`: it is known, and gives no answer.
    state: &'static str,
    applied: Option<Position>,
    /// Positions behind the most advanced server of its kind.
    lag: Option<u64>,
    /// Null for registration servers.
    accounts: Option<u64>,
    load: Option<u32>,
    silent_millis: Option<u64>,
    /// When it was heard last; null if it answers, or nobody knows.
    silent_since: Option<String>,
    incarnation: Option<String>,
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
    let now = Millis::now();
    let printed = |servers: &[Stands], kind: Role| {
        let silent = standing.silent.iter().filter(|silent| silent.role == kind);
        let silent = silent.map(|silent| print_silent(silent, now));
        let printed = servers.iter().map(print_as).chain(silent);
        printed.collect::<Vec<_>>()
    };
    let message_servers = printed(&standing.message_servers, Role::Ms);
    let registration_servers = printed(&standing.registration_servers, Role::Rs);
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
    for silent in &standing.silent {
        remark(&no_answer(silent, now))?;
    }
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
        host: Some(server.host.clone()),
        state: state(server.state),
        applied: Some(server.applied),
        lag: Some(server.lag),
        accounts: server.accounts,
        load: Some(server.load),
        silent_millis: Some(server.silent_millis),
        silent_since: None,
        incarnation: Some(server.incarnation.to_string()),
        kind: kind(server.role),
        outbox: report.map(|report| report.outbox),
        compared_at: report.and_then(|report| output::rfc3339(report.compared_at?)),
        refusal: report.and_then(|report| report.refusal.clone()),
        stream: report.map(|report| report.stream.to_string()),
        release: report.map(|report| report.release.clone()),
        known: report.map(|report| report.known.iter().map(ToString::to_string).collect()),
    }
}

fn print_silent(silent: &Silent, now: Millis) -> PrintedServer {
    PrintedServer {
        id: silent.id.to_string(),
        host: silent.host.clone(),
        state: SILENT,
        applied: silent.applied,
        lag: None,
        accounts: silent.accounts,
        load: None,
        silent_millis: silent.since.map(|since| millis_since(since, now)),
        silent_since: silent.since.and_then(output::rfc3339),
        incarnation: None,
        kind: kind(silent.role),
        outbox: None,
        compared_at: None,
        refusal: None,
        stream: None,
        release: None,
        known: None,
    }
}

fn millis_since(since: Millis, now: Millis) -> u64 {
    u64::try_from(now.0.saturating_sub(since.0)).unwrap_or_default()
}

/// That a server gives no answer, and what to do about it.
fn no_answer(silent: &Silent, now: Millis) -> String {
    let id = silent.id;
    let name = match &silent.host {
        Some(host) => format!("{} ({id})", output::clean_line(host)),
        None => format!("{} {id}", kind(silent.role)),
    };
    let since = match silent.since {
        Some(since) => format!(
            "no answer since {}, {} s ago",
            output::local(since),
            millis_since(since, now) / 1_000
        ),
        None => "no answer, nobody knows since when".to_owned(),
    };
    let done = match silent.role {
        Role::Ms => format!(
            "start it again; if it is gone for good, `yoshi destroy-server {id}` takes it out"
        ),
        Role::Rs => "start it again".to_owned(),
    };
    format!("{name}: {since}: {done}")
}

const fn kind(role: Role) -> &'static str {
    match role {
        Role::Ms => "message-server",
        Role::Rs => "registration-server",
    }
}

/// Something besides the rows: below them for people, never among them for programs.
fn remark(text: &str) -> Result<Exit, Failure> {
    if output::to_terminal() {
        return output::lines(text);
    }
    output::note(text);
    Ok(Exit::Done)
}

fn print(
    message_servers: &[PrintedServer],
    registration_servers: &[PrintedServer],
) -> Result<Exit, Failure> {
    let mut table = Table::new(&COLUMNS);
    let host = |server: &PrintedServer| {
        let host = server.host.as_deref();
        host.map_or_else(|| "-".to_owned(), output::clean_line)
    };
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
            host(server),
            server.state.to_owned(),
            or_dash(server.applied),
            or_dash(server.lag),
            or_dash(server.accounts),
            or_dash(server.load),
            or_dash(server.outbox),
            or_dash(server.compared_at.as_ref()),
            match (server.state, &server.silent_since) {
                (SILENT, None) => "unknown".to_owned(),
                (_, since) => or_dash(since.as_ref()),
            },
        ]);
    }
    table.print()?;
    for server in all() {
        if let Some(refusal) = &server.refusal {
            let refusal = output::clean_line(refusal);
            remark(&format!("{} refuses: {refusal}", host(server)))?;
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

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use yoshi_protocol::ServerId;

    #[test]
    fn a_silent_server_says_since_when_and_what_to_do() {
        let id = ServerId::random();
        let now = Millis::now();
        let mut silent = Silent {
            id,
            role: Role::Ms,
            host: Some("ms2".to_owned()),
            since: Some(Millis(now.0 - 90_500)),
            applied: Some(Position(7_168)),
            accounts: Some(0),
        };
        let words = no_answer(&silent, now);
        assert!(
            words.starts_with(&format!("ms2 ({id}): no answer since 2")),
            "{words}"
        );
        assert!(words.contains(", 90 s ago: start it again"), "{words}");
        assert!(words.contains(&format!("destroy-server {id}")), "{words}");
        let printed = serde_json::to_value(print_silent(&silent, now)).unwrap();
        assert_eq!(printed["state"], "silent");
        assert_eq!(printed["silent_millis"], 90_500);
        assert!(printed["silent_since"].is_string() && printed["lag"].is_null());

        (silent.role, silent.host, silent.since) = (Role::Rs, None, None);
        let words = no_answer(&silent, now);
        let expected = format!("registration-server {id}: no answer, nobody knows since when");
        assert!(
            words.starts_with(&expected) && !words.contains("destroy"),
            "{words}"
        );
    }
}
