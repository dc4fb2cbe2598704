//! How an existing stream differs from its definition.

use serde_json::{Map, Value};

/// Says nothing about what the stream does.
const IGNORED: &str = "description";

/// Each difference in words. Only what the definition names is compared: the
/// server adds its own defaults and metadata.
pub(super) fn between(wanted: &Map<String, Value>, existing: &Map<String, Value>) -> Vec<String> {
    wanted
        .iter()
        .filter(|(key, _)| *key != IGNORED)
        .flat_map(|(key, wanted)| match (wanted, existing.get(key)) {
            (Value::Object(wanted), Some(Value::Object(existing))) => between(wanted, existing)
                .into_iter()
                .map(|difference| format!("{key}.{difference}"))
                .collect(),
            (wanted, Some(existing)) if wanted == existing => Vec::new(),
            (wanted, None) if is_default(wanted) => Vec::new(),
            (wanted, Some(existing)) => vec![format!("{key}: is {existing}, defined as {wanted}")],
            (wanted, None) => vec![format!("{key}: is not set, defined as {wanted}")],
        })
        .collect()
}

/// What NATS leaves out of its answers.
fn is_default(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(pairs) => pairs.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn differences(wanted: Value, existing: Value) -> Vec<String> {
        match (wanted, existing) {
            (Value::Object(wanted), Value::Object(existing)) => between(&wanted, &existing),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_what_is_defined_and_matters_counts() {
        let existing = json!({
            "name": "S", "num_replicas": 1, "compression": "none", "description": "other",
            "metadata": { "_nats.level": "1", "a": "b" },
        });
        let same = json!({
            "name": "S", "num_replicas": 1, "deny_delete": false, "description": "this",
            "metadata": { "a": "b" },
        });
        assert!(differences(same, existing.clone()).is_empty());
        let other = json!({
            "num_replicas": 3, "deny_delete": true, "metadata": { "a": "c" },
        });
        let found = differences(other, existing);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found.contains(&"num_replicas: is 1, defined as 3".to_owned()),
            "{found:?}"
        );
        assert!(found.contains(&"deny_delete: is not set, defined as true".to_owned()));
        assert!(found.contains(&"metadata.a: is \"b\", defined as \"c\"".to_owned()));
    }
}
