//! The connection to NATS: who the server is there, how long it waits for it,
//! and what becomes of events that no caller would see.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerError};
use metrics::counter;
use secrecy::ExposeSecret;
use tokio::time::Instant;

use crate::args::{ConfigurationError, Settings};
use crate::limit;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// NATS knows neither user nor password, or not this pair.
    #[error("NATS refuses the server's user")]
    Refused(#[source] ConfigurationError),
    /// NATS was not there in time.
    #[error(
        "no connection to NATS at {urls} within {within:?}: check that it runs there (--nats-url, --nats-connect-seconds)"
    )]
    Unreachable {
        urls: String,
        within: Duration,
        source: async_nats::ConnectError,
    },
}

/// Connects, and stays connected: later losses are mended in the background. So
/// many messages may wait for each subscription before further ones are dropped.
pub(crate) async fn connect(
    role: &str,
    settings: &Settings,
    messages_max: usize,
) -> Result<Client, Error> {
    let deadline = Instant::now() + settings.nats_connect;
    let mut said = false;
    loop {
        let error = match options(role, settings)
            .subscription_capacity(messages_max)
            .connect(&settings.nats_servers[..])
            .await
        {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        if error.kind() == ConnectErrorKind::AuthorizationViolation {
            return Err(Error::Refused(ConfigurationError::new(format!(
                "NATS refuses user {:?}: check --nats-user, and --nats-password-file against the \
                 configuration of NATS",
                settings.nats_user
            ))));
        }
        if Instant::now() >= deadline {
            return Err(Error::Unreachable {
                urls: urls(settings),
                within: settings.nats_connect,
                source: error,
            });
        }
        if !said {
            let urls = urls(settings);
            tracing::warn!(nats.urls = urls, %error, "waiting for NATS at {urls}");
            said = true;
        }
        tokio::time::sleep(Duration::from_millis(limit::CONNECT_RETRY_MILLIS)).await;
    }
}

fn urls(settings: &Settings) -> String {
    let urls: Vec<_> = settings
        .nats_servers
        .iter()
        .map(|server| format!("{}:{}", server.host(), server.port()))
        .collect();
    urls.join(",")
}

fn options(role: &str, settings: &Settings) -> ConnectOptions {
    let user = &settings.nats_user;
    let options = ConnectOptions::new()
        .name(format!("yoshi {role} at {}", settings.host))
        // Each user may read its own answers only.
        .custom_inbox_prefix(format!("_INBOX_{user}"))
        .connection_timeout(Duration::from_secs(limit::NATS_ATTEMPT_SECONDS))
        .ping_interval(Duration::from_secs(limit::NATS_PING_SECONDS))
        .request_timeout(Some(Duration::from_secs(limit::NATS_REQUEST_SECONDS)))
        .event_callback(|event| async move { note(&event) });
    match &settings.nats_password {
        Some(password) => {
            options.user_and_password(user.clone(), password.expose_secret().to_owned())
        }
        None => options,
    }
}

/// Logs and counts what happens to the connection. A denied publish or
/// subscription shows here and nowhere else: its caller only waits in vain.
fn note(event: &Event) {
    match event {
        Event::Connected => tracing::info!("connected to NATS"),
        Event::Disconnected => {
            counter!("yoshi_nats_disconnects_total").increment(1);
            tracing::warn!("connection to NATS lost; reconnecting");
        }
        Event::SlowConsumer(subscription) => {
            counter!("yoshi_nats_slow_consumers_total").increment(1);
            tracing::error!(
                subscription,
                "messages of NATS dropped: subscription {subscription} is too slow"
            );
        }
        Event::ServerError(ServerError::Other(text)) if is_violation(text) => {
            counter!("yoshi_nats_permission_violations_total").increment(1);
            tracing::error!(
                error = text,
                "NATS denied something that this server needs: {text}"
            );
        }
        Event::ServerError(error) => {
            counter!("yoshi_nats_errors_total").increment(1);
            tracing::error!(%error, "error of NATS: {error}");
        }
        Event::ClientError(error) => {
            counter!("yoshi_nats_errors_total").increment(1);
            tracing::warn!(%error, "trouble with NATS: {error}");
        }
        Event::LameDuckMode => tracing::warn!("this server of NATS is about to stop"),
        Event::Draining | Event::Closed => tracing::debug!("{event}"),
    }
}

fn is_violation(text: &str) -> bool {
    text.to_ascii_lowercase().contains("permissions violation")
}

/// Lets the last messages leave, within a bound.
pub(crate) async fn finish(client: &Client) {
    if client.connection_state() != State::Connected {
        return;
    }
    let bound = Duration::from_secs(limit::NATS_FLUSH_SECONDS);
    match tokio::time::timeout(bound, client.flush()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the last messages may not have left"),
        Err(_) => tracing::warn!("the last messages did not leave within {bound:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use futures::StreamExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use crate::args::ServerArgs;

    const FIRST_WORD: &str = r#"INFO {"server_id":"N","server_name":"n","version":"2.15.1","go":"","host":"127.0.0.1","port":4222,"headers":true,"max_payload":1048576,"proto":1}"#;

    #[derive(clap::Parser)]
    struct Args {
        #[command(flatten)]
        server: ServerArgs,
    }

    /// Lets a client in, and says nothing more, though the connection stands.
    async fn let_in(listener: &TcpListener) -> TcpStream {
        let (mut stream, _) = listener.accept().await.unwrap();
        let hello = format!("{FIRST_WORD}\r\n");
        stream.write_all(hello.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        while !heard.windows(4).any(|word| word == b"PING") {
            let mut bytes = [0; 1_024];
            let read = stream.read(&mut bytes).await.unwrap();
            heard.extend_from_slice(&bytes[..read]);
        }
        stream.write_all(b"PONG\r\n").await.unwrap();
        stream
    }

    #[tokio::test]
    async fn a_node_that_says_nothing_any_more_is_left() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        let args = Args::try_parse_from(["server", "--nats-url", &url]).unwrap();
        let settings = args.server.check("load-balancer").unwrap();
        let connecting = connect("test", &settings, limit::NATS_SUBSCRIPTION_MESSAGES_MAX);
        let (client, silent) = tokio::join!(connecting, let_in(&listener));
        let client = client.unwrap();
        let since = Instant::now();
        // It tries to reach another node, of which there is none here.
        let again = let_in(&listener);
        let bound = Duration::from_secs(3 * limit::NATS_PING_SECONDS + 3);
        let again = tokio::time::timeout(bound, again).await;
        assert!(again.is_ok(), "after {:?}", since.elapsed());
        drop((client, silent, again));
    }

    #[tokio::test]
    async fn requests_beyond_the_bound_are_dropped() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        let args = Args::try_parse_from(["server", "--nats-url", &url]).unwrap();
        let settings = args.server.check("load-balancer").unwrap();
        let (clients, mut node) =
            tokio::join!(crate::run::connect("test", &settings, true), async {
                // The first connection is not for requests.
                let first = let_in(&listener).await;
                (let_in(&listener).await, first)
            });
        let (_nats, requests) = clients.unwrap();
        let mut subscriber = requests.subscribe("asked").await.unwrap();
        requests.flush().await.unwrap();
        let poured = "MSG asked 1 1\r\nx\r\n".repeat(2 * limit::NATS_REQUEST_MESSAGES_MAX);
        node.0.write_all(poured.as_bytes()).await.unwrap();
        // Long enough for all of them to be read.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut waiting = 0;
        let within = Duration::from_millis(200);
        while let Ok(Some(_)) = tokio::time::timeout(within, subscriber.next()).await {
            waiting += 1;
        }
        assert_eq!(waiting, limit::NATS_REQUEST_MESSAGES_MAX);
    }
}
