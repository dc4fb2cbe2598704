//! Structured logs on standard error, and the recorder of the metrics.

use std::io::IsTerminal;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;

/// Upper bounds of the histograms' buckets, in seconds: from a commit on a fast
/// disk to β.
const BUCKETS_SECONDS: [f64; 16] = [
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0,
];

/// Why logs or metrics cannot be had. Only a second call in one process fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("logs cannot be started: {0}")]
    Logs(Box<dyn std::error::Error + Send + Sync>),
    #[error("metrics cannot be started")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
}

/// Starts logs and metrics for the whole process.
pub(crate) fn start(filter: EnvFilter, format: LogFormat) -> Result<PrometheusHandle, Error> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder
            .with_ansi(std::io::stderr().is_terminal())
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(Error::Logs)?;
    Ok(PrometheusBuilder::new()
        .set_buckets(&BUCKETS_SECONDS)?
        .install_recorder()?)
}
