//! Integration tests on real parts: see the crate's documentation for the harness.

#[cfg(test)]
mod parts;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod provisioning;
#[cfg(test)]
mod system;
