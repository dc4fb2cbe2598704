//! The answer that a task's kind demands, from the options of `done`.

use yoshi_protocol::{Answer, InvalidTask, Kind, NewTask, Verdict};

use crate::arguments::DoneArguments;

/// The answer to a task.
///
/// # Errors
/// What is demanded instead.
pub(super) fn of(task: &NewTask, arguments: DoneArguments) -> Result<Answer, InvalidTask> {
    let DoneArguments {
        option,
        text,
        approve,
        changes,
        ..
    } = arguments;
    let said = text.clone().unwrap_or_default();
    let judged = approve || changes;
    let wrong = |demanded: &str| {
        Err(InvalidTask::Field {
            field: "answer",
            rule: demanded.to_owned(),
        })
    };
    let answer = match (task.kind, option, text) {
        (Kind::Do, None, _) if !judged => Answer::Done { text: said },
        (Kind::Do, _, _) => return wrong("kind do takes --text at most"),
        (Kind::Decide, Some(option), _) if !judged => Answer::Decided { text: said, option },
        (Kind::Decide, _, _) => {
            let options = task.options.join("\", \"");
            return wrong(&format!("kind decide takes --option: \"{options}\""));
        }
        (Kind::Answer, None, Some(text)) if !judged => Answer::Answered { text },
        (Kind::Answer, _, _) => return wrong("kind answer takes --text"),
        (Kind::Review, None, _) if judged => Answer::Reviewed {
            text: said,
            verdict: match approve {
                true => Verdict::Approve,
                false => Verdict::Changes,
            },
        },
        (Kind::Review, _, _) => {
            return wrong("kind review takes --approve, or --changes with --text");
        }
        (Kind::Read | Kind::Note, None, None) if !judged => Answer::Acknowledged,
        (Kind::Read | Kind::Note, _, _) => return wrong("kinds read and note take no option"),
    };
    answer.check_for(task)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{AnswerCommand, Arguments, Command};
    use clap::Parser;
    use yoshi_protocol::AccountName;

    fn given(line: &[&str]) -> DoneArguments {
        let line = ["yoshi", "done", "01935b7e"].iter().chain(line);
        match Arguments::try_parse_from(line).unwrap().command {
            Command::Answer(AnswerCommand::Done(arguments)) => arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_kind_takes_its_options_and_no_others() {
        let mut task = NewTask::new("Ship?", vec![AccountName::new("ana").unwrap()]);
        for (kind, good, bad) in [
            (Kind::Do, &["--text", "well"][..], &["--approve"][..]),
            (Kind::Decide, &["--option", "ship"], &["--option", "fly"]),
            (Kind::Decide, &["--option", "ship", "--text", "why"], &[]),
            (Kind::Answer, &["--text", "42"], &[]),
            (Kind::Review, &["--approve"], &["--text", "well"]),
            (Kind::Review, &["--changes", "--text", "no"], &[]),
            (Kind::Read, &[], &["--text", "seen"]),
            (Kind::Note, &[], &["--option", "ship"]),
        ] {
            task.kind = kind;
            task.options = match kind {
                Kind::Decide => vec!["ship".to_owned(), "wait".to_owned()],
                _ => Vec::new(),
            };
            assert!(of(&task, given(good)).is_ok(), "{kind:?} {good:?}");
            assert!(of(&task, given(bad)).is_err(), "{kind:?} {bad:?}");
        }
    }
}
