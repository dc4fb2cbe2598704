//! Search in everything that was exchanged.

use axum::extract::{RawQuery, State};
use axum::response::Html;
use maud::{Markup, html};
use yoshi_client::Position;
use yoshi_protocol::limit::FIND_WORDS_MAX;

use super::frame;
use crate::app::Shared;
use crate::find::{Error, Page};
use crate::limit::SEARCH_CHARS_MAX;
use crate::store::cache;
use crate::view::refusal::Refusal;
use crate::view::row::Among;
use crate::view::{self, Frame, Here, row};
use crate::visitor::{Form, Member};

/// The tasks that hold all words.
pub(crate) async fn search(
    State(app): State<Shared>,
    member: Member,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Refusal> {
    let asked = Form::parse(query.unwrap_or_default().as_bytes());
    let text: String = asked
        .text("q")
        .chars()
        .filter(|char| !char.is_control())
        .take(SEARCH_CHARS_MAX)
        .collect();
    let text = text.trim();
    let before = asked.text("before").parse().ok().map(Position);
    let (account, credential) = (&member.account, &member.credential);
    let known = cache::reach(&app.pool, account).await?.latest;
    let (frame, found) = tokio::join!(frame(&app, &member), async {
        match text {
            "" => None,
            text => Some(app.find(account, credential, text, before, known).await),
        }
    });
    let frame = frame?;
    let content = html! {
        div.head { h1 { "Search" } }
        form.search role="search" action="/search" {
            label.unseen for="q" { "Words to look for" }
            input #q type="search" name="q" value=(text) maxlength=(SEARCH_CHARS_MAX)
                placeholder="Words to look for" autofocus[text.is_empty()];
            button type="submit" { "Search" }
        }
        div #list data-list {
            @match found {
                None => (beginning()),
                Some(Ok(page)) => (results(&frame, text, &page, before.is_none())),
                Some(Err(error)) => (failed(error)),
            }
        }
    };
    Ok(Html(view::member(&frame, Here::Search, "Search", &content)))
}

fn beginning() -> Markup {
    html! {
        div.empty {
            h2 { "Find any task again" }
            p { "Everything that you sent or received is looked through: titles, texts, options, links, labels and names. "
                "All words must be there; the last one may be cut short. Capitals and accents make no difference." }
        }
    }
}

fn results(frame: &Frame, text: &str, page: &Page, is_first: bool) -> Markup {
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    html! {
        @if page.behind {
            p.notice.caution role="status" { "The newest tasks are not all looked through yet. Search again in a moment." }
        }
        @if page.rows.is_empty() && page.next.is_none() {
            div.empty {
                @if is_first {
                    h2 { "Nothing found" }
                    p { "No task of yours holds “" (text) "”. Try fewer words, or the beginning of one." }
                } @else {
                    h2 { "That was all" }
                    p { a href={ "/search?q=" (encoded) } { "Back to the first results" } }
                }
            }
        }
        @if !page.rows.is_empty() { (row::rows(&page.rows, &frame.account, &frame.look.clock, Among::Found)) }
        @if let Some(next) = page.next {
            p.more { a.button.secondary href={ "/search?q=" (encoded) "&before=" (next.0) } rel="next" { "Show more" } }
        }
    }
}

fn failed(error: Error) -> Markup {
    let (title, words) = match error {
        Error::Text => (
            "Nothing to look for",
            format!("A search needs a word, of letters or digits, and takes {FIND_WORDS_MAX} words at most."),
        ),
        Error::TooMany => (
            "Too much to look through",
            "So many tasks hold these words that the search was given up. Use rarer ones.".to_owned(),
        ),
        Error::OutOfReach => (
            "No search just now",
            "The servers search, and they give no answer. Try again in a moment; your lists show what was known last.".to_owned(),
        ),
    };
    html! {
        div.empty role="status" {
            h2 { (title) }
            p { (words) }
        }
    }
}
