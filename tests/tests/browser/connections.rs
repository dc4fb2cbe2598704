//! Connections that take a place and give nothing back: others are served all the same.

use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::website::Website;

/// Connections of one source.
const EACH_MAX: usize = 1_000;
/// How long one may take none of an answer, and some more on a busy machine.
const GONE_WITHIN: Duration = Duration::from_secs(60);

/// A connection from an address of this machine.
async fn connect(from: &str, to: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    socket.connect(to.parse().unwrap()).await.unwrap()
}

/// What is answered to a request for the log-in; nothing if it is not served.
async fn answer(mut stream: TcpStream, host: &str) -> String {
    let request = format!("GET /log-in HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    drop(stream.write_all(request.as_bytes()).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn one_source_does_not_take_all_places() {
    let Some(website) = Website::open().await else {
        return;
    };
    let other = website.another(&[]).await;
    let to = other.address.as_str();
    let mut held = Vec::new();
    for _ in 0..EACH_MAX {
        held.push(connect("127.0.0.2", to).await);
    }
    let one_more = answer(connect("127.0.0.2", to).await, to).await;
    assert_eq!(one_more, "", "all places of this source are taken");
    let neighbour = answer(connect("127.0.0.3", to).await, to).await;
    assert!(neighbour.starts_with("HTTP/1.1 200"), "{neighbour}");
    drop(held);
}

#[tokio::test]
async fn who_takes_no_answer_is_let_go() {
    let Some(website) = Website::open().await else {
        return;
    };
    let host = &website.address;
    let mut stream = TcpStream::connect(host).await.unwrap();
    let request = format!("GET /log-in HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let begun = Instant::now();
    // Asks again and again, and reads nothing: buffers fill, and then nothing moves.
    let asking = async { while stream.write_all(request.as_bytes()).await.is_ok() {} };
    let ended = tokio::time::timeout(GONE_WITHIN, asking).await;
    assert!(ended.is_ok(), "after {:?}", begun.elapsed());
}
