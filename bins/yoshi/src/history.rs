//! `history`: what was done with a task, entry by entry.

use serde::Serialize;
use serde_json::{Value, json};
use yoshi_client::{Happened, Step};
use yoshi_protocol::{Position, Verb};

use crate::arguments::TaskGiven;
use crate::asker::Asker;
use crate::exit::{Exit, Failure};
use crate::output::{self, PrintedAnswer};
use crate::settings::Settings;

/// What `history --json` prints.
#[derive(Debug, Serialize)]
struct Printed {
    task: String,
    steps: Vec<PrintedStep>,
}

/// One thing that was done. What is in `detail` depends on `verb`; a field that
/// was not given is not there.
#[derive(Debug, Serialize)]
struct PrintedStep {
    account: String,
    number: u64,
    position: Position,
    at: Option<String>,
    /// The change's id; null for the send.
    change: Option<String>,
    verb: String,
    detail: Value,
}

pub(crate) async fn history(settings: &Settings, given: &TaskGiven) -> Result<Exit, Failure> {
    let asker = Asker::new(settings).await?;
    let task = asker.meant(given).await?;
    let steps = asker
        .client
        .history(&asker.account, &asker.credential, task)
        .await?;
    if settings.json {
        return output::json(&Printed {
            task: task.to_string(),
            steps: steps.iter().map(PrintedStep::from).collect(),
        });
    }
    let steps: Vec<_> = steps.iter().map(output::happened).collect();
    output::lines(&steps.join("\n"))
}

impl From<&Step> for PrintedStep {
    fn from(step: &Step) -> Self {
        let (change, (verb, detail)) = match &step.happened {
            Happened::Sent(task) => {
                let detail = json!({ "title": task.title, "body": task.body });
                (None, ("send".to_owned(), detail))
            }
            Happened::Changed(change) => (Some(change.id.to_string()), of_verb(&change.verb)),
        };
        Self {
            account: step.account.to_string(),
            number: step.number,
            position: step.position,
            at: output::rfc3339(step.at),
            change,
            verb,
            detail,
        }
    }
}

/// The name of a verb, and what was said with it.
fn of_verb(verb: &Verb) -> (String, Value) {
    if let Verb::Complete(answer) = verb {
        return ("done".to_owned(), json!(PrintedAnswer::from(answer)));
    }
    match serde_json::to_value(verb) {
        Ok(Value::Object(map)) => {
            let only = map.into_iter().next();
            only.unwrap_or_else(|| (String::new(), Value::Null))
        }
        Ok(Value::String(verb)) => (verb, json!({})),
        _ => (String::new(), Value::Null),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yoshi_protocol::{Answer, Revise};

    #[test]
    fn verbs_as_programs_read_them() {
        let done = Verb::Complete(Answer::Decided {
            text: String::new(),
            option: "ship".to_owned(),
        });
        let revise = Verb::Revise(Box::new(Revise {
            due: Some(None),
            revision: 2,
            ..Revise::default()
        }));
        let reason = "no time".to_owned();
        for (verb, name, detail) in [
            (Verb::Accept, "accept", json!({})),
            (
                Verb::Decline { reason },
                "decline",
                json!({"reason": "no time"}),
            ),
            (
                done,
                "done",
                json!({"answer": "decided", "text": "", "option": "ship", "verdict": null}),
            ),
            (revise, "revise", json!({"due": null, "revision": 2})),
            (Verb::Snooze { until: None }, "snooze", json!({})),
        ] {
            assert_eq!(of_verb(&verb), (name.to_owned(), detail));
        }
    }
}
