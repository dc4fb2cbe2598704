//! Seeds and planted mistakes.

mod models;
mod planted;
mod seeds;
