//! What a system does on a good day. These tests hurt nothing, so they share one.

mod accounts;
mod answers;
mod command_errors;
mod command_line;
mod command_words;
mod find;
mod greeting;
mod homes;
mod sending;
mod shell;

use std::sync::{Arc, Weak};

use tokio::sync::Mutex;
use yoshi_tests::{System, SystemSettings};

/// The message servers of the shared system.
const MESSAGE_SERVERS: [&str; 3] = ["ms1", "ms2", "ms3"];

/// The system that lives as long as a test holds it. A static is never
/// dropped, so it must not hold the system itself.
static SHARED: Mutex<Weak<System>> = Mutex::const_new(Weak::new());

/// The shared system; started if none runs.
async fn system() -> Arc<System> {
    let mut shared = SHARED.lock().await;
    if let Some(running) = shared.upgrade() {
        return running;
    }
    let started = Arc::new(System::start(SystemSettings::default()).await);
    *shared = Arc::downgrade(&started);
    started
}
