//! Runs the tests one after the other.
//!
//! All of them share the worker's queues, so two at once would take each other's calls; and the
//! servers have to be taken down behind the last one. Hence a runner of our own, used as the usual
//! one is: arguments are parts of names, `--list` lists.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::account::Account;
use crate::couch::Couch;
use crate::kazoo::Kazoo;
use crate::servers::Servers;
use crate::transcript::{Recordings, Transcript};

/// How long anything may take that should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How long one test may take where nothing else is said.
pub(crate) const LONGEST: Duration = Duration::from_secs(180);

/// One test.
pub(crate) struct Test {
    /// A sentence.
    pub(crate) name: &'static str,
    pub(crate) run: for<'a> fn(&'a World) -> BoxFuture<'a, Result<()>>,
    /// How long it may take.
    pub(crate) longest: fn() -> Duration,
}

/// Names the tests of a module.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub(crate) const TESTS: &[crate::harness::Test] = &[
            $(crate::harness::Test {
                name: stringify!($name),
                run: |world| Box::pin($name(world)),
                longest: || crate::harness::LONGEST,
            }),*
        ];
    };
}
pub(crate) use tests;

/// What every test is given.
pub(crate) struct World {
    pub(crate) servers: Servers,
    pub(crate) couch: Couch,
    pub(crate) transcripts: Vec<Transcript>,
    /// The account of the transcripts.
    pub(crate) account: Account,
    /// The same of KAZOO 4.3.
    pub(crate) kazoo_4_3: Recordings,
    tally: Mutex<BTreeMap<&'static str, usize>>,
}

impl World {
    pub(crate) async fn new() -> Result<Self> {
        let servers = Servers::up().await?;
        let couch = Couch::new(&servers.couchdb)?;
        let Recordings { transcripts, account } = Recordings::read("transcripts")?;
        let kazoo_4_3 = Recordings::read("transcripts-4.3")?;
        let tally = Mutex::default();
        let world = Self { servers, couch, transcripts, account, kazoo_4_3, tally };
        world.couch.create("system_schemas").await?;
        world.load(&world.account).await?;
        for (design, document) in designs()? {
            world.couch.put(&world.account.database(), &document).await?;
            for view in document["views"].as_object().into_iter().flatten() {
                world.couch.warm(&world.account.database(), &design, view.0).await?;
            }
        }
        Ok(world)
    }

    /// Makes CouchDB hold this account and its system's configuration.
    pub(crate) async fn load(&self, account: &Account) -> Result<()> {
        self.couch.replace(&account.database(), &account.documents).await?;
        self.couch.replace("system_config", &account.configuration).await
    }

    pub(crate) fn transcript(&self, name: &str) -> Result<&Transcript> {
        let found = self.transcripts.iter().find(|transcript| transcript.name == name);
        found.with_context(|| format!("there is no transcript {name}"))
    }

    /// Counts for the closing lines.
    pub(crate) fn count(&self, what: &'static str) {
        *self.tally.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
    }

    fn closing_line(&self) -> String {
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let parts: Vec<_> = tally.iter().map(|(what, count)| format!("{count} {what}")).collect();
        parts.join(", ")
    }
}

/// The views a KAZOO database has, as `deploy/` installs them.
pub(crate) fn designs() -> Result<Vec<(String, Value)>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/couchdb/design");
    let mut designs = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let document: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
        let name = document["_id"].as_str().and_then(|id| id.strip_prefix("_design/"));
        designs.push((name.context("a design document without its id")?.to_owned(), document));
    }
    Ok(designs)
}

/// Runs what was asked for; whether all of it passed.
pub(crate) async fn run(modules: &[(&str, &[Test])]) -> Result<bool> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parts: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let exact = arguments.iter().any(|argument| argument == "--exact");
    let wanted = |name: &str| {
        let fits = |part: &&String| if exact { name == **part } else { name.contains(*part) };
        parts.is_empty() || parts.iter().any(fits)
    };
    let tests: Vec<(String, &Test)> = modules
        .iter()
        .flat_map(|(module, tests)| {
            tests.iter().map(move |test| (format!("{module}::{}", test.name), test))
        })
        .filter(|(name, _)| wanted(name))
        .collect();
    if arguments.iter().any(|argument| argument == "--list") {
        for (name, _) in &tests {
            println!("{name}: test");
        }
        return Ok(true);
    }
    if tests.is_empty() {
        return Ok(true);
    }
    let world = World::new().await.context("the tests cannot start")?;
    let mut failed = Vec::new();
    for (name, test) in &tests {
        let started = Instant::now();
        let outcome = one(&world, test).await;
        let took = started.elapsed().as_secs_f32();
        match outcome {
            Ok(()) => println!("ok      {name} ({took:.1} s)"),
            Err(error) => {
                println!("FAILED  {name} ({took:.1} s)");
                // Not `{error:?}`: a backtrace through the runtime hides what happened.
                for line in format!("{error:#}").lines() {
                    println!("        {line}");
                }
                failed.push(name);
            }
        }
    }
    println!("on the wire: {}", world.closing_line());
    println!("{} passed, {} failed", tests.len() - failed.len(), failed.len());
    let passed = failed.is_empty();
    world.servers.down().await;
    Ok(passed)
}

async fn one(world: &World, test: &Test) -> Result<()> {
    let kazoo = Kazoo::connect(&world.servers.amqp).await?;
    kazoo.forget_old_work().await?;
    kazoo.close().await;
    world.load(&world.account).await?;
    let run = AssertUnwindSafe((test.run)(world)).catch_unwind();
    let longest = (test.longest)();
    match tokio::time::timeout(longest, run).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(anyhow!("panicked: {}", said.unwrap_or("without a word")))
        }
        Err(_) => Err(anyhow!("not over after {longest:?}")),
    }
}
