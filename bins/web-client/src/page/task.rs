//! One task.

use axum::extract::{Path, RawQuery, State};
use axum::response::Html;
use maud::{Markup, html};
use yoshi_client::Error;
use yoshi_protocol::{ErrorCode, Kind, TaskId};

use super::frame;
use crate::app::{App, Shared};
use crate::clock::Clock;
use crate::limit::FILL_WITHIN;
use crate::markdown;
use crate::store::whole::{self, Whole};
use crate::view::refusal::Refusal;
use crate::view::{self, Frame, Here, row};
use crate::visitor::{Form, Member};
use crate::word;

/// What is known of a task.
enum Found {
    /// It is in the log.
    Task(Box<Whole>),
    /// One server has it in its outbox: it is not sent yet.
    Queued { server: String },
}

/// One task.
pub(crate) async fn task(
    State(app): State<Shared>,
    member: Member,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Refusal> {
    let id: TaskId = id.parse().map_err(|_| Refusal::not_found())?;
    let asked = Form::parse(query.unwrap_or_default().as_bytes());
    let (frame, found) = tokio::try_join!(frame(&app, &member), find(&app, &member, id))?;
    let (title, content) = match found.ok_or_else(Refusal::not_found)? {
        Found::Task(task) => (
            task.new_task.title.clone(),
            task_page(&frame, &task, asked.has("sent")),
        ),
        Found::Queued { server } => ("Waiting".to_owned(), queued_page(&server)),
    };
    Ok(Html(view::member(&frame, Here::Task, &title, &content)))
}

/// The task as its home has it; if that gives no answer, as it is cached.
async fn find(app: &App, member: &Member, id: TaskId) -> Result<Option<Found>, Refusal> {
    let client = app.client.clone().with_deadline(FILL_WITHIN);
    match client.show(&member.account, &member.credential, id).await {
        Ok(Some(task)) => return Ok(Some(Found::Task(Box::new(task.into())))),
        Err(Error::Refused(reply)) if reply.code == ErrorCode::Queued => {
            let server = reply.names.into_iter().next().unwrap_or_default();
            return Ok(Some(Found::Queued { server }));
        }
        Ok(None) => {}
        Err(error) => tracing::debug!(account = %member.account, "task {id}: {error}"),
    }
    let cached = whole::whole(&app.pool, &member.account, id).await?;
    Ok(cached.map(|task| Found::Task(Box::new(task))))
}

fn queued_page(server: &str) -> Markup {
    html! {
        div.head { h1 { "Not sent yet" } }
        p.notice.caution role="status" {
            "The servers cannot agree on an order just now, so this task waits in the outbox of one server. "
            "It goes out by itself; look here again in a while."
        }
        p.aside { "It is held by server " code { (server) } "." }
    }
}

fn task_page(frame: &Frame, task: &Whole, just_sent: bool) -> Markup {
    let new = &task.new_task;
    let clock = &frame.look.clock;
    let mine = task.sender == frame.account;
    let back = if mine && !new.recipients.contains(&frame.account) {
        ("/asked", "Asked by me")
    } else {
        ("/", "For me")
    };
    html! {
        p.back { a href=(back.0) data-back { "← " (back.1) } }
        @if just_sent {
            p.notice.good role="status" data-once {
                "Sent, and held by every server."
            }
        }
        article.task {
            header {
                p.marks {
                    span.kind { (word::kind(new.kind)) }
                    (row::importance(new.importance))
                    @for label in &new.labels { span.label { "#" (label) } }
                }
                h1 { (new.title) }
                (byline(frame, task, clock))
            }
            (times(task, clock))
            @if !new.body.is_empty() { div.prose { (markdown::render(&new.body)) } }
            @if new.kind == Kind::Decide {
                section aria-labelledby="options" {
                    h2 #options { "To choose from" }
                    ul.options { @for option in &new.options { li { (option) } } }
                }
            }
            @if !new.links.is_empty() { (links(&new.links)) }
            (asks(frame, task))
            (facts(task, clock))
        }
    }
}

fn byline(frame: &Frame, task: &Whole, clock: &Clock) -> Markup {
    let sent = clock.ago(task.sent_at);
    let name = |name: &str| {
        if name == frame.account.as_str() {
            "you".to_owned()
        } else {
            name.to_owned()
        }
    };
    let recipients: Vec<_> = task
        .new_task
        .recipients
        .iter()
        .map(|recipient| name(recipient.as_str()))
        .collect();
    html! {
        div.byline {
            (row::avatar(task.sender.as_str()))
            p {
                b { (name(task.sender.as_str())) }
                " asked " (recipients.join(", ")) " · "
                time title=(sent.whole) { (sent.words) }
            }
        }
    }
}

fn times(task: &Whole, clock: &Clock) -> Markup {
    let new = &task.new_task;
    html! {
        @if new.due.is_some() || new.start.is_some() || new.respond_by.is_some() || new.effort.is_some() {
            dl.times {
                @if let Some(due) = &new.due { div { dt { "Due" } dd { (row::due_chip(due, clock)) span.whole { (clock.words(due).whole) } } } }
                @if let Some(start) = &new.start { div { dt { "Not before" } dd { (clock.words(start).words) } } }
                @if let Some(by) = &new.respond_by { div { dt { "Answer by" } dd { (clock.words(by).words) } } }
                @if let Some(minutes) = new.effort { div { dt { "Effort" } dd { (effort(minutes)) } } }
            }
        }
    }
}

fn effort(minutes: u32) -> String {
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// Links are only ever to the web or to mail: servers refuse others. What the
/// log had before that rule is shown, but leads nowhere.
fn links(links: &[String]) -> Markup {
    let leads = |link: &str| {
        ["https://", "http://", "mailto:"].iter().any(|scheme| {
            let begin = link.get(..scheme.len());
            begin.is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
        })
    };
    html! {
        section aria-labelledby="links" {
            h2 #links { "Links" }
            ul.links {
                @for link in links {
                    li {
                        @if leads(link) { a href=(link) rel="nofollow noopener noreferrer" { (link) } }
                        @else { (link) }
                    }
                }
            }
        }
    }
}

/// How it stands with each recipient.
fn asks(frame: &Frame, task: &Whole) -> Markup {
    html! {
        section aria-labelledby="asks" {
            h2 #asks { "Who is asked" }
            p.aside { (word::kind_asks(task.new_task.kind)) "." }
            ul.asks {
                @for ask in &task.asks {
                    li {
                        (row::avatar(ask.recipient.as_str()))
                        span.ask-name { (ask.recipient) @if ask.recipient == frame.account { " (you)" } }
                        span.state {
                            (word::state(ask.state))
                            @if ask.percent > 0 { " · " (ask.percent) " %" }
                        }
                        @if !ask.reason.is_empty() { p.reason { "“" (ask.reason) "”" } }
                    }
                }
            }
        }
    }
}

/// Where it is kept: everything that one needs to check the promise.
fn facts(task: &Whole, clock: &Clock) -> Markup {
    let hash: String = task.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    html! {
        details.facts {
            summary { "Held by " (task.held_by.len()) " servers" }
            dl {
                div { dt { "Sent" } dd { (clock.ago(task.sent_at).whole) } }
                div { dt { "Number" } dd { (task.number) " of " (task.sender) } }
                div { dt { "Place in the log" } dd { (task.position) } }
                div { dt { "Last change" } dd { (task.changed) } }
                div { dt { "Servers" } dd { @for server in &task.held_by { code { (server) } " " } } }
                div { dt { "Id" } dd { code { (task.new_task.id) } } }
                div { dt { "Chain" } dd { code { (hash) } } }
            }
        }
    }
}
