//! `WebDriver` (the W3C's protocol) to chromedriver: HTTP and JSON, as much of it
//! as the tests use.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use yoshi_tests::place;
use yoshi_tests::process::Process;
use yoshi_tests::scratch::Scratch;

/// How long one command may take.
const COMMAND_WITHIN: Duration = Duration::from_secs(120);

/// How long a browser may take to end.
const END_WITHIN: Duration = Duration::from_secs(30);

/// A running chromedriver.
pub(crate) struct Driver {
    port: u16,
    pub(crate) chromium: PathBuf,
    // It ends before its folders go.
    _process: Process,
    _scratch: Scratch,
    _profiles: Scratch,
}

/// A program, from a variable or on the PATH.
fn program(variable: &str, names: &[&str]) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Some(path.into());
    }
    let path = std::env::var_os("PATH")?;
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let places = names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    places.into_iter().find(|place| place.is_file())
}

impl Driver {
    /// Starts chromedriver; none if there is no browser on this machine.
    ///
    /// # Panics
    /// Without a browser where `CI` is set, unless `YOSHI_TEST_BROWSER` is `none`.
    pub(crate) async fn start() -> Option<Self> {
        let driver = program("YOSHI_TEST_CHROMEDRIVER", &["chromedriver"]);
        let chromium = program(
            "YOSHI_TEST_CHROMIUM",
            &[
                // The same engine, without windows: a third less work.
                "chromium-headless-shell",
                "chromium",
                "chromium-browser",
                "google-chrome",
            ],
        );
        let (Some(driver), Some(chromium)) = (driver, chromium) else {
            let missing = "there is no chromium and chromedriver on this machine (Debian: apt-get \
                           install chromium chromium-driver)";
            // deploy/test has said already that none can be had here.
            let told = std::env::var_os("YOSHI_TEST_BROWSER").is_some_and(|said| said == "none");
            assert!(told || std::env::var_os("CI").is_none(), "{missing}");
            eprintln!("SKIPPED, NOT PASSED: a browser test, because {missing}");
            return None;
        };
        let (port, scratch) = (place::free_port(), Scratch::new("chromedriver"));
        // Browsers leave folders behind in the one for temporary files. Its path must be
        // short: their sockets are in there, too.
        let profiles = Scratch::in_temp("browser");
        let process = Process::start(
            "chromedriver",
            std::process::Command::new(driver)
                .arg(format!("--port={port}"))
                .env("TMPDIR", profiles.path()),
            &scratch.path().join("chromedriver.log"),
        );
        let driver = Self {
            port,
            chromium,
            _process: process,
            _scratch: scratch,
            _profiles: profiles,
        };
        yoshi_tests::eventually("chromedriver answers", COMMAND_WITHIN, async || {
            driver.ask("GET", "/status", &Value::Null).await
        })
        .await;
        Some(driver)
    }

    /// One command: its value.
    ///
    /// # Errors
    /// What the driver says.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<Value, String> {
        let exchange = self.exchange(method, path, body);
        let answer = tokio::time::timeout(COMMAND_WITHIN, exchange).await;
        let answer = answer.map_err(|_| format!("{path}: no answer"))??;
        let mut answer: Value =
            serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        let value = answer["value"].take();
        match value["error"].as_str() {
            Some(error) => Err(format!("{path}: {error}: {}", value["message"])),
            None => Ok(value),
        }
    }

    /// Ends a session, without a runtime.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn end(&self, path: &str) -> std::io::Result<()> {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(END_WITHIN))?;
        let request = format!(
            "DELETE {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n",
            self.port
        );
        std::io::Write::write_all(&mut stream, request.as_bytes())?;
        // It answers once the browser has ended.
        std::io::Read::read(&mut stream, &mut [0; 64]).map(drop)
    }

    async fn exchange(&self, method: &str, path: &str, body: &Value) -> Result<Vec<u8>, String> {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        let mut answer = Vec::new();
        let read = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
            stream.write_all(request.as_bytes()).await?;
            read_answer(&mut stream, &mut answer).await
        };
        read.await
            .map_err(|error: std::io::Error| error.to_string())?;
        let head = head_end(&answer).ok_or("not HTTP")?;
        Ok(answer.split_off(head))
    }
}

/// Where the head of an answer ends.
fn head_end(answer: &[u8]) -> Option<usize> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    Some(end + 4)
}

/// Reads as much as the head says.
async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) -> std::io::Result<()> {
    loop {
        if let Some(head) = head_end(answer) {
            let text = String::from_utf8_lossy(&answer[..head]).to_lowercase();
            let length = text.split("content-length:").nth(1);
            let length = length.and_then(|rest| rest.lines().next()?.trim().parse::<usize>().ok());
            if length.is_some_and(|length| answer.len() >= head + length) {
                return Ok(());
            }
        }
        if stream.read_buf(answer).await? == 0 {
            return Ok(());
        }
    }
}
