//! What a stream says of itself: its place, and in its metadata which log it is.

use std::collections::BTreeSet;
use std::str::FromStr;

use async_nats::jetstream::stream::Info;
use yoshi_protocol::message::operate::{
    CONTINUES_KEY, FIRST_SEQUENCE_KEY, INCARNATION_KEY, PROVEN_KEY,
};
use yoshi_protocol::{Incarnation, ServerId};

use super::StreamError;
use crate::lineage::Lineage;

/// What the stream's leader says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Which life of the stream.
    pub incarnation: Incarnation,
    /// The lost logs that it continues.
    pub lineage: Lineage,
    /// The first sequence that it ever gave out.
    pub begins: u64,
    /// The first sequence that it still holds, or that it will hold next.
    pub first: u64,
    /// The last sequence that it has given out.
    pub last: u64,
    /// The servers that are known to hold the beginning of what it continues, and
    /// nothing else; none if it does not say. Any other must show that first.
    pub proven: Option<BTreeSet<ServerId>>,
}

impl View {
    /// Reads what the stream `name` says of itself.
    pub(super) fn read(name: &str, info: &Info) -> Result<Self, StreamError> {
        let metadata = &info.config.metadata;
        let incarnation = metadata.get(INCARNATION_KEY);
        let incarnation = incarnation.and_then(|text| text.parse().ok());
        let incarnation = incarnation.ok_or_else(|| StreamError::NoIncarnation(name.to_owned()))?;
        let begins = metadata.get(FIRST_SEQUENCE_KEY).map(|text| text.parse());
        let lineage = metadata.get(CONTINUES_KEY).map(|text| Lineage::parse(text));
        let proven = metadata.get(PROVEN_KEY).map(|text| ids(text));
        let (Ok(begins), Some(lineage), Ok(proven)) = (
            begins.unwrap_or(Ok(1)),
            lineage.unwrap_or_else(|| Some(Lineage::default())),
            proven.transpose(),
        ) else {
            return Err(StreamError::Metadata(name.to_owned()));
        };
        Ok(Self {
            incarnation,
            lineage,
            begins,
            first: info.state.first_sequence,
            last: info.state.last_sequence,
            proven,
        })
    }

    /// Whether a server need not show that its history is the beginning of the log.
    #[must_use]
    pub fn is_proven(&self, server: ServerId) -> bool {
        let proven = self.proven.as_ref();
        proven.is_none_or(|proven| proven.contains(&server))
    }
}

/// Ids, separated by commas.
fn ids(text: &str) -> Result<BTreeSet<ServerId>, <ServerId as FromStr>::Err> {
    let texts = text.split(',').map(str::trim);
    texts
        .filter(|text| !text.is_empty())
        .map(str::parse)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proven_servers_are_read_as_they_are_written() {
        let servers: BTreeSet<_> = (0..3).map(|_| ServerId::random()).collect();
        let texts: Vec<_> = servers.iter().map(ToString::to_string).collect();
        assert_eq!(ids(&texts.join(",")), Ok(servers));
        assert_eq!(ids(""), Ok(BTreeSet::new()));
        assert!(ids("nobody").is_err());
    }
}
