//! `check` from outside, on seeded documents: what it finds, how it says so, how it ends.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails like a test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kazoo_dynamic_cid::check::Code;
use serde_json::Value;

/// Every folder of seeded documents with the exit code and the codes of all its findings.
const SEEDED: &[(&str, i32, &[&str])] = &[
    (
        "actions",
        1,
        &[
            "action-unknown",
            "callflow-missing",
            "capture-group-is-whole-number",
            "departure-unusable",
            "destination-not-routed",
            "idx-name-ignored",
            "media-missing",
            "min-over-max",
            "named-groups-recommended",
            "not-on-this-kazoo",
            "schema-violation",
        ],
    ),
    (
        "caller-ids",
        1,
        &[
            "name-missing",
            "name-too-long",
            "number-emergency",
            "number-missing",
            "number-no-carrier-accepts",
            "number-not-digits",
        ],
    ),
    ("clean", 0, &[]),
    ("d01-empty-list", 1, &["list-empty"]),
    ("d01-keys-without-entry", 0, &["keys-without-entry"]),
    ("d02-idx-name-inverted", 1, &["idx-name-refused"]),
    ("d02-idx-name-on-kazoo", 1, &["idx-name-refused"]),
    ("d03-entry-without-key", 1, &["entry-without-key"]),
    ("d03-idx-name-no-group", 1, &["idx-name-no-group"]),
    (
        "d04-mixed-lengths",
        1,
        &[
            "capture-shorter-than-key",
            "emergency-caller-id",
            "keys-without-entry",
            "mixed-key-lengths",
            "named-groups-recommended",
        ],
    ),
    ("d05-empty-capture", 1, &["capture-group-may-be-empty", "named-groups-recommended"]),
    ("d05-no-capture-group", 1, &["no-capture-group"]),
    ("d06-external-caller-id", 0, &["external-caller-id-lost"]),
    ("d06-number-missing", 1, &["number-missing"]),
    ("d07-interdigit-seconds", 1, &["timeout-looks-like-seconds"]),
    ("d08-media-id", 1, &["media-cannot-play"]),
    ("d09-prompt-language", 0, &["prompt-language"]),
    ("d10-accept-prompt", 1, &["accept-prompt-cannot-play"]),
    ("d11-unanchored", 1, &["whitelist-unanchored"]),
    ("d13-no-overall-limit", 0, &["no-overall-limit"]),
    (
        "d15-bad-values",
        1,
        &[
            "entry-length-negative",
            "number-rule-unusable",
            "restriction-unusable",
            "schema-violation",
            "section-unusable",
            "setting-unusable",
            "two-number-rules",
            "whitelist-invalid",
        ],
    ),
    ("d17-open-to-outsiders", 1, &["open-to-outsiders"]),
    ("d17-public-pattern", 1, &["named-groups-recommended", "open-to-outsiders"]),
    ("no-hunting", 0, &[]),
    ("slow-by-limit", 0, &[]),
    ("d18-dial-plan", 0, &["dial-plan-not-classified"]),
    ("d19-stale-capture-group", 0, &["stale-capture-group"]),
    ("d20-pivot", 1, &["pivot-follows"]),
    ("d20-pivot-manual", 1, &["pivot-follows"]),
    ("d21-not-routed", 1, &["destination-not-routed"]),
    ("d22-two-rules", 0, &["two-number-rules"]),
    ("d23-zero", 1, &["capture-group-zero", "named-groups-recommended", "number-zero"]),
    ("d24-null", 1, &["value-is-null"]),
    ("d25-emergency", 1, &["emergency-caller-id"]),
    ("d26-switch", 1, &["schema-violation", "switch-not-boolean"]),
    ("d27-branch-resumes", 0, &["branch-resumes"]),
    (
        "d31-optional-groups",
        1,
        &["capture-group-may-be-empty", "idx-name-no-group", "pattern-only-optional-groups"],
    ),
    ("d32-list-ids", 1, &["list-id-doubtful", "named-groups-recommended"]),
    ("damaged", 1, &["unreadable"]),
    (
        "following-ambiguous",
        1,
        &["branch-resumes", "following-ambiguous", "named-groups-recommended"],
    ),
    ("following-not-found", 1, &["following-not-found"]),
    (
        "lists",
        1,
        &[
            "duplicate-key",
            "entry-cannot-match",
            "entry-orphaned",
            "key-not-digits",
            "list-historic",
            "list-missing",
            "list-not-named",
            "mixed-key-lengths",
            "named-groups-recommended",
        ],
    ),
    ("not-on-this-kazoo", 1, &["not-on-this-kazoo"]),
    (
        "patterns",
        1,
        &["pattern-invalid", "pattern-never-matches", "pattern-shadowed", "pattern-slow"],
    ),
    ("routes-twice", 1, &["route-twice"]),
    ("routes", 1, &["route-missing"]),
    ("schema", 1, &["schema-violation"]),
    (
        "settings",
        1,
        &[
            "departure-unusable",
            "min-over-max",
            "not-on-this-kazoo",
            "prompt-missing",
            "schema-violation",
            "unknown-setting",
            "whitelist-slow",
        ],
    ),
];

/// What a finding has, in JSON.
const MEMBERS: [&str; 10] = [
    "account", "code", "database", "defect", "document", "effect", "fix", "path", "problem",
    "severity",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn seeded(folder: &str) -> PathBuf {
    root().join("tests/fixtures/check").join(folder)
}

fn check(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kazoo-dynamic-cid"))
        .args(["check", "--data"])
        .arg(data)
        .args(arguments)
        .env_clear()
        .env("KAZOO_CONFIG", "/dev/null")
        .output()
        .unwrap()
}

/// The exit code and the report.
fn report(data: &Path, arguments: &[&str]) -> (i32, Value) {
    let output = check(data, &[arguments, &["--format", "json"]].concat());
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{}: {error}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), report)
}

fn findings(report: &Value) -> impl Iterator<Item = &Value> {
    report["findings"].as_array().unwrap().iter()
}

fn codes(report: &Value) -> BTreeSet<&str> {
    findings(report).map(|finding| finding["code"].as_str().unwrap()).collect()
}

#[test]
fn seeded_documents_show_what_is_wrong_with_them_and_nothing_else() {
    for (folder, exit, expected) in SEEDED {
        let (code, report) = report(&seeded(folder), &["--all"]);
        assert_eq!(codes(&report), expected.iter().copied().collect(), "{folder}: {report:#}");
        assert_eq!(code, *exit, "{folder}");
        assert_eq!(report["accounts"], 1, "{folder}");
        assert_eq!(report["not_read"], serde_json::json!([]), "{folder}");
    }
}

#[test]
fn every_folder_of_seeded_documents_is_used() {
    let listed: BTreeSet<_> = SEEDED.iter().map(|(folder, ..)| (*folder).to_owned()).collect();
    let entries = std::fs::read_dir(seeded("")).unwrap();
    let there: BTreeSet<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(listed, there);
}

#[test]
fn every_code_is_shown_by_seeded_documents() {
    let shown: BTreeSet<_> = SEEDED.iter().flat_map(|(.., codes)| codes.iter().copied()).collect();
    for code in Code::ALL.iter().filter(|code| **code != Code::PromptsNotChecked) {
        assert!(shown.contains(code.as_str()), "no seeded document shows {code}");
    }
}

#[test]
fn findings_say_everything_that_is_documented() {
    let (_, report) = report(&seeded("d15-bad-values"), &["--all"]);
    let mut severities = Vec::new();
    for finding in findings(&report) {
        let mut members: Vec<_> = finding.as_object().unwrap().keys().collect();
        members.sort();
        assert_eq!(members, MEMBERS);
        for text in ["problem", "effect", "fix", "document", "database"] {
            assert_ne!(finding[text], "", "{finding:#}");
        }
        let place = finding["path"].as_str().unwrap();
        assert!(place.is_empty() || place.starts_with('/'), "{place}");
        severities.push(finding["severity"].as_str().unwrap());
    }
    let count = |name: &str| severities.iter().filter(|severity| **severity == name).count();
    for (member, name) in [("errors", "error"), ("warnings", "warning"), ("notes", "note")] {
        assert_eq!(report["summary"][member], count(name), "{name}");
    }
    let restriction = findings(&report).find(|it| it["code"] == "restriction-unusable").unwrap();
    assert_eq!(restriction["document"], "phone");
    assert_eq!(restriction["defect"], "D15");
    assert_eq!(restriction["account"], "0123456789abcdef0123456789abcdef");
    assert_eq!(restriction["database"], "account/01/23/456789abcdef0123456789abcdef");
}

/// The rows of the page's table of defects: number, codes, folders.
fn defects() -> Vec<(String, Vec<String>, Vec<String>)> {
    let page = std::fs::read_to_string(root().join("docs/check.md")).unwrap();
    let words = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let rows = page.lines().filter(|line| line.starts_with("| D") && !line.starts_with("| De"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        (cells[1].to_owned(), words(cells[2]), words(cells[3]))
    })
    .collect()
}

#[test]
fn the_page_tells_of_all_defects_what_really_shows_them() {
    let defects = defects();
    let numbers: Vec<_> = defects.iter().map(|(number, ..)| number.clone()).collect();
    assert_eq!(numbers, (1..=33).map(|number| format!("D{number}")).collect::<Vec<_>>());
    for (number, found_as, folders) in &defects {
        let reports: Vec<Value> =
            folders.iter().map(|folder| report(&seeded(folder), &["--all"]).1).collect();
        for code in found_as {
            let shown = reports.iter().any(|report| codes(report).contains(code.as_str()));
            assert!(shown, "{number}: {code} in {folders:?}");
        }
    }
    let told: BTreeSet<_> = defects.iter().flat_map(|(_, codes, _)| codes.clone()).collect();
    for code in Code::ALL.iter().filter(|code| code.defect().is_some()) {
        assert!(told.contains(code.as_str()), "the table of defects lacks {code}");
    }
}

#[test]
fn the_page_explains_every_code() {
    let page = std::fs::read_to_string(root().join("docs/check.md")).unwrap();
    let expected: Vec<String> = Code::ALL
        .iter()
        .map(|code| {
            let (severity, what, effect) = (code.severity(), code.what(), code.effect());
            let (fix, defect) = (code.fix(), code.defect().unwrap_or("–"));
            format!("| `{code}` | {severity} | {what} | {effect} | {fix} | {defect} |")
        })
        .collect();
    let rows: Vec<&str> = page
        .lines()
        .skip_while(|line| *line != "## Findings")
        .filter(|line| line.starts_with("| `"))
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn the_example_makes_no_call_go_wrong() {
    let example = root().join("deploy/example");
    let (code, report) = report(&example, &["--account", "c1d0f3a8b27e4c65913d0ae84f5b6d21"]);
    assert_eq!(code, 0, "{report:#}");
    let notes = ["keys-without-entry", "named-groups-recommended", "prompts-not-checked"];
    assert_eq!(codes(&report), notes.into_iter().collect());
}

#[test]
fn the_least_severity_decides_the_exit_code_and_hides_nothing() {
    for (folder, least, exit) in [
        ("d09-prompt-language", "note", 1),
        ("d09-prompt-language", "warning", 0),
        ("d10-accept-prompt", "warning", 1),
        ("d10-accept-prompt", "error", 0),
        ("d08-media-id", "error", 1),
        ("clean", "note", 0),
    ] {
        let (code, report) = report(&seeded(folder), &["--all", "--min-severity", least]);
        assert_eq!(code, exit, "{folder} {least}");
        assert_eq!(codes(&report).is_empty(), folder == "clean", "{folder} {least}");
    }
}

#[test]
fn a_line_of_kazoo_has_its_own_settings() {
    let not_here = |folder: &str, line: &str| {
        let (_, report) = report(&seeded(folder), &["--all", "--kazoo", line]);
        codes(&report).contains("not-on-this-kazoo")
    };
    for (folder, line, expected) in [
        ("not-on-this-kazoo", "master", true),
        ("not-on-this-kazoo", "5", true),
        ("clean", "master", false),
        ("clean", "4.3", true),
    ] {
        assert_eq!(not_here(folder, line), expected, "{folder} {line}");
    }
}

/// On 4.3 callflow answers to the same patterns, so such calls are decided as KAZOO decides them.
#[test]
fn the_line_of_kazoo_follows_from_the_seams() {
    for (arguments, expected) in [
        (&["--seams", "route"][..], "may win"),
        (&["--kazoo", "4.3"], "may win"),
        (&["--seams", "execute,route"], "remote_execution"),
        (&["--seams", "route", "--kazoo", "master"], "remote_execution"),
    ] {
        let arguments = [&["--all"], arguments].concat();
        let (_, report) = report(&seeded("d02-idx-name-on-kazoo"), &arguments);
        let findings = report["findings"].as_array().unwrap();
        let refused = findings.iter().find(|it| it["code"] == "idx-name-refused").unwrap();
        let problem = refused["problem"].as_str().unwrap();
        assert!(problem.contains(expected), "{arguments:?}: {problem}");
    }
}

#[test]
fn what_is_slow_is_measured_by_the_limit_of_calls() {
    for (limit, slow) in [("1000", true), ("1000000", false)] {
        let (_, report) = report(&seeded("slow-by-limit"), &["--all", "--match-limit", limit]);
        assert_eq!(codes(&report).contains("whitelist-slow"), slow, "{limit}");
    }
}

#[test]
fn what_cannot_be_read_at_all_ends_with_2() {
    let unknown = "f".repeat(32);
    let (code, report) = report(&seeded("clean"), &["--account", &unknown]);
    assert_eq!(code, 2);
    assert!(report["not_read"][0].as_str().unwrap().contains("account%2Fff%2Fff"), "{report:#}");
    let output = check(Path::new("/nonexistent"), &["--all"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).contains("cannot read /nonexistent"));
}

#[test]
fn the_text_says_where_what_and_how_to_mend_it() {
    let output = check(&seeded("d08-media-id"), &["--all"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "Account 0123456789abcdef0123456789abcdef",
        "error     media-cannot-play (D8)",
        "          action /flow/data/media_id",
        "  call    It is sent to the switch",
        "  fix     Write `/ACCOUNT/MEDIA`",
        "1 account read: 1 error, 0 warnings, 0 notes",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 98), "{text}");
    assert!(output.stderr.is_empty());
}

#[test]
fn one_account_or_all_must_be_asked_for() {
    for arguments in [&[][..], &["--all", "--account", "0123456789abcdef0123456789abcdef"]] {
        assert_eq!(check(&seeded("clean"), arguments).status.code(), Some(64), "{arguments:?}");
    }
}
