//! The log's level as a document sets it, while the worker runs.
//!
//! `worker.log_level` in `system_config/callflow.dynamic_cid`, which operators change as they change
//! every other setting of KAZOO's. The change notice makes it count within seconds, on the workers
//! of one node, zone or all; without the key the level of the start counts again. A signal would
//! reach one process, and the HTTP listener changes nothing.

use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::Level;

use super::logs;
use crate::directory::{Category, Directory};

/// How often the document is looked at, in the cache that change notices empty.
const EVERY: Duration = Duration::from_secs(5);
/// The document.
const CATEGORY: &str = "callflow.dynamic_cid";
/// The words that may stand there.
const WORDS: [(&str, Level); 5] = [
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];

/// Follows the document until stopped.
pub async fn follow(directory: Directory, stop: CancellationToken) {
    let mut before: Result<Option<Level>, String> = Ok(None);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        // One that cannot be read changes nothing, and was told where it was read.
        let Ok(category) = directory.config(CATEGORY).await else { continue };
        let now = wanted(&category);
        if now == before {
            continue;
        }
        match &now {
            Ok(level) => {
                logs::set_level(*level);
                let level = level.map_or("that of the start", |level| level.as_str());
                // At this level it is seen whatever the level becomes.
                tracing::error!(level, "the log's level is changed by {CATEGORY}");
            }
            Err(value) => tracing::warn!(
                value,
                "worker.log_level in {CATEGORY} cannot be used; it is error, warn, info, debug or \
                 trace. The level stays as it is"
            ),
        }
        before = now;
    }
}

/// The level that the most specific section has; `Err` with what cannot be one.
fn wanted(category: &Category) -> Result<Option<Level>, String> {
    let set = category.all("worker").into_iter().find_map(|worker| worker.get("log_level"));
    match set {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let known = WORDS.iter().find(|(word, _)| value.as_str() == Some(*word));
            known.map(|(_, level)| Some(*level)).ok_or_else(|| value.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_most_specific_section_sets_the_level() {
        let level = |default: Value, zone: Value| {
            let document = json!({
                "default": {"worker": {"log_level": default}}, "east": {"worker": zone},
            });
            wanted(&Category::new(CATEGORY, Some(&document), None, "east"))
        };
        assert_eq!(level(json!("warn"), json!({})), Ok(Some(Level::WARN)));
        assert_eq!(level(json!("warn"), json!({"log_level": "debug"})), Ok(Some(Level::DEBUG)));
        assert_eq!(level(json!(null), json!({})), Ok(None));
        assert_eq!(level(json!("loud"), json!(null)), Err("\"loud\"".to_owned()));
        assert_eq!(level(json!(5), json!({})), Err("5".to_owned()));
        assert_eq!(wanted(&Category::new(CATEGORY, None, None, "east")), Ok(None));
    }
}
