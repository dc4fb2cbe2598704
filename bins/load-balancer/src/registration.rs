//! The reference to the primary registration server: the highest epoch that its
//! lease or `NEW_PRIM_REG` named. Pure.

use yoshi_protocol::Epoch;
use yoshi_protocol::message::roster::{NewPrimReg, PrimaryLease};

/// What is known of the primary.
#[derive(Debug, Default)]
pub(crate) struct Primary {
    known: Option<NewPrimReg>,
    /// False once the lease that named it has ended.
    holds: bool,
    lease_revision: u64,
    lease_epoch: Option<Epoch>,
}

impl Primary {
    /// The primary, if there is one.
    pub(crate) fn get(&self) -> Option<NewPrimReg> {
        self.known.filter(|_| self.holds)
    }

    /// `NEW_PRIM_REG`. Answers whether it is news.
    pub(crate) fn announced(&mut self, primary: NewPrimReg) -> bool {
        match self.known {
            Some(known) if known.epoch >= primary.epoch => false,
            _ => {
                self.known = Some(primary);
                self.holds = true;
                true
            }
        }
    }

    /// The bucket holds this lease. One that comes again or late changes nothing.
    pub(crate) fn leased(&mut self, lease: PrimaryLease, revision: u64) -> bool {
        let primary = NewPrimReg {
            id: lease.server,
            epoch: lease.epoch,
        };
        let news = self.announced(primary);
        let renewed = revision > self.lease_revision && self.known == Some(primary);
        if news || renewed {
            self.lease_revision = revision;
            self.lease_epoch = Some(lease.epoch);
            self.holds = true;
        }
        news
    }

    /// The bucket is another one now, or holds an older state: its revisions
    /// count anew.
    pub(crate) fn begin_anew(&mut self) {
        self.lease_revision = 0;
    }

    /// The lease ended. What was announced since, with a higher epoch, stays:
    /// its own lease is on the way. Answers whether that leaves no primary.
    pub(crate) fn ended(&mut self, revision: u64) -> bool {
        if revision <= self.lease_revision {
            return false;
        }
        self.lease_revision = revision;
        let newer = self.known.map(|known| known.epoch) > self.lease_epoch;
        let ended = self.holds && !newer;
        self.holds &= newer;
        ended
    }
}

#[cfg(test)]
mod tests {
    use yoshi_protocol::ServerId;

    use super::*;

    fn lease(epoch: u64, server: ServerId) -> PrimaryLease {
        PrimaryLease {
            epoch: Epoch(epoch),
            server,
        }
    }

    fn announcement(epoch: u64, id: ServerId) -> NewPrimReg {
        NewPrimReg {
            id,
            epoch: Epoch(epoch),
        }
    }

    #[test]
    fn the_highest_epoch_wins_whoever_says_it() {
        let (one, two) = (ServerId::random(), ServerId::random());
        let mut primary = Primary::default();
        assert_eq!(primary.get(), None);
        assert!(primary.leased(lease(5, one), 1));
        assert!(primary.announced(announcement(6, two)));
        assert!(!primary.leased(lease(5, one), 1));
        assert!(!primary.announced(announcement(5, one)));
        assert_eq!(primary.get(), Some(announcement(6, two)));
        assert!(!primary.leased(lease(6, two), 3));
        assert_eq!(primary.get(), Some(announcement(6, two)));
    }

    #[test]
    fn an_ended_lease_leaves_no_primary_until_the_next() {
        let (one, two) = (ServerId::random(), ServerId::random());
        let mut primary = Primary::default();
        primary.leased(lease(5, one), 1);
        primary.leased(lease(5, one), 2);
        assert!(primary.ended(3));
        assert_eq!(primary.get(), None);
        // A late copy of the renewal does not bring it back.
        primary.leased(lease(5, one), 2);
        assert_eq!(primary.get(), None);
        assert!(primary.leased(lease(6, two), 4));
        // Nor does a late copy of the end take the next one away.
        assert!(!primary.ended(3));
        assert_eq!(primary.get(), Some(announcement(6, two)));
    }

    #[test]
    fn a_lease_of_a_bucket_made_anew_ends_at_a_low_revision() {
        let one = ServerId::random();
        let mut primary = Primary::default();
        primary.leased(lease(5, one), 900);
        primary.begin_anew();
        primary.leased(lease(5, one), 1);
        assert!(primary.ended(2));
        assert_eq!(primary.get(), None);
    }

    #[test]
    fn an_announcement_outlives_the_end_of_the_lease_before_it() {
        let (one, two) = (ServerId::random(), ServerId::random());
        let mut primary = Primary::default();
        primary.leased(lease(5, one), 1);
        primary.announced(announcement(6, two));
        assert!(!primary.ended(2));
        assert_eq!(primary.get(), Some(announcement(6, two)));
    }
}
