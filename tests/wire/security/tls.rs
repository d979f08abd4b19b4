//! `amqps` and `https`, to the real servers behind a relay that ends TLS.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;

use super::tap::Tap;
use crate::harness::{PATIENCE, World, tests};
use crate::scene::Scene;
use crate::worker::{DETAILED, Worker};

tests![
    both_servers_are_reached_over_tls_each_with_an_authority_of_its_own,
    an_own_authority_stands_in_for_those_of_the_system,
    a_broker_that_demands_a_certificate_gets_ours,
    a_login_by_certificate_sends_no_password,
    an_unknown_authority_or_a_foreign_name_is_refused,
    test_calls_go_over_tls_too,
];

/// An authority made for one test.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server with a certificate for this name, which may demand one of this authority.
    fn server(&self, name: &str, demanding: bool) -> Result<ServerConfig> {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(vec![name.to_owned()])?;
        let certificate = params.signed_by(&key, &self.0)?;
        let builder = ServerConfig::builder();
        let builder = if demanding {
            let mut roots = RootCertStore::empty();
            roots.add(self.0.der().clone())?;
            builder
                .with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build()?)
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok(builder.with_single_cert(vec![certificate.der().clone()], key)?)
    }

    /// A client's certificate and key as files.
    pub(super) fn client(&self, folder: &Path) -> Result<(String, String)> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "dynamic_cid");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.0)?;
        Ok((
            file(folder, "client.pem", &certificate.pem())?,
            file(folder, "client.key", &key.serialize_pem())?,
        ))
    }

    fn file(&self, folder: &TempDir, name: &str) -> Result<String> {
        file(folder.path(), name, &self.pem())
    }
}

fn file(folder: &Path, name: &str, content: &str) -> Result<String> {
    let path = folder.join(name);
    std::fs::write(&path, content)?;
    Ok(path.to_str().context("a path that is no text")?.to_owned())
}

/// A worker that reaches the broker through a tap and the database plainly.
fn with_broker(
    world: &World,
    tap: &Tap,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Result<Worker> {
    let (amqp, couchdb) = (tap.uri(&world.servers.amqp)?, &world.servers.couchdb);
    Worker::launch_in(&amqp, couchdb, DETAILED, arguments, variables)
}

async fn both_servers_are_reached_over_tls_each_with_an_authority_of_its_own(
    world: &World,
) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (ours, systems) = (Authority::new("ours")?, Authority::new("the system's")?);
    let servers = &world.servers;
    let broker = Tap::start(&servers.amqp, Some(ours.server("localhost", false)?)).await?;
    let database = Tap::start(&servers.couchdb, Some(systems.server("localhost", false)?)).await?;
    let (ca, trusted) = (ours.file(&folder, "ours.pem")?, systems.file(&folder, "system.pem")?);
    let worker = Worker::launch_in(
        &broker.uri(&servers.amqp)?,
        &database.uri(&servers.couchdb)?,
        DETAILED,
        &["--amqp-ca", &ca],
        &[("SSL_CERT_FILE", &trusted)],
    )?;
    worker.ready(PATIENCE).await?;
    let account = world.account.all_remote();
    world.load(&account).await?;
    let scene = Scene::with(world, account, worker).await?;
    scene.a_normal_call_works().await?;
    scene.end().await?;
    ensure!(!broker.heard().is_empty() && !database.heard().is_empty(), "nothing came over TLS");
    Ok(())
}

async fn an_own_authority_stands_in_for_those_of_the_system(world: &World) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (ours, systems) = (Authority::new("ours")?, Authority::new("the system's")?);
    let tap = Tap::start(&world.servers.amqp, Some(systems.server("localhost", false)?)).await?;
    let trusted = systems.file(&folder, "system.pem")?;
    let system = [("SSL_CERT_FILE", trusted.as_str())];
    let worker = with_broker(world, &tap, &[], &system)?;
    worker.ready(PATIENCE).await.context("the system's trust store")?;
    drop(worker);
    let ca = ours.file(&folder, "ours.pem")?;
    let worker = with_broker(world, &tap, &["--amqp-ca", &ca], &system)?;
    worker.says("UnknownIssuer").await?;
    ensure!(worker.get("/readyz").await?.0 == 503, "it is ready");
    Ok(())
}

async fn a_broker_that_demands_a_certificate_gets_ours(world: &World) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new("ours")?;
    let tap = Tap::start(&world.servers.amqp, Some(ours.server("localhost", true)?)).await?;
    let ca = ours.file(&folder, "ours.pem")?;
    let (cert, key) = ours.client(folder.path())?;
    let worker = with_broker(world, &tap, &["--amqp-ca", &ca], &[])?;
    worker.says("cannot connect to amqps://").await?;
    ensure!(worker.get("/readyz").await?.0 == 503, "it is ready without a certificate");
    drop(worker);
    let arguments = ["--amqp-ca", &ca, "--amqp-cert", &cert, "--amqp-key", &key];
    let worker = with_broker(world, &tap, &arguments, &[])?;
    worker.ready(PATIENCE).await
}

/// The broker itself sees no certificate here and refuses; what counts is what it is asked.
async fn a_login_by_certificate_sends_no_password(world: &World) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new("ours")?;
    let tap = Tap::start(&world.servers.amqp, Some(ours.server("localhost", true)?)).await?;
    let ca = ours.file(&folder, "ours.pem")?;
    let (cert, key) = ours.client(folder.path())?;
    let amqp = tap.uri("amqp://localhost")? + "?auth_mechanism=external";
    let arguments = ["--amqp-ca", &ca, "--amqp-cert", &cert, "--amqp-key", &key];
    let worker = Worker::launch_in(&amqp, &world.servers.couchdb, DETAILED, &arguments, &[])?;
    worker.says("cannot connect to").await?;
    let heard = tap.heard();
    ensure!(heard.iter().any(|said| said.contains("EXTERNAL")), "{heard:?}");
    // `guest` is what the library sends where an address has no user.
    ensure!(!heard.iter().any(|said| said.contains("guest")), "{heard:?}");
    Ok(())
}

async fn an_unknown_authority_or_a_foreign_name_is_refused(world: &World) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (ours, other) = (Authority::new("ours")?, Authority::new("other")?);
    let servers = &world.servers;
    let (ca, trusted) = (ours.file(&folder, "ours.pem")?, other.file(&folder, "other.pem")?);
    let tap = Tap::start(&servers.amqp, Some(ours.server("broker.example.com", false)?)).await?;
    let worker = with_broker(world, &tap, &["--amqp-ca", &ca], &[])?;
    worker.says("certificate not valid for name").await?;
    drop(worker);
    let tap = Tap::start(&servers.couchdb, Some(ours.server("localhost", false)?)).await?;
    let couchdb = tap.uri(&servers.couchdb)?;
    let variables = [("SSL_CERT_FILE", trusted.as_str())];
    let worker = Worker::launch_in(&servers.amqp, &couchdb, DETAILED, &[], &variables)?;
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        if let Ok((503, text)) = worker.get("/readyz").await
            && text.contains("UnknownIssuer")
        {
            break;
        }
        ensure!(std::time::Instant::now() < deadline, "{}", worker.last_lines());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    ensure!(tap.heard().concat().is_empty(), "something was sent: {:?}", tap.heard());
    Ok(())
}

async fn test_calls_go_over_tls_too(world: &World) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new("ours")?;
    let servers = &world.servers;
    let tap = Tap::start(&servers.amqp, Some(ours.server("localhost", true)?)).await?;
    let ca = ours.file(&folder, "ours.pem")?;
    let (cert, key) = ours.client(folder.path())?;
    let account = world.account.all_remote();
    let scene = Scene::set(world, account).await?;
    let output = tokio::process::Command::new(crate::worker::binary())
        .args(["call", "--config", "/dev/null", "--amqp-uri", &tap.uri(&servers.amqp)?])
        .args(["--couchdb-uri", &servers.couchdb, "--account", scene.account.id()])
        // Other tests were on this broker, and nobody else is.
        .args(["--from", "dev1", "--dial", "2001", "--on-live-cluster"])
        .args(["--amqp-ca", &ca, "--amqp-cert", &cert, "--amqp-key", &key])
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stdout));
    ensure!(!tap.heard().is_empty(), "it did not go over TLS");
    scene.end().await
}
