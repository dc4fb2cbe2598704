//! What somebody does with a task, as a form says it.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use yoshi_client::{Error, moment};
use yoshi_protocol::{
    AccountName, Answer, ErrorCode, Position, TaskChange, TaskId, Verb, Verdict, When,
};

use super::{Tried, show};
use crate::app::{App, Shared};
use crate::clock::Clock;
use crate::limit::CHANGE_WITHIN;
use crate::page::compose::labels;
use crate::page::trouble;
use crate::view::refusal::{Refusal, see_other};
use crate::visitor::{Form, Member, MemberForm};

/// Does what a form says, under the id that the form was given: a form that is
/// submitted twice does one thing. What could not be done is said above the
/// form, which keeps what was typed.
pub(crate) async fn act(
    State(app): State<Shared>,
    Path(id): Path<String>,
    MemberForm { member, form }: MemberForm,
) -> Result<Response, Refusal> {
    let task: TaskId = id.parse().map_err(|_| Refusal::not_found())?;
    let act = form.text("act").to_owned();
    let (status, wrong, anew) = match verb(&form, &member.look.clock) {
        Err(wrong) => (StatusCode::UNPROCESSABLE_ENTITY, wrong, false),
        Ok(verb) => match change(&app, &member, task, &form, verb).await {
            Ok(()) => return Ok(see_other(&format!("/task/{task}?done={act}"))),
            Err(failed) => failed,
        },
    };
    let tried = Tried {
        act,
        wrong,
        form,
        anew,
    };
    let nothing = Form::default();
    let page = Box::pin(show(&app, &member, task, &nothing, Some(&tried))).await?;
    Ok((status, page).into_response())
}

/// Makes a change under the id in the form. If that fails: the status, the
/// words, and whether another try needs an id of its own.
pub(crate) async fn change(
    app: &App,
    member: &Member,
    task: TaskId,
    form: &Form,
    verb: Verb,
) -> Result<(), (StatusCode, String, bool)> {
    let broken = |_| {
        let words = "This form is broken: reload the page, and try again.".to_owned();
        (StatusCode::UNPROCESSABLE_ENTITY, words, true)
    };
    let id = form.text("change").parse().map_err(broken)?;
    if let Err(wait) = app.throttles.send(&member.account) {
        let seconds = wait.as_secs() + 1;
        let words = format!("You are doing that very fast. Try again in {seconds} seconds.");
        return Err((StatusCode::TOO_MANY_REQUESTS, words, false));
    }
    let client = app.client.clone().with_deadline(CHANGE_WITHIN);
    let change = TaskChange { id, task, verb };
    let done = client
        .change_again(&member.account, &member.credential, &change)
        .await;
    match done {
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::info!(account = %member.account, "not changed: {error}");
            Err(failure(&error))
        }
    }
}

fn failure(error: &Error) -> (StatusCode, String, bool) {
    let (status, anew) = match error {
        Error::InvalidTask(_) => (StatusCode::UNPROCESSABLE_ENTITY, false),
        Error::Refused(reply) => match reply.code {
            ErrorCode::IdReused => {
                let words = "This form was submitted already, with other content. \
                     Look at the history below before you try again.";
                return (StatusCode::CONFLICT, words.to_owned(), true);
            }
            ErrorCode::NotAllowed | ErrorCode::Conflict => (StatusCode::CONFLICT, false),
            _ => (StatusCode::UNPROCESSABLE_ENTITY, false),
        },
        _ => (StatusCode::SERVICE_UNAVAILABLE, false),
    };
    let words = match error {
        Error::Refused(reply) if reply.code == ErrorCode::NotAllowed => {
            format!("That cannot be done now: {}.", reply.message)
        }
        other => trouble::words(other),
    };
    (status, words, anew)
}

/// What a form says.
///
/// # Errors
/// What is wrong, for its writer.
fn verb(form: &Form, clock: &Clock) -> Result<Verb, String> {
    let text = |name| clean(form.text(name));
    Ok(match form.text("act") {
        "accept" => Verb::Accept,
        "decline" => Verb::Decline {
            reason: said(
                "Say why, so that its sender can do something about it.",
                form.text("reason"),
            )?,
        },
        "start" => Verb::Start,
        "progress" => match form.text("percent").trim().parse() {
            Ok(percent) if percent <= 99 => Verb::Progress { percent },
            _ => return Err("Progress is a number from 0 to 99; at 100 it is done.".to_owned()),
        },
        "complete" => Verb::Complete(answer(form)?),
        "undo" => Verb::Undo,
        "withdraw" => Verb::Withdraw {
            reason: text("reason"),
            recipients: whom(form)?,
        },
        "reopen" => Verb::Reopen {
            reason: said("Say why you ask again.", form.text("reason"))?,
            recipients: whom(form)?,
        },
        "remind" => Verb::Remind,
        "comment" => Verb::Comment {
            text: said(
                "There is nothing to say yet: write a comment.",
                form.text("text"),
            )?,
        },
        "snooze" => Verb::Snooze {
            until: Some(until(form, clock)?),
        },
        "wake" => Verb::Snooze { until: None },
        "label" => Verb::Label {
            labels: labels(form.text("labels")),
        },
        "read" => Verb::Read {
            read: true,
            through: form.text("through").parse().ok().map(Position),
        },
        "unread" => Verb::Read {
            read: false,
            through: None,
        },
        _ => return Err("This form is broken: reload the page, and try again.".to_owned()),
    })
}

/// Those who are meant: nobody is named if all are, so that somebody who is not
/// on the form any more is meant as well.
fn whom(form: &Form) -> Result<Vec<AccountName>, String> {
    if !form.has("choice") {
        return Ok(Vec::new());
    }
    let broken = |_| "This form is broken: reload the page, and try again.".to_owned();
    let names = form
        .all("whom")
        .map(|name| AccountName::new(name).map_err(broken));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let of = form.text("choice").parse::<usize>();
    match names.len() {
        0 => Err("Choose at least one of them.".to_owned()),
        chosen if Ok(chosen) == of => Ok(Vec::new()),
        _ => Ok(names),
    }
}

fn answer(form: &Form) -> Result<Answer, String> {
    let text = clean(form.text("text"));
    Ok(match form.text("answer") {
        "done" => Answer::Done { text },
        "decided" => Answer::Decided {
            text,
            option: said("Choose one of the options.", form.text("option"))?,
        },
        "answered" => Answer::Answered {
            text: said("Write an answer.", &text)?,
        },
        "reviewed" => match form.text("verdict") {
            "approve" => Answer::Reviewed {
                text,
                verdict: Verdict::Approve,
            },
            _ => Answer::Reviewed {
                text: said("Say which changes you want.", &text)?,
                verdict: Verdict::Changes,
            },
        },
        _ => Answer::Acknowledged,
    })
}

/// Browsers send CRLF; other control characters are nobody's intention.
fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let kept = text
        .chars()
        .filter(|char| !char.is_control() || matches!(char, '\n' | '\t'));
    kept.collect::<String>().trim().to_owned()
}

fn said(wrong: &str, text: &str) -> Result<String, String> {
    match clean(text) {
        text if text.is_empty() => Err(wrong.to_owned()),
        text => Ok(text),
    }
}

/// One of the choices, or a date and time of one's own.
fn until(form: &Form, clock: &Clock) -> Result<When, String> {
    let chosen = match form.text("until") {
        "" => form.text("until_own"),
        chosen => chosen,
    };
    let wrong =
        || format!("“{chosen}” is no time to come; for example tomorrow 9:00, friday, 2026-11-27.");
    let moment = match chosen.parse::<jiff::civil::DateTime>() {
        Ok(moment) if chosen.contains('T') => Some(clock.moment(moment)),
        _ => moment::parse(chosen, clock.now()),
    };
    moment
        .filter(|moment| !clock.has_begun(moment))
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb_of(fields: &str) -> Result<Verb, String> {
        let clock = Clock::at("2026-11-23T10:00:00+01:00[Europe/Berlin]".parse().unwrap());
        verb(&Form::parse(fields.as_bytes()), &clock)
    }

    #[test]
    fn forms_say_what_is_done() {
        assert_eq!(verb_of("act=accept"), Ok(Verb::Accept));
        let reason = "no\ntime".to_owned();
        assert_eq!(
            verb_of("act=decline&reason=+no%0D%0Atime%00"),
            Ok(Verb::Decline { reason })
        );
        assert_eq!(
            verb_of("act=progress&percent=40"),
            Ok(Verb::Progress { percent: 40 })
        );
        let option = "ship".to_owned();
        let text = String::new();
        let decided = Verb::Complete(Answer::Decided { text, option });
        assert_eq!(
            verb_of("act=complete&answer=decided&option=ship&text="),
            Ok(decided)
        );
        let labels = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(
            verb_of("act=label&labels=%23a+b,a"),
            Ok(Verb::Label { labels })
        );
        let Ok(Verb::Snooze { until: Some(until) }) = verb_of("act=snooze&until=tomorrow+9:00")
        else {
            panic!("a snooze");
        };
        assert_eq!(until.to_string(), "2026-11-24T09:00:00[Europe/Berlin]");
    }

    #[test]
    fn some_or_all_are_meant() {
        let recipients = |fields: &str| match verb_of(&format!("act=withdraw{fields}")) {
            Ok(Verb::Withdraw { recipients, .. }) => recipients,
            other => panic!("{other:?}"),
        };
        let ana = || AccountName::new("ana").unwrap();
        assert_eq!(recipients(""), []);
        assert_eq!(recipients("&choice=2&whom=ana"), [ana()]);
        assert_eq!(recipients("&choice=2&whom=ana&whom=ben"), []);
        let reopened = verb_of("act=reopen&reason=x&choice=3&whom=ana");
        assert!(matches!(reopened, Ok(Verb::Reopen { recipients, .. }) if recipients == [ana()]));
    }

    #[test]
    fn what_is_missing_is_said() {
        for fields in [
            "act=decline&reason=+",
            "act=progress&percent=100",
            "act=complete&answer=answered&text=",
            "act=complete&answer=decided",
            "act=complete&answer=reviewed&verdict=changes",
            "act=comment&text=%00",
            "act=snooze&until_own=2020-01-01T09:00",
            "act=snooze",
            "act=reopen",
            "act=withdraw&choice=2",
            "act=withdraw&choice=2&whom=*",
            "act=drop",
        ] {
            assert!(verb_of(fields).is_err(), "{fields}");
        }
    }
}
