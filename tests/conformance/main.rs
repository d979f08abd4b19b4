//! Runs recorded cases through the decision core and compares everything KAZOO did.
//!
//! Cases come from `tests/fixtures/cases` and from each folder named in `KAZOO_CASES`
//! (colon-separated, not recursive; every `*.json` an array of cases). Each runs with the preset
//! `kazoo` against a virtual switch and a small model of KAZOO's executor. Nothing here looks at a
//! case's id or at what is expected before the run is over. Each runs twice: once it is the core's
//! own commands that are compared, once the messages the route seam sends for them and the call it
//! hands back.
//!
//! `-- --write-table` writes `docs/recommended.md`, the cases that the preset `recommended` answers
//! differently; without it the file must be what the runner would write.

// Printing is what a runner is for, and what cannot fail in a test may say so.
#![allow(clippy::print_stdout, clippy::expect_used)]

mod case;
mod difference;
mod executor;
mod table;
mod wire;
mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kazoo_dynamic_cid::dynamic_cid::Preset;

use case::Case;
use executor::Seam;

fn main() -> ExitCode {
    let write_table = std::env::args().any(|argument| argument == "--write-table");
    let cases = match load() {
        Ok(cases) => cases,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let (mut passed, mut failed) = (0, 0);
    for (file, case) in &cases {
        let differences: Vec<_> = [Seam::Core, Seam::Route]
            .into_iter()
            .flat_map(|seam| {
                let answer = executor::run(case, Preset::Kazoo, seam);
                let differences = difference::between(case, &answer).into_iter();
                differences.map(move |difference| format!("{seam:?}: {difference}"))
            })
            .collect();
        if differences.is_empty() {
            passed += 1;
            continue;
        }
        failed += 1;
        println!("FAILED {} ({})", case.id, file.display());
        for difference in differences {
            println!("  {difference}");
        }
    }
    println!("each through the core and through the messages of the route seam:");
    let own: Vec<_> = cases
        .iter()
        .filter(|(file, _)| file.starts_with(own_folder()))
        .map(|(_, case)| case)
        .collect();
    if let Err(error) = table::check(&own, write_table) {
        failed += 1;
        println!("FAILED {error}");
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn own_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cases")
}

fn load() -> Result<Vec<(PathBuf, Case)>, String> {
    let extra = std::env::var("KAZOO_CASES").unwrap_or_default();
    let folders = std::iter::once(own_folder())
        .chain(extra.split(':').filter(|folder| !folder.is_empty()).map(PathBuf::from));
    let mut cases = Vec::new();
    for folder in folders {
        let say = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
        let mut files: Vec<_> = std::fs::read_dir(&folder)
            .map_err(|error| say(&error))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|file| file.extension().is_some_and(|extension| extension == "json"))
            .collect();
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(&file).map_err(|error| say(&error))?;
            let parsed: Vec<Case> = serde_json::from_str(&text)
                .map_err(|error| format!("{}: {error}", file.display()))?;
            cases.extend(parsed.into_iter().map(|case| (file.clone(), case)));
        }
    }
    Ok(cases)
}
