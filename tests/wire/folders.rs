//! A folder of documents stands in for CouchDB: what `check` finds in the one, it finds in the other,
//! through views that CouchDB built.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use kazoo_dynamic_cid::directory::Database;
use reqwest::Method;
use serde_json::Value;

use crate::couch::encoded;
use crate::harness::{World, designs, tests};
use crate::install;

tests![a_check_finds_the_same_in_a_folder_and_in_couchdb,];

/// Says something of the source itself, and so differs.
const OF_THE_SOURCE: &str = "prompts-not-checked";
/// Holds a file that is no JSON, which no database can.
const DAMAGED: &str = "damaged";

async fn a_check_finds_the_same_in_a_folder_and_in_couchdb(world: &World) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/check");
    let outcome = compare_all(world, &root).await;
    // No other test has this one.
    world.couch.ask(Method::DELETE, "system_media", None).await?;
    install::restore(world).await?;
    outcome
}

async fn compare_all(world: &World, root: &Path) -> Result<()> {
    let mut findings = 0;
    for folder in entries(root)?.into_iter().filter(|it| it.is_dir() && !it.ends_with(DAMAGED)) {
        let same = compare(world, &folder).await;
        findings += same.with_context(|| folder.display().to_string())?;
    }
    ensure!(findings > 0, "nothing was found in {}", root.display());
    Ok(())
}

/// The number of findings of one folder, which are those of CouchDB, too.
async fn compare(world: &World, folder: &Path) -> Result<usize> {
    world.couch.ask(Method::DELETE, "system_media", None).await?;
    for database in ["system_config", "system_schemas"] {
        world.couch.replace(database, &[]).await?;
    }
    let mut accounts = Vec::new();
    for path in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let name = path.file_name().and_then(|name| name.to_str()).context("a name")?;
        let database = Database::from_encoded(name).context("no name of a database")?;
        // From nothing, so that rows have the order of their ids alone.
        if let Some(account) = database.account_id() {
            world.couch.ask(Method::DELETE, &encoded(database.name()), None).await?;
            accounts.push(account);
        }
        world.couch.replace(database.name(), &documents(&path)?).await?;
        if database.account_id().is_some() {
            for (_, design) in designs()? {
                world.couch.put(database.name(), &design).await?;
            }
        }
    }
    let mut found = 0;
    for account in accounts {
        let line = ["check", "--format", "json", "--account", account.as_str()];
        let data = folder.to_str().context("a path")?;
        let of_folder = check(world, &[&line[..], &["--data", data]].concat()).await?;
        let of_couchdb = check(world, &line).await?;
        ensure!(
            of_folder == of_couchdb,
            "only in the folder: {:#?}\nonly in CouchDB: {:#?}",
            of_folder.difference(&of_couchdb),
            of_couchdb.difference(&of_folder)
        );
        found += of_folder.len();
        let database = encoded(Database::account(&account).name());
        world.couch.ask(Method::DELETE, &database, None).await?;
    }
    Ok(found)
}

/// What a run finds, each as its JSON.
async fn check(world: &World, line: &[&str]) -> Result<BTreeSet<String>> {
    let servers = &world.servers;
    let (output, said) = install::run(world, &servers.couchdb, &servers.amqp, line).await?;
    let report: Value = serde_json::from_slice(&output.stdout).context(said)?;
    ensure!(report["not_read"] == Value::Array(Vec::new()), "{report:#}");
    let findings = report["findings"].as_array().context("no findings")?;
    let of_documents = findings.iter().filter(|finding| finding["code"] != OF_THE_SOURCE);
    Ok(of_documents.map(Value::to_string).collect())
}

/// The documents of a folder's files, each of which holds one or an array of them.
fn documents(folder: &Path) -> Result<Vec<Value>> {
    let mut documents = Vec::new();
    for path in entries(folder)? {
        let text = std::fs::read_to_string(&path)?;
        match serde_json::from_str(&text).with_context(|| path.display().to_string())? {
            Value::Array(several) => documents.extend(several),
            one => documents.push(one),
        }
    }
    Ok(documents)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
