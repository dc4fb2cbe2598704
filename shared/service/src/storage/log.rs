//! The stream of a log, as `nats/definitions` wants it.

use async_nats::jetstream::stream::{
    Config, DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType,
};

/// What is wrong with the stream, and what to do.
pub(super) fn wrong(config: &Config) -> Option<String> {
    let mut wrong = Vec::new();
    if config.storage != StorageType::File {
        wrong.push("storage is memory");
    }
    if config.persist_mode == Some(PersistenceMode::Async) {
        wrong.push("persist_mode is async");
    }
    if config.retention != RetentionPolicy::Limits {
        wrong.push("retention is not limits");
    }
    if config.discard != DiscardPolicy::Old {
        wrong.push("discard is not old");
    }
    if !config.deny_delete {
        wrong.push("deny_delete is off");
    }
    if !config.deny_purge {
        wrong.push("deny_purge is off");
    }
    (!wrong.is_empty()).then(|| {
        format!(
            "the stream {} may lose its log ({}): create it by 'yoshi provision', from nats/definitions",
            config.name,
            wrong.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Config {
        Config {
            name: "YOSHI_TASKS".to_owned(),
            storage: StorageType::File,
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::Old,
            deny_delete: true,
            deny_purge: true,
            ..Config::default()
        }
    }

    #[test]
    fn the_definition_is_good() {
        assert_eq!(wrong(&good()), None);
        let persist_mode = Some(PersistenceMode::Default);
        let explicit = Config {
            persist_mode,
            ..good()
        };
        assert_eq!(wrong(&explicit), None);
    }

    #[test]
    fn each_unsafe_setting_is_named() {
        let with = |change: fn(&mut Config)| {
            let mut config = good();
            change(&mut config);
            wrong(&config).expect("it is refused")
        };
        for (change, words) in [
            (
                (|config| config.storage = StorageType::Memory) as fn(&mut Config),
                "storage is memory",
            ),
            (
                |config| config.persist_mode = Some(PersistenceMode::Async),
                "persist_mode",
            ),
            (
                |config| config.retention = RetentionPolicy::Interest,
                "retention",
            ),
            (|config| config.discard = DiscardPolicy::New, "discard"),
            (|config| config.deny_delete = false, "deny_delete"),
            (|config| config.deny_purge = false, "deny_purge"),
        ] {
            let refusal = with(change);
            assert!(refusal.contains(words), "{refusal}");
            assert!(refusal.contains("YOSHI_TASKS") && refusal.contains("yoshi provision"));
        }
    }
}
