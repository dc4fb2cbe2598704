//! A fault of this library, which tests plant (`shared/planted`). Not part of any
//! build without the feature `planted-faults`.

use bytes::Bytes;
use serde_bytes::ByteBuf;
use yoshi_protocol::message::task::{Sent, TaskFromClient};
use yoshi_protocol::subject::{self, ClientVerb};
use yoshi_protocol::{AccountName, Credential, NewTask, TaskId, cbor};

use crate::client::Client;
use crate::error::Error;
use crate::outgoing::Outgoing;
use crate::retry::Effect;
use crate::transport;

impl Client {
    /// Sends a task under another id at each try.
    pub(crate) async fn send_by_fresh_ids(
        &self,
        account: &AccountName,
        credential: &Credential,
        task: &Outgoing,
    ) -> Result<Sent, Error> {
        let subject = subject::client(account, ClientVerb::Task);
        let task = NewTask::decode(&task.bytes).expect("it was encoded here");
        let try_once = |within| {
            let task = NewTask {
                id: TaskId(uuid::Uuid::now_v7()),
                ..task.clone()
            };
            let request = TaskFromClient {
                task: ByteBuf::from(cbor::encode(&task)),
                credential: credential.clone(),
            };
            let payload = Bytes::from(cbor::encode(&request));
            let asked = transport::ask(&self.nats, subject.clone(), payload, within);
            async move { transport::read(asked.await) }
        };
        self.policy.run(Effect::Changes, try_once).await
    }
}
