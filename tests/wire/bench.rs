//! `bench`: the figures it prints and what it leaves behind.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::harness::{World, tests};
use crate::kazoo::{HELD, Kazoo};
use crate::worker::{Worker, binary};

tests![
    the_figures_are_those_of_the_contract,
    weights_workers_and_waiting_calls_are_measured,
    calls_of_kazoo_4_3_are_measured,
    a_lost_worker_is_a_failure,
    running_workers_are_measured_only_when_asked_for,
    calls_of_an_earlier_run_are_in_the_way,
];

/// How long it may take until calls are placed: where a worker for KAZOO 4.3 has been on the
/// broker, other nodes are listened for first.
const BEGINNING: Duration = Duration::from_secs(60);

/// `bench` on the world's servers.
fn bench(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    let inherited = std::env::vars().map(|(name, _)| name);
    for name in inherited.filter(|name| name.starts_with("KAZOO_")) {
        command.env_remove(name);
    }
    command
        .args(["bench", "--config", "/dev/null", "--format", "json"])
        .args(arguments)
        // The two variables of `deploy/services`, as a developer has them.
        .env("KAZOO_TEST_AMQP_URI", &world.servers.amqp)
        .env("KAZOO_TEST_COUCHDB_URI", &world.servers.couchdb)
        .env("RUST_LOG", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs it to its end, on a thread where it may take its time.
async fn run(world: &World, arguments: &[&str]) -> Result<(Output, String)> {
    let mut command = bench(world, arguments);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output, said))
}

async fn figures(world: &World, arguments: &[&str]) -> Result<Value> {
    let (output, said) = run(world, arguments).await?;
    ensure!(output.status.success(), "{}:\n{said}", output.status);
    gone(world, &said).await?;
    serde_json::from_slice(&output.stdout).context("no JSON")
}

/// The account it said it loads is not there any more.
async fn gone(world: &World, said: &str) -> Result<()> {
    let id =
        said.lines().find_map(|line| line.split_once("loading account ")).context("no account")?;
    let id = id.1.trim();
    ensure!(id.len() == 32, "an account id of {} characters", id.len());
    let (first, second, rest) = (&id[..2], &id[2..4], &id[4..]);
    let url = format!("{}/account%2F{first}%2F{second}%2F{rest}", world.servers.couchdb);
    let status = reqwest::get(url).await?.status();
    ensure!(status == 404, "the database of account {id} is still there: {status}");
    Ok(())
}

fn number(object: &Value, pointer: &str) -> Result<f64> {
    let number = object.pointer(pointer).and_then(Value::as_f64);
    number.with_context(|| format!("no number at {pointer}: {object}"))
}

/// What must hold of any run.
fn consistent(run: &Value, calls: u64) -> Result<()> {
    for pointer in ["/p50_us", "/throughput_per_s", "/rss_kib", "/echo/p50_us"] {
        ensure!(number(run, pointer)? > 0.0, "{pointer} is not positive: {run}");
    }
    ensure!(number(run, "/cpu_us_per_call")? >= 0.0, "{run}");
    let ascending = ["/p50_us", "/p99_us", "/p999_us"].map(|pointer| number(run, pointer));
    let [p50, p99, p999] = ascending;
    let (p50, p99, p999) = (p50?, p99?, p999?);
    ensure!(p50 <= p99 && p99 <= p999, "percentiles do not ascend: {run}");
    ensure!(number(run, "/echo/p50_us")? <= number(run, "/echo/p99_us")?, "{run}");
    for (own, echo, ratio) in [
        ("/throughput_per_s", "/echo/throughput_per_s", "/ratio/throughput"),
        ("/p50_us", "/echo/p50_us", "/ratio/p50"),
        ("/p99_us", "/echo/p99_us", "/ratio/p99"),
    ] {
        let quotient = number(run, own)? / number(run, echo)?;
        ensure!((quotient - number(run, ratio)?).abs() < 0.01, "{ratio} is no quotient: {run}");
    }
    ensure!(run["calls"] == calls, "not {calls} calls: {run}");
    ensure!(run["lost"] == 0 && run["wrong"] == 0, "{run}");
    ensure!(run["seam"].is_string() && run["action"].is_string(), "{run}");
    Ok(())
}

async fn the_figures_are_those_of_the_contract(world: &World) -> Result<()> {
    let arguments =
        ["--calls", "300", "--concurrency", "8", "--mix", "static", "--mix", "lists:25"];
    let figures = figures(world, &arguments).await?;
    let runs = figures["runs"].as_array().context("no runs")?;
    let told: Vec<_> = runs
        .iter()
        .map(|run| (run["action"].as_str(), run["list_size"].as_u64(), run["loop"].as_str()))
        .collect();
    let (closed, open) = (Some("closed"), Some("open"));
    let (fixed, lists) = (Some("static"), Some("lists"));
    ensure!(
        told == [
            (fixed, None, closed),
            (fixed, None, open),
            (lists, Some(25), closed),
            (lists, Some(25), open),
        ],
        "{told:?}"
    );
    for run in runs {
        consistent(run, 300)?;
        let open = run["loop"] == "open";
        ensure!(run["rate_per_s"].is_number() == open, "{run}");
        ensure!(open || run["concurrency"] == 8, "{run}");
        // Nobody is faster than the calls come.
        ensure!(!open || number(run, "/throughput_per_s")? <= number(run, "/rate_per_s")? * 1.05);
    }
    world.count("measured calls");
    Ok(())
}

async fn weights_workers_and_waiting_calls_are_measured(world: &World) -> Result<()> {
    let arguments = ["--calls", "200", "--concurrency", "16", "--workers", "2", "--rate", "150"];
    // More at each worker than are opened with the broker at once.
    let mixed = ["--mix", "list:30*2,manual", "--manual-waiting", "700", "--echo-work", "2000"];
    let figures = figures(world, &[&arguments[..], &mixed].concat()).await?;
    let run = &figures["runs"][0];
    consistent(run, 200)?;
    ensure!(run["mix"] == "list:30*2,manual" && run["loop"] == "open", "{run}");
    ensure!(run["list_size"].is_null() && run["rate_per_s"] == 150.0, "{run}");
    ensure!(number(run, "/echo/p50_us")? >= 2000.0, "the echo does not compute: {run}");
    let shares = run["workers"].as_object().context("no shares")?;
    let shared: u64 = shares.values().filter_map(Value::as_u64).sum();
    ensure!(shares.len() == 2 && shared == 200, "{shares:?}");
    let waiting = &figures["manual_waiting"];
    ensure!(waiting["calls"] == 700 && waiting["lost"] == 0, "{waiting}");
    ensure!(number(waiting, "/rss_kib")? > 0.0, "{waiting}");
    Ok(())
}

async fn calls_of_kazoo_4_3_are_measured(world: &World) -> Result<()> {
    let arguments = ["--seam", "route", "--calls", "100", "--concurrency", "4"];
    let mixes = ["--mix", "static", "--mix", "lists:12", "--loop", "closed"];
    let figures = figures(world, &[&arguments[..], &mixes].concat()).await?;
    for run in figures["runs"].as_array().context("no runs")? {
        consistent(run, 100)?;
        ensure!(run["seam"] == "route", "{run}");
    }
    Ok(())
}

async fn a_lost_worker_is_a_failure(world: &World) -> Result<()> {
    let worker = Worker::start_quiet(world).await?;
    let arguments = ["--worker", "running", "--calls", "4000", "--loop", "closed"];
    let mut command =
        bench(world, &[&arguments[..], &["--mix", "static", "--timeout", "2"]].concat());
    let running = tokio::task::spawn_blocking(move || command.output());
    let deadline = Instant::now() + BEGINNING;
    // The warm-up is over.
    while worker.metric("kazoo_dynamic_cid_calls").await? < 300.0 {
        ensure!(Instant::now() < deadline, "the calls do not begin");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    worker.kill()?;
    let output = running.await??;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1), "{}:\n{said}", output.status);
    gone(world, &said).await?;
    let figures: Value = serde_json::from_slice(&output.stdout).context("no JSON")?;
    let run = &figures["runs"][0];
    ensure!(number(run, "/lost")? > 0.0 && run["wrong"] == 0, "{run}");
    // Nobody's process is looked at but our own.
    ensure!(run["rss_kib"].is_null() && run["cpu_us_per_call"].is_null(), "{run}");
    Ok(())
}

async fn running_workers_are_measured_only_when_asked_for(world: &World) -> Result<()> {
    let (output, said) = run(world, &["--worker", "running", "--calls", "10"]).await?;
    ensure!(output.status.code() == Some(1) && said.contains("no worker is running"), "{said}");
    let worker = Worker::start_quiet(world).await?;
    let (output, said) = run(world, &["--calls", "10"]).await?;
    ensure!(output.status.code() == Some(1) && said.contains("--worker running"), "{said}");
    ensure!(output.stdout.is_empty(), "figures of a refused run");
    worker.stop().await?;
    Ok(())
}

/// A run that was cut short leaves calls on disk; the next worker would serve them first.
async fn calls_of_an_earlier_run_are_in_the_way(world: &World) -> Result<()> {
    let kazoo = Kazoo::connect(&world.servers.amqp).await?;
    kazoo.forget_old_work().await?;
    // It declares the queues.
    Worker::start_quiet(world).await?.stop().await?;
    kazoo.publish("targeted", HELD, &json!({})).await?;
    let (output, said) = run(world, &["--calls", "10"]).await?;
    kazoo.forget_old_work().await?;
    kazoo.close().await;
    ensure!(output.status.code() == Some(1) && said.contains(HELD), "{said}");
    Ok(())
}
