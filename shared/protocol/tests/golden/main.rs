//! Golden vectors: the bytes of every opcode, both ways, and of what else is
//! stored or published; and bytes that every decoder must refuse.
//!
//! They stand in the `.hex` files beside this one, with comments, for writers
//! of other clients. A change of the wire shows here as a failed test. After
//! a wanted one, write them anew: `UPDATE_GOLDEN=1 cargo test -p yoshi-protocol
//! --test golden`, and look at the difference.

#[cfg(test)]
mod annotate;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod find;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod operators;
#[cfg(test)]
mod vectors;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use yoshi_protocol::{ErrorReply, Opcode, cbor};

    use crate::annotate::{annotate, parse_hex};
    use crate::malformed::malformed;
    use crate::vectors::{Direction, Vector, vectors};

    fn folder() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
    }

    /// The bytes of a file; with `UPDATE_GOLDEN` it is written first.
    fn golden(name: &str, heading: &str, bytes: &[u8]) -> Vec<u8> {
        let path = folder().join(format!("{name}.hex"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            let text = format!("# {heading}\n{}", annotate(bytes));
            std::fs::write(&path, text).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", path.display())
        });
        parse_hex(&text)
    }

    #[test]
    fn every_message_has_its_golden_bytes() {
        for vector in vectors() {
            let Vector {
                name,
                heading,
                bytes,
                again,
                ..
            } = vector;
            assert_eq!(golden(&name, &heading, &bytes), bytes, "{name}");
            assert_eq!(
                again(&bytes).unwrap(),
                bytes,
                "{name} reads and writes back"
            );
        }
    }

    #[test]
    fn every_opcode_has_vectors_for_each_direction() {
        let there: BTreeSet<_> = vectors()
            .into_iter()
            .filter_map(|vector| vector.of)
            .collect();
        for opcode in Opcode::ALL {
            assert!(there.contains(&(opcode, Direction::Request)), "{opcode}");
            let fan_out = matches!(
                opcode,
                Opcode::PingMs
                    | Opcode::NewPrimReg
                    | Opcode::AccountChanged
                    | Opcode::MsDown
                    | Opcode::TasksChanged
                    | Opcode::StaleHome
            );
            assert_eq!(
                there.contains(&(opcode, Direction::Answer)),
                !fan_out,
                "{opcode}"
            );
        }
    }

    #[test]
    fn malformed_bytes_are_refused_with_their_code() {
        for case in malformed() {
            let heading = format!("{}: refused with {}", case.what, case.code);
            let name = format!("malformed-{}", case.name);
            let bytes = golden(&name, &heading, &case.bytes);
            assert_eq!(bytes, case.bytes, "{name}");
            let error: ErrorReply = (case.refuse)(&bytes).expect_err(&name);
            assert_eq!(error.code, case.code, "{name}: {error}");
            assert!(!error.message.is_empty(), "{name}");
        }
    }

    #[test]
    fn no_file_is_left_over() {
        let known: BTreeSet<_> = vectors()
            .into_iter()
            .map(|vector| vector.name)
            .chain(
                malformed()
                    .into_iter()
                    .map(|case| format!("malformed-{}", case.name)),
            )
            .collect();
        for entry in std::fs::read_dir(folder()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "hex") {
                let name = path.file_stem().unwrap().to_str().unwrap();
                assert!(
                    known.contains(name),
                    "{} belongs to nothing",
                    path.display()
                );
            }
        }
    }

    #[test]
    fn the_vectors_are_deterministic() {
        for vector in vectors() {
            let bound = cbor::Bound {
                bytes: 1 << 20,
                items: 10_000,
            };
            assert_eq!(cbor::check(&vector.bytes, bound), Ok(()), "{}", vector.name);
        }
    }
}
