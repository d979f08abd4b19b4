//! What keeps strangers out: TLS, least permissions, secrets that stay secret, hostile ids.

pub(crate) mod couchdb_role;
pub(crate) mod hostile;
pub(crate) mod permissions;
pub(crate) mod secrets;
mod tap;
pub(crate) mod tls;
