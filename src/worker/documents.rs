//! The directory as the callflow room reads it.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use crate::callflow::{Documents, ExclusiveDocuments, Patterns};
use crate::directory::{AccountId, Database, Directory, ReadError};

#[async_trait]
impl Documents for Directory {
    type Error = ReadError;

    async fn document(
        &self,
        account: &AccountId,
        id: &str,
    ) -> Result<Option<Arc<Value>>, ReadError> {
        self.document(&Database::account(account), id).await
    }

    async fn callflow_by_number(
        &self,
        account: &AccountId,
        number: &str,
    ) -> Result<Option<Arc<Value>>, ReadError> {
        self.callflow_by_number(account, number).await
    }

    async fn patterns(&self, account: &AccountId) -> Result<Arc<Patterns>, ReadError> {
        self.patterns(account).await
    }

    async fn endpoint_by_sip_username(
        &self,
        account: &AccountId,
        username: &str,
    ) -> Result<Option<String>, ReadError> {
        self.endpoint_by_sip_username(account, username).await
    }
}

#[async_trait]
impl ExclusiveDocuments for Directory {
    async fn exclusive_by_number(
        &self,
        account: &AccountId,
        number: &str,
    ) -> Result<Option<Arc<Value>>, ReadError> {
        self.exclusive_by_number(account, number).await
    }

    async fn exclusive_patterns(&self, account: &AccountId) -> Result<Arc<Patterns>, ReadError> {
        self.exclusive_patterns(account).await
    }
}
