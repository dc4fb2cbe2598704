//! `provision`: creates the streams and buckets that the definitions describe.
//!
//! What exists is compared and never altered: a stream that differs is for
//! a person to judge. The definitions travel to NATS as they are written.

pub(crate) mod definition;
mod difference;

use std::time::Duration;

use async_nats::{Request, RequestErrorKind};
use serde_json::{Value, json};
use tokio::time::Instant;
use yoshi_client::NatsUser;
use yoshi_protocol::{Incarnation, subject};

use crate::arguments::ProvisionArguments;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::settings::Settings;
use definition::Definition;

/// How long one request may take: with several replicas, NATS places them first.
const REQUEST_WITHIN: Duration = Duration::from_secs(5);
/// The pause before another try.
const PAUSE: Duration = Duration::from_millis(250);

/// Error codes of the `JetStream` API.
pub(crate) const STREAM_NOT_FOUND: u64 = 10_059;
const STREAM_NAME_IN_USE: u64 = 10_058;
const NO_SUITABLE_PEERS: u64 = 10_005;

/// The key of a log's incarnation in its metadata.
const INCARNATION: &str = "incarnation";

/// What became of a definition.
struct Provisioned {
    name: String,
    outcome: &'static str,
    incarnation: Option<String>,
    differences: Vec<String>,
}

pub(crate) async fn provision(
    settings: &Settings,
    arguments: &ProvisionArguments,
) -> Result<Exit, Failure> {
    let mut definitions = definition::read_all(&arguments.definitions)?;
    if let Some(replicas) = arguments.replicas {
        for definition in &mut definitions {
            definition
                .config
                .insert("num_replicas".to_owned(), replicas.into());
        }
    }
    let nats = settings.options(NatsUser::Provisioner)?.connect().await?;
    let api = Api {
        nats,
        end: Instant::now() + settings.timeout,
    };
    let mut provisioned = Vec::new();
    for definition in &definitions {
        provisioned.push(api.provision(definition).await?);
    }
    report(settings, &provisioned)
}

fn report(settings: &Settings, provisioned: &[Provisioned]) -> Result<Exit, Failure> {
    if settings.json {
        let streams: Vec<_> = provisioned
            .iter()
            .map(|stream| {
                json!({
                    "name": stream.name,
                    "outcome": stream.outcome,
                    "incarnation": stream.incarnation,
                    "differences": stream.differences,
                })
            })
            .collect();
        output::json(&json!({ "streams": streams }))?;
    } else {
        for stream in provisioned {
            output::lines(&format!("{}: {}", stream.name, stream.outcome))?;
            for difference in &stream.differences {
                output::lines(&format!("  {}", output::clean_line(difference)))?;
            }
        }
    }
    let differ = provisioned
        .iter()
        .filter(|stream| !stream.differences.is_empty())
        .count();
    if differ == 0 {
        return Ok(Exit::Done);
    }
    Err(Failure::here(
        Exit::Differs,
        format!(
            "{} differ from what is defined; nothing was changed",
            output::count(differ, "stream")
        ),
        "decide which is right, and change it by hand: `nats stream edit`, or the definition",
    ))
}

/// The part of the `JetStream` API that provisioning needs and may use.
pub(crate) struct Api {
    pub(crate) nats: async_nats::Client,
    /// When to give up.
    pub(crate) end: Instant,
}

impl Api {
    async fn provision(&self, definition: &Definition) -> Result<Provisioned, Failure> {
        let name = &definition.name;
        let info = self
            .request(&format!("STREAM.INFO.{name}"), &Value::Null)
            .await?;
        if error_code(&info) != Some(STREAM_NOT_FOUND) {
            return compared(definition, info);
        }
        let mut config = definition.config.clone();
        let incarnation = definition
            .is_log()
            .then(|| Incarnation::random().to_string());
        if let Some(incarnation) = &incarnation {
            let metadata = config.entry("metadata").or_insert_with(|| json!({}));
            metadata[INCARNATION] = incarnation.as_str().into();
        }
        let created = self
            .request(&format!("STREAM.CREATE.{name}"), &Value::Object(config))
            .await?;
        match error_code(&created) {
            None => Ok(Provisioned {
                name: name.clone(),
                outcome: "created",
                incarnation,
                differences: Vec::new(),
            }),
            // Somebody else was faster, or an answer to us was lost.
            Some(STREAM_NAME_IN_USE) => {
                let info = self
                    .request(&format!("STREAM.INFO.{name}"), &Value::Null)
                    .await?;
                compared(definition, info)
            }
            Some(_) => Err(refused(name, &created)),
        }
    }

    /// Asks until there is an answer that will last, or no time left.
    pub(crate) async fn request(&self, subject: &str, payload: &Value) -> Result<Value, Failure> {
        let subject = format!("$JS.API.{subject}");
        let body = if payload.is_null() {
            String::new()
        } else {
            payload.to_string()
        };
        loop {
            let request = Request::new()
                .payload(body.clone().into())
                .timeout(Some(REQUEST_WITHIN));
            let trouble = match self.nats.send_request(subject.clone(), request).await {
                Ok(message) => {
                    let answer: Value = serde_json::from_slice(&message.payload)
                        .map_err(|error| Failure::input(format!("{subject}: {error}")))?;
                    // 503: no leader yet, or the meta group is being elected.
                    let is_elected = answer.pointer("/error/code") != Some(&json!(503));
                    // The nodes of a cluster that has just started find each other.
                    let is_placed = error_code(&answer) != Some(NO_SUITABLE_PEERS)
                        || Instant::now() + PAUSE >= self.end;
                    if is_elected && is_placed {
                        return Ok(answer);
                    }
                    answer["error"]["description"].to_string()
                }
                Err(error) => match error.kind() {
                    RequestErrorKind::TimedOut | RequestErrorKind::NoResponders => {
                        error.to_string()
                    }
                    _ => return Err(Failure::input(format!("{subject}: {error}"))),
                },
            };
            if Instant::now() + PAUSE >= self.end {
                return Err(Failure::here(
                    Exit::Unclear,
                    format!("JetStream does not answer on {subject}: {trouble}"),
                    "is JetStream enabled for the user's account, and does the user have the permission?",
                ));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

pub(crate) fn error_code(answer: &Value) -> Option<u64> {
    let error = answer.get("error")?;
    Some(error["err_code"].as_u64().unwrap_or_default())
}

pub(crate) fn refused(name: &str, answer: &Value) -> Failure {
    let description = answer["error"]["description"]
        .as_str()
        .unwrap_or("no reason given");
    Failure::here(
        Exit::Refused,
        format!("{name}: NATS refused: {description}"),
        "",
    )
}

/// An existing stream against its definition.
fn compared(definition: &Definition, info: Value) -> Result<Provisioned, Failure> {
    let Some(Value::Object(existing)) = info.get("config") else {
        return Err(refused(&definition.name, &info));
    };
    let incarnation = existing
        .get("metadata")
        .and_then(|metadata| metadata.get(INCARNATION)?.as_str());
    let mut differences = difference::between(&definition.config, existing);
    let names_a_life = incarnation.is_some_and(|text| text.parse::<Incarnation>().is_ok());
    if definition.is_log() && !names_a_life {
        differences.push(format!(
            "metadata.{INCARNATION}: no UUID, so servers cannot trust it"
        ));
    }
    Ok(Provisioned {
        name: definition.name.clone(),
        outcome: if differences.is_empty() {
            "exists"
        } else {
            "differs"
        },
        incarnation: incarnation.map(str::to_owned),
        differences,
    })
}

/// The streams that the system needs, logs first.
fn needed() -> [String; 5] {
    [
        subject::TASKS_STREAM.to_owned(),
        subject::ACCOUNTS_STREAM.to_owned(),
        format!("KV_{}", subject::AFFINITY_BUCKET),
        format!("KV_{}", subject::REGISTRATION_BUCKET),
        format!("KV_{}", subject::DESTROYED_BUCKET),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks() -> Definition {
        let config = json!({ "name": "YOSHI_TASKS", "num_replicas": 3 });
        definition::parse("YOSHI_TASKS", &config.to_string()).unwrap()
    }

    #[test]
    fn an_existing_log_needs_an_incarnation() {
        let incarnation = Incarnation::random().to_string();
        for (metadata, outcome) in [
            (
                json!({ "incarnation": incarnation, "_nats.level": "1" }),
                "exists",
            ),
            (json!({}), "differs"),
            (json!({ "incarnation": "x" }), "differs"),
        ] {
            let config = json!({ "name": "YOSHI_TASKS", "num_replicas": 3, "metadata": metadata });
            let compared = compared(&tasks(), json!({ "config": config })).unwrap();
            assert_eq!(compared.outcome, outcome, "{:?}", compared.differences);
        }
    }

    #[test]
    fn errors_are_told_from_answers() {
        assert_eq!(error_code(&json!({ "config": {} })), None);
        let missing = json!({ "error": { "code": 404, "err_code": 10059 } });
        assert_eq!(error_code(&missing), Some(STREAM_NOT_FOUND));
        assert!(compared(&tasks(), missing).is_err());
    }
}
