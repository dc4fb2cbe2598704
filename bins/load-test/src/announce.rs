//! What is told before the load starts: where, what, how long, and what stays.

use std::io::Write;

use yoshi_client::for_people;

use crate::arguments::Arguments;
use crate::workload::Workload;

/// Tells it on standard error, so that standard output holds the result alone.
pub(crate) fn announce(arguments: &Arguments, nats_url: &str, workload: &Workload) {
    let text = text(arguments, nats_url, workload);
    // Whoever closed standard error does not want to know.
    writeln!(std::io::stderr(), "{text}").unwrap_or_default();
}

fn text(arguments: &Arguments, nats_url: &str, workload: &Workload) -> String {
    let Arguments {
        senders,
        recipients,
        body_bytes,
        seconds,
        warm_up_seconds,
        ..
    } = arguments;
    let pace = match arguments.rate {
        Some(rate) => format!("{rate} tasks per second from {senders} senders"),
        None => format!("{senders} senders, each one task at a time"),
    };
    format!(
        "load-test: at {}: {pace}, to {recipients} recipients each, bodies of {body_bytes} bytes, \
         for {warm_up_seconds} s to warm up and {seconds} s to measure\n\
         load-test: its {} accounts, {}-0 and so on, and their tasks stay in the system",
        for_people(nats_url),
        workload.names().len(),
        workload.prefix,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn it_says_where_what_how_long_and_what_stays() {
        let line = ["load-test", "--senders", "8", "--accounts-prefix", "lt"];
        let arguments = Arguments::parse_from(line);
        let workload = Workload::new(&arguments).unwrap();
        let text = text(&arguments, "nats://bo:secret@host:4222", &workload);
        for part in [
            "at host:4222:",
            "8 senders",
            "10 s to measure",
            "its 10 accounts, lt-0",
            "stay",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("secret"));
    }
}
