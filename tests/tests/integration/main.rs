//! Integration tests on real parts: see the crate's documentation for the harness.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod compatibility;
#[cfg(test)]
mod everyday;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod find_index;
#[cfg(test)]
mod one_state;
#[cfg(test)]
mod opcodes;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod provisioning;
#[cfg(test)]
mod system;
#[cfg(test)]
mod timeouts;
