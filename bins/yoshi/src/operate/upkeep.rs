//! `drain-server`, `destroy-server` and `resync-server`: what an operator does to
//! one message server.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};
use yoshi_client::Operator;
use yoshi_protocol::message::roster::{MessageServer, MsState};
use yoshi_protocol::{ErrorCode, ErrorReply, ServerId};

use super::state;
use crate::arguments::{DestroyArguments, DrainArguments, ResyncArguments};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::settings::Settings;

/// The pause between two looks at a server.
const LOOK_PAUSE: Duration = Duration::from_millis(500);
/// How long the server may take to say what waits in its outbox.
const REPORT_WITHIN: Duration = Duration::from_secs(3);
/// Looks in a row that must find nothing left: load balancers take turns in
/// answering, and each must have seen the last one move.
const EMPTY_LOOKS: u32 = 3;

pub(crate) async fn drain_server(
    settings: &Settings,
    arguments: &DrainArguments,
) -> Result<Exit, Failure> {
    let server = arguments.server;
    let operator = settings.operator().await?;
    there(find(&operator, server).await?, server)?;
    operator
        .drain_server(server, !arguments.undo, arguments.force)
        .await?;
    let progress = Progress::new(settings);
    let found = if arguments.undo {
        let serves = |found: Option<&MessageServer>| {
            found.is_some_and(|found| found.ping.state == MsState::Serving)
        };
        until(arguments.within, &operator, server, serves).await?
    } else {
        drained(&operator, server, arguments.within, &progress).await?
    };
    let found = found.ok_or_else(|| {
        let what = format!("server {server} is not done after {:?}", arguments.within);
        let advice = "it goes on: see `yoshi servers`, or give it more time with --within";
        Failure::here(Exit::Unclear, what, advice)
    })?;
    if settings.json {
        return output::json(&json!({
            "server": server.to_string(),
            "state": found.ping.state,
            "accounts": found.accounts,
        }));
    }
    output::lines(&if arguments.undo {
        format!("server {server} serves again")
    } else {
        format!(
            "server {server} is home of no account any more, until it starts again or \
             `yoshi drain-server --undo {server}`"
        )
    })
}

/// Waits until the server is home of no account and has nothing in its outbox,
/// or the time is over; none then.
async fn drained(
    operator: &Operator,
    server: ServerId,
    within: Duration,
    progress: &Progress,
) -> Result<Option<MessageServer>, Failure> {
    let end = Instant::now() + within;
    let mut looks = 0;
    loop {
        let found = find(operator, server).await?;
        let mut is_empty = false;
        if let Some(found) = &found {
            let accounts = accounts(found);
            progress.tell(&format!("{} left", output::count(accounts, "account")));
            is_empty = found.ping.state == MsState::Draining && accounts == 0;
        }
        if is_empty {
            match outbox(operator, server).await? {
                Some(0) => {}
                Some(tasks) => {
                    let tasks = output::count(tasks, "task");
                    progress.tell(&format!("{tasks} left in its outbox"));
                    is_empty = false;
                }
                None => is_empty = false,
            }
        }
        looks = if is_empty { looks + 1 } else { 0 };
        if looks == EMPTY_LOOKS {
            return Ok(found);
        }
        if Instant::now() + LOOK_PAUSE >= end {
            return Ok(None);
        }
        sleep(LOOK_PAUSE).await;
    }
}

/// How many tasks wait in a server's outbox, by its own word; none if it does
/// not say.
async fn outbox(operator: &Operator, server: ServerId) -> Result<Option<usize>, Failure> {
    let reports = operator.server_reports([server], REPORT_WITHIN).await?;
    let report = reports.into_iter().find(|report| report.id == server);
    Ok(report.map(|report| usize::try_from(report.outbox).unwrap_or(usize::MAX)))
}

pub(crate) async fn resync_server(
    settings: &Settings,
    arguments: &ResyncArguments,
) -> Result<Exit, Failure> {
    let server = arguments.server;
    if arguments.force && !arguments.yes {
        let question = format!("Forget what server {server} holds, even if nobody else holds it?");
        if !confirmed(&question)? {
            return Err(Failure::usage("nothing was done", ""));
        }
    }
    let operator = settings.operator().await?;
    let before = there(find(&operator, server).await?, server)?
        .ping
        .incarnation;
    if arguments.keep_rows {
        operator.trust_server(server).await?;
    } else {
        operator.resync_server(server, arguments.force).await?;
    }
    let progress = Progress::new(settings);
    let found = until(arguments.within, &operator, server, |found| {
        let Some(found) = found else {
            progress.tell("it starts over");
            return false;
        };
        let ping = &found.ping;
        if ping.incarnation == before {
            return false;
        }
        progress.tell(&format!(
            "{}, at position {}",
            state(ping.state),
            ping.applied
        ));
        ping.state == MsState::Serving
    });
    let found = found.await?.ok_or_else(|| {
        let what = format!(
            "server {server} does not serve yet after {:?}",
            arguments.within
        );
        let advice =
            "it goes on by itself: see `yoshi servers`, or give it more time with --within";
        Failure::here(Exit::Unclear, what, advice)
    })?;
    if settings.json {
        return output::json(&json!({
            "server": server.to_string(),
            "state": found.ping.state,
            "applied": found.ping.applied,
            "incarnation": found.ping.incarnation.to_string(),
        }));
    }
    output::lines(&format!("server {server} serves again"))
}

pub(crate) async fn destroy_server(
    settings: &Settings,
    arguments: &DestroyArguments,
) -> Result<Exit, Failure> {
    let server = arguments.server;
    let operator = settings.operator().await?;
    if !arguments.force
        && let Some(tasks @ 1..) = outbox(&operator, server).await?
    {
        return Err(undelivered(server, tasks));
    }
    if !arguments.yes {
        let left = find(&operator, server).await?;
        let left = left.as_ref().map_or(0, accounts);
        let still = match left {
            0 => String::new(),
            left => format!(
                "It is still home of {}; `yoshi drain-server` moves them first. ",
                output::count(left, "account")
            ),
        };
        let question = format!("{still}Take server {server} out of the system for good?");
        if !confirmed(&question)? {
            return Err(Failure::usage("nothing was done", ""));
        }
    }
    operator.destroy_server(server).await?;
    if settings.json {
        return output::json(&json!({ "destroyed": server.to_string() }));
    }
    output::lines(&format!(
        "server {server} is destroyed: its accounts move to others"
    ))
}

/// A destroyed server delivers nothing any more.
fn undelivered(server: ServerId, tasks: usize) -> Failure {
    let reply = ErrorReply::new(
        ErrorCode::Unsafe,
        format!(
            "{} in the outbox of server {server}, which nobody else holds: `yoshi drain-server \
             {server}` waits until they are delivered; or lose them with --force",
            if tasks == 1 {
                "a task waits".to_owned()
            } else {
                format!("{} wait", output::count(tasks, "task"))
            }
        ),
    );
    yoshi_client::Error::Refused(reply).into()
}

/// Looks at a server again and again, until a look is as wanted; answers what
/// was found then, or none if the time is over.
async fn until(
    within: Duration,
    operator: &Operator,
    server: ServerId,
    mut wanted: impl FnMut(Option<&MessageServer>) -> bool,
) -> Result<Option<MessageServer>, Failure> {
    let end = Instant::now() + within;
    loop {
        let found = find(operator, server).await?;
        if wanted(found.as_ref()) {
            return Ok(found);
        }
        if Instant::now() + LOOK_PAUSE >= end {
            return Ok(None);
        }
        sleep(LOOK_PAUSE).await;
    }
}

async fn find(operator: &Operator, server: ServerId) -> Result<Option<MessageServer>, Failure> {
    let servers = operator.message_servers().await?.servers;
    Ok(servers.into_iter().find(|found| found.ping.id == server))
}

fn there(found: Option<MessageServer>, server: ServerId) -> Result<MessageServer, Failure> {
    found.ok_or_else(|| {
        let what = format!("no live message server is called {server}");
        Failure::here(Exit::Refused, what, "see `yoshi servers`")
    })
}

fn accounts(server: &MessageServer) -> usize {
    usize::try_from(server.accounts).unwrap_or(usize::MAX)
}

/// Tells on standard error how it goes, to people only.
pub(super) struct Progress {
    quiet: bool,
    told: std::cell::RefCell<String>,
}

impl Progress {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            quiet: settings.json || !io::stderr().is_terminal(),
            told: std::cell::RefCell::default(),
        }
    }

    pub(super) fn tell(&self, words: &str) {
        if self.quiet || *self.told.borrow() == words {
            return;
        }
        // Where it cannot be written, nobody wants to know.
        writeln!(anstream::stderr().lock(), "{words}").unwrap_or_default();
        words.clone_into(&mut self.told.borrow_mut());
    }
}

pub(super) fn confirmed(question: &str) -> Result<bool, Failure> {
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
