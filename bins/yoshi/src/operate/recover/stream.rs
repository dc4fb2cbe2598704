//! The stream of a lost log: looked at, removed, and created anew.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;
use yoshi_protocol::message::operate::{
    CONTINUES_KEY, Continued, FIRST_SEQUENCE_KEY, INCARNATION_KEY, PROVEN_KEY,
};
use yoshi_protocol::{Incarnation, ServerId};

use super::plan::{Plan, Stream};
use crate::arguments::RecoverArguments;
use crate::exit::Failure;
use crate::provision::{Api, STREAM_NOT_FOUND, definition, error_code, refused};

/// A stream that is there.
pub(super) struct There {
    pub(super) stream: Stream,
    /// As NATS has it.
    pub(super) config: Map<String, Value>,
}

/// The part of the `JetStream` API that recovery needs and may use.
pub(super) struct Streams {
    nats: async_nats::Client,
    within: Duration,
}

impl Streams {
    /// Each request may take so long, all its tries together.
    pub(super) fn new(nats: async_nats::Client, within: Duration) -> Self {
        Self { nats, within }
    }

    /// What there is of a stream; none if there is none.
    pub(super) async fn look(&self, name: &str) -> Result<Option<There>, Failure> {
        let subject = format!("STREAM.INFO.{name}");
        let info = self.request(&subject, &Value::Null).await?;
        if error_code(&info) == Some(STREAM_NOT_FOUND) {
            return Ok(None);
        }
        let Some(Value::Object(config)) = info.get("config") else {
            return Err(refused(name, &info));
        };
        Ok(Some(There {
            stream: stream(config, &info["state"]),
            config: config.clone(),
        }))
    }

    /// Removes a stream. One that is gone already is fine: an answer was lost.
    pub(super) async fn delete(&self, name: &str) -> Result<(), Failure> {
        let subject = format!("STREAM.DELETE.{name}");
        let answer = self.request(&subject, &Value::Null).await?;
        match error_code(&answer) {
            None | Some(STREAM_NOT_FOUND) => Ok(()),
            Some(_) => Err(refused(name, &answer)),
        }
    }

    /// Creates the stream that continues a lost log. Servers other than the `proven`
    /// ones must show that their history is the beginning of it.
    pub(super) async fn create(
        &self,
        name: &str,
        mut config: Map<String, Value>,
        incarnation: Incarnation,
        plan: &Plan,
        proven: &[ServerId],
    ) -> Result<(), Failure> {
        let proven: Vec<_> = proven.iter().map(ToString::to_string).collect();
        let lost: Vec<_> = plan.continues.iter().map(Continued::to_string).collect();
        config.insert("first_seq".to_owned(), plan.first_sequence.into());
        config.insert(
            "metadata".to_owned(),
            json!({
                INCARNATION_KEY: incarnation.to_string(),
                CONTINUES_KEY: lost.join(","),
                FIRST_SEQUENCE_KEY: plan.first_sequence.to_string(),
                PROVEN_KEY: proven.join(","),
            }),
        );
        let subject = format!("STREAM.CREATE.{name}");
        let created = self.request(&subject, &Value::Object(config)).await?;
        if error_code(&created).is_none() {
            return Ok(());
        }
        // The answer to an earlier try may have been lost.
        match self.look(name).await? {
            Some(there) if there.stream.incarnation == Some(incarnation) => Ok(()),
            _ => Err(refused(name, &created)),
        }
    }

    async fn request(&self, subject: &str, payload: &Value) -> Result<Value, Failure> {
        let api = Api {
            nats: self.nats.clone(),
            end: Instant::now() + self.within,
        };
        api.request(subject, payload).await
    }
}

/// The configuration of a stream that is not there.
pub(super) fn defined(
    arguments: &RecoverArguments,
    name: &str,
) -> Result<Map<String, Value>, Failure> {
    let mut config = definition::read(&arguments.definitions, name)?.config;
    if let Some(replicas) = arguments.replicas {
        config.insert("num_replicas".to_owned(), replicas.into());
    }
    Ok(config)
}

fn stream(config: &Map<String, Value>, state: &Value) -> Stream {
    let text = |key: &str| config.get("metadata")?.get(key)?.as_str();
    let lineage = text(CONTINUES_KEY).unwrap_or_default().split(',');
    Stream {
        incarnation: text(INCARNATION_KEY).and_then(|text| text.parse().ok()),
        lineage: lineage.filter_map(|lost| lost.parse().ok()).collect(),
        last: state["last_seq"].as_u64().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_streams_metadata_say_what_it_continues() {
        let (incarnation, old) = (Incarnation::random(), Incarnation::random());
        let config = json!({
            "metadata": { "incarnation": incarnation.to_string(), "continues": format!("{old}@7168") },
        });
        let Value::Object(config) = config else {
            panic!("an object");
        };
        let read = stream(&config, &json!({ "last_seq": 7 }));
        assert_eq!((read.incarnation, read.last), (Some(incarnation), 7));
        assert_eq!(read.lineage[0].incarnation, old);
        assert_eq!(read.lineage[0].through.0, 7168);
        assert_eq!(stream(&Map::new(), &Value::Null).incarnation, None);
    }
}
