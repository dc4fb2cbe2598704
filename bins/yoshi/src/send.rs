//! `send`.

pub(crate) mod clock;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;
use yoshi_client::{Outgoing, Sent};
use yoshi_protocol::limit::BODY_BYTES_MAX;
use yoshi_protocol::{NewTask, Position, TaskId};

use crate::arguments::SendArguments;
use crate::asker::Asker;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::settings::Settings;

/// What `send --json` prints.
#[derive(Debug, Serialize)]
struct Printed {
    task: String,
    number: Option<u64>,
    position: Option<Position>,
    outcome: &'static str,
    accounted_for: Vec<String>,
}

pub(crate) async fn send(settings: &Settings, arguments: SendArguments) -> Result<Exit, Failure> {
    let from_stdin = arguments.body_file.as_deref() == Some(Path::new("-"));
    if from_stdin && settings.password_stdin {
        return Err(Failure::usage(
            "standard input cannot be both the body and the password",
            "use YOSHI_PASSWORD, or `yoshi login` before",
        ));
    }
    let task = clock::checked(task(arguments)?)?;
    if !settings.json {
        let respond_by = task.respond_by.as_ref();
        output::note_past([("due", task.due.as_ref()), ("respond-by", respond_by)]);
    }
    let task = Outgoing::new(task)?;
    let asker = Asker::new(settings).await?;
    let sent = asker
        .client
        .send_outgoing(&asker.account, &asker.credential, &task)
        .await
        .map_err(|error| {
            Failure::from(error).advise_if_unclear(|| {
                let id = task.id();
                format!("send the very same again with --id {id}: it settles it, and never doubles")
            })
        })?;
    report(settings, &sent)
}

fn report(settings: &Settings, sent: &Sent) -> Result<Exit, Failure> {
    let printed = Printed::new(sent);
    if settings.json {
        output::json(&printed)?;
    } else {
        output::lines(&words(sent))?;
    }
    Ok(match sent {
        Sent::Accounted(_) => Exit::Done,
        Sent::Queued(_) => Exit::Queued,
    })
}

fn words(sent: &Sent) -> String {
    match sent {
        Sent::Accounted(receipt) => format!(
            "you sent task {} (your number {}, accounted for by {})",
            receipt.task,
            receipt.number,
            output::count(receipt.accounted_for.len(), "server"),
        ),
        Sent::Queued(queued) => format!(
            "task {} is queued and NOT safe yet: the log is out of reach, and only server {} holds \
             it; it goes in when the log is back\n\
             `yoshi show {}`, or the very same send with --id {}, tells what became of it",
            queued.task, queued.server, queued.task, queued.task,
        ),
    }
}

impl Printed {
    fn new(sent: &Sent) -> Self {
        match sent {
            Sent::Accounted(receipt) => Self {
                task: receipt.task.to_string(),
                number: Some(receipt.number),
                position: Some(receipt.position),
                outcome: "accounted",
                accounted_for: receipt
                    .accounted_for
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            },
            Sent::Queued(queued) => Self {
                task: queued.task.to_string(),
                number: None,
                position: None,
                outcome: "queued",
                accounted_for: vec![queued.server.to_string()],
            },
        }
    }
}

fn task(arguments: SendArguments) -> Result<NewTask, Failure> {
    let body = match (arguments.body, &arguments.body_file) {
        (Some(body), _) => body,
        (None, Some(path)) => read_body(path)?,
        (None, None) => String::new(),
    };
    Ok(NewTask {
        id: arguments.id.unwrap_or_else(TaskId::fresh),
        due: arguments.due,
        body,
        kind: arguments.kind.into(),
        links: arguments.links,
        start: arguments.start,
        effort: arguments.effort,
        labels: arguments.labels,
        parent: arguments.parent,
        options: arguments.options,
        privacy: arguments.privacy.into(),
        completion: arguments.completion.into(),
        depends_on: arguments.depends_on,
        importance: arguments.importance,
        respond_by: arguments.respond_by,
        ..NewTask::new(arguments.title, arguments.to)
    })
}

/// Reads a body, and no more of an endless one than shows that it is too large.
/// CRLF counts once it has become LF.
pub(crate) fn read_body(path: &Path) -> Result<String, Failure> {
    let most = 2 * BODY_BYTES_MAX as u64 + 1;
    let mut body = String::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(most).read_to_string(&mut body)
    } else {
        File::open(path).and_then(|file| file.take(most).read_to_string(&mut body))
    };
    read.map_err(|error| Failure::local(path.display(), &error))?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use yoshi_client::{Queued, Receipt};
    use yoshi_protocol::ServerId;

    #[test]
    fn json_has_exactly_the_promised_fields() {
        let server = ServerId::random();
        let task = TaskId::fresh();
        let accounted = Sent::Accounted(Receipt {
            hash: serde_bytes_array(),
            task,
            number: 3,
            position: Position(7168),
            accounted_for: vec![server],
        });
        assert_eq!(
            serde_json::to_string(&Printed::new(&accounted)).unwrap(),
            format!(
                r#"{{"task":"{task}","number":3,"position":7168,"outcome":"accounted","accounted_for":["{server}"]}}"#
            )
        );
        let queued = Sent::Queued(Queued { task, server });
        assert_eq!(
            serde_json::to_string(&Printed::new(&queued)).unwrap(),
            format!(
                r#"{{"task":"{task}","number":null,"position":null,"outcome":"queued","accounted_for":["{server}"]}}"#
            )
        );
    }

    fn serde_bytes_array<T: From<[u8; 32]>>() -> T {
        T::from([0; 32])
    }
}
