//! A RabbitMQ user with exactly what the README says, and with less.

use std::iter::once;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::time::timeout;
use url::Url;

use crate::events::Cue;
use crate::harness::{PATIENCE, World, tests};
use crate::line::Until;
use crate::route::scenarios::opted_in;
use crate::route::switchboard::{RecordedCall, Switchboard};
use crate::scene::Scene;
use crate::term::Told;
use crate::worker::{DETAILED, Worker};

tests![
    what_the_readme_grants_is_enough_for_each_seam,
    one_permission_less_for_executes_is_said_with_its_cure,
    one_permission_less_for_routes_is_said_with_its_cure,
];

const USER: &str = "dynamic_cid";
const PASSWORD: &str = "only-for-this-test";

/// Patterns for configure, write and read.
#[derive(Debug, Clone)]
struct Permissions([String; 3]);

/// What the README tells to grant: for the execute seam, for the route seam.
fn of_readme() -> Result<[Permissions; 2]> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"))?;
    let granted: Vec<_> = readme
        .split("rabbitmqctl set_permissions dynamic_cid")
        .skip(1)
        .map(|rest| {
            let mut quoted = rest.split('\'').skip(1).step_by(2).map(str::to_owned);
            let mut next = || quoted.next().context("a permission is missing");
            Ok(Permissions([next()?, next()?, next()?]))
        })
        .collect::<Result<_>>()?;
    let count = granted.len();
    granted.try_into().ok().with_context(|| format!("the README grants {count} times, not twice"))
}

impl Permissions {
    /// Every permission but one, with the name of that one.
    fn one_less(&self) -> Vec<(String, Self)> {
        let mut fewer = Vec::new();
        for (index, kind) in ["configure", "write", "read"].into_iter().enumerate() {
            let pattern = &self.0[index];
            let inner = pattern.trim_start_matches("^(").trim_end_matches(")$");
            for word in inner.split('|') {
                let rest: Vec<_> = inner.split('|').filter(|other| *other != word).collect();
                let mut less = self.clone();
                less.0[index] = match rest.as_slice() {
                    [] => "^$".to_owned(),
                    rest => format!("^({})$", rest.join("|")),
                };
                fewer.push((format!("{kind} {word}"), less));
            }
        }
        fewer
    }
}

/// The user, made for one test. `None` where this broker takes no orders, which is said.
fn user(world: &World) -> Result<Option<String>> {
    let servers = &world.servers;
    // Of an earlier run that was broken off.
    servers.broker_ctl(&["delete_user", USER]).ok();
    let Some(_) = servers.broker_ctl(&["add_user", USER, PASSWORD])? else {
        println!("        skipped: users cannot be made on a broker that is only given by its URI");
        return Ok(None);
    };
    let mut url = Url::parse(&servers.amqp)?;
    url.set_username(USER).ok();
    url.set_password(Some(PASSWORD)).ok();
    Ok(Some(url.to_string()))
}

fn grant(world: &World, permissions: &Permissions) -> Result<()> {
    let [configure, write, read] = &permissions.0;
    let order = ["set_permissions", USER, configure, write, read];
    world.servers.broker_ctl(&order).map(drop)
}

/// A worker of this user; for the seam with this number.
fn launch(world: &World, amqp: &str, seam: usize) -> Result<Worker> {
    let seam = ["execute", "route"][seam];
    Worker::launch_with(amqp, &world.servers.couchdb, DETAILED, &["--seams", seam])
}

/// One call that needs every way there is: a prompt, digits, the answer.
async fn call(scene: &Scene<'_>, seam: usize) -> Result<()> {
    if seam == 0 {
        let cues: Vec<_> = once(Cue::done(1)).chain(Cue::keys(2, "900100")).collect();
        let (line, served) = scene.serve("2010", &cues, Until::Answered).await?;
        line.close().await?;
        ensure!(served.told.as_ref().and_then(Told::flow).is_some(), "{:?}", served.told);
        return scene.a_normal_call_works().await;
    }
    let recorded = RecordedCall::of(scene.world.kazoo_4_3.transcript("manual_ok")?)?;
    let cues = scene.world.kazoo_4_3.transcript("manual_ok")?.cues();
    let mut call = Switchboard::open(&scene.kazoo, recorded).await?;
    let taken = call.serve(&cues, Until::Answered).await?;
    ensure!(taken.resume.is_some(), "{:#?}", taken.words());
    call.hangs_up().await?;
    call.close().await
}

async fn scene(world: &World, worker: Worker, seam: usize) -> Result<Scene<'_>> {
    let account =
        if seam == 0 { world.account.all_remote() } else { opted_in(&world.kazoo_4_3.account) };
    world.load(&account).await?;
    Scene::with(world, account, worker).await
}

async fn what_the_readme_grants_is_enough_for_each_seam(world: &World) -> Result<()> {
    let Some(amqp) = user(world)? else { return Ok(()) };
    for (seam, permissions) in of_readme()?.iter().enumerate() {
        grant(world, permissions)?;
        let worker = launch(world, &amqp, seam)?;
        worker.ready(PATIENCE).await.with_context(|| format!("{permissions:?}"))?;
        let scene = scene(world, worker, seam).await?;
        call(&scene, seam).await.with_context(|| scene.worker.last_lines())?;
        ensure!(!scene.worker.said("ACCESS_REFUSED"), "{}", scene.worker.last_lines());
        scene.end().await?;
    }
    world.servers.broker_ctl(&["delete_user", USER]).map(drop)
}

/// Only asked for where a call has been silent for long.
const RARE: &str = "write callevt";
const CURE: &str = "rabbitmqctl set_permissions -p / dynamic_cid";

async fn one_permission_less_for_executes_is_said_with_its_cure(world: &World) -> Result<()> {
    one_permission_less(world, 0).await
}

async fn one_permission_less_for_routes_is_said_with_its_cure(world: &World) -> Result<()> {
    one_permission_less(world, 1).await
}

async fn one_permission_less(world: &World, seam: usize) -> Result<()> {
    let Some(amqp) = user(world)? else { return Ok(()) };
    let mut needless = Vec::new();
    for (what, fewer) in of_readme()?[seam].one_less() {
        if what == RARE {
            continue;
        }
        grant(world, &fewer)?;
        let worker = launch(world, &amqp, seam)?;
        let ready = tokio::select! {
            ready = worker.ready(PATIENCE) => ready,
            refused = worker.says(CURE) => refused.and_then(|()| bail!("refused")),
        };
        let worker = if ready.is_ok() {
            let scene = scene(world, worker, seam).await?;
            timeout(Duration::from_secs(4), call(&scene, seam)).await.ok();
            let Scene { worker, kazoo, .. } = scene;
            kazoo.close().await;
            worker
        } else {
            worker
        };
        if !worker.said(CURE) {
            needless.push(what);
        }
        worker.kill()?;
    }
    world.servers.broker_ctl(&["delete_user", USER])?;
    ensure!(needless.is_empty(), "nothing is said without: {}", needless.join(", "));
    Ok(())
}
