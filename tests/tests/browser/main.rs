//! The website in a real browser: headless Chromium, driven over `WebDriver`.
//!
//! Without a browser the tests are skipped, and say so; where `CI` is set, that
//! is a failure. Pictures of the pages go to `target/screenshots`.

#[cfg(test)]
mod accessibility;
#[cfg(test)]
mod administration;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod cache;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod degraded;
#[cfg(test)]
mod driver;
#[cfg(test)]
mod everyday;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod installed;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod keyboard;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod open_pages;
#[cfg(test)]
mod pictures;
#[cfg(test)]
mod preferences;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod search;
#[cfg(test)]
mod sender;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod texts;
#[cfg(test)]
mod tour;
#[cfg(test)]
mod website;
