use clap::CommandFactory;

use super::placed::Seam;
use super::*;

const ACCOUNT: &str = "1234567890abcdef1234567890abcdef";

fn parse(line: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("kazoo-dynamic-cid").chain(line.iter().copied()))
}

#[test]
fn verify_cli() {
    Cli::command().debug_assert();
}

#[test]
fn settings_stand_before_or_behind_the_subcommand() {
    for line in [["--zone", "east", "run"], ["run", "--zone", "east"]] {
        let shown = format!("{:?}", parse(&line).unwrap().settings);
        assert!(shown.contains("zone: Some(\"east\")"), "{shown}");
    }
}

#[test]
fn the_arguments_of_a_call_are_read() {
    let line = ["call", "--account", ACCOUNT, "--dial", "*68", "--dtmf", "5145551234#"];
    let Command::Call(args) = parse(&line).unwrap().command else { panic!("not a call") };
    assert_eq!((args.placed.account.as_str(), args.placed.dial.as_str()), (ACCOUNT, "*68"));
    assert_eq!(args.placed.dtmf.as_deref(), Some("5145551234#"));
    assert_eq!((args.placed.seam, args.timeout, args.format), (None, 30, OutputFormat::Text));
    assert!(!args.on_live_cluster && args.placed.from.is_none());
}

#[test]
fn the_arguments_of_a_simulation_are_read() {
    let line = [
        "simulate",
        "--account",
        ACCOUNT,
        "--dial",
        "+15145551234",
        "--from",
        "device",
        "--data",
        "dir",
        "--seam",
        "route",
        "--format",
        "json",
    ];
    let Command::Simulate(args) = parse(&line).unwrap().command else { panic!("no simulation") };
    assert_eq!((args.placed.from.as_deref(), args.format), (Some("device"), OutputFormat::Json));
    assert_eq!(args.placed.seam, Some(Seam::Route));
    assert_eq!(args.data.as_deref(), Some(std::path::Path::new("dir")));
}

#[test]
fn the_arguments_of_a_measurement_are_read() {
    let line = ["bench", "--mix", "lists:100*3,static", "--mix", "manual", "--rate", "200"];
    let Command::Bench(args) = parse(&line).unwrap().command else { panic!("not a bench") };
    let mixes: Vec<String> = args.mixes.iter().map(ToString::to_string).collect();
    assert_eq!(mixes, ["lists:100*3,static", "manual"]);
    assert_eq!((args.rate, args.workers, args.worker), (Some(200), 1, None));
    assert_eq!((args.seam, args.pacing, args.format), (Seam::Execute, None, OutputFormat::Text));
    let Command::Bench(args) = parse(&["bench", "--worker", "running"]).unwrap().command else {
        panic!("not a bench")
    };
    assert!(args.mixes.is_empty() && args.worker.is_some());
}

#[test]
fn bad_arguments_are_refused() {
    for line in [
        &[][..],
        &["walk"],
        &["call"],
        &["call", "--account", "short", "--dial", "1"],
        &["call", "--account", "../../../../../etc/passwd/000000", "--dial", "1"],
        &["call", "--account", ACCOUNT, "--dial", ""],
        &["call", "--account", ACCOUNT, "--dial", "1 2"],
        &["call", "--account", ACCOUNT, "--dial", "1", "--dtmf", "5e"],
        &["call", "--account", ACCOUNT, "--dial", "1", "--timeout", "0"],
        &["call", "--account", ACCOUNT, "--dial", "1", "--seam", "both"],
        &["simulate", "--account", ACCOUNT, "--dial", "1", "--format", "xml"],
        &["bench", "--mix", "walk"],
        &["bench", "--mix", "lists:0"],
        &["bench", "--calls", "0"],
        &["bench", "--concurrency", "0"],
        &["bench", "--loop", "half"],
        &["bench", "--workers", "2", "--worker", "running"],
        &["check"],
        &["check", "--all", "--account", ACCOUNT],
        &["check", "--account", "short"],
        &["check", "--all", "--min-severity", "fatal"],
        &["check", "--all", "--kazoo", "3"],
        &["check", "--all", "--settings-only"],
        &["install", "--all", "--account", ACCOUNT],
        &["uninstall", "--account", "short"],
        &["completions"],
        &["completions", "cmd"],
        &["run", "--prefetch", "1", "--prefetch", "2"],
    ] {
        assert!(parse(line).is_err_and(|error| error.use_stderr()), "{line:?}");
    }
}

#[test]
fn the_help_is_the_program_s_own() {
    let help = Cli::command().render_long_help().to_string();
    assert!(help.starts_with("A worker that does KAZOO's dynamic_cid"), "{help}");
    for name in [
        "run",
        "simulate",
        "check",
        "call",
        "KAZOO_DYNAMIC_CID_AMQP_URI",
        "KAZOO_DYNAMIC_CID_COUCHDB_PASSWORD",
        "RUST_LOG",
        "Exit codes",
    ] {
        assert!(help.contains(name), "{name}");
    }
}

#[test]
fn only_the_service_logs_to_standard_output() {
    for (line, output) in [
        (&["run"][..], LogOutput::StandardOutput),
        (&["call", "--account", ACCOUNT, "--dial", "1"], LogOutput::StandardError),
        (&["bench"], LogOutput::StandardError),
        (&["simulate", "--account", ACCOUNT, "--dial", "1"], LogOutput::StandardError),
        (&["check", "--all"], LogOutput::StandardError),
    ] {
        assert_eq!(parse(line).unwrap().command.log_output(LogTo::Stdout), output);
    }
}

#[test]
fn the_exit_code_tells_a_mistake_from_a_failure() {
    assert_eq!(CliError::Usage(String::new()).exit_code(), 64);
    assert_eq!(CliError::Settings(Problems(Vec::new())).exit_code(), 64);
    assert_eq!(CliError::Failed(String::new()).exit_code(), 1);
}
