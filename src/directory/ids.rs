//! Names of accounts and databases.
//!
//! Source: `kzs_util.erl` (`format_account_id`, `format_account_db`, `to_database`),
//! `kz_databases.hrl`.

use std::fmt;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What KAZOO leaves as it is in an encoded database name; a slash becomes `%2F`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-');

/// Longer names are refused; CouchDB itself stops at 238 bytes.
const LONGEST_DATABASE_NAME: usize = 238;

/// The id of an account: 32 letters and digits, lower-case hexadecimal in practice.
///
/// KAZOO tests the length only. Other characters are refused here, so that an id from a message
/// can never name anything outside its account's database. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId {
    id: Arc<str>,
    /// Asked for with each document.
    database: Database,
}

impl AccountId {
    /// Reads the raw form, as in a call's `Account-ID`.
    pub fn new(id: &str) -> Option<Self> {
        let valid = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        valid.then(|| Self { id: id.into(), database: Database::of_account(id) })
    }

    /// The raw form.
    pub fn as_str(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.id)
    }
}

/// The name of a database as CouchDB lists it: `account/12/34/56…`, `system_config`. Cheap to
/// clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Database(Arc<str>);

impl Database {
    /// The database of an account: its id split after 2 and 4 characters.
    pub fn account(id: &AccountId) -> Self {
        id.database.clone()
    }

    /// Of the raw form of an id.
    fn of_account(id: &str) -> Self {
        let (first, rest) = id.split_at(2);
        let (second, rest) = rest.split_at(2);
        Self(format!("account/{first}/{second}/{rest}").into())
    }

    /// `system_config`: one document per configuration category.
    pub fn system_config() -> Self {
        Self("system_config".into())
    }

    /// `system_media`: the prompts that come with KAZOO.
    pub fn system_media() -> Self {
        Self("system_media".into())
    }

    /// The account whose database this is; `None` for every other database, an account's monthly
    /// ones included.
    pub fn account_id(&self) -> Option<AccountId> {
        let id: String = self.0.strip_prefix("account/")?.split('/').collect();
        AccountId::new(&id).filter(|id| Self::account(id) == *self)
    }

    /// `system_schemas`: one document per JSON schema.
    pub fn system_schemas() -> Self {
        Self("system_schemas".into())
    }

    /// `accounts`: a second copy of every account document.
    pub fn accounts() -> Self {
        Self("accounts".into())
    }

    /// The name as CouchDB lists it, with slashes.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The name as KAZOO writes it in messages, documents and URLs: `account%2F12%2F34%2F56…`.
    pub fn encoded(&self) -> String {
        utf8_percent_encode(&self.0, ENCODED).to_string()
    }

    /// Reads the encoded form; `%2f` and plain slashes are accepted, too.
    ///
    /// `None` for what cannot be the name of a database of KAZOO.
    pub fn from_encoded(encoded: &str) -> Option<Self> {
        let name = percent_decode_str(encoded).decode_utf8().ok()?;
        let valid = name.len() <= LONGEST_DATABASE_NAME
            && name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_$()+-/".contains(&byte));
        valid.then(|| Self(name.into()))
    }
}

impl fmt::Display for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_id_has_32_letters_and_digits() {
        for (id, valid) in [
            ("1234567890abcdef1234567890abcdef", true),
            ("1234567890ABCDEF1234567890ABCDEF", true),
            ("1234567890abcdef1234567890abcde", false),
            ("1234567890abcdef1234567890abcdeff", false),
            ("1234567890abcdef1234567890abcd/f", false),
            ("../../system_config/..%2F..%2F..", false),
            ("éééééééééééééééé", false),
            ("", false),
        ] {
            assert_eq!(AccountId::new(id).is_some(), valid, "{id}");
        }
    }

    #[test]
    fn an_account_database_is_split_after_two_and_four_characters() {
        let id = AccountId::new("1234567890abcdef1234567890abcdef").unwrap();
        let database = Database::account(&id);
        assert_eq!(database.name(), "account/12/34/567890abcdef1234567890abcdef");
        assert_eq!(database.encoded(), "account%2F12%2F34%2F567890abcdef1234567890abcdef");
    }

    #[test]
    fn only_an_accounts_own_database_names_its_account() {
        let own = "account/12/34/567890abcdef1234567890abcdef";
        for (name, id) in [
            (own.to_owned(), Some("1234567890abcdef1234567890abcdef")),
            (format!("{own}-202401"), None),
            ("account/1234/567890abcdef1234567890abcdef".to_owned(), None),
            ("accounts".to_owned(), None),
            ("system_config".to_owned(), None),
        ] {
            let found = Database(name.as_str().into()).account_id();
            assert_eq!(found.as_ref().map(AccountId::as_str), id, "{name}");
        }
    }

    #[test]
    fn an_encoded_name_is_read_in_every_form_kazoo_accepts() {
        for (encoded, name) in [
            ("account%2F12%2F34%2F56", Some("account/12/34/56")),
            ("account%2f12%2f34%2f56", Some("account/12/34/56")),
            ("account/12/34/56", Some("account/12/34/56")),
            ("account%2F12%2F34%2F56-202401", Some("account/12/34/56-202401")),
            ("numbers%2F%2B1514", Some("numbers/+1514")),
            ("system_config", Some("system_config")),
            ("account%252F12", None),
            ("..", None),
            ("a/../b", None),
            ("_users", None),
            ("%2Fetc", None),
            ("a b", None),
            ("a%FF", None),
            ("", None),
        ] {
            let read = Database::from_encoded(encoded);
            assert_eq!(read.as_ref().map(Database::name), name, "{encoded}");
        }
        assert_eq!(Database::from_encoded(&"a".repeat(239)), None);
    }

    #[test]
    fn encoding_is_undone_by_reading() {
        for name in ["account/12/34/56", "numbers/+1514", "system_config", "a$(b)-c"] {
            let database = Database(name.into());
            assert_eq!(Database::from_encoded(&database.encoded()), Some(database));
        }
    }
}
