//! Polls one message server of a test's choice, past the load balancers: the
//! same tasks must be on every one.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::{Client, HeaderMap};
use futures::StreamExt;
use yoshi_client::{Position, View};
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::limit::POLL_TASKS_MAX;
use yoshi_protocol::message::task::{ClientPoll, ClientPolled, TaskView};
use yoshi_protocol::subject::{self, ClientVerb};
use yoshi_protocol::{AccountName, ErrorReply, NewTask, Reply, ServerId, header};

use crate::nats::{Nats, User};
use crate::person::Person;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Asks as a load balancer does, and listens as an operator.
#[derive(Debug, Clone)]
pub struct Direct {
    balancer: Client,
    operator: Client,
}

impl Direct {
    /// Two connections, because neither user may do both.
    ///
    /// # Panics
    /// If NATS refuses.
    pub async fn connect(nats: &Nats) -> Self {
        Self {
            balancer: nats.connect(User::LoadBalancer).await,
            operator: nats.connect(User::Operator).await,
        }
    }

    /// The same, to one node of NATS only.
    ///
    /// # Panics
    /// If NATS refuses.
    pub async fn connect_to(nats: &Nats, node: usize) -> Self {
        Self {
            balancer: nats.connect_to(node, User::LoadBalancer).await,
            operator: nats.connect_to(node, User::Operator).await,
        }
    }

    /// A page of a person's tasks from one server.
    ///
    /// # Panics
    /// If it refuses, or does not answer.
    pub async fn page(
        &self,
        server: ServerId,
        person: &Person,
        view: View,
        since: Position,
    ) -> ClientPolled {
        let page = self.try_page(server, person, view, since).await;
        page.unwrap_or_else(|error| panic!("{server} refuses a poll of {}: {error}", person.name))
    }

    /// The same, or the server's refusal.
    ///
    /// # Errors
    /// The refusal.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn try_page(
        &self,
        server: ServerId,
        person: &Person,
        view: View,
        since: Position,
    ) -> Result<ClientPolled, ErrorReply> {
        let request = ClientPoll {
            view,
            limit: POLL_TASKS_MAX,
            since,
            credential: person.credential.clone(),
        };
        let answer = self.ask(server, &person.name, &request, ANSWER_WITHIN);
        answer.await.expect("the server answers in time")
    }

    /// Asks one server for a page; none if no answer comes within the time.
    ///
    /// # Panics
    /// If the connection may not ask, or the answer is none of this release.
    pub async fn ask(
        &self,
        server: ServerId,
        account: &AccountName,
        request: &ClientPoll,
        within: Duration,
    ) -> Option<Result<ClientPolled, ErrorReply>> {
        let inbox = self.operator.new_inbox();
        let mut answers = self
            .operator
            .subscribe(inbox.clone())
            .await
            .expect("it may");
        let mut headers = HeaderMap::new();
        headers.insert(header::EPOCH, "1");
        let to = subject::ms_client(server, ClientVerb::Poll, account);
        let exchange = async {
            self.operator.flush().await.ok()?;
            self.balancer
                .publish_with_reply_and_headers(to, inbox, headers, cbor::encode(request).into())
                .await
                .expect("it may");
            answers.next().await
        };
        let answer = tokio::time::timeout(within, exchange).await.ok()??;
        let reply: Reply<ClientPolled> =
            cbor::decode(&answer.payload, Bound::ANSWER).expect("it is an answer");
        Some(reply.into_result())
    }

    /// Everything in a person's inbox on one server, in order.
    ///
    /// # Panics
    /// As [`Direct::page`].
    pub async fn inbox(&self, server: ServerId, person: &Person) -> Vec<TaskView> {
        let (mut tasks, mut cursor) = (Vec::new(), Position::ZERO);
        loop {
            let page = self.page(server, person, View::Inbox, cursor).await;
            tasks.extend(page.tasks);
            cursor = page.cursor;
            if !page.more {
                return tasks;
            }
        }
    }
}

/// The titles of tasks by sender, each sender's in the order of the list.
///
/// # Panics
/// If a task cannot be decoded, or a sender's numbers do not rise.
#[must_use]
pub fn titles_by_sender(tasks: &[TaskView]) -> BTreeMap<String, Vec<String>> {
    let mut titles: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut numbers: BTreeMap<String, u64> = BTreeMap::new();
    for view in tasks {
        let sender = view.sender.to_string();
        let before = numbers.insert(sender.clone(), view.number).unwrap_or(0);
        assert!(
            view.number > before,
            "{sender}: {} after {before}",
            view.number
        );
        let task = NewTask::decode(&view.task).expect("it is a task");
        titles.entry(sender).or_default().push(task.title);
    }
    titles
}
