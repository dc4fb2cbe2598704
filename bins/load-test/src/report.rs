//! The result, for people and for programs; and the progress until then.

use std::collections::BTreeMap;
use std::fmt::Write;

use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::arguments::Arguments;
use crate::check::Violations;
use crate::load::Measured;
use crate::record::{Lists, Outcome};
use crate::workload::Workload;

/// Violations that are told one by one.
const SHOWN_MAX: usize = 20;
/// Longer latencies count as this long.
const HOUR_MICROS: u64 = 3_600_000_000;

/// The result of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    mode: &'static str,
    senders: u32,
    rate: Option<u32>,
    recipients: u32,
    body_bytes: u32,
    seconds: u32,
    warm_up_seconds: u32,
    connections: u32,
    accounts_prefix: String,
    seed: u64,
    /// Of the whole run, warm-up included.
    sends: Sends,
    /// Accounted for within the measured time, per second.
    throughput_per_second: f64,
    send_millis: Latencies,
    visible_millis: Latencies,
    tasks_read_back: usize,
    errors: BTreeMap<String, u64>,
    violations: usize,
    violations_shown: Vec<String>,
    passed: bool,
}

/// How the sends ended.
#[derive(Debug, Default, Serialize)]
struct Sends {
    accounted: u64,
    queued: u64,
    unclear: u64,
    refused: u64,
}

/// A distribution, in milliseconds.
#[derive(Debug, Serialize)]
struct Latencies {
    samples: u64,
    p50: f64,
    p90: f64,
    p99: f64,
    max: f64,
}

impl Report {
    pub(crate) fn new(
        workload: &Workload,
        arguments: &Arguments,
        measured: Measured,
        lists: &[Lists],
        mut violations: Violations,
    ) -> Self {
        violations.not_visible(&measured.sighting.invisible);
        let (begin, end) = measured.window;
        let mut sends = Sends::default();
        let mut send_micros = Vec::new();
        let mut within = 0_u32;
        for record in &measured.records {
            match record.outcome {
                Outcome::Accounted { .. } => sends.accounted += 1,
                Outcome::Queued => sends.queued += 1,
                Outcome::Unclear => sends.unclear += 1,
                Outcome::Refused => sends.refused += 1,
            }
            if matches!(record.outcome, Outcome::Accounted { .. }) {
                within += u32::from((begin..end).contains(&record.ended));
                if (begin..end).contains(&record.due) {
                    send_micros.push(record.ended.saturating_sub(record.due));
                }
            }
        }
        let passed = violations.count == 0 && sends.accounted > 0;
        Self {
            mode: if arguments.rate.is_some() {
                "open"
            } else {
                "closed"
            },
            senders: arguments.senders,
            rate: arguments.rate,
            recipients: arguments.recipients,
            body_bytes: arguments.body_bytes,
            seconds: arguments.seconds,
            warm_up_seconds: arguments.warm_up_seconds,
            connections: arguments.connections,
            accounts_prefix: workload.prefix.clone(),
            seed: workload.seed,
            sends,
            throughput_per_second: f64::from(within) / f64::from(arguments.seconds),
            send_millis: Latencies::new(&send_micros),
            visible_millis: Latencies::new(&measured.sighting.micros),
            tasks_read_back: lists
                .iter()
                .map(|lists| lists.inbox.len() + lists.sent.len())
                .sum(),
            errors: measured.errors,
            violations: violations.count,
            violations_shown: violations.first(SHOWN_MAX),
            passed,
        }
    }

    /// Whether every check passed, and there was something to check.
    pub(crate) fn passed(&self) -> bool {
        self.passed
    }

    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let loop_of = match self.rate {
            Some(rate) => format!("open loop, {rate} tasks/s from {} senders", self.senders),
            None => format!("closed loop, {} senders", self.senders),
        };
        let lines = [
            format!(
                "{loop_of}, {} recipient(s), bodies of {} bytes, {} s (seed {}, accounts {}-*)",
                self.recipients, self.body_bytes, self.seconds, self.seed, self.accounts_prefix
            ),
            format!(
                "throughput       {:>10.1} tasks/s accounted for",
                self.throughput_per_second
            ),
            format!("send             {}", self.send_millis),
            format!("send to visible  {}", self.visible_millis),
            format!(
                "sends            {} accounted for, {} queued, {} unclear, {} refused",
                self.sends.accounted, self.sends.queued, self.sends.unclear, self.sends.refused
            ),
        ];
        text.push_str(&lines.join("\n"));
        for (error, count) in &self.errors {
            write!(text, "\n  {count} × {error}").unwrap_or_default();
        }
        let verdict = match (self.violations, self.sends.accounted) {
            (0, 0) => "FAILED: no send succeeded, so nothing is shown".to_owned(),
            (0, _) => "none missing, doubled or out of order".to_owned(),
            (count, _) => format!("FAILED: {count} violations"),
        };
        write!(
            text,
            "\nread back        {} tasks: {verdict}",
            self.tasks_read_back
        )
        .unwrap_or_default();
        for violation in &self.violations_shown {
            write!(text, "\n  {violation}").unwrap_or_default();
        }
        text
    }
}

impl Latencies {
    fn new(micros: &[u64]) -> Self {
        // Three significant digits of up to an hour: some hundred kilobytes.
        let mut histogram = Histogram::<u64>::new_with_bounds(1, HOUR_MICROS, 3)
            .expect("the bounds are far apart, and three digits within 0 to 5");
        for micros in micros {
            histogram.saturating_record(*micros);
        }
        let millis = |micros: u64| micros as f64 / 1_000.0;
        Self {
            samples: histogram.len(),
            p50: millis(histogram.value_at_quantile(0.5)),
            p90: millis(histogram.value_at_quantile(0.9)),
            p99: millis(histogram.value_at_quantile(0.99)),
            max: millis(histogram.max()),
        }
    }
}

impl std::fmt::Display for Latencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.samples == 0 {
            return f.write_str("not measured");
        }
        let Self {
            p50,
            p90,
            p99,
            max,
            samples,
        } = self;
        write!(
            f,
            "p50 {p50:.2} ms, p90 {p90:.2} ms, p99 {p99:.2} ms, max {max:.2} ms ({samples} samples)"
        )
    }
}

/// A bar on standard error, if that is a terminal.
pub(crate) fn progress(quiet: bool, length: u64, unit: &str) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(&format!("{{bar:30}} {{pos}}/{{len}} {unit} {{msg}}"))
        .expect("a template without variables of its own");
    ProgressBar::new(length).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_in_milliseconds() {
        let micros: Vec<u64> = (1..=1_000).map(|millis| millis * 1_000).collect();
        let latencies = Latencies::new(&micros);
        assert_eq!(latencies.samples, 1_000);
        assert!((latencies.p50 - 500.0).abs() < 1.0, "{latencies}");
        assert!((latencies.p99 - 990.0).abs() < 1.0, "{latencies}");
        assert!((latencies.max - 1_000.0).abs() < 1.0, "{latencies}");
        assert_eq!(Latencies::new(&[]).to_string(), "not measured");
    }
}
