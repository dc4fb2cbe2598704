//! One of our servers as a value: a real process, which can be killed, paused,
//! asked to end, and started again with the database that it had.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::nats::{Nats, User};
use crate::place;
use crate::postgres::Database;
use crate::process::{Process, Signal};
use crate::{clock, eventually};

/// How long a server may take to get ready.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long one look at a server's health may take.
const HEALTH_WITHIN: Duration = Duration::from_secs(2);
/// How long a server may take to end after SIGTERM: its own deadline, and some.
const DRAIN_WITHIN: Duration = Duration::from_secs(30);

/// A server.
#[derive(Debug)]
pub struct Server {
    process: Option<Process>,
    name: String,
    role: User,
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

impl Server {
    /// A server that does not run yet. Its log is `<folder>/<name>.log`.
    #[must_use]
    pub fn new(
        name: &str,
        role: User,
        nats: &Nats,
        database: Option<&Database>,
        folder: &Path,
    ) -> Self {
        let path = |path: &Path| path.display().to_string();
        let mut variables = vec![
            ("YOSHI_NATS_URL", nats.urls()),
            ("YOSHI_NATS_PASSWORD_FILE", path(&nats.password_file())),
            ("YOSHI_HTTP_LISTEN", "127.0.0.1:0".to_owned()),
            (
                "YOSHI_HTTP_ADDRESS_FILE",
                path(&folder.join(format!("{name}.http"))),
            ),
            ("YOSHI_HOST_LABEL", name.to_owned()),
        ];
        if let Some(database) = database {
            variables.push(("YOSHI_DATABASE_URL", database.url.clone()));
            variables.push((
                "YOSHI_DATABASE_PASSWORD_FILE",
                path(&database.password_file),
            ));
        }
        Self {
            process: None,
            name: name.to_owned(),
            role,
            folder: folder.to_owned(),
            variables: variables
                .into_iter()
                .map(|(variable, value)| (variable.to_owned(), value))
                .collect(),
        }
    }

    /// The same server with one more setting, a `YOSHI_*` variable.
    #[must_use]
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.set(variable, value);
        self
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts it, without waiting until it is ready. Ends the process that ran before.
    pub fn start(&mut self) {
        self.kill();
        drop(std::fs::remove_file(self.address_file()));
        let mut command = Command::new(place::binary(self.role.name()));
        for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("YOSHI_")) {
            command.env_remove(variable);
        }
        command.envs(self.variables.iter().cloned());
        let log = self.folder.join(format!("{}.log", self.name));
        self.process = Some(Process::start(&self.name, &mut command, &log));
    }

    /// Waits until it says that it is ready.
    ///
    /// # Panics
    /// If it ends, or that takes too long.
    pub async fn ready(&mut self) {
        let (name, file) = (self.name.clone(), self.address_file());
        let process = self.process.as_mut().expect("the server was started");
        eventually(&format!("{name} is ready"), READY_WITHIN, async || {
            if let Some(status) = process.ended() {
                panic!("{name} ended: {status}\n{}", process.log_end());
            }
            let address = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
            healthy(address.trim()).await
        })
        .await;
    }

    /// Whether it says now that it is ready.
    ///
    /// # Errors
    /// What it says instead.
    pub async fn healthy(&self) -> Result<(), String> {
        let address =
            std::fs::read_to_string(self.address_file()).map_err(|error| error.to_string())?;
        healthy(address.trim()).await
    }

    /// Kills it, as a crash does.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Halts it: it keeps its connections and says nothing.
    pub fn pause(&mut self) {
        self.signal(Signal::Pause);
    }

    /// Lets it go on.
    pub fn resume(&mut self) {
        self.signal(Signal::Resume);
    }

    /// Asks it to end, and waits for it.
    ///
    /// # Panics
    /// If it does not run, or does not end.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::Terminate);
        let process = self.process.as_mut().expect("the server was started");
        let status = process.end(DRAIN_WITHIN).await;
        self.process = None;
        status
    }

    /// Its process, if it runs.
    pub fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    /// Sets a `YOSHI_*` variable for its next start.
    pub fn set(&mut self, variable: &str, value: &str) {
        self.variables.push((variable.to_owned(), value.to_owned()));
    }

    /// How it ended, if it has ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.as_mut()?.ended()
    }

    /// Its metrics, in the text format of Prometheus.
    ///
    /// # Errors
    /// Why they cannot be read.
    pub async fn metrics(&self) -> Result<String, String> {
        let address =
            std::fs::read_to_string(self.address_file()).map_err(|error| error.to_string())?;
        let (_status, body) = get(address.trim(), "/metrics").await?;
        Ok(body)
    }

    /// How far its wall clock is from ours, as the date of its answers tells.
    ///
    /// # Errors
    /// Why that cannot be seen.
    pub async fn clock_apart(&self) -> Result<Duration, String> {
        let address =
            std::fs::read_to_string(self.address_file()).map_err(|error| error.to_string())?;
        let (head, _body) = exchange(address.trim(), "/healthz").await?;
        let date = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("date").then_some(value)
        });
        date.and_then(clock::apart)
            .ok_or_else(|| "its answer has no date".to_owned())
    }

    fn signal(&mut self, signal: Signal) {
        self.process
            .as_mut()
            .expect("the server was started")
            .signal(signal);
    }

    fn address_file(&self) -> PathBuf {
        self.folder.join(format!("{}.http", self.name))
    }
}

/// Whether `/healthz` at an address answers 200.
///
/// # Errors
/// What it says instead.
pub async fn healthy(address: &str) -> Result<(), String> {
    match get(address, "/healthz").await? {
        (200, _) => Ok(()),
        (status, body) => Err(format!("{status}: {}", body.trim())),
    }
}

/// A GET: the status and the body.
async fn get(address: &str, path: &str) -> Result<(u16, String), String> {
    let (head, body) = exchange(address, path).await?;
    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
    Ok((status.ok_or("no status")?, body))
}

/// A GET: the head of the answer, and the body.
async fn exchange(address: &str, path: &str) -> Result<(String, String), String> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = tokio::time::timeout(HEALTH_WITHIN, exchange)
        .await
        .map_err(|_| "no answer".to_owned())?
        .map_err(|error| error.to_string())?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("not HTTP")?;
    Ok((head.to_owned(), body.to_owned()))
}
