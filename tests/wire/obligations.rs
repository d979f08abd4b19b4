//! Everything dies under load, the broker too: who counts what is owed.
//!
//! A call is owed one answer from the moment the broker has confirmed its execute. KAZOO's executes
//! live in the broker's memory, so what nobody had taken in hand yet is lost when it is killed; a
//! caller who has heard something of a worker is owed an answer whatever happens.
//! `KAZOO_TEST_ORACLE_SECONDS` lets it run longer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::join_all;
use kazoo_dynamic_cid::json::Object;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::cluster::{Cluster, Course, check};
use crate::harness::{PATIENCE, World, tests};
use crate::kazoo::{HELD, Kazoo, WORK};
use crate::oracle::length;
use crate::relay::Relay;
use crate::worker::{DETAILED, Worker};

tests![whatever_dies_each_caller_gets_one_answer];

const CALLERS: usize = 24;
/// From one fault to the next.
const BETWEEN_FAULTS: Duration = Duration::from_millis(900);
const OUTAGE: Duration = Duration::from_millis(400);
/// How long a caller waits before the call is given up for lost.
const GIVEN_UP: Duration = Duration::from_secs(40);
/// How long an execute may have waited in the broker's memory for a worker: those that lost their
/// session try again after 5 s at the latest.
const IN_MEMORY: Duration = Duration::from_secs(10);
/// How long before its death the broker may have heard what it had not written yet.
const UNWRITTEN: Duration = Duration::from_secs(2);
/// How long after its return things may come again.
const AFTER_RETURN: Duration = Duration::from_secs(15);

/// What was done to whom.
#[derive(Debug, Default, Clone)]
pub(crate) struct Faults {
    workers_killed: usize,
    pub(crate) broker_deaths: Vec<(Instant, Instant)>,
    database_outages: usize,
    connections_cut: usize,
}

/// What was owed, and what came.
#[derive(Debug, Default)]
pub(crate) struct Obligations {
    pub(crate) owed: usize,
    pub(crate) answered: usize,
    /// Of these, calls in which the caller was asked for digits or heard a prompt.
    pub(crate) spoken_to: usize,
    /// Answers that came twice, the same.
    repeated: usize,
    /// Never taken in hand, and in the memory of a broker that died.
    pub(crate) lost_in_the_broker: usize,
    /// Asked again after their answer, by a broker that had not written that it was done.
    resurrected: usize,
}

async fn whatever_dies_each_caller_gets_one_answer(world: &World) -> Result<()> {
    if !world.servers.controls_broker() {
        println!("        the broker is not ours to kill: its deaths are left out");
    }
    let account = world.account.all_remote();
    world.load(&account).await?;
    let (broker, database) =
        (Relay::closed(&world.servers.amqp).await?, Relay::closed(&world.servers.couchdb).await?);
    broker.open().await?;
    database.open().await?;
    let (amqp, couchdb) = (broker.uri(&world.servers.amqp)?, database.uri(&world.servers.couchdb)?);
    let start = || Worker::launch(&amqp, &couchdb, DETAILED);
    let mut said = Vec::new();
    let mut workers = vec![start()?, start()?];
    for worker in &workers {
        worker.ready(PATIENCE).await?;
    }
    let cluster = Cluster::on(&world.servers.amqp);
    let transcript = world.transcript("static_nocg")?;
    let mut calls = Vec::new();
    for number in ["2001", "*20014155551234", "2010", "2002"] {
        let call = account.call_to(transcript, number)?;
        let flow = call["Key-Value-Store"]["cf_flow_id"].as_str().context("no cf_flow_id")?;
        let data = account.data_of(flow);
        calls.push((call, data));
    }
    let until = Instant::now() + length();
    let faults = Arc::new(Mutex::new(Faults::default()));
    // Tasks of their own: starting a broker holds up the one that does it.
    let callers = join_all((0..CALLERS).map(|caller| {
        let (cluster, call) = (Arc::clone(&cluster), calls[caller % calls.len()].clone());
        tokio::spawn(async move { one_after_the_other(&cluster, caller, &call, until).await })
    }));
    let breaking = async {
        let mut turn = 0;
        while Instant::now() + BETWEEN_FAULTS < until {
            tokio::time::sleep(BETWEEN_FAULTS).await;
            turn += 1;
            let mut done = faults.lock().await;
            match turn % 6 {
                0 if world.servers.controls_broker() => {
                    let died = Instant::now();
                    tokio::task::block_in_place(|| {
                        world.servers.control_broker("kill")?;
                        world.servers.control_broker("start")
                    })?;
                    done.broker_deaths.push((died, Instant::now()));
                }
                2 => {
                    broker.close();
                    broker.open().await?;
                    done.connections_cut += 1;
                }
                4 => {
                    database.close();
                    tokio::time::sleep(OUTAGE).await;
                    database.open().await?;
                    done.database_outages += 1;
                }
                _ => {
                    workers.push(start()?);
                    let killed = workers.remove(0);
                    said.push(killed.lines());
                    killed.kill()?;
                    done.workers_killed += 1;
                }
            }
        }
        anyhow::Ok(())
    };
    let (served, broken) = tokio::join!(callers, breaking);
    broken?;
    for served in served {
        served??;
    }
    for worker in &workers {
        worker.ready(Duration::from_secs(30)).await?;
        worker.idle().await?;
    }
    let faults = faults.lock().await.clone();
    said.extend(workers.iter().map(Worker::lines));
    let obligations = count(&cluster, &faults, &said.concat())?;
    println!(
        "        {obligations:?}; workers killed {}, broker killed {}, connections cut {}, \
         database away {}",
        faults.workers_killed,
        faults.broker_deaths.len(),
        faults.connections_cut,
        faults.database_outages
    );
    ensure!(faults.workers_killed > 2 && faults.connections_cut > 0, "no faults: {faults:?}");
    ensure!(obligations.spoken_to > 10, "nobody was spoken to: {obligations:?}");
    let kazoo = Kazoo::connect(&world.servers.amqp).await?;
    for queue in [WORK, HELD] {
        let waiting = kazoo.waiting(queue).await.context("no queue")?;
        ensure!(waiting == 0, "{waiting} wait in {queue}");
    }
    kazoo.close().await;
    Ok(())
}

async fn one_after_the_other(
    cluster: &Arc<Cluster>,
    caller: usize,
    (call, data): &(Object, Value),
    until: Instant,
) -> Result<()> {
    let mut number = 0;
    while Instant::now() < until {
        number += 1;
        let id = format!("{caller}-{number}-{:08x}@obligations", rand::random::<u32>());
        if !cluster.hand_over(&id, call, data).await? {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        }
        let given_up = Instant::now() + GIVEN_UP;
        while cluster.course(&id).results.is_empty() && Instant::now() < given_up {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }
    Ok(())
}

fn count(cluster: &Cluster, faults: &Faults, said: &[String]) -> Result<Obligations> {
    let mut obligations = Obligations::default();
    for (id, course) in cluster.courses() {
        judge(&id, &course, faults, &mut obligations).with_context(|| {
            let of_it: Vec<_> = said.iter().filter(|line| line.contains(&id)).cloned().collect();
            format!("the workers said of it:\n{}", of_it.join("\n"))
        })?;
    }
    Ok(obligations)
}

/// Counts one call; an error where it did not get what it was owed.
pub(crate) fn judge(
    id: &str,
    course: &Course,
    faults: &Faults,
    obligations: &mut Obligations,
) -> Result<()> {
    check(id, course)?;
    obligations.owed += 1;
    if course.commands > 0 {
        obligations.spoken_to += 1;
    }
    if course.results.is_empty() {
        ensure!(course.commands == 0, "{id}: spoken to and never answered: {course:?}");
        ensure!(
            in_a_dead_broker(course, faults),
            "{id}: never answered: {course:?}; the broker was away (s from the execute on): {:?}",
            since(course, faults)
        );
        obligations.lost_in_the_broker += 1;
        return Ok(());
    }
    obligations.answered += 1;
    let (answered, first) = &course.results[0];
    if course.results.len() > 1 {
        obligations.repeated += 1;
    }
    let may_come_again = faults
        .broker_deaths
        .iter()
        .any(|(died, back)| *died < *answered + UNWRITTEN && *answered < *back);
    let late = course.afterwards.iter().any(|(at, _)| {
        !may_come_again || !faults.broker_deaths.iter().any(|(_, back)| *at < *back + AFTER_RETURN)
    });
    ensure!(!late, "{id}: spoken to after the answer: {course:?}");
    if course.afterwards.is_empty() {
        let same = course.results.iter().all(|(_, told)| told == first);
        ensure!(same, "{id}: two different answers: {course:?}");
    } else {
        obligations.resurrected += 1;
    }
    Ok(())
}

/// When the broker died and came back, in seconds from a call's execute on.
fn since(course: &Course, faults: &Faults) -> Vec<(f64, f64)> {
    let Some(handed_over) = course.handed_over else { return Vec::new() };
    let seconds = |at: Instant| {
        if at >= handed_over {
            (at - handed_over).as_secs_f64()
        } else {
            -(handed_over - at).as_secs_f64()
        }
    };
    faults.broker_deaths.iter().map(|(died, back)| (seconds(*died), seconds(*back))).collect()
}

/// Whether a call may have been in the memory of a broker when that died.
fn in_a_dead_broker(course: &Course, faults: &Faults) -> bool {
    let Some(handed_over) = course.handed_over else { return false };
    faults
        .broker_deaths
        .iter()
        .any(|(died, back)| *died < handed_over + IN_MEMORY && handed_over < *back)
}
