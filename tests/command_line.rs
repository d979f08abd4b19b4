//! The program from outside: exit codes and what is printed where.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails like a test")]

use std::process::{Command, Output};

/// Runs the program without any environment but the given variables.
fn program(line: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kazoo-dynamic-cid"))
        .args(line)
        .env_clear()
        .env("KAZOO_CONFIG", "/dev/null")
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn help_and_version_are_answers() {
    for (flag, expected) in [("--help", "dynamic_cid"), ("-h", "Usage:"), ("--version", "0.1.0")] {
        let output = program(&[flag], &[]);
        assert_eq!(output.status.code(), Some(0), "{flag}");
        assert!(text(&output.stdout).contains(expected), "{flag}");
        assert!(output.stderr.is_empty(), "{flag}");
    }
}

#[test]
fn wrong_arguments_end_with_64() {
    for line in [&[][..], &["walk"], &["run", "--no-such-flag"], &["simulate", "--dial", "1"]] {
        let output = program(line, &[]);
        assert_eq!(output.status.code(), Some(64), "{line:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{line:?}");
    }
}

#[test]
fn wrong_settings_end_with_64_and_are_named_together() {
    let variables = [
        ("KAZOO_DYNAMIC_CID_PREFETCH", "0"),
        ("KAZOO_DYNAMIC_CID_AMQP_URI", "amqp://guest:s3cret@host/a/b"),
        ("RUST_LOG", "loud=very"),
    ];
    let output = program(&["run", "--seams", "both"], &variables);
    assert_eq!(output.status.code(), Some(64));
    assert!(output.stdout.is_empty());
    let told = text(&output.stderr);
    for name in ["prefetch", "amqp-uri", "log-filter", "seams", "4 bad settings"] {
        assert!(told.contains(name), "{name} in {told}");
    }
    assert!(!told.contains("s3cret"), "{told}");
}

#[test]
fn a_file_that_is_not_there_is_a_wrong_setting() {
    let output = program(&["run", "--config", "/no/such/config.ini"], &[]);
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output.stderr).contains("/no/such/config.ini: No such file"));
}

#[test]
fn settings_alone_are_checked_without_servers_and_documents() {
    let nowhere = [("KAZOO_DYNAMIC_CID_AMQP_URI", "amqp://nowhere.invalid"), ("RUST_LOG", "info")];
    let output = program(&["check", "--settings-only"], &nowhere);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "The settings can be used.\n");
    let output = program(&["check", "--settings-only"], &[("KAZOO_DYNAMIC_CID_GRACE", "soon")]);
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output.stderr).contains("grace"));
}

#[test]
fn pages_are_made_of_the_command_line_whatever_the_settings() {
    let wrong = [("KAZOO_DYNAMIC_CID_PREFETCH", "0")];
    for line in
        [&["completions", "bash"][..], &["completions", "zsh"], &["completions", "fish"], &["man"]]
    {
        let output = program(line, &wrong);
        assert_eq!(output.status.code(), Some(0), "{line:?}");
        let page = text(&output.stdout);
        for word in ["uninstall", "simulate"] {
            assert!(page.contains(word), "{word} in {line:?}");
        }
        assert!(!page.contains("bench\\-echo"), "{line:?} shows what is hidden");
    }
    let folder = tempfile::tempdir().unwrap();
    let output = program(&["man", folder.path().to_str().unwrap()], &wrong);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for page in ["kazoo-dynamic-cid.1", "kazoo-dynamic-cid-run.1", "kazoo-dynamic-cid-install.1"] {
        let page = std::fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{page}");
    }
    let output = program(&["man", "/no/such/folder"], &wrong);
    assert_eq!(output.status.code(), Some(1));
}
