//! How often somebody may try: buckets that refill, per source and account.
//! Pure: the clock is passed in.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::limit::THROTTLED_MAX;

/// How many of an IPv6 address's bits are one customer's network.
const NETWORK_BITS: u32 = 64;

/// What an address counts as: of IPv6 the network, whose holder has more addresses
/// than anybody can count; IPv4 is the same however it is written.
pub(crate) fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::MAX << (u128::BITS - NETWORK_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & network))
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// How many tries at once, and how soon one more after that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// Tries at once.
    pub burst: u32,
    /// The time after which one more is allowed.
    pub refill: Duration,
}

/// Buckets of one rate, one per key. Only so many are remembered: the fullest,
/// which restrict nobody, are forgotten first.
#[derive(Debug)]
pub(crate) struct Throttle<K> {
    rate: Rate,
    /// When each key's bucket will be full again.
    full_at: HashMap<K, Instant>,
}

impl<K: Eq + Hash + Clone> Throttle<K> {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            full_at: HashMap::new(),
        }
    }

    /// Takes one try, if there is one.
    ///
    /// # Errors
    /// How long to wait for one.
    pub(crate) fn take(&mut self, key: &K, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.get(key).copied().unwrap_or(now).max(now);
        let taken = full_at + self.rate.refill;
        let empty = self.rate.refill * self.rate.burst;
        let over = taken.duration_since(now).saturating_sub(empty);
        if !over.is_zero() {
            return Err(over);
        }
        if self.full_at.len() >= THROTTLED_MAX && !self.full_at.contains_key(key) {
            self.forget(now);
        }
        self.full_at.insert(key.clone(), taken);
        Ok(())
    }

    /// Gives a try back: it succeeded, and was no guess.
    pub(crate) fn give_back(&mut self, key: &K) {
        if let Some(full_at) = self.full_at.get_mut(key) {
            *full_at = full_at.checked_sub(self.rate.refill).unwrap_or(*full_at);
        }
    }

    /// Drops the half that restricts least.
    fn forget(&mut self, now: Instant) {
        self.full_at.retain(|_, full_at| *full_at > now);
        if self.full_at.len() < THROTTLED_MAX {
            return;
        }
        let mut times: Vec<_> = self.full_at.values().copied().collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        self.full_at.retain(|_, full_at| *full_at > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        burst: 3,
        refill: Duration::from_secs(10),
    };

    #[test]
    fn a_burst_and_then_one_at_a_time() {
        let mut throttle = Throttle::new(RATE);
        let now = Instant::now();
        for _ in 0..3 {
            assert_eq!(throttle.take(&"a", now), Ok(()));
        }
        assert_eq!(throttle.take(&"a", now), Err(Duration::from_secs(10)));
        assert_eq!(throttle.take(&"b", now), Ok(()), "others are not held up");
        let later = now + Duration::from_secs(11);
        assert_eq!(throttle.take(&"a", later), Ok(()));
        assert_eq!(throttle.take(&"a", later), Err(Duration::from_secs(9)));
        throttle.give_back(&"a");
        assert_eq!(throttle.take(&"a", later), Ok(()));
    }

    #[test]
    fn a_network_is_one_source() {
        let of = |text: &str| source(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_ne!(of("192.0.2.7"), of("192.0.2.8"));
    }

    #[test]
    fn memory_is_bounded() {
        let mut throttle = Throttle::new(RATE);
        let now = Instant::now();
        for key in 0..=THROTTLED_MAX {
            assert_eq!(throttle.take(&key, now), Ok(()));
        }
        assert!(throttle.full_at.len() <= THROTTLED_MAX);
    }
}
