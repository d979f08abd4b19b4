//! `configuration/doc_*`: a document changed.

use super::Rejection;
use super::headers::Headers;

/// A notice that a document or a database changed through KAZOO.
///
/// Notices are best effort, and nothing is published for what is written to CouchDB directly.
///
/// Source: `kapi_conf.erl` (`doc_update_definition`), `kzs_publish.erl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentChange {
    /// What happened, from `Event-Name`; the routing key can say something else.
    pub change: Change,
    /// Database in its encoded form, `account%2Fab%2Fcd%2F…`; the document's own id for a database.
    pub database: String,
    /// The document's `pvt_type`, `database` for a database.
    pub doc_type: Option<String>,
    /// The document's id.
    pub id: String,
    /// The account it belongs to.
    pub account_id: Option<String>,
    /// Its new revision.
    pub revision: Option<String>,
}

/// What happened to a document or database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// A document without an earlier revision was saved.
    DocCreated,
    /// A document was saved again.
    DocEdited,
    /// A document was deleted, or saved with the flag that says so.
    DocDeleted,
    /// A database was created.
    DbCreated,
    /// A database was changed.
    DbEdited,
    /// A database was deleted.
    DbDeleted,
    /// The design documents of a database were renewed.
    DbViewsUpdated,
}

impl Change {
    /// Every change.
    pub const ALL: [Self; 7] = [
        Self::DocCreated,
        Self::DocEdited,
        Self::DocDeleted,
        Self::DbCreated,
        Self::DbEdited,
        Self::DbDeleted,
        Self::DbViewsUpdated,
    ];

    /// The `Event-Name`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DocCreated => "doc_created",
            Self::DocEdited => "doc_edited",
            Self::DocDeleted => "doc_deleted",
            Self::DbCreated => "db_created",
            Self::DbEdited => "db_edited",
            Self::DbDeleted => "db_deleted",
            Self::DbViewsUpdated => "db_views_updated",
        }
    }

    /// Whether a whole database is meant.
    pub const fn is_database(self) -> bool {
        matches!(self, Self::DbCreated | Self::DbEdited | Self::DbDeleted | Self::DbViewsUpdated)
    }

    pub(super) fn from_event_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.as_str() == name)
    }
}

impl DocumentChange {
    pub(super) fn read(headers: Headers<'_>, change: Change) -> Result<Self, Rejection> {
        headers.defaults()?;
        let id = headers.exact_text("ID")?.to_owned();
        let database = headers.required_text("Database")?;
        headers.texts_or_absent(&["Rev"])?;
        headers.boolean_or_absent("Is-Soft-Deleted")?;
        Ok(Self {
            change,
            database,
            doc_type: headers.text("Type").filter(|doc_type| doc_type != "undefined"),
            id,
            account_id: headers.text("Account-ID"),
            revision: headers.text("Rev"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Delivered, Inbound, RejectReason, decode};
    use super::*;
    use crate::kapi::fixtures;
    use serde_json::{Value, json};

    const DATABASE: &str = "account%2F9f%2F3a%2F6e0c5d4b4a0e8c1f2b7d6e5a4c3b";

    fn change_of(body: &Value) -> Result<DocumentChange, Rejection> {
        match fixtures::decode_body(body)? {
            Inbound::DocumentChange(change) => Ok(change),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_notice_names_the_document() {
        let body = fixtures::object("conf_doc_edited.json");
        assert_eq!(
            change_of(&Value::Object(body)).unwrap(),
            DocumentChange {
                change: Change::DocEdited,
                database: DATABASE.to_owned(),
                doc_type: Some("callflow".to_owned()),
                id: "c0ffee00112233445566778899aabbcc".to_owned(),
                account_id: Some("9f3a6e0c5d4b4a0e8c1f2b7d6e5a4c3b".to_owned()),
                revision: Some("7-5d0c8a2f".to_owned()),
            }
        );
        for (fixture, change) in [
            ("conf_doc_created.json", Change::DocCreated),
            ("conf_doc_deleted.json", Change::DocDeleted),
            ("conf_db_created.json", Change::DbCreated),
        ] {
            let read = change_of(&Value::Object(fixtures::object(fixture))).unwrap();
            assert_eq!((read.change, read.database.as_str()), (change, DATABASE));
            assert_eq!(read.change.is_database(), change == Change::DbCreated);
        }
    }

    #[test]
    fn the_event_name_wins_over_the_routing_key() {
        let payload = serde_json::to_vec(&fixtures::object("conf_doc_deleted.json")).unwrap();
        let delivered = Delivered {
            exchange: "configuration",
            routing_key: "doc_edited.x.list.y",
            content_type: Some("application/json"),
            payload: &payload,
        };
        let Ok(Inbound::DocumentChange(read)) = decode(&delivered) else { panic!() };
        assert_eq!(read.change, Change::DocDeleted);
    }

    #[test]
    fn a_document_without_a_type_has_none() {
        let mut body = fixtures::object("conf_doc_edited.json");
        body.insert("Type".to_owned(), json!("undefined"));
        assert_eq!(change_of(&Value::Object(body)).unwrap().doc_type, None);
    }

    #[test]
    fn the_name_of_a_boolean_is_as_good_as_one() {
        for flag in [json!(true), json!("true"), json!("false")] {
            let mut body = fixtures::object("conf_doc_edited.json");
            body.insert("Is-Soft-Deleted".to_owned(), flag);
            assert_eq!(change_of(&Value::Object(body)).unwrap().change, Change::DocEdited);
        }
    }

    #[test]
    fn a_notice_that_kazoo_would_refuse_is_rejected() {
        for (header, value, reason) in [
            ("ID", json!(null), RejectReason::MissingHeader),
            ("ID", json!(1), RejectReason::WrongType),
            ("Database", json!(null), RejectReason::MissingHeader),
            ("Rev", json!(1), RejectReason::WrongType),
            ("Is-Soft-Deleted", json!("yes"), RejectReason::WrongType),
        ] {
            let mut body = fixtures::object("conf_doc_edited.json");
            body.insert(header.to_owned(), value);
            let rejection = change_of(&Value::Object(body)).unwrap_err();
            assert_eq!(rejection.reason, reason, "{header}");
            assert!(rejection.detail.contains(header));
        }
    }
}
