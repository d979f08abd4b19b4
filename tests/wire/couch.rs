//! Documents into CouchDB, over plain HTTP.
//!
//! Works with Apache CouchDB and with pouchdb-server, which drops `/` in database names, cares for
//! the revision in a document's body only, and dies of a database created without credentials.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use kazoo_dynamic_cid::json::Object;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

/// A CouchDB server.
#[derive(Clone)]
pub(crate) struct Couch {
    client: Client,
    base: String,
    user: String,
    password: String,
}

impl Couch {
    /// Takes the credentials out of the URI.
    pub(crate) fn new(uri: &str) -> Result<Self> {
        let mut url = Url::parse(uri).with_context(|| "the CouchDB URI")?;
        let plain = |text: &str| {
            percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
        };
        let (user, password) = (plain(url.username()), plain(url.password().unwrap_or_default()));
        if url.set_username("").is_err() || url.set_password(None).is_err() {
            bail!("a CouchDB URI without a host");
        }
        let base = url.as_str().trim_end_matches('/').to_owned();
        let client = Client::builder().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { client, base, user, password })
    }

    /// Whether this is Apache's server, which has users and roles.
    pub(crate) async fn is_apache(&self) -> Result<bool> {
        let root = self.send(Method::GET, "", None).await?.good()?;
        Ok(root["couchdb"] == "Welcome"
            && root["vendor"]["name"] == "The Apache Software Foundation")
    }

    /// One request; its status.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<StatusCode> {
        Ok(self.send(method, path, body).await?.status)
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer> {
        let mut request = self
            .client
            .request(method.clone(), format!("{}/{path}", self.base))
            .basic_auth(&self.user, Some(&self.password))
            .header("Accept", "application/json");
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        let response = request.send().await.with_context(|| format!("CouchDB: {method} {path}"))?;
        let status = response.status();
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer { what: format!("{method} {path}"), status, body })
    }

    /// Creates a database where it is missing.
    pub(crate) async fn create(&self, database: &str) -> Result<()> {
        let answer = self.send(Method::PUT, &encoded(database), None).await?;
        if answer.status == StatusCode::PRECONDITION_FAILED {
            return Ok(());
        }
        answer.good().map(drop)
    }

    /// Makes a database hold exactly these documents, besides its design documents.
    pub(crate) async fn replace(&self, database: &str, documents: &[Value]) -> Result<()> {
        self.create(database).await?;
        let stored = self.stored(database).await?;
        let mut update = Vec::new();
        for (id, (revision, document)) in &stored {
            if !id.starts_with("_design/") && !documents.iter().any(|new| new["_id"] == **id) {
                update.push(json!({"_id": id, "_rev": revision, "_deleted": true}));
            } else if let Some(new) = documents.iter().find(|new| new["_id"] == **id)
                && without_revision(document) != *new
            {
                update.push(with_revision(new, revision));
            }
        }
        let known = |new: &&Value| stored.contains_key(new["_id"].as_str().unwrap_or_default());
        update.extend(documents.iter().filter(|new| !known(new)).cloned());
        self.bulk(database, update).await
    }

    /// Writes one document over whatever is there.
    pub(crate) async fn put(&self, database: &str, document: &Value) -> Result<()> {
        self.create(database).await?;
        let stored = self.stored(database).await?;
        let id = document["_id"].as_str().context("a document without _id")?;
        let update = match stored.get(id) {
            Some((_, same)) if without_revision(same) == *document => return Ok(()),
            Some((revision, _)) => with_revision(document, revision),
            None => document.clone(),
        };
        self.bulk(database, vec![update]).await
    }

    /// Removes one document, design documents included, where it is there.
    pub(crate) async fn remove(&self, database: &str, id: &str) -> Result<()> {
        let Some((revision, _)) = self.stored(database).await?.remove(id) else { return Ok(()) };
        self.bulk(database, vec![json!({"_id": id, "_rev": revision, "_deleted": true})]).await
    }

    /// Asks a view, so that its index is built.
    pub(crate) async fn warm(&self, database: &str, design: &str, view: &str) -> Result<()> {
        let path = format!("{}/_design/{design}/_view/{view}?limit=1", encoded(database));
        self.send(Method::GET, &path, None).await?.good().map(drop)
    }

    /// Every document with its revision, by id.
    pub(crate) async fn stored(
        &self,
        database: &str,
    ) -> Result<std::collections::BTreeMap<String, (String, Value)>> {
        let path = format!("{}/_all_docs?include_docs=true", encoded(database));
        let body = self.send(Method::GET, &path, None).await?.good()?;
        let rows = body["rows"].as_array().context("_all_docs without rows")?;
        let row = |row: &Value| {
            let id = row["id"].as_str()?.to_owned();
            Some((id, (row["value"]["rev"].as_str()?.to_owned(), row["doc"].clone())))
        };
        Ok(rows.iter().filter_map(row).collect())
    }

    async fn bulk(&self, database: &str, documents: Vec<Value>) -> Result<()> {
        if documents.is_empty() {
            return Ok(());
        }
        let path = format!("{}/_bulk_docs", encoded(database));
        let body = json!({ "docs": documents });
        let answer = self.send(Method::POST, &path, Some(&body)).await?.good()?;
        let refused: Vec<_> = answer
            .as_array()
            .into_iter()
            .flatten()
            .filter(|row| row.get("error").is_some())
            .collect();
        if refused.is_empty() { Ok(()) } else { bail!("{database}: {refused:?}") }
    }
}

struct Answer {
    what: String,
    status: StatusCode,
    body: Value,
}

impl Answer {
    fn good(self) -> Result<Value> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        bail!("CouchDB: {} answered {}: {}", self.what, self.status, self.body)
    }
}

/// A database's name in a path.
pub(crate) fn encoded(database: &str) -> String {
    database.replace('/', "%2F").replace('+', "%2B")
}

fn without_revision(document: &Value) -> Value {
    let members = document.as_object().cloned().unwrap_or_default();
    members.into_iter().filter(|(key, _)| key != "_rev").collect::<Object>().into()
}

fn with_revision(document: &Value, revision: &str) -> Value {
    let mut document = document.clone();
    document["_rev"] = revision.into();
    document
}
