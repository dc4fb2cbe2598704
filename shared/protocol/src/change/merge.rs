//! A revision on the bytes of a task: what the sender's client wrote and this
//! release does not know stays as it was.
//!
//! The result follows from the two encodings alone, so that servers of different
//! releases come to the same bytes.

use std::collections::BTreeMap;

use ciborium::Value;

use super::Revise;
use crate::cbor::{self, Bound, DecodeError};

/// The one key of a revision that is no field of a task.
const REVISION: &str = "revision";

/// A map with its keys in the deterministic order: shorter first, then bytewise.
type Fields = BTreeMap<(usize, String), Value>;

impl Revise {
    /// The encoded task as it is after this change of `task`, in the
    /// deterministic encoding. Every field that the change does not name stays,
    /// of later releases, too. Whether the fields make a task is not checked.
    ///
    /// # Errors
    /// [`DecodeError`]: `task` is no map, or the result is beyond [`Bound::TASK`].
    pub fn merge(&self, task: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let mut fields = fields(task)?;
        for (key, value) in self::fields(&cbor::encode(self))? {
            match value {
                _ if key.1 == REVISION => {}
                Value::Null => drop(fields.remove(&key)),
                value => drop(fields.insert(key, value)),
            }
        }
        let pairs = fields
            .into_iter()
            .map(|((_, key), value)| (Value::Text(key), value));
        let merged = cbor::encode(&Value::Map(pairs.collect()));
        cbor::check(&merged, Bound::TASK)?;
        Ok(merged)
    }
}

fn fields(bytes: &[u8]) -> Result<Fields, DecodeError> {
    let no_map = || DecodeError::Shape("a map was expected".to_owned());
    let Value::Map(pairs) = cbor::decode(bytes, Bound::TASK)? else {
        return Err(no_map());
    };
    let field = |(key, value)| match key {
        Value::Text(key) => Ok(((key.len(), key), value)),
        _ => Err(no_map()),
    };
    pairs.into_iter().map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit;
    use crate::name::{AccountName, TaskId};
    use crate::task::{Kind, NewTask};
    use proptest::prelude::*;

    fn task() -> NewTask {
        let mut task = NewTask::new("Ship 1.2", vec![AccountName::new("ana").unwrap()]);
        task.id = TaskId(uuid::Uuid::from_u128(7));
        task.due = "2026-11-27".parse().ok();
        task.effort = Some(90);
        task
    }

    /// The task with more fields, as a later release's client may encode it.
    fn with(task: &NewTask, more: &[(&str, Value)]) -> Vec<u8> {
        let mut fields = fields(&cbor::encode(task)).unwrap();
        for (key, value) in more {
            fields.insert((key.len(), (*key).to_owned()), value.clone());
        }
        let pairs = fields
            .into_iter()
            .map(|((_, key), value)| (Value::Text(key), value));
        cbor::encode(&Value::Map(pairs.collect()))
    }

    fn title(title: &str) -> Revise {
        Revise {
            title: Some(title.to_owned()),
            ..Revise::default()
        }
    }

    #[test]
    fn what_this_release_does_not_know_stays() {
        let revise = Revise {
            due: Some(None),
            start: Some("2026-11-20".parse().ok()),
            ..title("Ship 1.3")
        };
        let more = [
            ("zz", Value::Null),
            ("place", Value::Text("Berlin".into())),
            ("respond_by_whom", Value::Array(vec![Value::Bool(true)])),
        ];
        let merged = revise.merge(&with(&task(), &more)).unwrap();
        assert_eq!(
            merged,
            with(&revise.apply(&task()), &more),
            "in the deterministic order"
        );
        let read = NewTask::decode(&merged).unwrap();
        assert_eq!(read, revise.apply(&task()));
        assert_eq!((read.due, read.effort), (None, Some(90)));
    }

    #[test]
    fn a_field_that_the_client_left_out_stays_out() {
        // {"id": …, "title": "a", "recipients": ["ana"]}
        let mut least = b"\xa3\x62id\x50".to_vec();
        least.extend([1; 16]);
        least.extend(b"\x65title\x61a\x6arecipients\x81\x63ana");
        let merged = title("b").merge(&least).unwrap();
        let expected = [&least[..28], b"b", &least[29..]].concat();
        assert_eq!(merged, expected);
    }

    #[test]
    fn the_result_is_bounded() {
        let many = Value::Array(vec![Value::Null; limit::TASK_ITEMS_MAX - 40]);
        let full = with(&task(), &[("more", many)]);
        assert!(title("b").merge(&full).is_ok());
        let labels = Some(vec!["label".to_owned(); limit::LABELS_MAX]);
        let revise = Revise {
            labels,
            ..Revise::default()
        };
        let refused = revise.merge(&full);
        assert!(matches!(refused, Err(DecodeError::TooManyItems(_))));
        let large = Value::Bytes(vec![0; limit::TASK_BYTES_MAX - 2_000]);
        let large = with(&task(), &[("more", large)]);
        let revise = Revise {
            body: Some("x".repeat(4_000)),
            ..Revise::default()
        };
        let refused = revise.merge(&large);
        assert!(matches!(refused, Err(DecodeError::TooLarge { .. })));
        assert!(title("b").merge(b"\x80").is_err(), "no map");
    }

    proptest! {
        #[test]
        fn it_reads_as_what_clients_show(
            new_title in prop::option::of("[a-z]{1,9}"),
            body in prop::option::of("[a-z]{0,9}"),
            effort in prop::option::of(prop::option::of(0_u32..9)),
            labels in prop::option::of(prop::collection::vec("[a-z]{1,3}", 0..3)),
            decides in any::<bool>(),
            more in prop::collection::btree_map("[a-z]{6,30}x", 0_u32..9, 0..5),
        ) {
            let revise = Revise {
                title: new_title,
                body,
                effort,
                labels,
                kind: decides.then_some(Kind::Answer),
                ..Revise::default()
            };
            let more: Vec<_> = more
                .iter()
                .map(|(key, value)| (key.as_str(), Value::from(*value)))
                .collect();
            let merged = revise.merge(&with(&task(), &more)).unwrap();
            let read: NewTask = cbor::decode(&merged, Bound::TASK).unwrap();
            prop_assert_eq!(read, revise.apply(&task()));
            let kept = fields(&merged).unwrap();
            for (key, value) in more {
                prop_assert_eq!(kept.get(&(key.len(), key.to_owned())), Some(&value));
            }
        }
    }
}
