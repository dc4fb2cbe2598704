//! The NATS service conventions: `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` show
//! the server, so that `nats service ls` finds it.

use std::collections::HashMap;
use std::sync::Arc;

use async_nats::service::{Service, ServiceExt, error};
use futures::StreamExt;
use tokio::sync::Mutex;
use yoshi_protocol::ServerId;

use crate::health::Health;

/// The server as others find it. Clones share it.
#[derive(Clone)]
pub struct Discovery {
    role: &'static str,
    host: String,
    nats: async_nats::Client,
    health: Health,
    service: Arc<Mutex<Option<Service>>>,
}

impl Discovery {
    pub(crate) fn new(
        role: &'static str,
        host: String,
        nats: async_nats::Client,
        health: Health,
    ) -> Self {
        Self {
            role,
            host,
            nats,
            health,
            service: Arc::default(),
        }
    }

    /// Shows the server under its identity, once it knows it.
    ///
    /// # Errors
    /// When the connection to NATS is closed.
    pub async fn identify(&self, id: ServerId) -> Result<(), async_nats::Error> {
        self.announce(Some(id)).await
    }

    pub(crate) async fn announce(&self, id: Option<ServerId>) -> Result<(), async_nats::Error> {
        let mut metadata = HashMap::from([("host".to_owned(), self.host.clone())]);
        if let Some(id) = id {
            metadata.insert("server".to_owned(), id.to_string());
        }
        let service = self
            .nats
            .service_builder()
            .description(format!("Yoshi {}", self.role))
            .metadata(metadata)
            .start(self.role, env!("CARGO_PKG_VERSION"))
            .await?;
        // Under `$SRV`, where every server may listen anyway.
        let subject = format!("$SRV.HEALTH.{}.{}", self.role, service.info().await.id);
        let mut requests = service
            .endpoint_builder()
            .name("health")
            .add(subject)
            .await?;
        let health = self.health.clone();
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                let (ready, report) = health.report();
                let answer = if ready {
                    Ok(report.into())
                } else {
                    Err(error::Error {
                        status: report,
                        code: 503,
                    })
                };
                if let Err(error) = request.respond(answer).await {
                    tracing::debug!(%error, "a question about health was not answered");
                }
            }
        });
        let previous = self.service.lock().await.replace(service);
        match previous {
            Some(previous) => previous.stop().await,
            None => Ok(()),
        }
    }

    /// No longer found from now on.
    pub(crate) async fn withdraw(&self) {
        let service = self.service.lock().await.take();
        if let Some(service) = service
            && let Err(error) = service.stop().await
        {
            tracing::debug!(%error, "discovery was not stopped");
        }
    }
}
