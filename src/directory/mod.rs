//! What the worker reads.
//!
//! [`Directory`] is what the rest of the worker asks: it is cached, typed and cheap to clone. Below
//! it is a [`Source`]: [`CouchDb`] in a cluster, [`Folder`] for a folder of JSON. Nothing here
//! writes, and nothing here knows AMQP: whoever hears KAZOO's notices says what to forget.

mod cached;
mod category;
mod clock;
pub(crate) mod couchdb;
mod derived;
mod error;
mod folder;
mod forget;
mod heavy;
mod ids;
mod listing;
mod lists;
mod load;
mod options;
mod outage;
mod report;
mod shelf;
mod slot;
mod source;

#[cfg(test)]
mod canned;
#[cfg(test)]
mod tests;

pub use cached::Directory;
pub use category::Category;
pub use couchdb::{CouchDb, CouchDbError};
pub use derived::Settings;
pub use error::{ReadError, ReadErrorClass, Subject};
pub use folder::{Folder, FolderError};
pub use ids::{AccountId, Database};
pub use options::{DirectoryOptions, Observer};
pub use source::{Catalogue, Page, Row, Source, ViewQuery};
