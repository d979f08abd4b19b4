//! Passwords that stand in every place where one can stand, and appear nowhere.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use tokio::process::Command;
use url::Url;

use super::tls::Authority;
use crate::harness::{PATIENCE, World, tests};
use crate::relay::Relay;
use crate::scene::Scene;
use crate::worker::{Worker, binary};

tests![no_output_shows_a_credential, no_problem_and_no_help_shows_a_credential,];

/// Of a user that the first test makes; where it cannot, the broker's own password is too plain to
/// be looked for.
const USER: &str = "secrets_test";
const BROKER_SECRET: &str = "S3cretOfTheBroker";
/// Everything that can be said, and what is kept quiet where nobody names it.
const LOUD: [&str; 2] = ["trace", "trace,lapin=trace,amq_protocol=trace"];

struct Secrets(Vec<String>);

impl Secrets {
    /// The passwords of these addresses, as written and as they go over the wire.
    fn of(uris: &[&str]) -> Result<Self> {
        let mut secrets = Vec::new();
        for uri in uris {
            let url = Url::parse(uri)?;
            let password = url.password().context("an address without a password")?;
            let pair = format!("{}:{password}", url.username());
            secrets.push(base64::engine::general_purpose::STANDARD.encode(pair));
            // The broker may be asked with a password that is a word of every log.
            if password != "guest" {
                secrets.push(password.to_owned());
                // As a library prints what it takes for bytes.
                let bytes: Vec<_> = password.bytes().map(|byte| byte.to_string()).collect();
                secrets.push(bytes.join(", "));
            }
        }
        Ok(Self(secrets))
    }

    fn are_not_in(&self, what: &str, text: &str) -> Result<()> {
        for secret in &self.0 {
            ensure!(!text.contains(secret.as_str()), "{what} shows `{secret}`:\n{text}");
        }
        Ok(())
    }
}

fn write(folder: &Path, name: &str, content: &str) -> Result<String> {
    let path = folder.join(name);
    std::fs::write(&path, content)?;
    Ok(path.display().to_string())
}

/// One way of telling the worker where its servers are.
struct Told {
    arguments: Vec<String>,
    variables: Vec<(&'static str, String)>,
}

fn ways(folder: &Path, amqp: &str, couchdb: &str) -> Result<Vec<Told>> {
    let none = || vec!["--config".to_owned(), "/dev/null".to_owned()];
    let url = Url::parse(couchdb)?;
    let (user, password) = (url.username(), url.password().unwrap_or_default());
    let port = url.port().context("a port")?;
    let bare = format!("http://127.0.0.1:{port}");
    let own = format!("[dynamic_cid]\namqp_uri = \"{amqp}\"\ncouchdb_uri = \"{couchdb}\"\n");
    let kazoo = format!(
        "[zone]\nname = local\namqp_uri = \"{amqp}\"\n\n[bigcouch]\nip = 127.0.0.1\n\
         port = {port}\nusername = \"{user}\"\npassword = \"{password}\"\n"
    );
    let ini = |name: &str, text: &str| -> Result<Told> {
        let arguments = vec!["--config".to_owned(), write(folder, name, text)?];
        Ok(Told { arguments, variables: Vec::new() })
    };
    let file = |name: &str, text: &str| write(folder, name, &format!("{text}\n"));
    let flags = ["--amqp-uri", amqp, "--couchdb-uri", couchdb].map(str::to_owned);
    Ok(vec![
        Told { arguments: [none(), flags.to_vec()].concat(), variables: Vec::new() },
        Told {
            arguments: none(),
            variables: vec![
                ("KAZOO_DYNAMIC_CID_AMQP_URI", amqp.to_owned()),
                ("KAZOO_DYNAMIC_CID_COUCHDB_URI", bare.clone()),
                ("KAZOO_DYNAMIC_CID_COUCHDB_USERNAME", user.to_owned()),
                ("KAZOO_DYNAMIC_CID_COUCHDB_PASSWORD", password.to_owned()),
            ],
        },
        Told {
            arguments: none(),
            variables: vec![
                ("KAZOO_DYNAMIC_CID_AMQP_URI_FILE", file("amqp", amqp)?),
                ("KAZOO_DYNAMIC_CID_COUCHDB_URI_FILE", file("couchdb", &bare)?),
                ("KAZOO_DYNAMIC_CID_COUCHDB_USERNAME_FILE", file("user", user)?),
                ("KAZOO_DYNAMIC_CID_COUCHDB_PASSWORD_FILE", file("password", password)?),
            ],
        },
        ini("own.ini", &own)?,
        ini("kazoo.ini", &kazoo)?,
    ])
}

/// The broker's address with a password that can be looked for.
fn broker(world: &World) -> Result<String> {
    let servers = &world.servers;
    servers.broker_ctl(&["delete_user", USER]).ok();
    if servers.broker_ctl(&["add_user", USER, BROKER_SECRET])?.is_none() {
        println!("        the broker's own user is taken, for none can be made on it");
        return Ok(servers.amqp.clone());
    }
    servers.broker_ctl(&["set_permissions", USER, ".*", ".*", ".*"])?;
    let mut url = Url::parse(&servers.amqp)?;
    url.set_username(USER).ok();
    url.set_password(Some(BROKER_SECRET)).ok();
    Ok(url.to_string())
}

async fn no_output_shows_a_credential(world: &World) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let amqp = broker(world)?;
    let (to_broker, to_database) =
        (Relay::closed(&amqp).await?, Relay::closed(&world.servers.couchdb).await?);
    let (amqp, couchdb) = (to_broker.uri(&amqp)?, to_database.uri(&world.servers.couchdb)?);
    let secrets = Secrets::of(&[&amqp, &couchdb])?;
    let account = world.account.all_remote();
    world.load(&account).await?;
    for (number, told) in ways(folder.path(), &amqp, &couchdb)?.into_iter().enumerate() {
        to_broker.open().await?;
        to_database.open().await?;
        let arguments: Vec<_> = told.arguments.iter().map(String::as_str).collect();
        let variables: Vec<_> =
            told.variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let worker = Worker::spawn(&arguments, LOUD[number % 2], &variables)?;
        worker.ready(PATIENCE).await.with_context(|| format!("way {number}"))?;
        let scene = Scene::with(world, account.clone(), worker).await?;
        scene.a_normal_call_works().await?;
        let Scene { worker, kazoo, .. } = scene;
        to_broker.close();
        to_database.close();
        worker.says("cannot connect to amqp://").await?;
        for path in ["/healthz", "/readyz", "/metrics", "/", "/state", "/settings"] {
            let (_, text) = worker.get(path).await?;
            secrets.are_not_in(path, &text)?;
        }
        // Or the log would have been looked through for nothing.
        ensure!(worker.said("\"level\":\"TRACE\""), "the log is not detailed");
        secrets.are_not_in(&format!("the log of way {number}"), &worker.all_lines())?;
        worker.kill()?;
        kazoo.close().await;
    }
    world.servers.broker_ctl(&["delete_user", USER]).map(drop)
}

/// What a run of the program with these arguments prints, and how it ends.
async fn printed(arguments: &[&str], variables: &[(&str, &str)]) -> Result<(Option<i32>, String)> {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KAZOO_")) {
        command.env_remove(name);
    }
    let output = command.args(arguments).envs(variables.iter().copied()).output().await?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8_lossy(&text).into_owned()))
}

async fn no_problem_and_no_help_shows_a_credential(_world: &World) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let secrets = Secrets(vec!["S3cret".to_owned()]);
    let ini = write(
        folder.path(),
        "config.ini",
        "[zone]\nname = local\namqp_uri = \"amqp://u:S3cret@host/a/b\"\n[bigcouch]\nip = host\n\
         port = none\npassword = S3cret\n[dynamic_cid]\ncouchdb_password = S3cret\n",
    )?;
    let wrong = write(folder.path(), "file", "amqp://u:S3cret@host/a/b\n")?;
    let (cert, key) = Authority::new("ours")?.client(folder.path())?;
    let lines = std::fs::read_to_string(&key)?;
    let key_line = Secrets(vec![lines.lines().nth(1).context("a key")?.to_owned()]);
    let good = [
        ("KAZOO_DYNAMIC_CID_AMQP_URI", "amqp://u:S3cret@127.0.0.1:1"),
        ("KAZOO_DYNAMIC_CID_COUCHDB_PASSWORD", "S3cret"),
    ];
    for (arguments, variables, code) in [
        (&["--help"][..], &good[..], Some(0)),
        (&["run", "--help"], &good, Some(0)),
        (&["run", "-h"], &good, Some(0)),
        (&["run", "--amqp-uri", "amqp://u:S3cret@host/a/b"], &[], Some(64)),
        (&["run", "--amqp-uri", "u:S3cret@host"], &[], Some(64)),
        (&["run", "--couchdb-uri", "http://u:S3cret@host/path"], &[], Some(64)),
        (&["run", "--config", "/dev/null"], &[good[1]], Some(64)),
        (&["run", "--config", &ini], &[], Some(64)),
        (
            &["run", "--config", "/dev/null"],
            &[("KAZOO_DYNAMIC_CID_AMQP_URI_FILE", &wrong)],
            Some(64),
        ),
        (&["run", "--zone", "a b"], &good, Some(64)),
        (&["run", "--amqp-ca", &key], &[], Some(64)),
        (&["run", "--amqp-cert", &cert, "--amqp-key", &cert], &[], Some(64)),
        (&["run", "--amqp-cert", &key, "--amqp-key", &key], &[], Some(64)),
        (&["run", "--amqp-key", &key], &[], Some(64)),
    ] {
        let (ended, text) = printed(arguments, variables).await?;
        ensure!(ended == code, "{arguments:?} ended with {ended:?}:\n{text}");
        secrets.are_not_in(&format!("{arguments:?}"), &text)?;
        key_line.are_not_in(&format!("{arguments:?}"), &text)?;
    }
    Ok(())
}
