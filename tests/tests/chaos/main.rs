//! Chaos: real processes, seeded faults, and a checker that knows the promise.
//!
//! What counts as failure stands in `checker` and `verdict`; which faults there
//! are, in `fault`. `short_mix` belongs to every test run; `deploy/chaos` runs
//! `campaign`, as long as one likes. `tests/RELIABILITY.md` says what was run.

#[cfg(test)]
mod campaign;
#[cfg(test)]
mod checker;
#[cfg(test)]
mod fault;
#[cfg(test)]
mod history;
#[cfg(test)]
mod operation;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod report;
#[cfg(test)]
mod rest;
#[cfg(test)]
mod run;
#[cfg(test)]
mod verdict;
#[cfg(test)]
mod worker;
