//! `install` where something is in its way: other writers, missing permissions, missing databases.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, ensure};
use serde_json::json;

use super::{CONFIG, ID, SCHEMAS, empty, ours, restore, run, schemas, settings};
use crate::couch::Couch;
use crate::gate::{Asked, Gate, Rule};
use crate::harness::{World, tests};

tests![
    a_write_in_between_is_read_and_kept,
    writes_that_never_end_are_given_up,
    a_user_who_may_only_read_is_told_which_permission_is_missing,
    a_user_whom_couchdb_does_not_know_is_told_so,
    a_missing_database_is_not_created,
];

/// Before a write of the settings is let through, an operator writes them too.
fn meddling(couch: &Couch, times: usize) -> Arc<Rule> {
    let (couch, done) = (couch.clone(), Arc::new(AtomicUsize::new(0)));
    Arc::new(move |asked: Asked| {
        let (couch, done) = (couch.clone(), Arc::clone(&done));
        Box::pin(async move {
            if asked.method == "PUT" && asked.path.ends_with(ID) {
                let turn = done.fetch_add(1, Ordering::Relaxed);
                if turn < times {
                    let theirs = json!({"_id": ID, "default": {"max_digits": 7 + turn}});
                    couch.put(CONFIG, &theirs).await.ok();
                }
            }
            None
        })
    })
}

async fn a_write_in_between_is_read_and_kept(world: &World) -> Result<()> {
    empty(world).await?;
    let uri = &world.servers.couchdb;
    let gate = Gate::open(uri, meddling(&world.couch, 2)).await?;
    let (output, said) = run(world, &gate.uri(uri)?, &world.servers.amqp, &["install"]).await?;
    ensure!(output.status.success(), "{said}");
    ensure!(said.matches("somebody else wrote the document").count() == 2, "{said}");
    let (_, document) = settings(world).await?;
    ensure!(document["default"]["max_digits"] == 8, "{document}");
    ensure!(document["default"]["min_digits"] == 10, "{document}");
    restore(world).await
}

async fn writes_that_never_end_are_given_up(world: &World) -> Result<()> {
    empty(world).await?;
    let uri = &world.servers.couchdb;
    let gate = Gate::open(uri, meddling(&world.couch, usize::MAX)).await?;
    let (output, said) = run(world, &gate.uri(uri)?, &world.servers.amqp, &["install"]).await?;
    ensure!(output.status.code() == Some(1) && said.contains("Others keep writing it"), "{said}");
    // The schemas do not suffer from it.
    ensure!(world.couch.stored(SCHEMAS).await?.len() == schemas(), "{said}");
    restore(world).await
}

/// Reads pass, writes are refused with a status.
fn reads_only(status: u16) -> Arc<Rule> {
    Arc::new(move |asked: Asked| {
        let refused = (asked.method != "GET").then_some((status, "reads only"));
        Box::pin(async move { refused })
    })
}

async fn a_user_who_may_only_read_is_told_which_permission_is_missing(world: &World) -> Result<()> {
    empty(world).await?;
    let uri = &world.servers.couchdb;
    let gate = Gate::open(uri, reads_only(403)).await?;
    let uri = gate.uri(uri)?;
    let (output, said) = run(world, &uri, &world.servers.amqp, &["install"]).await?;
    ensure!(output.status.code() == Some(1), "{}", output.status);
    for words in [
        "cannot write system_config/callflow.dynamic_cid: HTTP 403",
        "reads only",
        "lacks the permission to write documents in `system_config`",
        "lacks the permission to write documents in `system_schemas`",
    ] {
        ensure!(said.contains(words), "{words} in\n{said}");
    }
    let (output, said) = run(world, &uri, &world.servers.amqp, &["install", "--dry-run"]).await?;
    ensure!(output.status.success(), "a reader may rehearse:\n{said}");
    restore(world).await
}

async fn a_user_whom_couchdb_does_not_know_is_told_so(world: &World) -> Result<()> {
    let uri = &world.servers.couchdb;
    let rule: Arc<Rule> =
        Arc::new(|_| Box::pin(async { Some((401, "Name or password is incorrect.")) }));
    let gate = Gate::open(uri, rule).await?;
    let (output, said) = run(world, &gate.uri(uri)?, &world.servers.amqp, &["install"]).await?;
    ensure!(output.status.code() == Some(1), "{}", output.status);
    ensure!(said.contains("is unknown or the password is wrong"), "{said}");
    Ok(())
}

async fn a_missing_database_is_not_created(world: &World) -> Result<()> {
    let account = "dddddddddddddddddddddddddddddddd";
    let database = format!("account/dd/dd/{}", &account[4..]);
    let line = ["install", "--account", account];
    let (output, said) = run(world, &world.servers.couchdb, &world.servers.amqp, &line).await?;
    ensure!(output.status.code() == Some(1), "{}", output.status);
    ensure!(said.contains("none is made here"), "{said}");
    ensure!(world.couch.stored(&database).await.is_err(), "the database was created");
    ours(world, &["uninstall"]).await?;
    restore(world).await
}
