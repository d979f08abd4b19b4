//! The worker on the wire: a real RabbitMQ, a CouchDB server, the real binary.
//!
//! The other side is played by a model of KAZOO (`executor`, `native`, `line`), which is itself
//! held to what was recorded on a living KAZOO. `cargo test --test wire -- PART` runs the tests with
//! PART in their name. See `servers` for where the servers come from.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod account;
mod check;
mod cluster;
mod couch;
mod database_faults;
mod ending;
mod events;
mod executor;
mod harness;
mod kazoo;
mod line;
mod native;
mod obligations;
mod operations;
mod oracle;
mod replay;
mod servers;
mod term;
mod transcript;
mod worker;
mod zones;

mod bad_input;
mod bench;
mod fault;
mod faults;
mod figures;
mod folders;
mod gate;
mod install;
mod journal;
mod layouts;
mod limits;
mod model;
mod moves;
mod records;
mod relay;
mod remote;
mod route;
mod scenarios;
mod scene;
mod security;
mod service;
mod soak;

use std::process::ExitCode;

fn main() -> ExitCode {
    // More than one crate of the test's could bring the cryptography; none is needed.
    rustls::crypto::ring::default_provider().install_default().ok();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            println!("wire: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let modules = [
        ("model", model::TESTS),
        ("scenarios", scenarios::TESTS),
        ("remote", remote::TESTS),
        ("layouts", layouts::TESTS),
        ("moves", moves::TESTS),
        ("service", service::TESTS),
        ("bad_input", bad_input::TESTS),
        ("faults", faults::TESTS),
        ("ending", ending::TESTS),
        ("zones", zones::TESTS),
        ("operations", operations::TESTS),
        ("records", records::TESTS),
        ("database_faults", database_faults::TESTS),
        ("limits", limits::TESTS),
        ("route", route::scenarios::TESTS),
        ("route_exclusive", route::exclusive::TESTS),
        ("route_command", route::command::TESTS),
        ("route_bad_input", route::bad_input::TESTS),
        ("route_meanwhile", route::meanwhile::TESTS),
        ("route_crashes", route::crashes::TESTS),
        ("tls", security::tls::TESTS),
        ("permissions", security::permissions::TESTS),
        ("couchdb_role", security::couchdb_role::TESTS),
        ("secrets", security::secrets::TESTS),
        ("hostile", security::hostile::TESTS),
        ("install", install::TESTS),
        ("install_refused", install::refused::TESTS),
        ("journal", journal::TESTS),
        ("folders", folders::TESTS),
        ("bench", bench::TESTS),
        ("oracle", oracle::TESTS),
        ("obligations", obligations::TESTS),
        ("soak", soak::TESTS),
        ("figures", figures::TESTS),
        ("route_figures", route::figures::TESTS),
    ];
    match runtime.block_on(harness::run(&modules)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("wire: {error:#}");
            ExitCode::FAILURE
        }
    }
}
