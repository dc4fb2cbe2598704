//! One task: as it stands, what the reader may do with it, and what was done.

mod act;
mod actions;
mod history;
mod may;

use axum::extract::{Path, RawQuery, State};
use axum::response::Html;
use maud::{Markup, html};
use yoshi_client::{AskState, Error, Step, TaskStatus};
use yoshi_protocol::{ErrorCode, Kind, TaskId};

use self::actions::Forms;
use self::may::May;
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

pub(crate) use self::act::act;
pub(super) use self::act::change;

/// What is known of a task.
pub(super) enum Found {
    /// It is in the log.
    Task(Box<Whole>),
    /// One server has it in its outbox: it is not sent yet.
    Queued { server: String },
}

/// What somebody tried to do, and why it did not succeed.
pub(crate) struct Tried {
    act: String,
    wrong: String,
    form: Form,
    /// Whether another try needs an id of its own.
    anew: bool,
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
    Box::pin(show(&app, &member, id, &asked, None)).await
}

async fn show(
    app: &App,
    member: &Member,
    id: TaskId,
    asked: &Form,
    tried: Option<&Tried>,
) -> Result<Html<String>, Refusal> {
    let (frame, found, steps) = tokio::join!(
        frame(app, member),
        find(app, member, id),
        steps(app, member, id),
    );
    let frame = frame?;
    let (title, content) = match found?.ok_or_else(Refusal::not_found)? {
        Found::Task(task) => {
            let page = TaskPage {
                forms: Forms {
                    may: May::of(&task, &frame.account, steps.as_deref()),
                    frame: &frame,
                    task: &task,
                    tried,
                },
                steps: steps.as_deref(),
                asked,
            };
            (task.new_task.title.clone(), page.draw())
        }
        Found::Queued { server } => ("Waiting".to_owned(), queued_page(&server)),
    };
    Ok(Html(view::member(&frame, Here::Task, &title, &content)))
}

/// The history, if the task's home gives it in time.
pub(super) async fn steps(app: &App, member: &Member, id: TaskId) -> Option<Vec<Step>> {
    let client = app.client.clone().with_deadline(FILL_WITHIN);
    let steps = client
        .history(&member.account, &member.credential, id)
        .await;
    steps
        .inspect_err(
            |error| tracing::debug!(account = %member.account, "the history of {id}: {error}"),
        )
        .ok()
}

/// The task as its home has it; if that gives no answer, as it is cached.
pub(super) async fn find(app: &App, member: &Member, id: TaskId) -> Result<Option<Found>, Refusal> {
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

struct TaskPage<'a> {
    forms: Forms<'a>,
    steps: Option<&'a [Step]>,
    asked: &'a Form,
}

impl TaskPage<'_> {
    fn draw(&self) -> Markup {
        let Forms {
            frame, task, may, ..
        } = &self.forms;
        let new = &task.new_task;
        let clock = &frame.look.clock;
        let mine = task.sender == frame.account;
        let back = if mine && !new.recipients.contains(&frame.account) {
            ("/asked", "Asked by me")
        } else {
            ("/", "For me")
        };
        // An open page is renewed when this moves; that somebody has read it does not count.
        let at = self.steps.and_then(history::latest);
        let at = at.unwrap_or(task.changed.0);
        html! {
            p.back { a href=(back.0) data-back { "← " (back.1) } }
            (self.notice())
            article.task #task data-at=(at) {
                header {
                    (marks(task))
                    h1 { (new.title) }
                    (byline(frame, task, clock))
                }
                (times(task, clock))
                @if !new.body.is_empty() { div.prose { (markdown::render(&new.body)) } }
                @if new.kind == Kind::Decide && !may.answer {
                    section aria-labelledby="options" {
                        h2 #options { "To choose from" }
                        ul.options { @for option in &new.options { li { (option) } } }
                    }
                }
                @if !new.links.is_empty() { (links(&new.links)) }
                @if may.answer { (self.forms.answer()) }
                (asks(frame, task))
                @if may.as_sender() { (self.forms.sender()) }
                @if !may.answer { (self.forms.answer()) }
                (history::history(frame, self.steps))
                (self.forms.comment())
                (facts(task, clock))
            }
        }
    }

    /// What was just done, or could not be.
    fn notice(&self) -> Markup {
        if let Some(tried) = self.forms.tried {
            return html! { p.notice.bad role="alert" { (tried.wrong) } };
        }
        if self.asked.has("sent") {
            return html! {
                p.notice.good role="status" data-once { "Sent, and held by every server." }
            };
        }
        let words = match self.asked.text("done") {
            "accept" => "You have taken it on.",
            "decline" => "You have declined; its sender is told.",
            "start" => "You have begun.",
            "progress" => "Your progress is noted.",
            "complete" => "Done; its sender is told.",
            "undo" => "Your last step is taken back.",
            "withdraw" => "It is withdrawn. Ask again to take that back.",
            "reopen" => "They are asked again.",
            "remind" => "They are reminded.",
            "revise" => "It is changed; those who are asked see it.",
            "comment" => "Your comment is there.",
            "snooze" => "Out of your sight for now.",
            "wake" => "It is back on your list.",
            "label" => "Your labels are noted.",
            "read" => "Marked as read.",
            "unread" => "Marked as unread.",
            _ => return html! {},
        };
        let own_step = ["accept", "decline", "start", "progress", "complete"];
        html! {
            div.notice.good.with-undo role="status" data-once {
                p { (words) }
                @if own_step.contains(&self.asked.text("done")) { (self.forms.undo()) }
            }
        }
    }
}

fn marks(task: &Whole) -> Markup {
    let new = &task.new_task;
    html! {
        p.marks {
            span.status.(word::status_name(task.status)) { (word::status(task.status)) }
            span.kind { (word::kind(new.kind)) }
            (row::importance(new.importance))
            @for label in new.labels.iter().chain(&task.mine.labels) { span.label { "#" (label) } }
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
    let snoozed = task.mine.snoozed_until.as_ref();
    let snoozed = snoozed.filter(|until| !clock.has_begun(until));
    html! {
        @if snoozed.is_some() || new.due.is_some() || new.start.is_some() || new.respond_by.is_some() || new.effort.is_some() {
            dl.times {
                @if let Some(due) = &new.due { div { dt { "Due" } dd { (row::due_chip(due, clock)) span.whole { (clock.words(due).whole) } } } }
                @if let Some(start) = &new.start { div { dt { "Not before" } dd { (clock.words(start).words) } } }
                @if let Some(by) = &new.respond_by { div { dt { "Answer by" } dd { (clock.words(by).words) } } }
                @if let Some(until) = snoozed { div { dt { "Snoozed until" } dd { (clock.words(until).words) } } }
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
                    @let answer = ask.answer.as_ref().map(history::answered);
                    li {
                        (row::avatar(ask.recipient.as_str()))
                        span.ask-name { (ask.recipient) @if ask.recipient == frame.account { " (you)" } }
                        span.state.(word::state_name(ask.state)) {
                            (word::state(ask.state))
                            @if ask.state == AskState::InProcess && ask.percent > 0 { " · " (ask.percent) " %" }
                        }
                        @if let Some((words, said)) = answer {
                            div.reason { p { (words) } @if let Some(said) = said { div.prose { (said) } } }
                        }
                        @if !ask.reason.is_empty() { p.reason { "“" (ask.reason) "”" } }
                    }
                }
            }
            @if task.status == TaskStatus::Cancelled { p.aside { "It is withdrawn: nobody has anything to do." } }
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
                div { dt { "Revision" } dd { (task.revision) } }
                div { dt { "Servers" } dd { @for server in &task.held_by { code { (server) } " " } } }
                div { dt { "Id" } dd { code { (task.new_task.id) } } }
                div { dt { "Chain" } dd { code { (hash) } } }
            }
        }
    }
}
