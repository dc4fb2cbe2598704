//! The definitions: one JSON file per stream, as `nats stream add --config` reads them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};
use yoshi_protocol::subject;

use crate::exit::{Exit, Failure};

/// Bytes of one definition.
const BYTES_MAX: u64 = 64 * 1024;

/// A stream as it should be.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(super) name: String,
    pub(crate) config: Map<String, Value>,
}

impl Definition {
    /// Whether it is one of the two logs, whose lives servers tell apart.
    pub(super) fn is_log(&self) -> bool {
        [subject::TASKS_STREAM, subject::ACCOUNTS_STREAM].contains(&self.name.as_str())
    }
}

/// Reads a definition for each stream that the system needs.
pub(super) fn read_all(folder: &Path) -> Result<Vec<Definition>, Failure> {
    super::needed()
        .into_iter()
        .map(|name| read(folder, &name))
        .collect()
}

/// Reads one definition.
pub(crate) fn read(folder: &Path, name: &str) -> Result<Definition, Failure> {
    let path = folder.join(format!("{name}.json"));
    let mut text = String::new();
    File::open(&path)
        .and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| {
            let what = format!("{}: {error}", path.display());
            Failure::here(
                Exit::BadInput,
                what,
                "name the folder of the definitions with --definitions",
            )
        })?;
    parse(name, &text).map_err(|reason| Failure::input(format!("{}: {reason}", path.display())))
}

pub(super) fn parse(name: &str, text: &str) -> Result<Definition, String> {
    let Ok(Value::Object(config)) = serde_json::from_str(text) else {
        return Err("not a JSON object".to_owned());
    };
    if config.get("name").and_then(Value::as_str) != Some(name) {
        return Err(format!("its \"name\" is not {name:?}"));
    }
    if !matches!(config.get("metadata"), None | Some(Value::Object(_))) {
        return Err("its \"metadata\" is not an object".to_owned());
    }
    Ok(Definition {
        name: name.to_owned(),
        config,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_what_its_file_is_called() {
        assert!(parse("S", r#"{"name":"S","metadata":{}}"#).is_ok());
        for text in [
            "",
            "[]",
            "{}",
            r#"{"name":"T"}"#,
            r#"{"name":"S","metadata":3}"#,
        ] {
            assert!(parse("S", text).is_err(), "{text}");
        }
    }
}
