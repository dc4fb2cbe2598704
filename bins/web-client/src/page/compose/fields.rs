//! The form for a task, with everything.

use maud::{Markup, html};

use super::Wrong;
use super::draft::Draft;
use crate::quick::IMPORTANCE;
use crate::view::Frame;
use crate::word;

/// The page with the form.
pub(super) fn page(frame: &Frame, draft: &Draft, wrong: Option<&Wrong>) -> Markup {
    let to_whom = draft.to.is_empty() || wrong.is_some_and(|wrong| wrong.to_whom);
    html! {
        div.head { h1 { "New task" } }
        @if let Some(Wrong { words: wrong, .. }) = wrong { p.notice.bad role="alert" #wrong { (wrong) } }
        form.stack.compose method="post" action="/new" aria-describedby=[wrong.map(|_| "wrong")] {
            (frame.proof())
            input type="hidden" name="task" value=(draft.id);
            label for="to" { "To" }
            input #to type="text" name="to" value=(draft.to) required autocomplete="off" autocapitalize="none"
                spellcheck="false" data-complete="" placeholder="names, with blanks between them"
                autofocus[to_whom] aria-invalid=[wrong.filter(|_| to_whom).map(|_| "true")]
                aria-describedby={ @if wrong.is_some() && to_whom { "wrong " } "known" };
            (known(frame))
            (what(draft, frame.look.clock.zone(), !to_whom))
            div.actions {
                button type="submit" { "Send" }
                a.button.secondary href="/" { "Cancel" }
            }
        }
    }
}

/// Everything but to whom: the same for a new task and for one that is changed.
pub(super) fn what(draft: &Draft, zone: &str, is_first: bool) -> Markup {
    html! {
        label for="title" { "What do you want?" }
        input #title type="text" name="title" value=(draft.title) required maxlength="255"
            autocomplete="off" placeholder="in one line" autofocus[is_first];
        (kinds(draft))
        div #choices.choices {
            label for="options" { "Options" span.hint { " one in each line, 2 to 10; for “decide”" } }
            textarea #options name="options" rows="3" { (draft.options) }
        }
        label for="body" { "Details" span.hint { " Markdown" } }
        textarea #body name="body" rows="6" { (draft.body) }
        (when(draft, zone))
        (more(draft, zone))
    }
}

/// Whom one has written with: there is no directory of everybody.
fn known(frame: &Frame) -> Markup {
    html! {
        p.hint #known {
            @match frame.people.len() {
                0 => "Somebody's account name, or your own for a note to yourself.",
                _ => { "Recently: " (frame.people.iter().take(6).map(String::as_str).collect::<Vec<_>>().join(", ")) }
            }
        }
    }
}

fn kinds(draft: &Draft) -> Markup {
    let chosen = draft.kind();
    html! {
        fieldset.choice #kinds {
            legend { "What is asked" }
            @for kind in word::KINDS {
                label title=(word::kind_asks(kind)) {
                    input type="radio" name="kind" value=(word::kind(kind)) checked[kind == chosen];
                    span { (word::kind(kind)) }
                }
            }
        }
    }
}

fn when(draft: &Draft, zone: &str) -> Markup {
    let chosen: u8 = draft.importance.parse().unwrap_or(5);
    // A number between the named ones stays what it is.
    let named = IMPORTANCE
        .iter()
        .any(|(_, importance)| *importance == chosen);
    html! {
        div.side-by-side.wide-first {
            div {
                label for="due_day" { "Due" span.hint { " " (zone) } }
                div.pair {
                    input #due_day type="date" name="due_day" value=(draft.due_day);
                    input type="time" name="due_time" value=(draft.due_time) aria-label="Time of day";
                }
            }
            div {
                label for="importance" { "Importance" }
                select #importance name="importance" {
                    @for (words, importance) in IMPORTANCE {
                        option value=(importance) selected[importance == chosen] { (words) }
                    }
                    @if !named { option value=(chosen) selected { (chosen) " of 9" } }
                }
            }
            div {
                label for="labels" { "Labels" }
                input #labels type="text" name="labels" value=(draft.labels) autocomplete="off"
                    placeholder="release q4";
            }
        }
    }
}

fn more(draft: &Draft, zone: &str) -> Markup {
    let used = [&draft.start, &draft.respond_by, &draft.effort, &draft.links];
    let open = used.iter().any(|text| !text.is_empty());
    html! {
        details.more-fields open[open] {
            summary { "More" }
            div.side-by-side {
                div {
                    label for="start" { "Not before" span.hint { " " (zone) } }
                    input #start type="datetime-local" name="start" value=(draft.start);
                }
                div {
                    label for="respond_by" { "Answer by" span.hint { " " (zone) } }
                    input #respond_by type="datetime-local" name="respond_by" value=(draft.respond_by);
                }
                div {
                    label for="effort" { "Effort" }
                    input #effort type="text" name="effort" value=(draft.effort) placeholder="90m, 2h";
                }
            }
            div.side-by-side {
                div {
                    label for="completion" { "Complete when" }
                    select #completion name="completion" {
                        @for (_, name, words) in word::COMPLETIONS {
                            option value=(name) selected[name == draft.completion] { (words) }
                        }
                    }
                }
                div {
                    label for="privacy" { "Who may see it" }
                    select #privacy name="privacy" {
                        @for (_, name, words) in word::PRIVACIES {
                            option value=(name) selected[name == draft.privacy] { (words) }
                        }
                    }
                }
            }
            label for="links" { "Links" span.hint { " one in each line" } }
            textarea #links name="links" rows="2" { (draft.links) }
        }
    }
}
