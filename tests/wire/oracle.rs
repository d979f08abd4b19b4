//! Calls without end while workers are killed and the database goes away: who counts what is owed.
//!
//! Each call is owed exactly one end: an answer, a resume, or a hang-up that the worker asked for.
//! `KAZOO_TEST_ORACLE_SECONDS` lets it run longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::join_all;
use kazoo_dynamic_cid::amqp::{Broker, Tls};
use kazoo_dynamic_cid::directory::{AccountId, CouchDb, Database, Directory, DirectoryOptions};
use kazoo_dynamic_cid::peer::{
    self, Checker, Driven, End, Exchanged, Pace, Party, Peer, Placing, Play, Scenario, Seam, drive,
};

use crate::account::Account;
use crate::harness::{World, tests};
use crate::kazoo::{HELD, JOBS, Kazoo, WORK};
use crate::relay::Relay;
use crate::route::scenarios::opted_in;
use crate::worker::{ROUTE, Worker};

tests![
    every_execute_gets_its_answer_while_workers_die,
    every_won_call_is_ended_once_while_workers_die,
];

/// How many callers there are at once.
const CALLERS: usize = 32;
/// From one kill to the next.
const BETWEEN_KILLS: Duration = Duration::from_millis(700);
/// How long the database is away, after each third kill.
const OUTAGE: Duration = Duration::from_millis(400);
/// How long a call is watched after its end.
const LINGER: Duration = Duration::from_millis(50);

/// How long callers go on calling.
pub(crate) fn length() -> Duration {
    let asked = std::env::var("KAZOO_TEST_ORACLE_SECONDS").ok();
    Duration::from_secs(asked.and_then(|text| text.parse().ok()).unwrap_or(10))
}

/// What was owed, and what came.
#[derive(Debug, Default)]
struct Tally {
    calls: AtomicUsize,
    answered: AtomicUsize,
    resumed: AtomicUsize,
    hung_up: AtomicUsize,
    left_to_callflow: AtomicUsize,
    /// Calls whose action somebody began again.
    begun_again: AtomicUsize,
    /// Answers that came a second time: the worker died between the broker's confirm and its own
    /// acknowledgement.
    twice: AtomicUsize,
    kills: AtomicUsize,
    outages: AtomicUsize,
}

fn add(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

async fn every_execute_gets_its_answer_while_workers_die(world: &World) -> Result<()> {
    let account = world.account.all_remote();
    let tally = run(world, &account, Seam::Execute, &[WORK, HELD]).await?;
    let get = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    ensure!(get(&tally.answered) + get(&tally.hung_up) == get(&tally.calls), "{tally:?}");
    // One worker holds no more than all callers' calls when it dies.
    ensure!(get(&tally.twice) <= get(&tally.kills) * CALLERS, "{tally:?}");
    Ok(())
}

async fn every_won_call_is_ended_once_while_workers_die(world: &World) -> Result<()> {
    let account = opted_in(&world.kazoo_4_3.account);
    let tally = run(world, &account, Seam::Route, &[JOBS]).await?;
    let get = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    let ended = get(&tally.resumed) + get(&tally.hung_up) + get(&tally.left_to_callflow);
    ensure!(ended == get(&tally.calls), "{tally:?}");
    ensure!(get(&tally.twice) == 0, "{tally:?}");
    Ok(())
}

async fn run(world: &World, account: &Account, seam: Seam, queues: &[&str]) -> Result<Arc<Tally>> {
    world.load(account).await?;
    let scenarios = scenarios(world, account, seam).await?;
    let relay = Relay::closed(&world.servers.couchdb).await?;
    relay.open().await?;
    let couchdb = relay.uri(&world.servers.couchdb)?;
    let start = || {
        let seams: &[&str] = if seam == Seam::Route { ROUTE } else { &[] };
        Worker::launch_with(&world.servers.amqp, &couchdb, "warn", seams)
    };
    let mut workers = vec![start()?, start()?];
    for worker in &workers {
        worker.ready(crate::harness::PATIENCE).await?;
    }
    let peer = Peer::connect(&world.servers.amqp.parse::<Broker>()?, "oracle@test", Tls::default())
        .await?;
    if seam == Seam::Route {
        peer.play_callflow().await?;
    }
    let tally = Arc::new(Tally::default());
    let (until, over) = (Instant::now() + length(), AtomicBool::new(false));
    let callers = join_all(
        (0..CALLERS)
            .map(|caller| calls(&peer, &scenarios[caller % scenarios.len()], seam, until, &tally)),
    );
    let faults = async {
        while !over.load(Ordering::Relaxed) && Instant::now() < until {
            tokio::time::sleep(BETWEEN_KILLS).await;
            workers.push(start()?);
            workers.remove(0).kill()?;
            add(&tally.kills);
            if tally.kills.load(Ordering::Relaxed).is_multiple_of(3) {
                relay.close();
                tokio::time::sleep(OUTAGE).await;
                relay.open().await?;
                add(&tally.outages);
            }
        }
        anyhow::Ok(())
    };
    let served = async {
        let served = callers.await;
        over.store(true, Ordering::Relaxed);
        served.into_iter().collect::<Result<Vec<()>>>()
    };
    let (served, faults) = tokio::join!(served, faults);
    faults?;
    served?;
    println!("        {tally:?}");
    ensure!(tally.kills.load(Ordering::Relaxed) > 3, "no faults: {tally:?}");
    // Nothing is owed any more.
    for worker in &workers {
        worker.ready(crate::harness::PATIENCE).await?;
        worker.idle().await?;
    }
    let kazoo = Kazoo::connect(&world.servers.amqp).await?;
    for queue in queues {
        let waiting = kazoo.waiting(queue).await.context("no queue")?;
        ensure!(waiting == 0, "{waiting} wait in {queue}");
    }
    kazoo.close().await;
    peer.close().await;
    Ok(tally)
}

/// One caller, one call after the other.
async fn calls(
    peer: &Peer,
    scenario: &Scenario,
    seam: Seam,
    until: Instant,
    tally: &Tally,
) -> Result<()> {
    let checker = Checker::default();
    let pace =
        Pace { play: Duration::from_millis(30), silences: false, key: Duration::from_millis(10) };
    // A caller who is asked again types again.
    let keys = "123456#".repeat(300);
    while Instant::now() < until {
        let play = Play {
            seam,
            pace,
            keys: &keys,
            patience: Duration::from_secs(40),
            linger: LINGER,
            checker: Some(&checker),
        };
        let mut link = match seam {
            Seam::Execute => peer.call(),
            Seam::Route => peer.route_call(),
        };
        let (mut messages, mut bad) = (Vec::new(), Vec::new());
        add(&tally.calls);
        let driven = drive(&mut link, scenario, play, |message| {
            bad.extend(message.faults.iter().cloned());
            messages.push(message);
        })
        .await?;
        count(&driven, &messages, &bad, tally)
            .with_context(|| format!("{}: {messages:#?}", link.ids().call_id))?;
    }
    Ok(())
}

fn count(driven: &Driven, messages: &[Exchanged], bad: &[String], tally: &Tally) -> Result<()> {
    match driven.end {
        End::Answered { .. } => add(&tally.answered),
        End::Resumed { .. } => add(&tally.resumed),
        End::HungUp { .. } => add(&tally.hung_up),
        End::LeftToCallflow => add(&tally.left_to_callflow),
        End::Returned(_) | End::Unanswered => anyhow::bail!("nobody ended it: {:?}", driven.end),
    }
    let asked = messages.iter().any(|message| {
        message.from == Party::Worker && message.body["Event-Name"] == "channel_status_req"
    });
    if asked {
        add(&tally.begun_again);
    }
    // A command behind the result would be heard; a second result KAZOO ignores.
    let (late, wrong): (Vec<_>, Vec<_>) = bad.iter().partition(|fault| fault.contains("second"));
    ensure!(wrong.is_empty(), "{wrong:?}");
    if !late.is_empty() {
        add(&tally.twice);
    }
    Ok(())
}

/// A call of each kind.
async fn scenarios(world: &World, account: &Account, seam: Seam) -> Result<Vec<Scenario>> {
    let couchdb = CouchDb::new(&world.servers.couchdb.parse()?, Duration::from_secs(5))?;
    let directory = Directory::new(Arc::new(couchdb), DirectoryOptions::default());
    let id = AccountId::new(account.id()).context("no account id")?;
    let rules = directory.number_rules().await;
    let mut scenarios = Vec::new();
    for dialled in ["2001", "*20014155551234", "2010", "2002"] {
        let placing = Placing {
            account: &id,
            database: Database::account(&id).encoded(),
            dialled,
            from: Some("dev1"),
            rules: &rules,
            language: "en-us",
            host: "oracle.example.com",
        };
        scenarios.push(match seam {
            Seam::Execute => peer::scenario(&directory, &placing).await?,
            Seam::Route => peer::route_scenario(&directory, &placing).await?,
        });
    }
    Ok(scenarios)
}
