//! What `simulate` says of a call of KAZOO 4.3, beside what the worker did with it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kazoo_dynamic_cid::directory::{AccountId, CouchDb, Directory, DirectoryOptions};
use kazoo_dynamic_cid::explain::{Request, explain};
use kazoo_dynamic_cid::json::Object;
use kazoo_dynamic_cid::peer::Seam;
use serde_json::Value;
use url::Url;

use super::replay::Replayed;
use crate::scene::Scene;

/// How long one read may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The same documents as the worker reads.
pub(crate) fn directory(scene: &Scene<'_>) -> Result<Directory> {
    let couchdb = CouchDb::new(&Url::parse(&scene.world.servers.couchdb)?, PATIENCE)?;
    Ok(Directory::new(Arc::new(couchdb), DirectoryOptions::default()))
}

/// Simulates the call of a recorded request and compares. Calls that ask for digits are left out:
/// when the recorded keys came decides there.
pub(crate) async fn agrees(
    directory: &Directory,
    request: &Object,
    replayed: &Replayed,
) -> Result<bool> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let variables = request["Custom-Channel-Vars"].as_object().context("no variables")?;
    let account = AccountId::new(&text(&variables["Account-ID"])).context("no account")?;
    let dialled = text(&request["Request"]);
    let endpoint = matches!(
        variables.get("Authorizing-Type").and_then(Value::as_str),
        Some("device" | "user")
    );
    let asked = Request {
        account: &account,
        dial: dialled.split('@').next().unwrap_or_default(),
        from: variables.get("Authorizing-ID").and_then(Value::as_str).filter(|_| endpoint),
        keys: "",
        seam: Seam::Route,
    };
    let told = explain(directory, &asked).await?;
    if told.mode == "manual" {
        return Ok(false);
    }
    let flow = replayed.taken.resume.as_ref().map_or(&Value::Null, |resume| &resume["Flow"]);
    ensure!(told.result == *flow, "simulated as {told:#?}; resumed with {flow:#}");
    let ends = if flow.is_null() { ["hang_up", "refused"] } else { ["resume", "resume_callflow"] };
    ensure!(ends.contains(&told.answer), "simulated as {told:#?}");
    // What the caller's phone says of itself is not known to who simulates.
    let own = ["static_incomplete", "entry_incomplete", "entry_default"].contains(&told.reason);
    let number = told.caller_id_number.as_ref().filter(|_| !own);
    if let (Some(number), Some(call)) = (number, replayed.call()) {
        ensure!(call["Caller-ID-Number"] == number.as_str(), "{number} in {told:#?}");
    }
    Ok(true)
}
