//! Users of CouchDB with the roles that `docs/security.md` and `docs/install.md` describe, and no more.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::account::Account;
use crate::couch::{Couch, encoded};
use crate::harness::{PATIENCE, World, tests};
use crate::install;
use crate::scene::Scene;
use crate::worker::{DETAILED, Worker};

tests![
    a_member_of_three_databases_is_enough_and_may_not_write,
    an_installer_needs_to_be_a_member_and_for_views_an_admin,
    a_wrong_password_locks_nobody_out,
];

const PASSWORD: &str = "only-for-this-test";
const READER: &str = "dynamic_cid_reader";
const INSTALLER: &str = "dynamic_cid_installer";
const READ_ONLY: &str = "_design/dynamic_cid_read_only";
/// An account that the users may not read.
const CLOSED: &str = "account/ff/ff/ffffffffffffffffffffffffffff";
/// What `CLOSED` is called as an account.
const CLOSED_ID: &str = "ffffffffffffffffffffffffffffffff";

/// The document of `docs/security.md` that makes a member a reader.
fn read_only() -> Result<Value> {
    let page = include_str!("../../../docs/security.md");
    let from = page.split("<!-- read-only -->").nth(1).context("no design document")?;
    let text = from.split("```json").nth(1).and_then(|rest| rest.split("```").next());
    Ok(serde_json::from_str(text.context("no JSON")?)?)
}

/// Whether the server has users; says so where it has none.
async fn has_users(world: &World) -> Result<bool> {
    let has = world.couch.is_apache().await?;
    if !has {
        println!("        skipped: this server is not Apache CouchDB and knows no roles");
    }
    Ok(has)
}

/// The databases that every worker reads.
fn read_by_workers(account: &str) -> [String; 3] {
    [account.to_owned(), "system_config".to_owned(), "system_schemas".to_owned()]
}

fn document_id(user: &str) -> String {
    format!("org.couchdb.user:{user}")
}

/// Makes a user with one role, named like it; the server's address with its credentials.
async fn make(world: &World, role: &str) -> Result<Url> {
    let user = json!({
        "_id": document_id(role), "name": role, "type": "user", "roles": [role],
        "password": PASSWORD,
    });
    // A node that was never set up as one of a cluster has no database of users.
    world.couch.create("_users").await?;
    world.couch.remove("_users", &document_id(role)).await?;
    world.couch.put("_users", &user).await?;
    let mut url = Url::parse(&world.servers.couchdb)?;
    url.set_username(role).ok();
    url.set_password(Some(PASSWORD)).ok();
    Ok(url)
}

/// Lets the server's administrators into a database, and these roles besides.
async fn admit(couch: &Couch, database: &str, admins: &[&str], members: &[&str]) -> Result<()> {
    let (admins, members) = ([&["_admin"], admins].concat(), [&["_admin"], members].concat());
    let security = json!({"admins": {"roles": admins}, "members": {"roles": members}});
    let path = format!("{}/_security", encoded(database));
    let status = couch.ask(Method::PUT, &path, Some(&security)).await?;
    ensure!(status.is_success(), "{database}: {status}");
    Ok(())
}

/// As it was for the other tests.
async fn clean_up(world: &World, role: &str, databases: &[String]) -> Result<()> {
    for database in databases {
        admit(&world.couch, database, &[], &[]).await?;
        world.couch.remove(database, READ_ONLY).await?;
    }
    world.couch.ask(Method::DELETE, &encoded(CLOSED), None).await?;
    world.couch.remove("_users", &document_id(role)).await
}

async fn a_member_of_three_databases_is_enough_and_may_not_write(world: &World) -> Result<()> {
    if !has_users(world).await? {
        return Ok(());
    }
    let account = world.account.all_remote();
    world.load(&account).await?;
    let open = read_by_workers(&account.database());
    let outcome = reads_and_may_not_write(world, account, &open).await;
    clean_up(world, READER, &open).await?;
    outcome
}

async fn reads_and_may_not_write(world: &World, account: Account, open: &[String]) -> Result<()> {
    let url = make(world, READER).await?;
    for database in open {
        world.couch.put(database, &read_only()?).await?;
        admit(&world.couch, database, &[], &[READER]).await?;
    }
    world.couch.create(CLOSED).await?;
    admit(&world.couch, CLOSED, &[], &[]).await?;

    let worker = Worker::launch(&world.servers.amqp, url.as_str(), DETAILED)?;
    worker.ready(PATIENCE).await?;
    let scene = Scene::with(world, account, worker).await?;
    scene.a_normal_call_works().await?;
    let account = scene.account.id().to_owned();
    scene.end().await?;

    let reader = Couch::new(url.as_str())?;
    for database in open {
        let path = format!("{}/written", encoded(database));
        let status = reader.ask(Method::PUT, &path, Some(&json!({"a": 1}))).await?;
        ensure!(status == StatusCode::FORBIDDEN, "{database} can be written: {status}");
    }
    let status = reader.ask(Method::GET, &encoded(CLOSED), None).await?;
    ensure!(status == StatusCode::FORBIDDEN, "another account can be read: {status}");

    // What such a user is told.
    let amqp = &world.servers.amqp;
    for (line, words) in [
        (&["check", "--account", &account][..], "1 account read"),
        (&["check", "--account", CLOSED_ID], "or let its user read the database"),
        (&["check", "--all"], "name an account with --account"),
        (&["install", "--dry-run"], "Nothing was written."),
        (&["install", "--all"], "name an account with --account"),
        (&["install"], "lacks the permission to write documents in `system_config`"),
    ] {
        let (_, said) = install::run(world, url.as_str(), amqp, line).await?;
        // A report in lines of its own breaks them anywhere.
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        ensure!(said.contains(words), "{line:?}: {words} is not in\n{said}");
    }
    Ok(())
}

async fn an_installer_needs_to_be_a_member_and_for_views_an_admin(world: &World) -> Result<()> {
    if !has_users(world).await? {
        return Ok(());
    }
    let shared = ["system_config".to_owned(), "system_schemas".to_owned()];
    let outcome = installs_what_the_roles_allow(world, &shared).await;
    clean_up(world, INSTALLER, &shared).await?;
    install::restore(world).await?;
    outcome
}

async fn installs_what_the_roles_allow(world: &World, shared: &[String]) -> Result<()> {
    install::empty(world).await?;
    world.couch.create(CLOSED).await?;
    let url = make(world, INSTALLER).await?;
    let run = async |line: &[&str], fine: bool, words: &str| {
        let (output, said) = install::run(world, url.as_str(), &world.servers.amqp, line).await?;
        ensure!(output.status.success() == fine && said.contains(words), "{line:?}:\n{said}");
        anyhow::Ok(())
    };
    run(&["install"], false, "is no member of the database `system_config`").await?;
    for database in shared {
        admit(&world.couch, database, &[], &[INSTALLER]).await?;
    }
    run(&["install"], true, "KAZOO was told").await?;
    let with_view = ["install", "--account", CLOSED_ID];
    run(&with_view, false, &format!("is no member of the database `{CLOSED}`")).await?;
    admit(&world.couch, CLOSED, &[], &[INSTALLER]).await?;
    run(&with_view, false, "to write design documents").await?;
    admit(&world.couch, CLOSED, &[INSTALLER], &[]).await?;
    run(&with_view, true, "_design/kazoo_dynamic_cid: put").await?;
    run(&["uninstall", "--account", CLOSED_ID], true, "_design/kazoo_dynamic_cid: removed").await?;
    for database in [shared, &[CLOSED.to_owned()]].concat() {
        let left = world.couch.stored(&database).await?;
        ensure!(left.is_empty(), "{database}: {:?}", left.keys());
    }
    Ok(())
}

/// Five wrong passwords in five minutes, and CouchDB refuses the right one too, from the same address.
async fn a_wrong_password_locks_nobody_out(world: &World) -> Result<()> {
    if !has_users(world).await? {
        return Ok(());
    }
    let right = make(world, READER).await?;
    let mut wrong = right.clone();
    wrong.set_password(Some("not-the-password")).ok();
    let (amqp, words) = (&world.servers.amqp, "Name or password is incorrect");
    // A slow machine takes CouchDB seconds to find a password wrong.
    let patient = ["--couchdb-timeout", "10s"];
    let worker = Worker::launch_with(amqp, wrong.as_str(), DETAILED, &patient)?;
    worker.says(words).await?;
    // Its second try is after ten seconds, its third after minutes.
    tokio::time::sleep(Duration::from_secs(15)).await;
    for line in [&["check", "--account", CLOSED_ID][..], &["install"]] {
        let (_, said) = install::run(world, wrong.as_str(), amqp, line).await?;
        ensure!(said.contains(words), "{line:?}: {said}");
    }
    worker.kill()?;
    let status = Couch::new(right.as_str())?.ask(Method::GET, "_session", None).await?;
    ensure!(status.is_success(), "the right password is refused: {status}");
    clean_up(world, READER, &[]).await
}
