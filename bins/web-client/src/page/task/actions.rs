//! The forms of what somebody may do with a task. They work without the script;
//! `data-key` is what the keyboard calls a form, `data-now` that it asks nothing.

use maud::{Markup, html};
use yoshi_client::moment;
use yoshi_protocol::limit::COMMENT_BYTES_MAX;
use yoshi_protocol::{ChangeId, Kind, TaskId};

use super::Tried;
use super::may::May;
use crate::clock::Clock;
use crate::store::whole::Whole;
use crate::view::Frame;

/// What the forms are made from.
pub(super) struct Forms<'a> {
    pub frame: &'a Frame,
    pub task: &'a Whole,
    pub may: May,
    /// What was tried, and did not succeed.
    pub tried: Option<&'a Tried>,
}

impl Forms<'_> {
    pub(super) fn id(&self) -> TaskId {
        self.task.new_task.id
    }

    /// The attempt at this, if it is what did not succeed.
    pub(super) fn tried(&self, act: &str) -> Option<&Tried> {
        self.tried.filter(|tried| tried.act == act)
    }

    /// What was typed into a field of this.
    pub(super) fn kept(&self, act: &str, field: &str) -> &str {
        self.tried(act).map_or("", |tried| tried.form.text(field))
    }

    /// Where a form comes from, what it does, and under which id.
    pub(super) fn hidden(&self, act: &str) -> Markup {
        let same = self.tried(act).filter(|tried| !tried.anew);
        let change = same.map(|tried| tried.form.text("change").to_owned());
        let change = change.unwrap_or_else(|| ChangeId::fresh().to_string());
        html! {
            (self.frame.proof())
            input type="hidden" name="change" value=(change);
            input type="hidden" name="act" value=(act);
        }
    }

    /// Notes as read what this page shows, and nothing that has happened since.
    fn mark_read(&self) -> Markup {
        let kept = self.kept("read", "through");
        let through = match kept.is_empty() {
            true => self.task.changed.to_string(),
            false => kept.to_owned(),
        };
        html! {
            form method="post" action={ "/task/" (self.id()) "/do" } data-key="m" data-now {
                (self.hidden("read"))
                input type="hidden" name="through" value=(through);
                button.secondary type="submit" { "Mark as read" }
            }
        }
    }

    /// A form that is one button.
    pub(super) fn button(&self, act: &str, key: &str, words: &str) -> Markup {
        html! {
            form method="post" action={ "/task/" (self.id()) "/do" } data-key=(key) data-now {
                (self.hidden(act))
                button.secondary type="submit" { (words) }
            }
        }
    }

    /// A form that shows itself when it is asked for.
    pub(super) fn fold(&self, act: &str, key: &str, words: &str, fields: &Markup) -> Markup {
        html! {
            details.act name="acts" open[self.tried(act).is_some()] {
                summary { (words) }
                form.stack method="post" action={ "/task/" (self.id()) "/do" } data-key=(key) {
                    (self.hidden(act))
                    (fields)
                }
            }
        }
    }

    pub(super) fn text(
        &self,
        act: &str,
        field: &str,
        label: &str,
        rows: u8,
        required: bool,
    ) -> Markup {
        let id = format!("{act}-{field}");
        html! {
            label for=(id) { (label) }
            textarea id=(id) name=(field) rows=(rows) required[required] maxlength=(COMMENT_BYTES_MAX) {
                (self.kept(act, field))
            }
        }
    }

    /// What a recipient may do, and what anybody may do for themselves.
    pub(super) fn answer(&self) -> Markup {
        let may = self.may;
        html! {
            section.part #actions aria-labelledby="your-part" {
                h2 #your-part { @if may.answer { "Your answer" } @else { "For yourself" } }
                @if may.answer { (self.complete()) }
                div.acts {
                    @if may.accept { (self.button("accept", "a", "Accept")) }
                    @if may.start { (self.button("start", "s", "Start")) }
                    @if may.undo { (self.button("undo", "u", "Undo my last step")) }
                    @if may.answer { (self.progress()) (self.decline()) }
                    @if may.snooze { (self.snooze()) }
                    (self.labels())
                    @if self.task.mine.read { (self.button("unread", "m", "Mark as unread")) }
                    @else { div data-seen { (self.mark_read()) } }
                }
            }
        }
    }

    /// The answer that the kind demands.
    fn complete(&self) -> Markup {
        let options = self.task.new_task.options.as_slice();
        let kind = self.task.new_task.kind;
        let (answer, now) = match kind {
            Kind::Do => ("done", true),
            Kind::Decide => ("decided", false),
            Kind::Answer => ("answered", false),
            Kind::Review => ("reviewed", false),
            Kind::Read | Kind::Note => ("read", true),
        };
        let noted = !self.kept("complete", "text").is_empty();
        let note = |label: &str| {
            html! {
                details.note open[noted] {
                    summary { (label) }
                    (self.text("complete", "text", "What you want to say", 2, false))
                }
            }
        };
        html! {
            form.complete method="post" action={ "/task/" (self.id()) "/do" } data-key="e x" data-now[now] {
                (self.hidden("complete"))
                input type="hidden" name="answer" value=(answer);
                @match kind {
                    Kind::Do => {
                        div.acts { button type="submit" { "Done" } }
                        (note("Add a note"))
                    }
                    Kind::Decide => {
                        div.options.choose role="group" aria-label="Choose one" {
                            @for option in options {
                                button.secondary.option-button type="submit" name="option" value=(option) { bdi { (option) } }
                            }
                        }
                        (note("Say why"))
                    }
                    Kind::Answer => {
                        (self.text("complete", "text", "What you answer", 4, true))
                        div.acts { button type="submit" { "Answer" } }
                    }
                    Kind::Review => {
                        (self.text("complete", "text", "What you have to say; needed if you want changes", 3, false))
                        div.acts {
                            button type="submit" name="verdict" value="approve" { "Approve" }
                            button.secondary type="submit" name="verdict" value="changes" { "Ask for changes" }
                        }
                    }
                    Kind::Read | Kind::Note => div.acts { button type="submit" { "I have read it" } },
                }
            }
        }
    }

    fn progress(&self) -> Markup {
        let kept = self.kept("progress", "percent");
        let fields = html! {
            label for="percent" { "How far are you, in percent?" }
            div.with-button {
                input #percent type="number" name="percent" min="0" max="99" required inputmode="numeric" value=(kept);
                button type="submit" { "Save" }
            }
        };
        self.fold("progress", "p", "Progress…", &fields)
    }

    fn decline(&self) -> Markup {
        let words = if self.may.accept {
            "Decline…"
        } else {
            "Give back…"
        };
        let fields = html! {
            (self.text("decline", "reason", "Why? Its sender reads this", 2, true))
            button type="submit" { "Decline" }
        };
        self.fold("decline", "d", words, &fields)
    }

    fn snooze(&self) -> Markup {
        let clock = &self.frame.look.clock;
        let until = self.task.mine.snoozed_until.as_ref();
        if until.is_some_and(|until| !clock.has_begun(until)) {
            return self.button("wake", "z", "Bring it back now");
        }
        let fields = html! {
            p.hint { "Out of your sight until then. Nobody else sees that, and the due date stays." }
            div.acts {
                @for (value, words) in choices(clock) {
                    button.secondary type="submit" name="until" value=(value) formnovalidate { (words) }
                }
            }
            label for="until_own" { "Or until" span.hint { " " (clock.zone()) } }
            div.with-button {
                input #until_own type="datetime-local" name="until_own" value=(self.kept("snooze", "until_own"));
                button.secondary type="submit" { "Snooze" }
            }
        };
        self.fold("snooze", "z", "Snooze…", &fields)
    }

    fn labels(&self) -> Markup {
        let kept = match self.tried("label") {
            Some(tried) => tried.form.text("labels").to_owned(),
            None => self.task.mine.labels.join(" "),
        };
        let fields = html! {
            label for="own-labels" { "Labels that only you see" }
            div.with-button {
                input #own-labels type="text" name="labels" value=(kept) autocomplete="off" placeholder="release q4";
                button type="submit" { "Save" }
            }
        };
        self.fold("label", "l", "Labels…", &fields)
    }

    /// Something to say, for everybody who has to do with it.
    pub(super) fn comment(&self) -> Markup {
        html! {
            form.stack.talk method="post" action={ "/task/" (self.id()) "/do" } data-key="r" {
                (self.hidden("comment"))
                label for="comment-text" { "Comment" span.hint { " Markdown; everybody concerned reads it; once sent it stays" } }
                textarea #comment-text name="text" rows="2" required maxlength=(COMMENT_BYTES_MAX) {
                    (self.kept("comment", "text"))
                }
                button.secondary type="submit" { "Comment" }
            }
        }
    }

    /// The button that takes back what was just done, for the notice of it.
    pub(super) fn undo(&self) -> Markup {
        html! { @if self.may.undo { (self.button("undo", "", "Undo")) } }
    }
}

/// When snoozed tasks come back, as people say it.
fn choices(clock: &Clock) -> Vec<(&'static str, &'static str)> {
    let all = [
        ("today 18:00", "This evening"),
        ("tomorrow 9:00", "Tomorrow"),
        ("monday 9:00", "On Monday"),
        ("in 2 weeks 9:00", "In two weeks"),
    ];
    let to_come = |text: &str| {
        moment::parse(text, clock.now()).is_some_and(|moment| !clock.has_begun(&moment))
    };
    all.into_iter().filter(|(text, _)| to_come(text)).collect()
}
