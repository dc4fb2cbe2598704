//! A new task: in one line, or in a form with everything.

mod draft;
mod fields;
pub(crate) mod revise;

pub(crate) use draft::labels;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::html;
use yoshi_client::{Error, Outgoing, Sent};
use yoshi_protocol::{ErrorCode, NewTask, TaskId};

use self::draft::Draft;
use super::{frame, trouble};
use crate::app::Shared;
use crate::limit::{CHANGE_WITHIN, QUICK_CHARS_MAX};
use crate::quick;
use crate::view::refusal::{Refusal, see_other};
use crate::view::{self, Here};
use crate::visitor::{Form, Member, MemberForm};

/// Why a task is not sent.
struct Wrong {
    words: String,
    /// Whether it lies with those who are asked.
    to_whom: bool,
}

impl Wrong {
    fn whom(words: String) -> Self {
        let to_whom = true;
        Self { words, to_whom }
    }
}

impl From<String> for Wrong {
    fn from(words: String) -> Self {
        let to_whom = false;
        Self { words, to_whom }
    }
}

/// The empty form; or with what an address says: `?line=`, `?to=`, `?title=`.
pub(crate) async fn form(
    State(app): State<Shared>,
    member: Member,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let asked = Form::parse(query.unwrap_or_default().as_bytes());
    let mut draft = match asked.text("line") {
        "" => Draft::from_form(&asked),
        line => Draft::from_line(&understand(line, &member), &member.look.clock),
    };
    draft.id = TaskId::fresh().to_string();
    show(&app, &member, &draft, None).await
}

/// What is understood of a line, for the page to show while it is typed.
pub(crate) async fn preview(member: Member, RawQuery(query): RawQuery) -> Html<String> {
    let asked = Form::parse(query.unwrap_or_default().as_bytes());
    let found = understand(asked.text("line"), &member);
    let preview = view::quick::preview(&found, &member.look.clock);
    let page = html! { (maud::DOCTYPE) html lang="en" { head { title { "Preview" } } body { div #preview { (preview) } } } };
    Html(page.into_string())
}

/// A task in one line. What the line lacks is asked for in the form.
pub(crate) async fn quick(
    State(app): State<Shared>,
    MemberForm { member, form }: MemberForm,
) -> Result<Response, Refusal> {
    let found = understand(form.text("line"), &member);
    let mut draft = Draft::from_line(&found, &member.look.clock);
    draft.id = form.text("task").to_owned();
    if form.text("act") == "more" {
        return show(&app, &member, &draft, None).await;
    }
    if let [name, ..] = &found.not_names[..] {
        let wrong = Wrong::whom(format!("@{name} is no account name."));
        return show(&app, &member, &draft, Some(&wrong)).await;
    }
    let to = |id: TaskId| format!("/?sent={id}");
    send(&app, &member, &draft, to).await
}

/// The whole form.
pub(crate) async fn create(
    State(app): State<Shared>,
    MemberForm { member, form }: MemberForm,
) -> Result<Response, Refusal> {
    let draft = Draft::from_form(&form);
    send(&app, &member, &draft, |id| format!("/task/{id}?sent=1")).await
}

async fn send(
    app: &Shared,
    member: &Member,
    draft: &Draft,
    to: impl Fn(TaskId) -> String,
) -> Result<Response, Refusal> {
    let task = match draft.task(&member.look.clock) {
        Ok(task) => task,
        Err(wrong) => return show(app, member, draft, Some(&wrong.into())).await,
    };
    match deliver(app, member, task).await {
        Ok(Sent::Accounted(receipt)) => Ok(see_other(&to(receipt.task))),
        Ok(Sent::Queued(queued)) => Ok(see_other(&format!("/task/{}", queued.task))),
        Err(wrong) => show(app, member, draft, Some(&wrong)).await,
    }
}

/// Sends a task under the id that its form was given, so that a form that is
/// submitted twice sends one task.
async fn deliver(app: &Shared, member: &Member, task: NewTask) -> Result<Sent, Wrong> {
    let outgoing = Outgoing::new(task).map_err(|error| trouble::words(&Error::from(error)))?;
    if let Err(wait) = app.throttles.send(&member.account) {
        let seconds = wait.as_secs() + 1;
        return Err(format!("You are sending very fast. Try again in {seconds} seconds.").into());
    }
    let client = app.client.clone().with_deadline(CHANGE_WITHIN);
    let sent = client
        .send_outgoing(&member.account, &member.credential, &outgoing)
        .await;
    sent.map_err(|error| {
        tracing::info!(account = %member.account, "not sent: {error}");
        Wrong {
            words: trouble::words(&error),
            to_whom: matches!(&error, Error::Refused(reply) if reply.code == ErrorCode::UnknownRecipients),
        }
    })
}

async fn show(
    app: &Shared,
    member: &Member,
    draft: &Draft,
    wrong: Option<&Wrong>,
) -> Result<Response, Refusal> {
    let frame = frame(app, member).await?;
    let content = fields::page(&frame, draft, wrong);
    let status = match wrong {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let page = view::member(&frame, Here::New, "New task", &content);
    Ok((status, Html(page)).into_response())
}

fn understand(line: &str, member: &Member) -> quick::Understood {
    let line: String = line.chars().take(QUICK_CHARS_MAX).collect();
    quick::understand(&line, &member.look.clock)
}
