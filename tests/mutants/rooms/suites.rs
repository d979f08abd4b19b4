//! What the suites of `tests/mutants/run` use, all rooms in one.
#![allow(dead_code, missing_docs)]

pub mod amqp {
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Outgoing<'a> {
        pub exchange: &'a str,
        pub routing_key: &'a str,
        pub deliver_to_pid: Option<&'a str>,
        pub body: Vec<u8>,
        pub mandatory: bool,
        pub persistent: bool,
    }
}
pub mod call;
pub mod callflow;
/// All but CouchDB.
pub mod directory {
    mod cached;
    mod category;
    mod clock;
    mod derived;
    mod error;
    mod folder;
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

    pub use cached::Directory;
    pub use category::Category;
    pub use error::{ReadError, ReadErrorClass, Subject};
    pub use folder::{Folder, FolderError};
    pub use ids::{AccountId, Database};
    pub use options::{DirectoryOptions, Observer};
    pub use source::{Catalogue, Page, Row, Source, ViewQuery};
}
pub mod dynamic_cid;
pub mod json;
pub mod kapi;
pub mod numbers;
pub mod pattern;
pub mod simulation;
pub mod worker {
    pub mod answer;
    pub mod call_control;
    /// What handing back asks of a conversation.
    pub(crate) mod conversation {
        pub(crate) struct Session {
            pub(crate) identity: crate::kapi::Identity,
        }
        pub(crate) struct Conversation<'a> {
            pub(crate) call_id: String,
            pub(crate) session: &'a Session,
        }
    }
    mod documents;
    pub mod route {
        pub mod hand_back;
    }
}
