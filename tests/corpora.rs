//! The corpora of the fuzz targets, once through what each target runs.
//!
//! `docs/testing.md` says how they come about.

// What cannot fail in a test may be unwrapped.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

// Public for the fuzz targets, whose library it is.
#[allow(unreachable_pub)]
#[path = "fuzz/targets/mod.rs"]
mod targets;

/// What all corpora together may take, in bytes.
const LARGEST: usize = 1024 * 1024;
/// How many files one corpus may have.
const MOST_FILES: usize = 250;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

/// The inputs of a target with their names, in the order of these.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = folder().join("corpus").join(target);
    let files =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut inputs: Vec<_> = files
        .map(|file| file.unwrap())
        .map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

/// Runs one target over its corpus; a panic is told with the file it came from.
fn replay(target: &str) {
    let (_, run) = targets::TARGETS.into_iter().find(|(name, _)| *name == target).unwrap();
    let inputs = corpus(target);
    assert!(inputs.len() > 10, "the corpus of {target} has {} files", inputs.len());
    for (name, input) in inputs {
        std::panic::catch_unwind(|| run(&input))
            .unwrap_or_else(|_| panic!("tests/fuzz/corpus/{target}/{name} fails"));
    }
}

#[test]
fn address() {
    replay("address");
}

#[test]
fn call() {
    replay("call");
}

#[test]
fn config_ini() {
    replay("config_ini");
}

#[test]
fn decision() {
    replay("decision");
}

#[test]
fn documents() {
    replay("documents");
}

#[test]
fn message() {
    replay("message");
}

#[test]
fn pattern() {
    replay("pattern");
}

#[test]
fn every_target_has_a_binary_and_a_small_corpus() {
    let names = |folder: &str| -> BTreeSet<String> {
        let files = fs::read_dir(self::folder().join(folder)).unwrap();
        files
            .map(|file| Path::new(&file.unwrap().file_name()).file_stem().unwrap().to_owned())
            .map(|name| name.into_string().unwrap())
            .collect()
    };
    let targets: BTreeSet<String> =
        targets::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("corpus"), targets);
    let corpora: Vec<_> = targets.iter().map(|target| corpus(target)).collect();
    let bytes: usize = corpora.iter().flatten().map(|(_, input)| input.len()).sum();
    assert!(bytes <= LARGEST, "the corpora have {bytes} bytes");
    assert!(corpora.iter().all(|corpus| corpus.len() <= MOST_FILES));
    let page = fs::read_to_string(folder().join("../../docs/testing.md")).unwrap();
    for target in targets {
        assert!(page.contains(&format!("| `{target}` |")), "docs/testing.md lacks {target}");
    }
}
