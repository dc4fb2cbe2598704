//! One task: as it stands, what the reader may do with it, and what was done.

mod act;
mod actions;
mod asked;
mod heading;
mod history;
mod may;
mod record;
mod sender;

use axum::extract::{Path, RawQuery, State};
use axum::response::Html;
use maud::{Markup, html};
use yoshi_client::{Error, Step};
use yoshi_protocol::{ErrorCode, Kind, TaskId};

use self::actions::Forms;
use self::may::May;
use super::frame;
use super::lists::take_back;
use crate::app::{App, Shared};
use crate::limit::FILL_WITHIN;
use crate::markdown;
use crate::store::whole::{self, Whole};
use crate::view::refusal::Refusal;
use crate::view::{self, Here};
use crate::visitor::{Form, Member};

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
                    (heading::marks(task))
                    h1 { bdi { (new.title) } }
                    (heading::byline(frame, task, clock))
                }
                (heading::times(task, clock))
                @if !new.body.is_empty() { div.prose { (markdown::render(&new.body)) } }
                @if new.kind == Kind::Decide && !may.answer {
                    section aria-labelledby="options" {
                        h2 #options { "To choose from" }
                        ul.options { @for option in &new.options { li { bdi { (option) } } } }
                    }
                }
                @if !new.links.is_empty() { (record::links(&new.links)) }
                @if may.answer { (self.forms.answer()) }
                (asked::asks(frame, task))
                @if may.as_sender() { (self.forms.sender()) }
                @if !may.answer { (self.forms.answer()) }
                (history::history(frame, new.id, self.steps, self.asked.text("before").parse().ok()))
                (self.forms.comment())
                (record::facts(task, clock))
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
                div.notice.good.with-undo role="status" data-once {
                    p { "Sent, and held by every server." }
                    (take_back(self.forms.frame, self.forms.id()))
                }
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
