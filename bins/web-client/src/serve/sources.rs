//! How many connections each source has open: one alone must not take them all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::throttle;

/// The open connections, by source.
#[derive(Debug)]
pub(super) struct Sources {
    /// Of one source; without a bound where a proxy stands in front.
    each_max: Option<usize>,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// One open connection of a source; dropped when it ends.
#[derive(Debug)]
pub(super) struct Place {
    sources: Arc<Sources>,
    source: IpAddr,
}

impl Sources {
    pub(super) fn new(each_max: Option<usize>) -> Arc<Self> {
        Arc::new(Self {
            each_max,
            open: Mutex::default(),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more connection, if its source may have one.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let source = throttle::source(address);
        let mut open = self.lock();
        let count = open.entry(source).or_default();
        if self.each_max.is_some_and(|max| *count >= max) {
            return None;
        }
        *count += 1;
        Some(Place {
            sources: Arc::clone(self),
            source,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.sources.lock();
        if let Some(count) = open.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_has_its_share() {
        let sources = Sources::new(Some(2));
        let take = |address: &str| sources.take(address.parse().unwrap());
        let places = [take("2001:db8::1"), take("2001:db8::2")];
        assert!(places.iter().all(Option::is_some));
        assert!(take("2001:db8::3").is_none(), "the same network");
        let other = take("192.0.2.1");
        assert!(other.is_some(), "somebody else");
        drop(places);
        assert!(take("2001:db8::3").is_some());
        drop(other);
        assert!(sources.lock().is_empty(), "nothing is kept of who is gone");
    }

    #[test]
    fn a_proxy_has_as_many_as_there_are() {
        let sources = Sources::new(None);
        let places: Vec<_> = (0..9)
            .map(|_| sources.take("192.0.2.1".parse().unwrap()))
            .collect();
        assert!(places.iter().all(Option::is_some));
    }
}
