//! Where a row stands in its list, so that a page can go on after it.

/// A row's place in its list: group, two keys, and the position, latest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub group: i32,
    pub(super) keys: (i64, i64),
    pub(super) order: i64,
}

impl Place {
    /// Before every row.
    pub(crate) const START: Self = Self {
        group: -1,
        keys: (0, 0),
        order: 0,
    };

    /// As it stands in an address.
    pub(crate) fn to_text(self) -> String {
        let (one, two) = self.keys;
        format!("{}_{one}_{two}_{}", self.group, self.order)
    }

    /// From an address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('_');
        let place = Self {
            group: parts.next()?.parse().ok()?,
            keys: (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?),
            order: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_back_and_nothing_else_does() {
        let place = Place {
            group: 1,
            keys: (5, -7),
            order: -1024,
        };
        assert_eq!(Place::parse(&place.to_text()), Some(place));
        assert_eq!(Place::parse(&Place::START.to_text()), Some(Place::START));
        for text in [
            "",
            "1_2_3",
            "1_2_3_4_5",
            "a_b_c_d",
            "1_2_3_99999999999999999999",
        ] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }
}
