//! Holds `PROTOCOL.md` and `nats/SUBJECTS.md` to the code.

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use yoshi_protocol::{ErrorCode, Opcode, header, limit, subject};

    fn page(path: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn protocol() -> String {
        page("PROTOCOL.md")
    }

    fn subjects() -> String {
        page("../../nats/SUBJECTS.md")
    }

    /// The rows of Markdown tables, as cells.
    fn rows(page: &str) -> Vec<Vec<&str>> {
        page.lines()
            .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'))
            .map(|line| line.split('|').map(str::trim).collect())
            .collect()
    }

    #[test]
    fn every_opcode_has_its_row_in_the_subjects() {
        let page = subjects();
        let rows: Vec<_> = rows(&page)
            .into_iter()
            .filter(|row| row[0].parse::<u8>().is_ok())
            .collect();
        assert_eq!(rows.len(), Opcode::ALL.len());
        for (opcode, row) in Opcode::ALL.into_iter().zip(rows) {
            assert_eq!(row[0], opcode.number().to_string());
            assert_eq!(row[1], opcode.name());
            assert_eq!(
                row[2],
                format!("`{}`", subject::pattern(opcode)),
                "{opcode}"
            );
        }
    }

    #[test]
    fn the_subjects_name_streams_buckets_queue_group_and_headers() {
        let page = subjects();
        for name in [
            subject::TASKS_STREAM,
            subject::ACCOUNTS_STREAM,
            subject::AFFINITY_BUCKET,
            subject::REGISTRATION_BUCKET,
            subject::PRIMARY_KEY,
            subject::RESYNC_KEY,
            subject::DESTROYED_BUCKET,
            subject::LB_QUEUE_GROUP,
            subject::CLIENT_ALL,
            subject::NATS_STATUS,
            header::EPOCH,
            header::ACCOUNTED,
        ] {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn every_opcode_stands_in_the_protocol_once_with_its_number() {
        let page = protocol();
        for opcode in Opcode::ALL {
            let (number, name) = (opcode.number(), opcode.name());
            let heading = format!("### {number} {name}: `{}`", subject::pattern(opcode));
            let headings = page.lines().filter(|line| *line == heading).count();
            let in_tables = rows(&page)
                .iter()
                .filter(|row| row[0] == number.to_string() && row[1] == name)
                .count();
            assert_eq!(headings + in_tables, 1, "{opcode}");
        }
    }

    #[test]
    fn every_error_code_stands_in_the_protocol_and_no_other() {
        let page = protocol();
        let documented: BTreeSet<_> = rows(&page)
            .into_iter()
            .filter(|row| matches!(row[1], "yes" | "no"))
            .map(|row| (row[0].to_owned(), row[1] == "yes"))
            .collect();
        let known: BTreeSet<_> = ErrorCode::ALL
            .iter()
            .map(|code| (format!("`{code}`"), code.is_retryable()))
            .collect();
        assert_eq!(documented, known);
    }

    #[test]
    fn the_limits_are_those_of_the_code() {
        let page = protocol();
        let rows = rows(&page);
        for (what, figures) in [
            (
                "a request",
                vec![limit::REQUEST_BYTES_MAX, limit::REQUEST_ITEMS_MAX],
            ),
            (
                "an answer",
                vec![limit::ANSWER_BYTES_MAX, limit::ANSWER_ITEMS_MAX],
            ),
            ("a task", vec![limit::TASK_BYTES_MAX, limit::TASK_ITEMS_MAX]),
            ("title", vec![limit::TITLE_CHARS_MAX]),
            ("body", vec![limit::BODY_BYTES_MAX]),
            ("label, option, link", vec![limit::SHORT_TEXT_CHARS_MAX]),
            ("labels, links", vec![limit::LABELS_MAX]),
            ("recipients", vec![limit::RECIPIENTS_MAX]),
            (
                "password",
                vec![limit::PASSWORD_BYTES_MAX, limit::PASSWORD_CHARS_MIN],
            ),
            (
                "tasks in one answer to a poll or a search",
                vec![usize::try_from(limit::POLL_TASKS_MAX).unwrap()],
            ),
            (
                "text that is searched for",
                vec![limit::FIND_TEXT_CHARS_MAX, limit::FIND_WORDS_MAX],
            ),
            ("people, labels of a search", vec![limit::FIND_NAMES_MAX]),
        ] {
            let row = rows.iter().find(|row| row[0] == what).expect(what);
            let numbers: Vec<usize> = row[1]
                .split(|char: char| !char.is_ascii_digit())
                .filter_map(|number| number.parse().ok())
                .collect();
            assert_eq!(numbers, figures, "{what}");
        }
    }

    #[test]
    fn the_worked_example_is_the_golden_vector() {
        let hex = |text: &str| -> String {
            text.lines()
                .flat_map(|line| {
                    line.trim_start().split(' ').take_while(|word| {
                        !word.is_empty() && word.chars().all(|char| char.is_ascii_hexdigit())
                    })
                })
                .collect()
        };
        // The example's lines put two blanks between pairs; one is enough here.
        let page = protocol().replace("  ", " ").replace("  ", " ");
        let example = page.split("```").nth(1).expect("there is an example");
        let mut bytes = String::new();
        for line in example.lines() {
            bytes.push_str(&hex(line));
        }
        let golden: String = page_of_golden()
            .lines()
            .filter_map(|line| line.split('#').next())
            .flat_map(str::chars)
            .filter(|char| !char.is_whitespace())
            .collect();
        assert_eq!(bytes, golden);
    }

    fn page_of_golden() -> String {
        page("tests/golden/07-task-from-client-request.hex")
    }
}
