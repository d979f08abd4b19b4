//! What the project says of itself must be true: its rooms, its documents.

// What cannot fail in a test may be unwrapped.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use kazoo_dynamic_cid::dynamic_cid::Reason;
use kazoo_dynamic_cid::settings;
use kazoo_dynamic_cid::worker::route::ours::Leave;

#[path = "project/operations.rs"]
mod operations;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every `*.rs` below a folder, with its text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

/// The code of a source, without comments: rooms may be mentioned, not used.
fn code(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_decision_knows_no_transport_no_database_and_no_clock() {
    for (folder, banned) in [
        (
            "src/dynamic_cid",
            &[
                "tokio",
                "lapin",
                "couch_rs",
                "async ",
                "std::time",
                "crate::kapi",
                "crate::amqp",
                "crate::directory",
                "crate::worker",
            ][..],
        ),
        ("src/simulation", &["tokio", "lapin", "couch_rs", "async ", "std::time"]),
        ("src/kapi", &["lapin", "tokio", "couch_rs", "crate::dynamic_cid", "crate::worker"]),
        ("src/callflow", &["lapin", "couch_rs", "crate::amqp", "crate::kapi", "crate::worker"]),
        ("src/directory", &["lapin", "crate::amqp", "crate::kapi", "crate::worker"]),
        ("src/amqp", &["couch_rs", "crate::kapi", "crate::dynamic_cid", "crate::worker"]),
    ] {
        for (path, text) in sources(folder) {
            // Tests beside the code may use what they like.
            if path.to_string_lossy().contains("test") {
                continue;
            }
            let code = code(text.split("#[cfg(test)]").next().unwrap_or_default());
            for word in banned {
                assert!(!code.contains(word), "{} uses {word}", path.display());
            }
        }
    }
}

#[test]
fn every_room_is_on_the_map() {
    let map = read("ARCHITECTURE.md");
    for entry in std::fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let name = if path.is_dir() { format!("`{name}/`") } else { format!("`{name}`") };
        if matches!(name.as_str(), "`lib.rs`" | "`main.rs`") {
            continue;
        }
        assert!(map.contains(&name), "ARCHITECTURE.md does not mention {name}");
    }
}

#[test]
fn every_reason_is_explained() {
    let page = read("docs/reasons.md");
    for reason in Reason::ALL {
        let row = format!("| `{reason}` | {} |", reason.explanation());
        assert!(page.contains(&row), "docs/reasons.md lacks the row {row}");
    }
}

#[test]
fn every_end_is_explained() {
    let page = read("docs/reasons.md");
    for (word, meaning) in kazoo_dynamic_cid::operations::ends::ENDS {
        let row = format!("| `{word}` | {meaning} |");
        assert!(page.contains(&row), "docs/reasons.md lacks the row {row}");
    }
}

#[test]
fn every_reason_to_leave_a_call_to_callflow_is_explained() {
    let page = read("docs/route-seam.md");
    for leave in Leave::ALL {
        let row = format!("| `{}` | {} |", leave.as_str(), leave.explanation());
        assert!(page.contains(&row), "docs/route-seam.md lacks the row {row}");
    }
}

#[test]
fn every_departure_is_in_the_table_and_in_the_schema() {
    let page = read("docs/departures.md");
    let schema: serde_json::Value =
        serde_json::from_str(&read("schemas/dynamic_cid.worker.json")).unwrap();
    for key in schema["properties"].as_object().unwrap().keys() {
        assert!(page.contains(&format!("`{key}`")), "docs/departures.md does not mention {key}");
    }
    let code = read("src/dynamic_cid/departures.rs");
    let fields = code.split("pub struct Departures {").nth(1).unwrap().split('}').next().unwrap();
    for field in fields.lines().filter_map(|line| line.trim().strip_prefix("pub ")) {
        let key = field.split(':').next().unwrap();
        assert!(!schema["properties"][key].is_null(), "the schema lacks {key}");
    }
}

#[test]
fn every_key_of_the_systems_configuration_is_described() {
    let page = read("system_configs/README.md");
    let asked = std::cell::RefCell::new(Vec::new());
    let ask = |category: &str, key: &str| {
        asked.borrow_mut().push((category.to_owned(), key.to_owned()));
        None
    };
    let _ = kazoo_dynamic_cid::dynamic_cid::SystemConfig::read(ask);
    let _ = kazoo_dynamic_cid::callflow::bootstrap::BootstrapSettings::read(ask);
    let asked = asked.into_inner();
    assert!(asked.len() > 12, "{asked:?}");
    for (category, key) in asked {
        let heading = format!("\n## `{category}`");
        let section = page.split(&heading).nth(1).and_then(|rest| rest.split("\n## ").next());
        let described = section.is_some_and(|section| section.contains(&format!("| `{key}` |")));
        assert!(described, "system_configs/README.md does not describe {key} of {category}");
    }
    let schema: serde_json::Value =
        serde_json::from_str(&read("schemas/system_config.callflow.dynamic_cid.json")).unwrap();
    let document: serde_json::Value =
        serde_json::from_str(&read("system_configs/callflow.dynamic_cid.json")).unwrap();
    for key in schema["properties"].as_object().unwrap().keys() {
        assert!(page.contains(&format!("| `{key}` |")), "not described: {key}");
        assert!(!document["default"][key].is_null(), "not in the document: {key}");
    }
}

/// The settings as a table, from the one place that knows them.
fn settings_table() -> String {
    let head = "| Setting | Variable | `config.ini` | Default | Meaning |\n|---|---|---|---|---|\n";
    let cell = |text: Option<&str>| text.map_or_else(|| "–".to_owned(), |text| format!("`{text}`"));
    let variable = |setting: &settings::SettingDoc| {
        let file = if settings::file_variable(setting).is_some() { ", `…_FILE`" } else { "" };
        cell(setting.variable) + file
    };
    let row = |setting: settings::SettingDoc| {
        format!(
            "| {} | {} | {} | {} | {} |\n",
            cell(setting.flag),
            variable(&setting),
            cell(setting.key),
            setting.default.replace('|', "\\|"),
            setting.meaning,
        )
    };
    std::iter::once(head.to_owned()).chain(settings::reference().into_iter().map(row)).collect()
}

/// `UPDATE_DOCS=1 cargo test --test project` writes the table.
#[test]
fn the_readme_lists_every_setting() {
    let (begin, end) = ("<!-- settings -->\n", "<!-- /settings -->");
    let readme = read("README.md");
    let (before, rest) = readme.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let updated = format!("{before}{begin}\n{}\n{end}{after}", settings_table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(root().join("README.md"), &updated).unwrap();
    }
    let current = read("README.md") == updated;
    assert!(
        current,
        "the README's settings are not current: UPDATE_DOCS=1 cargo test --test project"
    );
}
