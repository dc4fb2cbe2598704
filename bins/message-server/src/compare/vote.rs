//! Who is right where servers differ: the majority of those that can tell. Pure.

/// What becomes of a server that differs from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Most hold what this server holds: the others are to be mended.
    Right,
    /// Most hold something else.
    Wrong,
    /// As many hold the one as the other, and nobody is left to be asked.
    Tie,
    /// Those who did not answer could turn it.
    Open,
}

/// How many servers hold a row as this one does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Votes {
    /// As this server has it; itself included.
    pub with: usize,
    /// Otherwise.
    pub against: usize,
}

impl Votes {
    /// What the votes say while so many live servers have not answered.
    #[must_use]
    pub fn verdict(self, silent: usize) -> Verdict {
        if self.with > self.against + silent {
            Verdict::Right
        } else if self.against > self.with + silent {
            Verdict::Wrong
        } else if silent == 0 {
            Verdict::Tie
        } else {
            Verdict::Open
        }
    }
}

/// The worst of the verdicts about several rows.
#[must_use]
pub fn worst(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    verdicts
        .max_by_key(|verdict| match verdict {
            Verdict::Right => 0,
            Verdict::Open => 1,
            Verdict::Tie => 2,
            Verdict::Wrong => 3,
        })
        .unwrap_or(Verdict::Right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(with: usize, against: usize, silent: usize) -> Verdict {
        Votes { with, against }.verdict(silent)
    }

    #[test]
    fn the_majority_is_right() {
        assert_eq!(verdict(2, 1, 0), Verdict::Right);
        assert_eq!(verdict(1, 2, 0), Verdict::Wrong);
        assert_eq!(verdict(1, 1, 0), Verdict::Tie);
        assert_eq!(verdict(2, 2, 0), Verdict::Tie);
    }

    #[test]
    fn who_is_silent_could_turn_it() {
        assert_eq!(verdict(1, 1, 1), Verdict::Open);
        assert_eq!(verdict(2, 1, 1), Verdict::Open);
        assert_eq!(verdict(1, 2, 1), Verdict::Open);
        assert_eq!(verdict(3, 1, 1), Verdict::Right);
        assert_eq!(verdict(1, 3, 1), Verdict::Wrong);
    }

    #[test]
    fn one_bad_row_is_enough() {
        let verdicts = [Verdict::Right, Verdict::Wrong, Verdict::Open];
        assert_eq!(worst(verdicts.into_iter()), Verdict::Wrong);
        let verdicts = [Verdict::Right, Verdict::Open];
        assert_eq!(worst(verdicts.into_iter()), Verdict::Open);
        assert_eq!(worst(std::iter::empty()), Verdict::Right);
    }
}
