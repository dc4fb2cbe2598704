//! Whether the server is ready, and its metrics, over HTTP.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::limit;

/// Whether the server is ready to serve. Clones share it.
#[derive(Debug, Clone)]
pub struct Health {
    trouble: watch::Sender<Option<String>>,
    warnings: watch::Sender<BTreeMap<&'static str, String>>,
}

impl Health {
    /// Not ready yet.
    pub(crate) fn starting() -> Self {
        Self {
            trouble: watch::Sender::new(Some("starting".to_owned())),
            warnings: watch::Sender::new(BTreeMap::new()),
        }
    }

    /// It serves.
    pub fn ready(&self) {
        self.change(None);
    }

    /// It does not serve now; `why` is shown to whoever asks.
    pub fn not_ready(&self, why: impl Into<String>) {
        self.change(Some(why.into()));
    }

    /// That storage may lose what it has acknowledged, or none: shown to whoever
    /// asks, beside whether the server is ready, and in the metrics. `of`:
    /// `nats` or `postgres`.
    pub(crate) fn unsafe_storage(&self, of: &'static str, what: Option<String>) {
        let value = if what.is_some() { 1.0 } else { 0.0 };
        metrics::gauge!("yoshi_unsafe_storage", "of" => of).set(value);
        self.warnings.send_modify(|warnings| match what {
            Some(what) => drop(warnings.insert(of, what)),
            None => drop(warnings.remove(of)),
        });
    }

    /// None when ready, else why not.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.borrow().clone()
    }

    fn change(&self, trouble: Option<String>) {
        let mut was_ready = false;
        let changed = self.trouble.send_if_modified(|now| {
            was_ready = now.is_none();
            let changed = *now != trouble;
            now.clone_from(&trouble);
            changed
        });
        match &trouble {
            None if changed => tracing::info!("ready"),
            Some(why) if was_ready => tracing::warn!(why, "not ready: {why}"),
            Some(why) if changed => tracing::info!(why, "not ready yet: {why}"),
            None | Some(_) => {}
        }
    }

    /// What `/healthz` and the service endpoint answer.
    pub(crate) fn report(&self) -> (bool, String) {
        let trouble = self.trouble();
        let mut report = match &trouble {
            None => json!({ "status": "ready" }),
            Some(why) => json!({ "status": "not ready", "why": why }),
        };
        let warnings = self.warnings.borrow();
        if !warnings.is_empty() {
            report["unsafe_storage"] = json!(*warnings);
        }
        (trouble.is_none(), report.to_string())
    }
}

/// Binds the address, writes it to the file if one is named, and serves until
/// the process ends.
pub(crate) async fn serve(
    listen: SocketAddr,
    address_file: Option<&Path>,
    health: Health,
    metrics: PrometheusHandle,
) -> Result<SocketAddr, std::io::Error> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    if let Some(path) = address_file {
        write_whole(path, &format!("{address}\n"))?;
    }
    tokio::spawn(upkeep(metrics.clone()));
    let routes = Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(async move || rendered(&metrics)))
        .with_state(health);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "health and metrics are no longer served");
        }
    });
    Ok(address)
}

/// Whoever waits for the file must never read half of it.
fn write_whole(path: &Path, text: &str) -> Result<(), std::io::Error> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    std::fs::write(&unfinished, text)?;
    std::fs::rename(&unfinished, path)
}

async fn healthz(State(health): State<Health>) -> impl IntoResponse {
    let (ready, report) = health.report();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, [(header::CONTENT_TYPE, "application/json")], report)
}

fn rendered(metrics: &PrometheusHandle) -> impl IntoResponse + use<> {
    let text = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, text)], metrics.render())
}

/// Keeps histograms that nobody scrapes from growing.
async fn upkeep(metrics: PrometheusHandle) {
    let mut ticks = tokio::time::interval(Duration::from_secs(limit::METRICS_UPKEEP_SECONDS));
    loop {
        ticks.tick().await;
        metrics.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn health_and_metrics_are_served_where_the_file_says() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let metrics = recorder.handle();
        metrics::with_local_recorder(&recorder, || metrics::counter!("yoshi_seen").increment(2));
        let health = Health::starting();
        let file = std::env::temp_dir().join(format!("yoshi-address-{}", std::process::id()));
        let listen = "127.0.0.1:0".parse().unwrap();
        let bound = serve(listen, Some(&file), health.clone(), metrics)
            .await
            .unwrap();
        let written: SocketAddr = std::fs::read_to_string(&file)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(written, bound);

        let answer = get(bound, "/healthz").await;
        assert!(
            answer.starts_with("HTTP/1.1 503") && answer.contains("starting"),
            "{answer}"
        );
        health.ready();
        assert!(get(bound, "/healthz").await.starts_with("HTTP/1.1 200"));
        health.not_ready("behind \"x\"");
        assert!(
            get(bound, "/healthz")
                .await
                .contains(r#""why":"behind \"x\"""#)
        );
        health.unsafe_storage("nats", Some("it forgets".to_owned()));
        assert!(
            get(bound, "/healthz")
                .await
                .contains(r#""unsafe_storage":{"nats":"it forgets"}"#)
        );
        health.unsafe_storage("nats", None);
        assert!(!get(bound, "/healthz").await.contains("unsafe_storage"));
        assert!(get(bound, "/metrics").await.contains("yoshi_seen 2"));
        assert!(get(bound, "/other").await.starts_with("HTTP/1.1 404"));
    }
}
