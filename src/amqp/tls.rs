//! What `amqps` needs beyond the broker's address.

use std::{fmt, io, sync::Arc};

use lapin::tcp::{RustlsConnector, RustlsConnectorConfig};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Whom to trust and what to show. `Debug` shows neither certificates nor the key.
#[derive(Clone, Default)]
pub struct Tls {
    /// The only authorities that may vouch for a broker; `None` for those of the system.
    pub roots: Option<Vec<CertificateDer<'static>>>,
    /// Our own certificate, with those between it and the authority, and its key.
    pub identity: Option<Arc<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>>,
}

impl Tls {
    /// Made anew for each connection, so that a changed trust store of the system counts without a
    /// restart. The library's own configuration would add our authorities to the system's: each of
    /// a hundred strangers could then vouch for a broker that has an authority of its own. It also
    /// fails where the system has no trust store, as in a container.
    pub(super) fn connector(&self) -> io::Result<RustlsConnector> {
        let config = match &self.roots {
            Some(roots) => {
                let mut config = RustlsConnectorConfig::default();
                config.add_parsable_certificates(roots.clone());
                config
            }
            None => RustlsConnectorConfig::new_with_native_certs()?,
        };
        match self.identity.as_deref() {
            Some((chain, key)) => config.connector_with_single_cert(chain.clone(), key.clone_key()),
            None => config.connector_with_no_client_auth(),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("roots", &self.roots.as_ref().map(Vec::len))
            .field("identity", &self.identity.is_some())
            .finish()
    }
}
