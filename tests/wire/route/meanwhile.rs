//! What becomes of a call while the worker waits for the database, with nobody listening to it yet.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::bad_input::a_normal_call_works;
use super::scenarios::opted_in;
use super::switchboard::{RecordedCall, Switchboard, Taken};
use crate::events::{Cue, event, hung_up};
use crate::fault::Fault;
use crate::harness::{PATIENCE, World, tests};
use crate::line::Until;
use crate::relay::Relay;
use crate::scene::Scene;
use crate::worker::{DETAILED, ROUTE, Worker};

tests![
    a_call_that_ends_meanwhile_is_let_go,
    a_call_that_moves_meanwhile_goes_back_under_its_new_id,
];

/// How long documents count as current in these tests.
const TTL: &str = "1s";
/// Until they do not any more.
const OLD: Duration = Duration::from_millis(1050);
/// When the news comes: old documents are asked for again for 2 s before they are used.
const MEANWHILE: u64 = 400;
/// How long after that nothing may come.
const QUIET: Until = Until::Silent(Duration::from_millis(3500));
const NEXT_ID: &str = "the-next.id@10.0.0.9";

async fn faulty(world: &World) -> Result<(Scene<'_>, Relay)> {
    let account = opted_in(&world.kazoo_4_3.account);
    world.load(&account).await?;
    let relay = Relay::closed(&world.servers.couchdb).await?;
    relay.open().await?;
    let uri = relay.uri(&world.servers.couchdb)?;
    let arguments: Vec<&str> = ROUTE.iter().copied().chain(["--cache-ttl", TTL]).collect();
    let worker = Worker::launch_with(&world.servers.amqp, &uri, DETAILED, &arguments)?;
    worker.ready(PATIENCE).await?;
    let scene = Scene::with(world, account, worker).await?;
    a_normal_call_works(&scene).await?;
    Ok((scene, relay))
}

/// A static call that is won when its documents are old and the database is silent.
struct Waiting<'a> {
    call: Switchboard<'a>,
    relay: &'a Relay,
}

impl<'a> Waiting<'a> {
    async fn begin(scene: &'a Scene<'_>, relay: &'a Relay) -> Result<Self> {
        let recorded = RecordedCall::of(scene.world.kazoo_4_3.transcript("static_nocg")?)?;
        let mut call = Switchboard::open(&scene.kazoo, recorded).await?;
        call.is_answered().await?;
        tokio::time::sleep(OLD).await;
        relay.fail(Fault::Silent).await?;
        Ok(Self { call, relay })
    }

    /// What the worker does with it when this happens meanwhile.
    async fn serve(mut self, cues: &[Cue], until: Until) -> Result<Taken> {
        let won = self.call.wins().await?;
        let taken = self.call.follow(won, cues, until).await?;
        self.relay.close();
        self.relay.open().await?;
        self.call.close().await?;
        Ok(taken)
    }
}

async fn a_call_that_ends_meanwhile_is_let_go(world: &World) -> Result<()> {
    let (scene, relay) = faulty(world).await?;
    let waiting = Waiting::begin(&scene, &relay).await?;
    let taken = waiting.serve(&[Cue::later(0, MEANWHILE, hung_up())], QUIET).await?;
    ensure!(taken.resume.is_none(), "it goes back to callflow: {:#?}", taken.words());
    ensure!(scene.worker.said("older data is served"), "{}", scene.worker.last_lines());
    scene.end().await
}

async fn a_call_that_moves_meanwhile_goes_back_under_its_new_id(world: &World) -> Result<()> {
    let (scene, relay) = faulty(world).await?;
    let waiting = Waiting::begin(&scene, &relay).await?;
    let ours = json!({"Fetch-ID": waiting.call.fetch_id});
    let moved =
        event("CHANNEL_REPLACED", json!({"Replaced-By": NEXT_ID, "Custom-Channel-Vars": ours}));
    // The id that it leaves ends.
    let mut ended = hung_up();
    ended["Call-ID"] = waiting.call.call_id.as_str().into();
    let cues = [
        Cue { moves_the_call: true, ..Cue::later(0, MEANWHILE, moved) },
        Cue::later(0, MEANWHILE, ended),
    ];
    let taken = waiting.serve(&cues, Until::Answered).await?;
    let resume = taken.resume.context("it does not go back")?;
    ensure!(resume["Call"]["Call-ID"] == NEXT_ID, "{resume:#}");
    scene.end().await
}
