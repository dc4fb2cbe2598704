//! A TCP fault proxy: a link between two processes that a test can delay, hold
//! in one direction or both, or cut, without root.
//!
//! Held bytes are not lost, as with a partition that heals before TCP gives up:
//! they wait here, and in the buffers of both ends. New connections over a held
//! link are accepted and stay silent, as those to a machine that hangs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// The largest piece that travels at once.
const PIECE_BYTES: usize = 16 * 1024;
/// Pieces of one direction of one connection that are on their way at once.
const PIECES_MAX: usize = 256;
/// Connections of one link at once.
const CONNECTIONS_MAX: usize = 1_024;

/// What becomes of the bytes of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// They pass.
    Pass,
    /// They pass so much later.
    Delay(Duration),
    /// They wait until the link is healed.
    Hold,
}

/// The state of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// From whoever connects to whom it reaches.
    pub there: Flow,
    /// The other way.
    pub back: Flow,
    /// Connections end, and new ones end at once.
    pub cut: bool,
}

impl Link {
    /// Everything passes.
    pub const WHOLE: Self = Self {
        there: Flow::Pass,
        back: Flow::Pass,
        cut: false,
    };
    /// Nothing passes, and nobody is told.
    pub const HELD: Self = Self {
        there: Flow::Hold,
        back: Flow::Hold,
        cut: false,
    };
    /// Connections break, and new ones break at once.
    pub const CUT: Self = Self {
        cut: true,
        ..Self::WHOLE
    };

    /// Everything passes, so much later each way.
    #[must_use]
    pub const fn delayed(by: Duration) -> Self {
        Self {
            there: Flow::Delay(by),
            back: Flow::Delay(by),
            cut: false,
        }
    }
}

/// What a link has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Bytes that had to wait, held or delayed.
    pub slowed: u64,
    /// Connections that were cut.
    pub cut: u64,
}

#[derive(Debug, Default)]
struct Counters {
    slowed: AtomicU64,
    cut: AtomicU64,
}

/// A link, which ends with the value.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    link: watch::Sender<Link>,
    counters: Arc<Counters>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A whole link to a port of loopback, which need not be open yet.
    ///
    /// # Panics
    /// If loopback has no free port.
    pub async fn start(to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let link = watch::Sender::new(Link::WHOLE);
        let counters = Arc::new(Counters::default());
        let to = SocketAddr::from(([127, 0, 0, 1], to));
        let task = tokio::spawn(accept(
            listener,
            to,
            link.subscribe(),
            Arc::clone(&counters),
        ));
        Self {
            port,
            link,
            counters,
            task,
        }
    }

    /// The port of loopback that leads over the link.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes the link, also for connections that stand.
    pub fn set(&self, link: Link) {
        self.link.send_replace(link);
    }

    /// What it has done so far.
    #[must_use]
    pub fn count(&self) -> Count {
        Count {
            slowed: self.counters.slowed.load(Ordering::Relaxed),
            cut: self.counters.cut.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    to: SocketAddr,
    link: watch::Receiver<Link>,
    counters: Arc<Counters>,
) {
    // Aborted with this task, so that no connection outlives the link.
    let mut connections = JoinSet::new();
    loop {
        let accepted = listener.accept().await;
        while connections.try_join_next().is_some() {}
        let Ok((near, _)) = accepted else { continue };
        if link.borrow().cut {
            counters.cut.fetch_add(1, Ordering::Relaxed);
        } else if connections.len() < CONNECTIONS_MAX {
            connections.spawn(carry(near, to, link.clone(), Arc::clone(&counters)));
        }
    }
}

/// One connection, until an end closes or the link is cut.
async fn carry(
    near: TcpStream,
    to: SocketAddr,
    link: watch::Receiver<Link>,
    counters: Arc<Counters>,
) {
    let Ok(far) = TcpStream::connect(to).await else {
        return;
    };
    // A failure would only make the link slower.
    drop((near.set_nodelay(true), far.set_nodelay(true)));
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    let mut cut = link.clone();
    let there = direction(
        near_read,
        far_write,
        link.clone(),
        |link| link.there,
        &counters,
    );
    let back = direction(far_read, near_write, link, |link| link.back, &counters);
    tokio::select! {
        () = there => {}
        () = back => {}
        _ = cut.wait_for(|link| link.cut) => {
            counters.cut.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Carries one direction: a reader gives each piece its time, a writer waits for it.
async fn direction(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    link: watch::Receiver<Link>,
    flow: impl Fn(&Link) -> Flow + Copy,
    counters: &Counters,
) {
    let (pieces, mut due) = mpsc::channel::<(Instant, Bytes)>(PIECES_MAX);
    let mut held = link.clone();
    let read = async move {
        let mut buffer = vec![0; PIECE_BYTES];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let now = flow(&link.borrow());
            let wait = match now {
                Flow::Pass => Duration::ZERO,
                Flow::Delay(by) => by,
                Flow::Hold => Duration::ZERO,
            };
            if now != Flow::Pass {
                counters.slowed.fetch_add(count as u64, Ordering::Relaxed);
            }
            let piece = Bytes::copy_from_slice(&buffer[..count]);
            if pieces.send((Instant::now() + wait, piece)).await.is_err() {
                break;
            }
        }
    };
    let write = async move {
        while let Some((at, piece)) = due.recv().await {
            tokio::time::sleep_until(at).await;
            let passes = held.wait_for(|link| flow(link) != Flow::Hold).await.is_ok();
            if !passes || to.write_all(&piece).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(read, write);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);
    const NOT_YET: Duration = Duration::from_millis(150);

    /// A link to a server that echoes.
    async fn echo() -> (Proxy, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.into_split();
                    drop(tokio::io::copy(&mut from, &mut to).await);
                });
            }
        });
        let proxy = Proxy::start(port).await;
        let stream = TcpStream::connect(("127.0.0.1", proxy.port()));
        let stream = stream.await.unwrap();
        (proxy, stream)
    }

    async fn receives(stream: &mut TcpStream, within: Duration) -> bool {
        let byte = tokio::time::timeout(within, stream.read_u8()).await;
        matches!(byte, Ok(Ok(7)))
    }

    #[tokio::test]
    async fn a_held_link_keeps_what_it_held() {
        let (proxy, mut stream) = echo().await;
        stream.write_u8(7).await.unwrap();
        assert!(receives(&mut stream, SOON).await);
        let one_way = Link {
            back: Flow::Hold,
            ..Link::WHOLE
        };
        for link in [Link::HELD, one_way] {
            proxy.set(link);
            let before = proxy.count().slowed;
            stream.write_u8(7).await.unwrap();
            assert!(!receives(&mut stream, NOT_YET).await);
            assert_eq!(proxy.count().slowed, before + 1);
            proxy.set(Link::WHOLE);
            assert!(receives(&mut stream, SOON).await);
        }
    }

    #[tokio::test]
    async fn a_delayed_link_is_late_and_a_cut_one_ends() {
        let (proxy, mut stream) = echo().await;
        proxy.set(Link::delayed(NOT_YET));
        let sent = Instant::now();
        stream.write_u8(7).await.unwrap();
        assert!(receives(&mut stream, SOON).await);
        assert!(sent.elapsed() >= 2 * NOT_YET);
        proxy.set(Link::CUT);
        assert!(!receives(&mut stream, SOON).await);
        let late = TcpStream::connect(("127.0.0.1", proxy.port())).await;
        assert!(!receives(&mut late.unwrap(), SOON).await);
        assert_eq!(proxy.count().cut, 2);
    }
}
