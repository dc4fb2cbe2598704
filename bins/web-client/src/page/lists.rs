//! *For me* and *Asked by me*.

use axum::extract::{RawQuery, State};
use axum::response::Html;
use maud::{Markup, html};
use yoshi_protocol::{ChangeId, TaskId};

use super::frame;
use crate::app::{App, Shared};
use crate::filter::Filter;
use crate::store::cache::Side;
use crate::store::counts::{self, Counts};
use crate::store::list::{self, DONE, Page, Place, Row};
use crate::view::filter::filters;
use crate::view::refusal::Refusal;
use crate::view::row::Among;
use crate::view::{self, Frame, Here, quick, row};
use crate::visitor::{Form, Member};

/// The groups of *For me*, in their order: heading and what stands in it.
const FOR_ME: [(&str, &str); 7] = [
    ("To answer", "waiting for your answer"),
    ("Due", "due today or before"),
    ("In progress", "begun, and not done"),
    ("Taken on", "accepted, and not begun"),
    ("Waiting", "snoozed by you; it comes back by itself"),
    ("Later", "not to be begun yet"),
    ("Done", "nothing left for you to do"),
];
/// The groups of *Asked by me*.
const ASKED: [(&str, &str); 3] = [
    ("Needs you", "declined, or done and not looked at"),
    ("Waiting", "somebody has something left to do"),
    ("Done", "nobody has anything left to do"),
];

/// What the reader is asked.
pub(crate) async fn for_me(
    State(app): State<Shared>,
    member: Member,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Refusal> {
    let asked = Form::parse(query.unwrap_or_default().as_bytes());
    let after = Place::parse(asked.text("after")).unwrap_or(Place::START);
    let filter = Filter::from_form(&asked);
    let frame = frame(&app, &member).await?;
    let (account, clock) = (&member.account, &member.look.clock);
    let page = list::for_me(&app.pool, account, clock, &filter, after).await?;
    let counts = counted(&app, &frame, &filter).await?;
    let content = html! {
        div.head {
            h1 { "For me" }
            p.sub { (summary(&frame)) }
        }
        (quick::form(&frame, "", &TaskId::fresh().to_string()))
        (sent_notice(&frame, asked.text("sent")))
        @if frame.counts.for_me.iter().sum::<i64>() > 0 { (filters(&filter, "/")) }
        div #list data-list {
            @if page.rows.is_empty() && after == Place::START {
                @if filter.is_empty() { (nothing_for_me(&frame)) } @else { (nothing_fits("/")) }
            }
            (groups(&frame, &page.rows, &FOR_ME, &counts.for_me, Side::Inbox))
            (more(&filter.address("/", None), &page))
        }
    };
    let title = match frame.counts.waiting() {
        0 => "For me".to_owned(),
        open => format!("({open}) For me"),
    };
    Ok(Html(view::member(&frame, Here::ForMe, &title, &content)))
}

/// What the reader asks.
pub(crate) async fn asked(
    State(app): State<Shared>,
    member: Member,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Refusal> {
    let asked = Form::parse(query.unwrap_or_default().as_bytes());
    let after = Place::parse(asked.text("after")).unwrap_or(Place::START);
    let filter = Filter::from_form(&asked);
    let frame = frame(&app, &member).await?;
    let (account, clock) = (&member.account, &member.look.clock);
    let page = list::asked(&app.pool, account, clock, &filter, after).await?;
    let counts = counted(&app, &frame, &filter).await?;
    let content = html! {
        div.head {
            h1 { "Asked by me" }
            p.sub {
                @let [needs, waiting, done] = frame.counts.asked;
                @if needs > 0 { b { (needs) } " need" @if needs == 1 { "s" } " you · " }
                b { (waiting) } " waiting · " (done) " done"
            }
        }
        (quick::form(&frame, "", &TaskId::fresh().to_string()))
        @if frame.counts.asked.iter().sum::<i64>() > 0 { (filters(&filter, "/asked")) }
        div #list data-list {
            @if page.rows.is_empty() && after == Place::START && !filter.is_empty() { (nothing_fits("/asked")) }
            @else if page.rows.is_empty() && after == Place::START {
                div.empty {
                    h2 { "You have not asked anybody yet" }
                    p { "Write " code { "@name" } " and what you want in the line above, or "
                        a href="/new" { "fill in a form" } "." }
                }
            } @else {
                (groups(&frame, &page.rows, &ASKED, &counts.asked, Side::Sent))
            }
            (more(&filter.address("/asked", None), &page))
        }
    };
    Ok(Html(view::member(
        &frame,
        Here::Asked,
        "Asked by me",
        &content,
    )))
}

fn summary(frame: &Frame) -> Markup {
    let [answer, due, progress, taken, snoozed, later, _done] = frame.counts.for_me;
    let (begun, later) = (due + progress + taken, snoozed + later);
    html! {
        @if answer + begun + later == 0 { "Nothing is waiting for you" }
        @else {
            b { (answer) } " to answer"
            @if due > 0 { " · " b { (due) } " due" }
            @if begun > 0 { " · " (begun) " in hand" }
            @if later > 0 { " · " (later) " later" }
        }
    }
}

fn groups(
    frame: &Frame,
    rows: &[Row],
    named: &[(&str, &str)],
    counts: &[i64],
    side: Side,
) -> Markup {
    let grouped = rows.chunk_by(|one, other| one.place.group == other.place.group);
    // A page that has nothing but what is done shows it.
    let only_done = rows.first().is_some_and(|row| row.place.group == DONE);
    html! {
        @for group in grouped {
            @let index = usize::try_from(group[0].place.group).unwrap_or_default();
            @if let (Some((words, what)), Some(count)) = (named.get(index), counts.get(index)) {
                @let heading = html! {
                    h2 id={ "group-" (index) } title=(what) { (words) span.count { (count) } }
                };
                @let among = match side { Side::Inbox => Among::Received, Side::Sent => Among::Sent };
                @let rows = row::rows(group, &frame.account, &frame.look.clock, among);
                @if side == Side::Inbox && group[0].place.group == DONE {
                    details.group #done open[only_done] { summary { (heading) } (rows) }
                } @else {
                    section.group aria-labelledby={ "group-" (index) } { (heading) (rows) }
                }
            }
        }
    }
}

/// How many tasks there are that the filter wants.
async fn counted(app: &App, frame: &Frame, filter: &Filter) -> Result<Counts, Refusal> {
    if filter.is_empty() {
        return Ok(frame.counts);
    }
    let clock = &frame.look.clock;
    Ok(counts::counts(&app.pool, &frame.account, clock, filter).await?)
}

fn nothing_fits(path: &str) -> Markup {
    html! {
        div.empty {
            h2 { "Nothing fits these filters" }
            p { "Take one of them away, or " a href=(path) { "look at everything" } "." }
        }
    }
}

fn nothing_for_me(frame: &Frame) -> Markup {
    html! {
        div.empty {
            h2 { "All clear" }
            p { "Nobody is waiting for you. Colleagues reach you as "
                b { "@" (frame.account) } "." }
            p { "Ask somebody for something: write " code { "@name" }
                " and what you want in the line above. Try it on yourself with "
                code { "@" (frame.account) " try this out by tomorrow" } "." }
        }
    }
}

/// Where the list goes on.
pub(super) fn more(path: &str, page: &Page) -> Markup {
    let join = if path.contains('?') { '&' } else { '?' };
    html! {
        @if let Some(next) = page.next {
            p.more { a.button.secondary href={ (path) (join) "after=" (next.to_text()) } rel="next" { "Show more" } }
        }
    }
}

/// That a task was sent, after the quick entry.
fn sent_notice(frame: &Frame, id: &str) -> Markup {
    html! {
        @if let Ok(id) = id.parse::<TaskId>() {
            div.notice.good.with-undo role="status" data-once {
                p { "Sent, and held by every server. " a href={ "/task/" (id) } { "Look at it" } }
                (take_back(frame, id))
            }
        }
    }
}

/// The button that withdraws what was just sent, from everybody.
pub(super) fn take_back(frame: &Frame, id: TaskId) -> Markup {
    html! {
        form method="post" action={ "/task/" (id) "/do" } {
            (frame.proof())
            input type="hidden" name="change" value=(ChangeId::fresh());
            input type="hidden" name="act" value="withdraw";
            button.secondary type="submit" { "Undo" }
        }
    }
}
