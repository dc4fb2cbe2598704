//! The fault of this process, and what some faults need. Not part of any build
//! without the feature.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::Fault;

/// Names the fault of a process; unset or empty is none.
pub const VARIABLE: &str = "YOSHI_PLANTED_FAULT";

static CHOSEN: LazyLock<Option<Fault>> = LazyLock::new(|| {
    let name = std::env::var(VARIABLE)
        .ok()
        .filter(|name| !name.is_empty())?;
    let known = Fault::ALL.iter().find(|fault| fault.name() == name);
    // A fault that is not planted would look like one that is not caught.
    Some(*known.unwrap_or_else(|| panic!("{VARIABLE}={name}: there is no such fault")))
});

static NUMBERS: LazyLock<Mutex<HashMap<String, u64>>> = LazyLock::new(Mutex::default);

/// Whether this process has the fault.
///
/// # Panics
/// If `YOSHI_PLANTED_FAULT` names none.
#[must_use]
pub fn is(fault: Fault) -> bool {
    *CHOSEN == Some(fault)
}

/// The next number of a name, from a counter in memory.
#[must_use]
pub fn next_in_memory(name: &str) -> u64 {
    let mut numbers = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
    let number = numbers.entry(name.to_owned()).or_default();
    *number += 1;
    *number
}
