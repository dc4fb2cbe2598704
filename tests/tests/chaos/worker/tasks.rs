//! Sending and reading.

use std::time::Duration;

use rand::RngExt;
use yoshi_client::{Error, Outgoing, Polled, Position, Sent as Answer, Task, View};
use yoshi_protocol::limit::POLL_TASKS_MAX;
use yoshi_protocol::message::task::{ClientPoll, TaskView};
use yoshi_protocol::{AccountName, Credential, NewTask, TaskId};
use yoshi_tests::Direct;

use super::{SENT_MAX, Sender, Sent, Session, Shared, Worker, keep, old, outcome_of};
use crate::history::{Call, Inbox, Outcome, Seen};

/// How long a server may take to answer one page of a pair.
const PAIR_WITHIN: Duration = Duration::from_secs(2);
/// Pages of one list in a pair.
const PAIR_PAGES_MAX: usize = 20;

impl Worker {
    pub(super) async fn send(&mut self, hot: Option<usize>, to: &[usize]) {
        let number = self.account(hot);
        let sender = Sender::of(&self.shared.people[number]);
        self.send_new(sender, self.names(to)).await;
    }

    /// From an account that it has created, if it knows a password.
    pub(super) async fn send_by_password(&mut self, to: &[usize]) {
        let known = self.created.iter().rfind(|one| one.doubtful.is_empty());
        let Some(account) = known else { return };
        let sender = Sender {
            name: account.name.clone(),
            credential: Credential::Password(account.secret()),
        };
        self.send_new(sender, self.names(to)).await;
    }

    fn names(&self, numbers: &[usize]) -> Vec<AccountName> {
        let name = |number: &usize| self.shared.people[*number].name.clone();
        numbers.iter().map(name).collect()
    }

    /// Answers the task's payload and id, unless it was refused.
    pub(super) async fn send_new(
        &mut self,
        sender: Sender,
        names: Vec<AccountName>,
    ) -> Option<(String, TaskId)> {
        let payload = self.fresh();
        let to = names.iter().map(ToString::to_string).collect();
        let task = NewTask::new(payload.clone(), names);
        let sent = Sent {
            sender,
            payload,
            to,
            outgoing: Outgoing::new(task).expect("it is a good task"),
        };
        let new = (sent.payload.clone(), sent.outgoing.id());
        let outcome = self.try_send(&sent).await;
        keep(&mut self.sent, sent, SENT_MAX);
        (!matches!(outcome, Outcome::Fail { .. })).then_some(new)
    }

    pub(super) async fn retry(&mut self, latest: bool) {
        if let Some(index) = old(&mut self.random, self.sent.len(), latest) {
            let sent = self.sent[index].clone();
            self.try_send(&sent).await;
        }
    }

    async fn try_send(&self, sent: &Sent) -> Outcome {
        let Sender { name, credential } = &sent.sender;
        let ticket = self.shared.history.invoke(
            self.process,
            Call::Send {
                account: name.to_string(),
                payload: sent.payload.clone(),
                to: sent.to.clone(),
            },
        );
        let answer = self
            .client
            .send_outgoing(name, credential, &sent.outgoing)
            .await;
        let outcome = sent_outcome(answer);
        self.shared.history.end(ticket, outcome.clone());
        outcome
    }

    pub(super) async fn poll(&mut self, hot: Option<usize>) {
        let number = self.account(hot);
        let session = match self.sessions.get(&number) {
            Some(session) => *session,
            None => self.new_session(),
        };
        if let Some(cursor) = self.page(number, session).await {
            self.sessions.insert(number, Session { cursor, ..session });
        }
    }

    pub(super) async fn poll_from_start(&mut self) {
        let (number, session) = (self.account(None), self.new_session());
        self.page(number, session).await;
    }

    fn new_session(&mut self) -> Session {
        self.count += 1;
        Session {
            id: u64::from(self.process) << 32 | self.count,
            cursor: 0,
        }
    }

    /// Reads a page, and answers where the next one begins.
    async fn page(&self, number: usize, session: Session) -> Option<u64> {
        let person = &self.shared.people[number];
        let ticket = self.shared.history.invoke(
            self.process,
            Call::Poll {
                account: person.name.to_string(),
                session: session.id,
                since: session.cursor,
            },
        );
        let since = Position(session.cursor);
        let (name, credential) = (&person.name, &person.credential);
        let polled = self.client.retrieve(name, credential, since).await;
        let (outcome, cursor) = match polled {
            Ok(Polled {
                tasks,
                cursor,
                more,
                behind,
            }) => {
                let tasks = tasks.into_iter().map(seen).collect();
                let cursor = cursor.0;
                let page = Outcome::Page {
                    tasks,
                    cursor,
                    more,
                    behind,
                };
                (page, Some(cursor))
            }
            Err(error) => (outcome_of(&error), None),
        };
        self.shared.history.end(ticket, outcome);
        cursor
    }

    pub(super) async fn pair(&mut self, server: usize) {
        let hot = match self.random.random_range(0..3) {
            0 => (0, 1),
            1 => (1, 2),
            _ => (2, 0),
        };
        let since = self.pairs.get(&server).copied().unwrap_or(0);
        let shared = &self.shared;
        let read = shared.pair(&shared.direct, self.process, server, hot, since);
        let cursor = read.await.map_or(since, |(cursor, _)| cursor);
        self.pairs.insert(server, cursor);
    }
}

impl Shared {
    /// Reads two hot inboxes on one server since a position. Answers where the first
    /// ends, and whether it was marked `behind`; none without an answer.
    pub(crate) async fn pair(
        &self,
        direct: &Direct,
        process: u32,
        server: usize,
        (first, second): (usize, usize),
        since: u64,
    ) -> Option<(u64, bool)> {
        let call = Call::Pair {
            server: self.servers[server].0.clone(),
            first: self.people[first].name.to_string(),
            second: self.people[second].name.to_string(),
        };
        let ticket = self.history.invoke(process, call);
        let both = async {
            let first = self.list(direct, server, first, since).await?;
            Ok((first, self.list(direct, server, second, since).await?))
        };
        let (outcome, read) = match both.await {
            Ok((first, second)) => {
                let read = (first.cursor, first.behind);
                (Outcome::Both { first, second }, Some(read))
            }
            Err(reason) => (Outcome::Unknown { reason }, None),
        };
        self.history.end(ticket, outcome);
        read
    }

    /// Everything in a hot account's inbox on one server since a position.
    async fn list(
        &self,
        direct: &Direct,
        server: usize,
        number: usize,
        since: u64,
    ) -> Result<Inbox, String> {
        let (_, id) = self.servers[server];
        let person = &self.people[number];
        let (mut tasks, mut cursor) = (Vec::new(), Position(since));
        for _ in 0..PAIR_PAGES_MAX {
            let request = ClientPoll {
                view: View::Inbox,
                limit: POLL_TASKS_MAX,
                since: cursor,
                credential: person.credential.clone(),
            };
            let asked = self.history.now();
            let page = direct.ask(id, &person.name, &request, PAIR_WITHIN).await;
            let page = page
                .ok_or("no answer")?
                .map_err(|refusal| refusal.to_string())?;
            tasks.extend(page.tasks.iter().map(seen_view));
            cursor = page.cursor;
            if !page.more {
                return Ok(Inbox {
                    asked,
                    tasks,
                    cursor: cursor.0,
                    behind: page.behind,
                });
            }
        }
        Err("too many pages".to_owned())
    }
}

/// What came of a send.
pub(crate) fn sent_outcome(answer: Result<Answer, Error>) -> Outcome {
    match answer {
        Ok(Answer::Accounted(receipt)) => Outcome::Accounted {
            number: receipt.number,
            position: receipt.position.0,
            hash: hex(receipt.hash.as_ref()),
        },
        Ok(Answer::Queued(queued)) => Outcome::Queued {
            server: queued.server.to_string(),
        },
        Err(error) => outcome_of(&error),
    }
}

fn seen(task: Task) -> Seen {
    let names = task.new_task.recipients.iter();
    Seen {
        payload: task.new_task.title.clone(),
        sender: task.sender.to_string(),
        number: task.number,
        position: task.position.0,
        hash: hex(&task.hash),
        recipients: names.map(ToString::to_string).collect(),
    }
}

/// A task as a message server answers it.
///
/// # Panics
/// If it is none of this release.
pub(crate) fn seen_view(view: &TaskView) -> Seen {
    let task = NewTask::decode(&view.task).expect("it is a task");
    Seen {
        payload: task.title,
        sender: view.sender.to_string(),
        number: view.number,
        position: view.position.0,
        hash: hex(view.hash.as_ref()),
        recipients: task.recipients.iter().map(ToString::to_string).collect(),
    }
}

/// Bytes as text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
