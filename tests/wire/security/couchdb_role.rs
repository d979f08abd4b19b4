//! A CouchDB user with the role that `docs/security.md` describes, and no more.

use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::json;
use url::Url;

use crate::couch::{Couch, encoded};
use crate::harness::{PATIENCE, World, tests};
use crate::scene::Scene;
use crate::worker::{DETAILED, Worker};

tests![a_member_of_three_databases_is_enough_and_may_not_write,];

const USER: &str = "dynamic_cid_test";
const PASSWORD: &str = "only-for-this-test";
const ROLE: &str = "dynamic_cid_reader";
/// An account that the user may not read.
const CLOSED: &str = "account/ff/ff/ffffffffffffffffffffffffffff";

/// The document of `docs/security.md` that makes a member a reader.
fn read_only() -> Result<serde_json::Value> {
    let page = include_str!("../../../docs/security.md");
    let from = page.split("<!-- read-only -->").nth(1).context("no design document")?;
    let text = from.split("```json").nth(1).and_then(|rest| rest.split("```").next());
    Ok(serde_json::from_str(text.context("no JSON")?)?)
}

async fn a_member_of_three_databases_is_enough_and_may_not_write(world: &World) -> Result<()> {
    let admin = &world.couch;
    if !admin.is_apache().await? {
        println!("        skipped: this server is not Apache CouchDB and knows no roles");
        return Ok(());
    }
    let account = world.account.all_remote();
    world.load(&account).await?;
    admin.create("_users").await?;
    admin.create(CLOSED).await?;
    let id = format!("org.couchdb.user:{USER}");
    let user =
        json!({"_id": id, "name": USER, "type": "user", "roles": [ROLE], "password": PASSWORD});
    let made = admin.ask(Method::PUT, &format!("_users/{id}"), Some(&user)).await?;
    ensure!(made.is_success() || made == StatusCode::CONFLICT, "{made}");
    let open = [account.database(), "system_config".to_owned(), "system_schemas".to_owned()];
    let members =
        |roles: &[&str]| json!({"admins": {"roles": ["_admin"]}, "members": {"roles": roles}});
    for database in &open {
        admin.put(database, &read_only()?).await?;
        let path = format!("{}/_security", encoded(database));
        let status = admin.ask(Method::PUT, &path, Some(&members(&["_admin", ROLE]))).await?;
        ensure!(status.is_success(), "{database}: {status}");
    }
    let path = format!("{}/_security", encoded(CLOSED));
    admin.ask(Method::PUT, &path, Some(&members(&["_admin"]))).await?;

    let mut url = Url::parse(&world.servers.couchdb)?;
    url.set_username(USER).ok();
    url.set_password(Some(PASSWORD)).ok();
    let worker = Worker::launch(&world.servers.amqp, url.as_str(), DETAILED)?;
    worker.ready(PATIENCE).await?;
    let scene = Scene::with(world, account, worker).await?;
    scene.a_normal_call_works().await?;
    scene.end().await?;

    let reader = Couch::new(url.as_str())?;
    for database in &open {
        let path = format!("{}/written", encoded(database));
        let status = reader.ask(Method::PUT, &path, Some(&json!({"a": 1}))).await?;
        ensure!(status == StatusCode::FORBIDDEN, "{database} can be written: {status}");
    }
    let status = reader.ask(Method::GET, &encoded(CLOSED), None).await?;
    ensure!(status == StatusCode::FORBIDDEN, "another account can be read: {status}");
    // As it was for the other tests.
    for database in &open {
        let path = format!("{}/_security", encoded(database));
        admin.ask(Method::PUT, &path, Some(&members(&["_admin"]))).await?;
        admin.put(database, &json!({"_id": "_design/dynamic_cid_read_only"})).await?;
    }
    Ok(())
}
