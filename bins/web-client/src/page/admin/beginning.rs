//! Names that begin in some way, in a list that only knows what comes after a name.

use yoshi_protocol::AccountName;
use yoshi_protocol::limit::ACCOUNT_NAME_CHARS_MAX;

/// The characters of names, in the order in which servers sort them.
const ALPHABET: &[u8] = b"-0123456789_abcdefghijklmnopqrstuvwxyz";
/// A name does not begin with these.
const NOT_FIRST: &[u8] = b"-_";

/// The greatest name before every name that begins like this one; none if there
/// is no name before them.
pub(super) fn before(beginning: &AccountName) -> Option<AccountName> {
    let (last, stem) = beginning.as_str().as_bytes().split_last()?;
    let smaller = ALPHABET
        .iter()
        .rev()
        .find(|char| *char < last && !(stem.is_empty() && NOT_FIRST.contains(char)));
    let mut name = String::from_utf8_lossy(stem).into_owned();
    if let Some(smaller) = smaller {
        name.push(char::from(*smaller));
        let missing = ACCOUNT_NAME_CHARS_MAX - name.len();
        name.extend(std::iter::repeat_n('z', missing));
    }
    AccountName::new(&name).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> AccountName {
        AccountName::new(text).unwrap()
    }

    #[test]
    fn the_first_of_all_have_nothing_before_them() {
        assert_eq!(before(&name("0")), None);
        assert_eq!(before(&name("a-")), Some(name("a")));
        let before_b = before(&name("b")).unwrap();
        assert_eq!(before_b.as_str(), format!("a{}", "z".repeat(62)));
    }

    proptest! {
        /// Whatever names there are: those after it are those that begin like this,
        /// and then others that begin otherwise.
        #[test]
        fn what_comes_after_it_begins_like_this(
            beginning in "[a-c0-1][a-c0-1_-]{0,3}",
            names in prop::collection::btree_set("[a-c0-1][a-c0-1_z-]{0,5}", 0..200),
        ) {
            let begins = |name: &AccountName| name.as_str().starts_with(&beginning);
            let names: Vec<_> = names.iter().map(|text| name(text)).collect();
            let least = before(&name(&beginning));
            let after = names.iter().filter(|name| least.as_ref().is_none_or(|least| *name > least));
            let found: Vec<_> = after.take_while(|name| begins(name)).collect();
            let wanted: Vec<_> = names.iter().filter(|name| begins(name)).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
