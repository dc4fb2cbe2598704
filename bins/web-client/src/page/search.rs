//! Search in everything that was exchanged.

use axum::extract::{RawQuery, State};
use axum::response::Html;
use maud::html;

use super::frame;
use super::lists::more;
use crate::app::Shared;
use crate::limit::SEARCH_CHARS_MAX;
use crate::store::list::{self, Page, Place};
use crate::view::refusal::Refusal;
use crate::view::{self, Here, row};
use crate::visitor::{Form, Member};

/// The tasks that hold all words.
pub(crate) async fn search(
    State(app): State<Shared>,
    member: Member,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Refusal> {
    let asked = Form::parse(query.unwrap_or_default().as_bytes());
    // Postgres knows no U+0000.
    let text: String = asked
        .text("q")
        .chars()
        .filter(|char| !char.is_control())
        .take(SEARCH_CHARS_MAX)
        .collect();
    let text = text.trim();
    let after = Place::parse(asked.text("after")).unwrap_or(Place::START);
    let frame = frame(&app, &member).await?;
    let page = match text {
        "" => Page {
            rows: Vec::new(),
            next: None,
        },
        text => list::search(&app.pool, &member.account, text, after).await?,
    };
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let content = html! {
        div.head { h1 { "Search" } }
        form.search role="search" action="/search" {
            label.unseen for="q" { "Words to look for" }
            input #q type="search" name="q" value=(text) maxlength=(SEARCH_CHARS_MAX)
                placeholder="Words in titles, texts, names and labels" autofocus[text.is_empty()];
            button type="submit" { "Search" }
        }
        div #list data-list {
            @if page.rows.is_empty() {
                div.empty {
                    @if text.is_empty() {
                        h2 { "Find any task again" }
                        p { "Everything that you sent or received is looked through. "
                            "Words may be cut short; " code { "\"in quotes\"" } " they stand together, and "
                            code { "-word" } " must not be there." }
                    } @else {
                        h2 { "Nothing found" }
                        p { "No task of yours holds “" (text) "”. Try fewer words, or the beginning of one." }
                    }
                }
            } @else {
                (row::rows(&page.rows, &frame.account, &frame.look.clock, false))
            }
            (more(&format!("/search?q={encoded}"), &page))
        }
    };
    Ok(Html(view::member(&frame, Here::Search, "Search", &content)))
}
