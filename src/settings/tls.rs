//! The files for `amqps`: read and checked before anything is started with them.

use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::reference::{AMQP_CA, AMQP_CERT, AMQP_KEY, SettingDoc};
use super::resolver::Resolver;
use super::{Origin, Sourced};

/// Larger files are something else. The trust store of a whole system has about 200 KiB.
const LARGEST_FILE: u64 = 4 << 20;

/// What is needed for `amqps` beyond the system's trust store. `Debug` shows no key.
#[derive(Clone)]
pub struct AmqpTls {
    /// The file of authorities.
    pub ca: Sourced<Option<PathBuf>>,
    /// The file of our own certificate.
    pub cert: Sourced<Option<PathBuf>>,
    /// The file of its key.
    pub key: Sourced<Option<PathBuf>>,
    /// The authorities to trust in place of the system's.
    pub roots: Option<Vec<CertificateDer<'static>>>,
    /// Our own certificate, with those between it and the authority, and its key.
    pub identity: Option<Arc<Identity>>,
}

/// A certificate and its key.
pub struct Identity {
    /// Ours first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of the first.
    pub key: PrivateKeyDer<'static>,
}

impl fmt::Debug for AmqpTls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("AmqpTls")
            .field("ca", &self.ca)
            .field("cert", &self.cert)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl AmqpTls {
    /// `None` only beside a problem. All files are looked at, so that all problems are told.
    pub(super) fn load(r: &mut Resolver<'_>) -> Option<Self> {
        let (ca, roots) = given(r, &AMQP_CA, authorities);
        let (cert, chain) = given(r, &AMQP_CERT, certificates);
        let (key, private) = given(r, &AMQP_KEY, |pem| {
            PrivateKeyDer::from_pem_slice(pem).map_err(|error| of_key(&error))
        });
        match (&cert.value, &key.value) {
            (Some(path), None) => alone(r, &AMQP_CERT, &cert.origin, path, &AMQP_KEY),
            (None, Some(path)) => alone(r, &AMQP_KEY, &key.origin, path, &AMQP_CERT),
            _ => {}
        }
        let identity = match (chain.ok()?, private.ok()?) {
            (Some(chain), Some(key)) => Some(Identity { chain, key }),
            _ => None,
        };
        if let Some(Err(reason)) = identity.as_ref().map(Identity::fits) {
            r.problem(&AMQP_KEY, &key.origin, &shown(key.value.as_ref()), reason);
        }
        Some(Self { ca, cert, key, roots: roots.ok()?, identity: identity.map(Arc::new) })
    }

    /// Whether any of it was given.
    pub(super) fn is_given(&self) -> bool {
        self.roots.is_some() || self.identity.is_some()
    }
}

impl Identity {
    /// Whether the key is the certificate's, by the eyes of the library that will use both.
    fn fits(&self) -> Result<(), String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(RootCertStore::empty())
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())
            .map(drop)
            .map_err(|error| {
                let cert = AMQP_CERT.name;
                format!("it is not a key that goes with {cert} ({error}); give the two that were made together")
            })
    }
}

/// There is a problem, and it has been noted.
struct Noted;

/// A setting's path, and what the file holds; nothing where no path is given.
fn given<T>(
    r: &mut Resolver<'_>,
    setting: &SettingDoc,
    understand: impl Fn(&[u8]) -> Result<T, String>,
) -> (Sourced<Option<PathBuf>>, Result<Option<T>, Noted>) {
    let Some(path) = r.text(setting) else {
        return (Sourced::new(None, Origin::Default), Ok(None));
    };
    let Sourced { value: text, origin } = path;
    let path = PathBuf::from(text.trim());
    let content = read(&path).and_then(|(pem, about)| {
        if setting.name == AMQP_KEY.name && about.mode() & 0o004 != 0 {
            r.notices.push(format!(
                "{} ({}) can be read by every user of this machine; take that away with chmod o-r",
                setting.name,
                path.display()
            ));
        }
        understand(&pem)
    });
    let content = match content {
        Ok(content) => Ok(Some(content)),
        Err(reason) => {
            r.problem(setting, &origin, &text, reason);
            Err(Noted)
        }
    };
    (Sourced::new(Some(path), origin), content)
}

fn read(path: &std::path::Path) -> Result<(Vec<u8>, Metadata), String> {
    let unreadable = |error: std::io::Error| {
        format!(
            "the file cannot be read ({error}); correct the path, or let this worker's user read it"
        )
    };
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if about.len() > LARGEST_FILE {
        return Err(format!("the file is larger than {LARGEST_FILE} bytes; it is no PEM file"));
    }
    Ok((std::fs::read(path).map_err(unreadable)?, about))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| format!("the file is not PEM ({error})"))?;
    if found.is_empty() {
        return Err("there is no `-----BEGIN CERTIFICATE-----` in the file; give it as PEM \
                    (`openssl x509 -inform der` makes PEM of DER)"
            .to_owned());
    }
    Ok(found)
}

fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = certificates(pem)?;
    let mut store = RootCertStore::empty();
    for certificate in &found {
        store
            .add(certificate.clone())
            .map_err(|error| format!("a certificate in the file is broken ({error})"))?;
    }
    Ok(found)
}

/// The library's words for a missing section do not say what is wrong with the file.
fn of_key(error: &PemError) -> String {
    match error {
        PemError::NoItemsFound => "there is no private key in the file that can be used; give it \
                                   as PEM without a passphrase (`openssl pkey -in KEY -out FILE`)"
            .to_owned(),
        other => format!("the file is not PEM ({other})"),
    }
}

fn alone(
    r: &mut Resolver<'_>,
    setting: &SettingDoc,
    origin: &Origin,
    path: &std::path::Path,
    other: &SettingDoc,
) {
    let reason = format!("it is of no use without {}; give both or none", other.name);
    r.problem(setting, origin, &path.display().to_string(), reason);
}

fn shown(path: Option<&PathBuf>) -> String {
    path.map(|path| path.display().to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
