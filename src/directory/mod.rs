//! What the worker reads.
//!
//! [`Directory`] is what the rest of the worker asks: it is cached, typed and cheap to clone. Below
//! it is a [`Source`]: [`CouchDb`] in a cluster, [`Folder`] for a folder of JSON. Nothing here
//! writes, and nothing here knows AMQP: whoever hears KAZOO's notices says what to forget.

mod couchdb;
mod error;
mod folder;
mod heavy;
mod ids;
mod source;

#[cfg(test)]
mod canned;

pub use couchdb::{CouchDb, CouchDbError};
pub use error::{ReadError, ReadErrorClass, Subject};
pub use folder::{Folder, FolderError};
pub use ids::{AccountId, Database};
pub use source::{Row, Source, ViewQuery};
