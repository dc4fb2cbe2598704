//! Encoding and bounded decoding of every payload.
//!
//! Yoshi's messages are in the *core deterministic encoding* of RFC 8949
//! §4.2.1: shortest integers, definite lengths, map keys in ascending order of
//! their bytes and never twice. Tags and floating-point numbers are not used,
//! keys are text. One value has one encoding, so bytes can be hashed and
//! compared, and one pass over the bytes, before anything is allocated,
//! refuses whatever a decoder could be tricked with.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::limit;

/// How large a message may be before it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Bytes of the whole message.
    pub bytes: usize,
    /// CBOR items in it: every integer, text, byte string, array, map and simple value.
    pub items: usize,
}

impl Bound {
    /// Of a request.
    pub const REQUEST: Self = Self {
        bytes: limit::REQUEST_BYTES_MAX,
        items: limit::REQUEST_ITEMS_MAX,
    };
    /// Of an answer.
    pub const ANSWER: Self = Self {
        bytes: limit::ANSWER_BYTES_MAX,
        items: limit::ANSWER_ITEMS_MAX,
    };
    /// Of a block of a log.
    pub const BLOCK: Self = Self {
        bytes: limit::BLOCK_BYTES_MAX,
        items: limit::BLOCK_ITEMS_MAX,
    };
    /// Of one entry of a log.
    pub const ENTRY: Self = Self {
        bytes: limit::ENTRY_BYTES_MAX,
        items: limit::ENTRY_ITEMS_MAX,
    };
    /// Of one task.
    pub const TASK: Self = Self {
        bytes: limit::TASK_BYTES_MAX,
        items: limit::TASK_ITEMS_MAX,
    };
}

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than the message may have.
    #[error("{bytes} bytes are more than the {bytes_max} that this message may have")]
    TooLarge {
        /// Bytes received.
        bytes: usize,
        /// Bytes allowed.
        bytes_max: usize,
    },
    /// More items than the message may have.
    #[error("more than {0} CBOR items")]
    TooManyItems(usize),
    /// Arrays and maps nested too deep.
    #[error("nested deeper than {} levels", limit::CBOR_DEPTH_MAX)]
    TooDeep,
    /// The bytes end inside an item.
    #[error("the message ends in the middle of an item")]
    Truncated,
    /// Bytes follow the one item that a message is.
    #[error("{0} bytes follow the message")]
    TrailingBytes(usize),
    /// Well-formed CBOR that is not in the deterministic encoding.
    #[error("not in the deterministic encoding of RFC 8949 section 4.2.1: {0}")]
    NotDeterministic(&'static str),
    /// An item of a kind that the protocol does not use.
    #[error("the protocol has no {0}")]
    Unsupported(&'static str),
    /// Text that is not UTF-8, or holds U+0000.
    #[error("text must be UTF-8 without U+0000")]
    Text,
    /// Well-formed, but not the message that was expected here.
    #[error("not the expected message: {0}")]
    Shape(String),
}

/// Encodes a message.
///
/// # Panics
/// In debug builds, if the type's fields are not declared in the order of
/// their keys: shorter first, then by their bytes.
#[must_use]
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    ciborium::into_writer(message, &mut bytes)
        .expect("writing to memory does not fail, and every wire type maps onto CBOR");
    debug_assert_eq!(
        scan(&bytes, usize::MAX),
        Ok(()),
        "fields out of the deterministic order"
    );
    bytes
}

/// Checks the bounds and the form of a message, then decodes it. Unknown keys
/// are ignored, so that a newer sender is understood.
///
/// # Errors
/// [`DecodeError`], which says what is wrong in words for the sender.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], bound: Bound) -> Result<T, DecodeError> {
    check(bytes, bound)?;
    ciborium::de::from_reader_with_recursion_limit(bytes, limit::CBOR_DEPTH_MAX * 4)
        .map_err(|error| DecodeError::Shape(shape_of(&error)))
}

/// Checks the bounds and the form of a message without decoding it.
///
/// # Errors
/// [`DecodeError`], all but [`DecodeError::Shape`].
pub fn check(bytes: &[u8], bound: Bound) -> Result<(), DecodeError> {
    if bytes.len() > bound.bytes {
        return Err(DecodeError::TooLarge {
            bytes: bytes.len(),
            bytes_max: bound.bytes,
        });
    }
    scan(bytes, bound.items)
}

/// The words of a decoder's error, without its byte offsets.
fn shape_of(error: &ciborium::de::Error<std::io::Error>) -> String {
    match error {
        ciborium::de::Error::Semantic(_, text) => {
            text.chars().take(limit::ERROR_MESSAGE_CHARS_MAX).collect()
        }
        ciborium::de::Error::Io(_)
        | ciborium::de::Error::Syntax(_)
        | ciborium::de::Error::RecursionLimitExceeded => "a value of another type".to_owned(),
    }
}

/// An array or map whose items are still being read.
#[derive(Clone, Copy)]
struct Open<'a> {
    items_left: u64,
    /// In a map: the bytes of the previous key, and whether a key comes next.
    map: Option<(&'a [u8], bool)>,
}

/// The first byte and the argument of an item (RFC 8949 §3).
struct Head {
    major: u8,
    argument: u64,
}

fn scan(bytes: &[u8], items_max: usize) -> Result<(), DecodeError> {
    let mut stack = [Open {
        items_left: 1,
        map: None,
    }; limit::CBOR_DEPTH_MAX + 1];
    let mut depth = 0;
    let mut at = 0;
    let mut items = 0;
    loop {
        while stack[depth].items_left == 0 {
            if depth == 0 {
                let left = bytes.len() - at;
                return if left == 0 {
                    Ok(())
                } else {
                    Err(DecodeError::TrailingBytes(left))
                };
            }
            depth -= 1;
        }
        items += 1;
        if items > items_max {
            return Err(DecodeError::TooManyItems(items_max));
        }
        let start = at;
        let head = head(bytes, &mut at)?;
        let nested = item(bytes, &mut at, &head)?;
        key_order(&mut stack[depth], &head, &bytes[start..at])?;
        stack[depth].items_left -= 1;
        if let Some(open) = nested {
            depth += 1;
            *stack.get_mut(depth).ok_or(DecodeError::TooDeep)? = open;
        }
    }
}

/// Reads an item's head, refusing indefinite lengths and arguments longer than needed.
fn head(bytes: &[u8], at: &mut usize) -> Result<Head, DecodeError> {
    let first = *bytes.get(*at).ok_or(DecodeError::Truncated)?;
    *at += 1;
    let (major, short) = (first >> 5, first & 0x1f);
    let width = match short {
        0..=23 => {
            return Ok(Head {
                major,
                argument: u64::from(short),
            });
        }
        24..=27 => 1_usize << (short - 24),
        31 => return Err(DecodeError::NotDeterministic("an indefinite length")),
        _ => return Err(DecodeError::Unsupported("reserved CBOR head")),
    };
    let end = *at + width;
    let raw = bytes.get(*at..end).ok_or(DecodeError::Truncated)?;
    *at = end;
    let argument = raw
        .iter()
        .fold(0, |value: u64, byte| (value << 8) | u64::from(*byte));
    if major == 7 {
        return Err(DecodeError::Unsupported(
            "floating-point number or unassigned simple value",
        ));
    }
    let needed = match argument {
        0..=23 => 0,
        24..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    };
    if needed != width {
        return Err(DecodeError::NotDeterministic(
            "an integer or length longer than needed",
        ));
    }
    Ok(Head { major, argument })
}

/// Steps over an item's own bytes; answers the container that it opens, if it does.
fn item<'a>(bytes: &'a [u8], at: &mut usize, head: &Head) -> Result<Option<Open<'a>>, DecodeError> {
    match head.major {
        0 | 1 => Ok(None),
        2 | 3 => {
            let left = bytes.len() - *at;
            let length = usize::try_from(head.argument).unwrap_or(usize::MAX);
            if length > left {
                return Err(DecodeError::Truncated);
            }
            let body = &bytes[*at..*at + length];
            *at += length;
            if head.major == 3 && (body.contains(&0) || std::str::from_utf8(body).is_err()) {
                return Err(DecodeError::Text);
            }
            Ok(None)
        }
        4 => Ok(Some(Open {
            items_left: head.argument,
            map: None,
        })),
        5 => {
            let items_left = head.argument.checked_mul(2).ok_or(DecodeError::Truncated)?;
            Ok(Some(Open {
                items_left,
                map: Some((&[], true)),
            }))
        }
        6 => Err(DecodeError::Unsupported("CBOR tag")),
        _ if matches!(head.argument, 20..=22) => Ok(None),
        _ => Err(DecodeError::Unsupported(
            "simple value but false, true and null",
        )),
    }
}

/// In a map, holds the keys to text, ascending and unique.
fn key_order<'a>(open: &mut Open<'a>, head: &Head, item: &'a [u8]) -> Result<(), DecodeError> {
    let Some((previous, key_next)) = &mut open.map else {
        return Ok(());
    };
    if *key_next {
        if head.major != 3 {
            return Err(DecodeError::Unsupported("map key but text"));
        }
        if item <= *previous {
            return Err(DecodeError::NotDeterministic(
                "map keys out of order, or one twice",
            ));
        }
        *previous = item;
    }
    *key_next = !*key_next;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SMALL: Bound = Bound {
        bytes: 1_000,
        items: 50,
    };

    fn refused(bytes: &[u8]) -> DecodeError {
        check(bytes, SMALL).expect_err("must be refused")
    }

    #[test]
    fn well_formed_values_pass() {
        for good in [
            &b"\x00"[..],
            b"\x18\x18",
            b"\x38\xff",
            b"\x60",
            b"\x43abc",
            b"\x80",
            b"\x82\x01\x80",
            b"\xa2\x61a\x01\x61b\xf5",
            b"\xa2\x61b\x01\x62aa\xf6",
        ] {
            assert_eq!(check(good, SMALL), Ok(()), "{good:x?}");
        }
    }

    #[test]
    fn each_way_to_be_wrong_is_named() {
        assert_eq!(refused(b""), DecodeError::Truncated);
        assert_eq!(refused(b"\x82\x01"), DecodeError::Truncated);
        assert_eq!(refused(b"\x19\x01"), DecodeError::Truncated);
        assert_eq!(refused(b"\x00\x00"), DecodeError::TrailingBytes(1));
        assert!(matches!(
            refused(b"\x18\x17"),
            DecodeError::NotDeterministic(_)
        ));
        assert!(matches!(
            refused(b"\x9f\xff"),
            DecodeError::NotDeterministic(_)
        ));
        assert!(matches!(
            refused(b"\x7f\xff"),
            DecodeError::NotDeterministic(_)
        ));
        assert!(matches!(
            refused(b"\xa2\x61a\x01\x61a\x01"),
            DecodeError::NotDeterministic(_)
        ));
        assert!(matches!(
            refused(b"\xa2\x61b\x01\x61a\x01"),
            DecodeError::NotDeterministic(_)
        ));
        assert!(matches!(
            refused(b"\xa1\x01\x01"),
            DecodeError::Unsupported(_)
        ));
        assert!(matches!(refused(b"\xc0\x01"), DecodeError::Unsupported(_)));
        assert!(matches!(
            refused(b"\xf9\x7e\x00"),
            DecodeError::Unsupported(_)
        ));
        assert!(matches!(refused(b"\xf7"), DecodeError::Unsupported(_)));
        assert_eq!(refused(b"\x61\x00"), DecodeError::Text);
        assert_eq!(refused(b"\x61\xff"), DecodeError::Text);
        assert_eq!(refused(b"\x63\xed\xa0\x80"), DecodeError::Text);
        assert_eq!(refused(&[0x81; 40]), DecodeError::TooDeep);
    }

    #[test]
    fn huge_counts_are_refused_without_memory() {
        assert_eq!(
            refused(b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff"),
            DecodeError::Truncated
        );
        assert_eq!(
            refused(b"\x9b\x80\x00\x00\x00\x00\x00\x00\x00"),
            DecodeError::Truncated
        );
        assert_eq!(
            refused(b"\xbb\x80\x00\x00\x00\x00\x00\x00\x00"),
            DecodeError::Truncated
        );
        let mut many = vec![0x98, 0xff];
        many.extend([0x60; 255]);
        assert_eq!(refused(&many), DecodeError::TooManyItems(50));
        assert!(matches!(refused(&[0; 2_000]), DecodeError::TooLarge { .. }));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            drop(check(&bytes, SMALL));
            drop(decode::<crate::message::task::TaskFromClient>(&bytes, SMALL));
        }

        #[test]
        fn what_passes_reads_and_writes_back_the_same(
            bytes in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            if check(&bytes, SMALL).is_ok() {
                let value: ciborium::Value = ciborium::from_reader(&bytes[..]).unwrap();
                let mut again = Vec::new();
                ciborium::into_writer(&value, &mut again).unwrap();
                prop_assert_eq!(again, bytes);
            }
        }
    }
}
