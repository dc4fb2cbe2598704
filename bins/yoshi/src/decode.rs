//! `decode`: CBOR on standard input, readable text on standard output.

mod diagnostic;

use std::io::{self, Read};

use ciborium::Value;

use crate::arguments::DecodeArguments;
use crate::exit::{Exit, Failure};
use crate::output;

/// Bytes that are read: the most that NATS carries in one message.
const BYTES_MAX: u64 = 1024 * 1024;
/// Levels of arrays and maps.
const DEPTH_MAX: usize = 64;

pub(crate) fn decode(arguments: &DecodeArguments) -> Result<Exit, Failure> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::local("standard input", &error))?;
    let value = parse(&bytes).map_err(Failure::input)?;
    output::lines(&diagnostic::text(&value, arguments.one_line))
}

/// Reads exactly one value.
fn parse(bytes: &[u8]) -> Result<Value, String> {
    if bytes.len() as u64 > BYTES_MAX {
        return Err(format!(
            "more than {BYTES_MAX} bytes: no message is so large"
        ));
    }
    if bytes.is_empty() {
        return Err("the message is empty".to_owned());
    }
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH_MAX)
        .map_err(|error| wrong(&error, bytes.len()))?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(format!(
            "not one CBOR value: {} bytes follow it",
            rest.len()
        ))
    }
}

fn wrong(error: &ciborium::de::Error<io::Error>, bytes: usize) -> String {
    match error {
        ciborium::de::Error::Io(_) => format!("the CBOR ends early, after {bytes} bytes"),
        ciborium::de::Error::Syntax(at) => format!("not CBOR: byte {at} cannot stand there"),
        ciborium::de::Error::Semantic(_, reason) => format!("not CBOR: {reason}"),
        ciborium::de::Error::RecursionLimitExceeded => {
            format!("nested deeper than {DEPTH_MAX} levels")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_one_value_is_refused() {
        let deep = [vec![0x81; 100], vec![0x00]].concat();
        for bytes in [
            &b""[..],
            b"\x00\x00",
            b"\xa1\x61a",
            b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x00",
            b"\xff",
            b"\x1c",
            b"\x61\xff",
            b"{\"json\": true}",
            &deep,
        ] {
            assert!(parse(bytes).is_err(), "{bytes:?}");
        }
        assert!(parse(b"\xa1\x61a\x01").is_ok());
    }
}
