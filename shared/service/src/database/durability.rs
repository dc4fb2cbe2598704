//! Whether Postgres keeps what it has committed, whatever happens.

use tokio_postgres::Client;

use super::Error;
use crate::args::ConfigurationError;
use crate::{Health, limit};

/// Settings that a commit's promise rests on, and the values that keep it.
const NEEDED: [(&str, &[&str]); 3] = [
    ("fsync", &["on"]),
    ("full_page_writes", &["on"]),
    // `remote_apply` waits for more than `on` does.
    ("synchronous_commit", &["on", "remote_apply"]),
];

/// Checks version and settings.
pub(super) async fn check(
    client: &Client,
    unsafe_storage: bool,
    health: &Health,
) -> Result<(), Error> {
    let version = show(client, "server_version_num").await?;
    check_version(&version).map_err(Error::Configuration)?;
    let mut found = Vec::with_capacity(NEEDED.len());
    for (setting, _) in NEEDED {
        found.push(show(client, setting).await?);
    }
    match check_settings(&found) {
        Err(error) if unsafe_storage => {
            tracing::warn!("--unsafe-storage lets this pass: {error}");
            health.unsafe_storage("postgres", Some(error.to_string()));
            Ok(())
        }
        checked => {
            health.unsafe_storage("postgres", None);
            checked.map_err(Error::Configuration)
        }
    }
}

async fn show(client: &Client, setting: &str) -> Result<String, Error> {
    let query = "SELECT current_setting($1)";
    Ok(client.query_one(query, &[&setting]).await?.get(0))
}

fn check_version(version: &str) -> Result<(), ConfigurationError> {
    if version.parse().unwrap_or(0) >= limit::DATABASE_VERSION_MIN {
        return Ok(());
    }
    Err(ConfigurationError::new(format!(
        "Postgres {version} is too old: {} or later is needed",
        limit::DATABASE_VERSION_MIN
    )))
}

fn check_settings(found: &[String]) -> Result<(), ConfigurationError> {
    let wrong: Vec<_> = NEEDED
        .iter()
        .zip(found)
        .filter(|((_, good), value)| !good.contains(&value.as_str()))
        .map(|((setting, _), value)| format!("{setting} = {value}"))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(ConfigurationError::new(format!(
        "Postgres may lose what it has committed ({}): set each to on in postgresql.conf, or for \
         this database and user, or allow it with --unsafe-storage",
        wrong.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(values: [&str; 3]) -> Result<(), ConfigurationError> {
        check_settings(&values.map(str::to_owned))
    }

    #[test]
    fn each_setting_that_breaks_the_promise_is_named() {
        assert_eq!(settings(["on", "on", "on"]), Ok(()));
        assert_eq!(settings(["on", "on", "remote_apply"]), Ok(()));
        let refusal = settings(["off", "on", "local"]).unwrap_err().to_string();
        assert!(
            refusal.contains("fsync = off, synchronous_commit = local"),
            "{refusal}"
        );
        assert!(settings(["on", "off", "on"]).is_err());
    }

    #[test]
    fn old_versions_are_refused() {
        assert!(check_version("150014").is_ok());
        assert!(check_version("180000").is_ok());
        assert!(check_version("140022").is_err());
        assert!(check_version("").is_err());
    }
}
