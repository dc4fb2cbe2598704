//! Changing a task that was sent: the form of a new one, with what stands. What
//! somebody else, or oneself elsewhere, changed meanwhile is shown beside what
//! was typed, and nothing is overwritten unseen.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::{Markup, html};
use yoshi_client::{Happened, Step, TaskStatus};
use yoshi_protocol::{ChangeId, NewTask, Revise, TaskId, Verb};

use super::draft::Draft;
use super::fields;
use crate::app::{App, Shared};
use crate::clock::Clock;
use crate::page::{frame, task};
use crate::store::whole::Whole;
use crate::view::refusal::{Refusal, see_other};
use crate::view::{self, Here};
use crate::visitor::{Member, MemberForm};

/// The form with the task as it stands.
pub(crate) async fn form(
    State(app): State<Shared>,
    member: Member,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let whole = own(&app, &member, &id).await?;
    let draft = Draft::from_task(&whole.new_task, &member.look.clock);
    let shown = Shown {
        draft: &draft,
        revision: whole.revision,
        change: ChangeId::fresh().to_string(),
        wrong: None,
        beside: &[],
    };
    page(&app, &member, &whole, &shown, StatusCode::OK).await
}

/// Changes the task as the form says.
pub(crate) async fn revise(
    State(app): State<Shared>,
    Path(id): Path<String>,
    MemberForm { member, form }: MemberForm,
) -> Result<Response, Refusal> {
    let whole = own(&app, &member, &id).await?;
    let clock = &member.look.clock;
    let id = whole.new_task.id;
    let typed = Draft::from_form(&form);
    let stands = Draft::from_task(&whole.new_task, clock);
    let done = || Ok(see_other(&format!("/task/{id}?done=revise")));
    let mut shown = Shown {
        draft: &typed,
        revision: whole.revision,
        change: form.text("change").to_owned(),
        wrong: None,
        beside: &[],
    };
    if form.text("revision") != whole.revision.to_string() {
        let steps = task::steps(&app, &member, id).await.unwrap_or_default();
        // The same form, submitted twice.
        if is_made(&steps, form.text("change")) {
            return done();
        }
        let seen = as_of(&steps, form.text("revision"));
        let seen = seen.map_or_else(|| stands.clone(), |task| Draft::from_task(&task, clock));
        let merged = typed.merged(&seen, &stands);
        let beside = merged.differences(&stands);
        shown.draft = &merged;
        shown.beside = &beside;
        shown.change = ChangeId::fresh().to_string();
        shown.wrong = Some(
            "It was changed since you opened this form. Look at what stands now, and save again."
                .to_owned(),
        );
        return page(&app, &member, &whole, &shown, StatusCode::CONFLICT).await;
    }
    let revise = match changes(&typed, &stands, &whole, clock) {
        Ok(revise) => revise,
        Err(wrong) => {
            shown.wrong = Some(wrong);
            return page(
                &app,
                &member,
                &whole,
                &shown,
                StatusCode::UNPROCESSABLE_ENTITY,
            )
            .await;
        }
    };
    match task::change(&app, &member, id, &form, Verb::Revise(Box::new(revise))).await {
        Ok(()) => done(),
        Err((status, wrong, anew)) => {
            shown.wrong = Some(wrong);
            if anew {
                shown.change = ChangeId::fresh().to_string();
            }
            page(&app, &member, &whole, &shown, status).await
        }
    }
}

/// A task that the reader sent and has not withdrawn.
async fn own(app: &App, member: &Member, id: &str) -> Result<Whole, Refusal> {
    let id: TaskId = id.parse().map_err(|_| Refusal::not_found())?;
    match task::find(app, member, id).await? {
        Some(task::Found::Task(whole))
            if whole.sender == member.account && whole.status != TaskStatus::Cancelled =>
        {
            Ok(*whole)
        }
        _ => Err(Refusal::not_found()),
    }
}

/// The fields that were changed; the others stay exactly as they are.
fn changes(typed: &Draft, stands: &Draft, whole: &Whole, clock: &Clock) -> Result<Revise, String> {
    let old = &whole.new_task;
    let mut typed = typed.clone();
    typed.id = old.id.to_string();
    typed.to = stands.to.clone();
    let new = typed.task(clock)?;
    let is_new = |name: &str| typed.field(name) != stands.field(name);
    let mut revise = Revise {
        revision: whole.revision,
        ..Revise::default()
    };
    let set = |name: &str| is_new(name).then_some(());
    revise.title = set("title").map(|()| new.title.clone());
    revise.body = set("body").map(|()| new.body.clone());
    revise.kind = (new.kind != old.kind).then_some(new.kind);
    revise.options = (new.options != old.options).then(|| new.options.clone());
    revise.due = (is_new("due_day") || is_new("due_time")).then(|| new.due.clone());
    revise.start = set("start").map(|()| new.start.clone());
    revise.respond_by = set("respond_by").map(|()| new.respond_by.clone());
    revise.effort = set("effort").map(|()| new.effort);
    revise.labels = set("labels").map(|()| new.labels.clone());
    revise.links = set("links").map(|()| new.links.clone());
    revise.importance = set("importance").map(|()| new.importance);
    revise.completion = set("completion").map(|()| new.completion);
    revise.privacy = set("privacy").map(|()| new.privacy);
    let nothing = Revise {
        revision: whole.revision,
        ..Revise::default()
    };
    if revise == nothing {
        return Err("Nothing is different yet: change a field, or go back.".to_owned());
    }
    let after: NewTask = revise.apply(old);
    after.check().map_err(|error| error.to_string())?;
    Ok(revise)
}

fn is_made(steps: &[Step], change: &str) -> bool {
    steps.iter().any(
        |step| matches!(&step.happened, Happened::Changed(made) if made.id.to_string() == change),
    )
}

/// The task as it was at a revision, by its history.
fn as_of(steps: &[Step], revision: &str) -> Option<NewTask> {
    let wanted: u32 = revision.parse().ok()?;
    let mut task: Option<NewTask> = None;
    let mut at = 0;
    for step in steps {
        match &step.happened {
            Happened::Sent(sent) => task = Some((**sent).clone()),
            Happened::Changed(change) => {
                if let (Verb::Revise(revise), Some(old)) = (&change.verb, &task)
                    && at < wanted
                {
                    task = Some(revise.apply(old));
                    at += 1;
                }
            }
        }
    }
    task.filter(|_| at == wanted)
}

/// What a page with the form shows.
struct Shown<'a> {
    draft: &'a Draft,
    /// The revision that its reader sees.
    revision: u32,
    change: String,
    wrong: Option<String>,
    /// Fields that differ: name, what stands now, what was typed.
    beside: &'a [(&'static str, String, String)],
}

async fn page(
    app: &App,
    member: &Member,
    whole: &Whole,
    shown: &Shown<'_>,
    status: StatusCode,
) -> Result<Response, Refusal> {
    let frame = frame(app, member).await?;
    let to = format!("/task/{}", whole.new_task.id);
    let content = html! {
        p.back { a href=(to) data-back { "← " bdi { (whole.new_task.title) } } }
        div.head {
            h1 { "Change a task" }
            p.sub { "Whoever has answered is asked again if you change what is wanted, or when." }
        }
        @if let Some(wrong) = &shown.wrong {
            div.notice.bad role="alert" #wrong { p { (wrong) } (beside(shown.beside)) }
        }
        form.stack.compose method="post" action={ (to) "/revise" } {
            (frame.proof())
            input type="hidden" name="change" value=(shown.change);
            input type="hidden" name="revision" value=(shown.revision);
            (fields::what(shown.draft, frame.look.clock.zone(), true))
            div.actions {
                button type="submit" { "Save the change" }
                a.button.secondary href=(to) { "Cancel" }
            }
        }
    };
    let page = view::member(&frame, Here::Task, "Change a task", &content);
    Ok((status, Html(page)).into_response())
}

fn beside(differ: &[(&'static str, String, String)]) -> Markup {
    html! {
        @if !differ.is_empty() {
            table.changes {
                thead { tr { th scope="col" { "Field" } th scope="col" { "Stands now" } th scope="col" { "You typed" } } }
                tbody {
                    @for (name, now, typed) in differ {
                        tr { th scope="row" { (name) } td data-name="Stands now" { (now) } td data-name="You typed" { (typed) } }
                    }
                }
            }
        }
    }
}
