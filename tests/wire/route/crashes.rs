//! SIGKILL between a route request and the resume: the caller is served by another worker, or left
//! to callflow, never alone.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::scenarios::opted_in;
use super::switchboard::{RecordedCall, Switchboard, Taken};
use crate::events::Cue;
use crate::harness::{World, tests};
use crate::kazoo::{JOBS, Kazoo, TAKEOVER};
use crate::line::Until;
use crate::worker::Worker;

tests![
    a_worker_may_be_killed_at_every_point_of_a_call,
    a_worker_may_be_killed_at_every_moment_of_a_call,
    a_call_is_resumed_although_its_worker_is_stopped,
];

/// Where the worker is killed.
#[derive(Debug, Clone, Copy)]
enum Point {
    RequestInHand,
    Offered,
    WinInHand,
    CollectingDigits,
    LastPromptPlaying,
    Resumed,
}

const POINTS: [Point; 6] = [
    Point::RequestInHand,
    Point::Offered,
    Point::WinInHand,
    Point::CollectingDigits,
    Point::LastPromptPlaying,
    Point::Resumed,
];

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Another worker, or the first before it died, handed it back.
    Resumed,
    /// Nobody answered the request: callflow's answer is the only one.
    LeftToCallflow,
}

/// How long after the kill nothing may happen where nothing should.
const AFTERWARDS: Duration = Duration::from_millis(1500);
/// How long a worker gets to come to the point.
const UNTIL_QUIET: Until = Until::Silent(Duration::from_millis(200));

async fn a_worker_may_be_killed_at_every_point_of_a_call(world: &World) -> Result<()> {
    world.load(&opted_in(&world.kazoo_4_3.account)).await?;
    let kazoo = Kazoo::connect(&world.servers.amqp).await?;
    for point in POINTS {
        let started = Instant::now();
        let outcome = at(world, &kazoo, point).await.with_context(|| format!("{point:?}"))?;
        println!("        {point:?}: {outcome:?}, {:.1?} after the request", started.elapsed());
        let certain = !matches!(point, Point::RequestInHand);
        ensure!(!certain || outcome == Outcome::Resumed, "{point:?}: {outcome:?}");
    }
    kazoo.close().await;
    Ok(())
}

async fn at(world: &World, kazoo: &Kazoo, point: Point) -> Result<Outcome> {
    let name = match point {
        Point::CollectingDigits => "manual_ok",
        Point::LastPromptPlaying => "static_badcid",
        _ => "static_nocg",
    };
    let transcript = world.kazoo_4_3.transcript(name)?;
    let cues = transcript.cues();
    let first = Worker::start_for_routes(world).await?;
    warm(kazoo, world).await?;
    let mut call = Switchboard::open(kazoo, RecordedCall::of(transcript)?).await?;
    let asked = Instant::now();
    if matches!(point, Point::RequestInHand) {
        first.signal("STOP")?;
        call.ask().await?;
        let second = killed(world, first).await?;
        let Ok(answer) = tokio::time::timeout(Duration::from_secs(2), call.answer(asked)).await
        else {
            call.close().await?;
            works(kazoo, world, second).await?;
            return Ok(Outcome::LeftToCallflow);
        };
        answer?;
        let won = call.wins().await?;
        let taken = call.follow(won, &cues, Until::Answered).await?;
        return over(kazoo, world, call, &taken, second).await;
    }
    call.is_answered().await?;
    let second = match point {
        Point::RequestInHand | Point::Offered => killed(world, first).await?,
        Point::WinInHand => {
            first.signal("STOP")?;
            call.wins().await?;
            killed(world, first).await?
        }
        Point::CollectingDigits | Point::LastPromptPlaying => {
            let won = call.wins().await?;
            let until_there = matches!(point, Point::CollectingDigits).then(|| Cue::done(2));
            let taken = call.follow(won, until_there.as_slice(), UNTIL_QUIET).await?;
            ensure!(taken.commands.len() > 2, "it is not there yet: {:#?}", taken.words());
            ensure!(taken.resume.is_none(), "it is over already");
            if matches!(point, Point::CollectingDigits) {
                call.begins_anew();
            }
            killed(world, first).await?
        }
        Point::Resumed => {
            let won = call.wins().await?;
            let taken = call.follow(won, &cues, Until::Answered).await?;
            let second = killed(world, first).await?;
            let again = call.follow(Instant::now(), &[], Until::Silent(AFTERWARDS)).await?;
            ensure!(again.resume.is_none() && again.commands.is_empty(), "{again:?}");
            return over(kazoo, world, call, &taken, second).await;
        }
    };
    let won = match point {
        Point::Offered => call.wins().await?,
        _ => Instant::now(),
    };
    let taken = call.follow(won, &cues, Until::Answered).await?;
    over(kazoo, world, call, &taken, second).await
}

/// Another worker has started, and the first is dead.
async fn killed(world: &World, first: Worker) -> Result<Worker> {
    let second = Worker::start_for_routes(world).await?;
    first.kill()?;
    Ok(second)
}

/// The caches are full.
async fn warm(kazoo: &Kazoo, world: &World) -> Result<()> {
    let transcript = world.kazoo_4_3.transcript("static_nocg")?;
    let mut call = Switchboard::open(kazoo, RecordedCall::of(transcript)?).await?;
    call.serve(&[], Until::Answered).await?;
    call.hangs_up().await?;
    call.close().await
}

/// The call was handed back once; the second worker serves others and owes nobody anything.
async fn over(
    kazoo: &Kazoo,
    world: &World,
    mut call: Switchboard<'_>,
    taken: &Taken,
    second: Worker,
) -> Result<Outcome> {
    ensure!(taken.resume.is_some(), "not resumed: {:#?}", taken.words());
    let again = call.follow(Instant::now(), &[], UNTIL_QUIET).await?;
    ensure!(again.resume.is_none() && again.commands.is_empty(), "goes on after it: {again:?}");
    call.hangs_up().await?;
    call.close().await?;
    works(kazoo, world, second).await?;
    Ok(Outcome::Resumed)
}

async fn works(kazoo: &Kazoo, world: &World, worker: Worker) -> Result<()> {
    warm(kazoo, world).await.with_context(|| worker.last_lines())?;
    worker.idle().await?;
    let status = worker.stop().await?;
    ensure!(status.success(), "{status}");
    for queue in [JOBS, TAKEOVER] {
        // Offers that nobody won are forgotten in their own time.
        let left = kazoo.waiting(queue).await.context(queue)?;
        ensure!(queue == TAKEOVER || left == 0, "{left} messages wait in {queue}");
    }
    Ok(())
}

/// From the request to well behind the resume.
const MOMENTS: u64 = 16;

async fn a_worker_may_be_killed_at_every_moment_of_a_call(world: &World) -> Result<()> {
    world.load(&opted_in(&world.kazoo_4_3.account)).await?;
    let kazoo = Kazoo::connect(&world.servers.amqp).await?;
    let transcript = world.kazoo_4_3.transcript("static_nocg")?;
    let (mut resumed, mut left) = (0, 0);
    let mut first = Worker::start_for_routes(world).await?;
    warm(&kazoo, world).await?;
    for moment in 0..MOMENTS {
        let delay = Duration::from_micros(moment * 750);
        let mut call = Switchboard::open(&kazoo, RecordedCall::of(transcript)?).await?;
        let asked = Instant::now();
        call.ask().await?;
        let killing = tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            first.kill()
        });
        let second = Worker::start_for_routes(world);
        let course = async {
            let answer = tokio::time::timeout(Duration::from_secs(2), call.answer(asked)).await;
            if answer.is_err() {
                return Ok(None);
            }
            let won = call.wins().await?;
            call.follow(won, &[], Until::Answered).await.map(Some)
        };
        let (second, taken) = tokio::join!(second, course);
        killing.await??;
        first = second?;
        let said = || format!("killed after {delay:?}; the next said:\n{}", first.last_lines());
        match taken.with_context(said)? {
            None => left += 1,
            Some(taken) => {
                ensure!(taken.resume.is_some(), "{delay:?}: not resumed: {:#?}", taken.words());
                let again =
                    call.follow(Instant::now(), &[], UNTIL_QUIET).await.with_context(said)?;
                ensure!(again.resume.is_none(), "{delay:?}: resumed twice");
                resumed += 1;
                call.hangs_up().await?;
            }
        }
        call.close().await.with_context(said)?;
    }
    println!("        {MOMENTS} kills: {resumed} calls resumed once, {left} left to callflow");
    ensure!(resumed > 0);
    works(&kazoo, world, first).await?;
    kazoo.close().await;
    Ok(())
}

async fn a_call_is_resumed_although_its_worker_is_stopped(world: &World) -> Result<()> {
    world.load(&opted_in(&world.kazoo_4_3.account)).await?;
    let kazoo = Kazoo::connect(&world.servers.amqp).await?;
    let worker = Worker::start_for_routes(world).await?;
    warm(&kazoo, world).await?;
    let transcript = world.kazoo_4_3.transcript("manual_ok")?;
    let mut call = Switchboard::open(&kazoo, RecordedCall::of(transcript)?).await?;
    call.is_answered().await?;
    let won = call.wins().await?;
    let taken = call.follow(won, &[Cue::done(2)], UNTIL_QUIET).await?;
    ensure!(taken.commands.len() == 3, "{:#?}", taken.words());
    let stopping = tokio::spawn(worker.stop());
    tokio::time::sleep(Duration::from_millis(200)).await;
    // Nobody answers new calls; callflow does.
    let another = world.kazoo_4_3.transcript("static_nocg")?;
    let mut late = Switchboard::open(&kazoo, RecordedCall::of(another)?).await?;
    late.is_ignored().await?;
    late.close().await?;
    let pressed = |key| Cue::at_once(0, crate::events::key_pressed(key));
    let keys: Vec<_> = "123456".chars().map(pressed).chain([Cue::done(3)]).collect();
    let taken = call.follow(Instant::now(), &keys, Until::Answered).await?;
    let resume = taken.resume.context("not resumed")?;
    ensure!(resume["Call"]["Caller-ID-Number"] == "123456", "{resume}");
    let status = stopping.await??;
    ensure!(status.success(), "{status}");
    call.close().await?;
    kazoo.close().await;
    Ok(())
}
