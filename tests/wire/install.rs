//! `install` and `uninstall` over real servers.

pub(crate) mod refused;

use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use kazoo_dynamic_cid::schema;
use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use crate::couch::Couch;
use crate::harness::{PATIENCE, World, tests};
use crate::kazoo::Kazoo;
use crate::scene::Scene;
use crate::worker::binary;

tests![
    what_is_missing_is_put_and_a_second_run_changes_nothing,
    a_dry_run_shows_a_diff_and_writes_nothing,
    what_an_operator_wrote_stays,
    kazoo_hears_of_every_write,
    where_kazoo_cannot_be_told_the_commands_are_printed,
    an_account_gets_its_view_and_loses_it_again,
    what_was_changed_stays_when_the_rest_is_removed,
    a_worker_uses_what_was_put_without_a_restart,
    a_lock_of_kazoos_keeps_the_settings_as_they_are,
];

const CONFIG: &str = "system_config";
const SCHEMAS: &str = "system_schemas";
const ID: &str = "callflow.dynamic_cid";

/// Neither settings nor schemas.
pub(crate) async fn empty(world: &World) -> Result<()> {
    world.couch.replace(CONFIG, &[]).await?;
    world.couch.replace(SCHEMAS, &[]).await
}

/// As the other tests expect it.
pub(crate) async fn restore(world: &World) -> Result<()> {
    world.couch.replace(SCHEMAS, &[]).await?;
    world.load(&world.account).await
}

/// Runs the binary with these servers, and what it printed on both outputs.
pub(crate) async fn run(
    world: &World,
    couchdb: &str,
    amqp: &str,
    line: &[&str],
) -> Result<(Output, String)> {
    run_with(world, "/dev/null", couchdb, amqp, line).await
}

/// The same with a `config.ini`.
async fn run_with(
    world: &World,
    config: &str,
    couchdb: &str,
    amqp: &str,
    line: &[&str],
) -> Result<(Output, String)> {
    let mut command = Command::new(binary());
    let inherited = std::env::vars().map(|(name, _)| name);
    for name in inherited.filter(|name| name.starts_with("KAZOO_")) {
        command.env_remove(name);
    }
    command
        .args(line)
        .args(["--config", config, "--node", "install@test.example.com"])
        .args(["--couchdb-uri", couchdb, "--amqp-uri", amqp])
        .env("RUST_LOG", "info")
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    let said = said.join("\n");
    let password = Url::parse(&world.servers.couchdb)?.password().map(str::to_owned);
    ensure!(password.is_none_or(|it| it.len() < 6 || !said.contains(&it)), "a password in {said}");
    Ok((output, said))
}

async fn ours(world: &World, line: &[&str]) -> Result<String> {
    let (output, said) = run(world, &world.servers.couchdb, &world.servers.amqp, line).await?;
    ensure!(output.status.success(), "{line:?} ended with {}:\n{said}", output.status);
    Ok(said)
}

async fn revision(couch: &Couch, database: &str, id: &str) -> Result<(String, Value)> {
    couch.stored(database).await?.remove(id).with_context(|| format!("no {database}/{id}"))
}

async fn settings(world: &World) -> Result<(String, Value)> {
    revision(&world.couch, CONFIG, ID).await
}

fn schemas() -> usize {
    schema::documents().count()
}

async fn what_is_missing_is_put_and_a_second_run_changes_nothing(world: &World) -> Result<()> {
    empty(world).await?;
    let said = ours(world, &["install"]).await?;
    ensure!(said.contains(&format!("{} documents written, 0 have", schemas() + 1)), "{said}");
    let (first, document) = settings(world).await?;
    ensure!(document["default"]["worker"]["preset"] == "recommended", "{document}");
    ensure!(document["pvt_type"] == "config", "{document}");
    let stored = world.couch.stored(SCHEMAS).await?;
    ensure!(stored.len() == schemas(), "{} schemas", stored.len());
    let said = ours(world, &["install"]).await?;
    ensure!(said.contains(&format!("0 documents written, {} have", schemas() + 1)), "{said}");
    ensure!(settings(world).await?.0 == first, "written again");
    // Nothing but what was put is gone, and with it everything.
    let said = ours(world, &["uninstall"]).await?;
    ensure!(said.contains("callflow.dynamic_cid: removed"), "{said}");
    for database in [CONFIG, SCHEMAS] {
        let left = world.couch.stored(database).await?;
        ensure!(left.is_empty(), "{database}: {:?}", left.keys());
    }
    let said = ours(world, &["uninstall"]).await?;
    ensure!(
        said.contains(&format!("0 documents removed or changed, {} have", schemas() + 1)),
        "{said}"
    );
    restore(world).await
}

async fn a_dry_run_shows_a_diff_and_writes_nothing(world: &World) -> Result<()> {
    empty(world).await?;
    let operators = json!({"_id": ID, "default": {"max_digits": 7}, "pvt_type": "config"});
    world.couch.put(CONFIG, &operators).await?;
    let before = settings(world).await?;
    let said = ours(world, &["install", "--dry-run"]).await?;
    for line in [
        "--- system_config/callflow.dynamic_cid",
        "+++ system_config/callflow.dynamic_cid",
        "+    \"min_digits\": 10,",
        "--- /dev/null",
        "+++ system_schemas/callflows.dynamic_cid",
        "Nothing was written.",
    ] {
        ensure!(said.lines().any(|each| each == line), "{line} in\n{said}");
    }
    ensure!(settings(world).await? == before && world.couch.stored(SCHEMAS).await?.is_empty());
    ours(world, &["install"]).await?;
    let before = settings(world).await?;
    let said = ours(world, &["uninstall", "--dry-run"]).await?;
    ensure!(said.contains("-    \"min_digits\": 10,") && said.contains("+++ /dev/null"), "{said}");
    ensure!(settings(world).await? == before, "a rehearsal has written");
    restore(world).await
}

async fn what_an_operator_wrote_stays(world: &World) -> Result<()> {
    empty(world).await?;
    let operators = json!({
        "_id": ID, "default": {"max_digits": 7, "worker": {"preset": "kazoo"}},
        "east": {"min_digits": 3}, "pvt_type": "config", "pvt_created": 63_000_000_000_u64,
    });
    world.couch.put(CONFIG, &operators).await?;
    let theirs = json!({"_id": "callflows.dynamic_cid", "type": "object", "title": "KAZOO's own"});
    world.couch.put(SCHEMAS, &theirs).await?;
    let said = ours(world, &["install"]).await?;
    ensure!(
        said.contains("system_schemas/callflows.dynamic_cid: the cluster's own stays"),
        "{said}"
    );
    let (_, after) = settings(world).await?;
    for place in ["/default/max_digits", "/default/worker", "/east", "/pvt_created"] {
        ensure!(after.pointer(place) == operators.pointer(place), "{place} in {after}");
    }
    ensure!(after["default"]["min_digits"] == 10, "{after}");
    ours(world, &["uninstall"]).await?;
    let (_, after) = settings(world).await?;
    for key in ["default", "east"] {
        ensure!(after[key] == operators[key], "{after}");
    }
    let (_, schema) = revision(&world.couch, SCHEMAS, "callflows.dynamic_cid").await?;
    ensure!(schema["title"] == "KAZOO's own", "{schema}");
    restore(world).await
}

async fn kazoo_hears_of_every_write(world: &World) -> Result<()> {
    empty(world).await?;
    let kazoo = Kazoo::connect(&world.servers.amqp).await?;
    let mut heard = kazoo.listen("install-test", &[("configuration", "#")]).await?;
    for (line, event) in [
        (&["install"][..], "doc_created"),
        (&["uninstall"], "doc_deleted"),
        (&["install", "--no-announce"], ""),
    ] {
        let said = ours(world, line).await?;
        if event.is_empty() {
            ensure!(said.contains("    sup kapps_config flush callflow.dynamic_cid\n"), "{said}");
            ensure!(heard.try_recv().is_err(), "told although --no-announce");
            continue;
        }
        ensure!(said.contains(&format!("KAZOO was told: {} notices", schemas() + 1)), "{said}");
        let mut ids = Vec::new();
        for _ in 0..=schemas() {
            let message = timeout(PATIENCE, heard.recv()).await?.context("no notice")?;
            ensure!(message.text("Event-Name") == event, "{message:?}");
            ensure!(message.content_type.as_deref() == Some("application/json"), "{message:?}");
            ids.push(format!("{}/{}", message.text("Database"), message.text("ID")));
        }
        ensure!(ids.contains(&format!("{CONFIG}/{ID}")), "{ids:?}");
    }
    kazoo.close().await;
    restore(world).await
}

async fn where_kazoo_cannot_be_told_the_commands_are_printed(world: &World) -> Result<()> {
    const USER: &str = "dynamic_cid_install";
    empty(world).await?;
    Kazoo::connect(&world.servers.amqp).await?.close().await;
    let commands = "    sup kapps_config flush callflow.dynamic_cid\n";
    // A broker that is not there.
    let (output, said) =
        run(world, &world.servers.couchdb, "amqp://guest:guest@127.0.0.1:1", &["install"]).await?;
    ensure!(output.status.success() && said.contains(commands), "{said}");
    ensure!(said.contains("KAZOO could not be told: cannot connect"), "{said}");
    let servers = &world.servers;
    servers.broker_ctl(&["delete_user", USER]).ok();
    if servers.broker_ctl(&["add_user", USER, "only-for-this-test"])?.is_some() {
        empty(world).await?;
        servers.broker_ctl(&["set_permissions", USER, "^$", "^kapps$", "^$"])?;
        let mut url = Url::parse(&servers.amqp)?;
        url.set_username(USER).ok();
        url.set_password(Some("only-for-this-test")).ok();
        let (output, said) = run(world, &servers.couchdb, url.as_str(), &["install"]).await?;
        ensure!(output.status.success() && said.contains(commands), "{said}");
        ensure!(said.contains("ACCESS_REFUSED") && said.contains("set_permissions"), "{said}");
        servers.broker_ctl(&["delete_user", USER])?;
    }
    restore(world).await
}

async fn an_account_gets_its_view_and_loses_it_again(world: &World) -> Result<()> {
    const DESIGN: &str = "_design/kazoo_dynamic_cid";
    let account = "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";
    let database = format!("account/ee/ee/{}", &account[4..]);
    world.couch.create(&database).await?;
    world.couch.replace(&database, &[]).await?;
    ours(world, &["install", "--account", account]).await?;
    let callflow = json!({"_id": "c", "pvt_type": "callflow",
                          "kazoo_dynamic_cid": {"patterns": ["^\\*2$"]}});
    world.couch.put(&database, &callflow).await?;
    for view in ["numbers", "patterns"] {
        world.couch.warm(&database, "kazoo_dynamic_cid", view).await?;
    }
    ours(world, &["uninstall", "--account", account]).await?;
    ensure!(!world.couch.stored(&database).await?.contains_key(DESIGN), "it is still there");
    restore(world).await
}

async fn what_was_changed_stays_when_the_rest_is_removed(world: &World) -> Result<()> {
    empty(world).await?;
    ours(world, &["install"]).await?;
    let (_, mut document) = settings(world).await?;
    document["default"]["max_digits"] = json!(12);
    if let Some(members) = document.as_object_mut() {
        members.remove("_rev");
    }
    world.couch.put(CONFIG, &document).await?;
    let said = ours(world, &["uninstall"]).await?;
    ensure!(said.contains("changed since and kept: /default/max_digits"), "{said}");
    let (_, document) = settings(world).await?;
    ensure!(document["default"] == json!({"max_digits": 12}), "{document}");
    restore(world).await
}

/// The worker keeps settings for a minute, unless it is told.
async fn a_worker_uses_what_was_put_without_a_restart(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    scene.a_normal_call_works().await?;
    let documents = scene.account.configuration.iter();
    let others: Vec<Value> = documents.filter(|document| document["_id"] != ID).cloned().collect();
    world.couch.replace(CONFIG, &others).await?;
    ensure!(!scene.worker.said(ID), "the worker speaks of the document before it was told");
    ours(world, &["install"]).await?;
    scene.worker.says(ID).await?;
    scene.a_normal_call_works().await?;
    scene.end().await?;
    restore(world).await
}

/// `lock_system_config`: KAZOO writes nothing into `system_config` then.
async fn a_lock_of_kazoos_keeps_the_settings_as_they_are(world: &World) -> Result<()> {
    empty(world).await?;
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("config.ini");
    std::fs::write(&config, "[kazoo_apps]\nlock_system_config = true\n")?;
    let config = config.display().to_string();
    let (couchdb, amqp) = (&world.servers.couchdb, &world.servers.amqp);
    for line in [&["install", "--dry-run"][..], &["install"]] {
        let (output, said) = run_with(world, &config, couchdb, amqp, line).await?;
        ensure!(output.status.code() == Some(1), "{line:?} ended with {}", output.status);
        for words in ["callflow.dynamic_cid: locked, not put", &config, "--even-if-locked"] {
            ensure!(said.contains(words), "{words} in\n{said}");
        }
    }
    // The lock is on the settings alone.
    ensure!(world.couch.stored(CONFIG).await?.is_empty(), "written over the lock");
    ensure!(world.couch.stored(SCHEMAS).await?.len() == schemas(), "schemas are not locked");
    let line = ["install", "--even-if-locked"];
    let (output, said) = run_with(world, &config, couchdb, amqp, &line).await?;
    ensure!(output.status.success() && said.contains("callflow.dynamic_cid: put"), "{said}");
    // Nothing is to be done, so that nothing is held back.
    let (output, said) = run_with(world, &config, couchdb, amqp, &["install"]).await?;
    ensure!(output.status.success() && !said.contains("locked"), "{said}");
    let before = settings(world).await?;
    let (output, said) = run_with(world, &config, couchdb, amqp, &["uninstall"]).await?;
    ensure!(output.status.code() == Some(1), "{said}");
    ensure!(said.contains("callflow.dynamic_cid: locked, not removed"), "{said}");
    ensure!(settings(world).await? == before, "removed over the lock");
    ensure!(world.couch.stored(SCHEMAS).await?.is_empty(), "schemas are not locked");
    let line = ["uninstall", "--even-if-locked"];
    let (output, said) = run_with(world, &config, couchdb, amqp, &line).await?;
    ensure!(output.status.success() && world.couch.stored(CONFIG).await?.is_empty(), "{said}");
    restore(world).await
}
