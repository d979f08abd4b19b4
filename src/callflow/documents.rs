//! What this room reads, as a trait: the rules here run over CouchDB, over a folder of JSON files
//! and over a map in a test alike.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::{AccountId, Patterns};

/// An account's documents as KAZOO's `open_cache_doc` gives them: soft-deleted ones are `None`.
#[async_trait]
pub trait Documents: Send + Sync {
    /// Why something could not be read. Absence is no error.
    type Error: std::error::Error + Send + Sync + 'static;

    /// One document of the account's database.
    async fn document(
        &self,
        account: &AccountId,
        id: &str,
    ) -> Result<Option<Arc<Value>>, Self::Error>;

    /// The document of the first row that `callflows/listing_by_number` has for a number.
    async fn callflow_by_number(
        &self,
        account: &AccountId,
        number: &str,
    ) -> Result<Option<Arc<Value>>, Self::Error>;

    /// The rows of `callflows/listing_by_pattern`, compiled.
    async fn patterns(&self, account: &AccountId) -> Result<Arc<Patterns>, Self::Error>;

    /// The endpoint that registers with a SIP username: the document of the only row that
    /// `attributes/sip_username` has for it. Several rows count as none.
    async fn endpoint_by_sip_username(
        &self,
        account: &AccountId,
        username: &str,
    ) -> Result<Option<String>, Self::Error>;

    /// A callflow by its id. KAZOO does not look at `pvt_type` when it opens one.
    async fn callflow(
        &self,
        account: &AccountId,
        id: &str,
    ) -> Result<Option<Arc<Value>>, Self::Error> {
        self.document(account, id).await
    }

    /// The account's own document, which lies in its database under the account's id.
    async fn account(&self, account: &AccountId) -> Result<Option<Arc<Value>>, Self::Error> {
        self.document(account, account.as_str()).await
    }
}

/// What only we answer to: numbers and patterns under our own key of callflows, where KAZOO does
/// not look. An account that has not been set up for it has none, which is no error.
#[async_trait]
pub trait ExclusiveDocuments: Documents {
    /// The document of the first row that our view has for a number.
    async fn exclusive_by_number(
        &self,
        account: &AccountId,
        number: &str,
    ) -> Result<Option<Arc<Value>>, Self::Error>;

    /// The rows of our view of patterns, compiled.
    async fn exclusive_patterns(&self, account: &AccountId) -> Result<Arc<Patterns>, Self::Error>;
}
