//! The account a document belongs to.

use std::fmt;

/// An account's id: 32 characters `[0-9A-Za-z]`. Anything else is refused, so an id taken from a
/// message or a document can never lead out of its account's database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AccountId(String);

impl AccountId {
    /// The id, or `None` where the text is none.
    pub fn new(text: &str) -> Option<Self> {
        (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            .then(|| Self(text.to_owned()))
    }

    /// The 32 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_thirty_two_letters_and_digits() {
        for (text, accepted) in [
            ("c1d00000000000000000000000000001", true),
            ("c1d0000000000000000000000000000", false),
            ("c1d0000000000000000000000000000/", false),
            ("", false),
        ] {
            assert_eq!(AccountId::new(text).is_some(), accepted, "{text}");
        }
    }
}
