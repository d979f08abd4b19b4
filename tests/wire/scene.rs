//! An account in CouchDB, a worker that serves it, and KAZOO's connection.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kazoo_dynamic_cid::json::Object;

use crate::account::Account;
use crate::events::Cue;
use crate::executor::{Executor, Pause};
use crate::harness::World;
use crate::kazoo::{HELD, JOBS, Kazoo, WORK};
use crate::line::{Control, Line, Served, Until};
use crate::replay::{self, Course, Play};
use crate::transcript;
use crate::worker::Worker;

/// How long a broker takes to give back what a closed connection held.
const REQUEUE: Duration = Duration::from_millis(200);

pub(crate) struct Scene<'a> {
    pub(crate) world: &'a World,
    pub(crate) account: Account,
    pub(crate) kazoo: Kazoo,
    pub(crate) worker: Worker,
}

impl<'a> Scene<'a> {
    pub(crate) async fn set(world: &'a World, account: Account) -> Result<Self> {
        world.load(&account).await?;
        let worker = Worker::start(world).await?;
        Self::with(world, account, worker).await
    }

    /// The account is loaded already and the worker runs.
    pub(crate) async fn with(world: &'a World, account: Account, worker: Worker) -> Result<Self> {
        let kazoo = Kazoo::connect(&world.servers.amqp).await?;
        Ok(Self { world, account, kazoo, worker })
    }

    /// A call of the first device to a number.
    pub(crate) fn call(&self, number: &str) -> Result<Object> {
        self.account.call_to(self.world.transcript("static_nocg")?, number)
    }

    /// A call, its nodes served by the worker.
    pub(crate) async fn run(&self, call: &Object, play: Play<'_>) -> Result<Course> {
        let course = replay::run(&self.kazoo, &self.account, call, play).await;
        course.with_context(|| format!("the worker said:\n{}", self.worker.last_lines()))
    }

    /// The same call with KAZOO's own module.
    pub(crate) fn native(&self, call: &Object) -> Result<Course> {
        let account = self.account.all_local();
        let mut executor = Executor::new(&account, call.clone());
        let flow = call["Key-Value-Store"]["cf_flow_id"].as_str().context("no cf_flow_id")?;
        ensure!(executor.start(flow) == Pause::Ended, "KAZOO's own module waits for something");
        Ok(Course {
            commands: executor.commands.iter().map(transcript::bare).collect(),
            seen: executor.seen,
            offnets: executor.offnets,
            trace: executor.trace,
            ..Course::default()
        })
    }

    /// A line and what is served on it, without any model of what follows.
    pub(crate) async fn serve(
        &self,
        number: &str,
        cues: &[Cue],
        until: Until,
    ) -> Result<(Line, Served)> {
        let call = self.call(number)?;
        let mut line = self.line().await?;
        let served = line.serve(&call, Some(&self.data(&call)?), cues, until).await;
        let served =
            served.with_context(|| format!("the worker said:\n{}", self.worker.last_lines()))?;
        Ok((line, served))
    }

    pub(crate) async fn line(&self) -> Result<Line> {
        let call_id = format!("{:08x}-line@test", rand::random::<u32>());
        Line::open(&self.kazoo, Control::Process, &call_id).await
    }

    /// The data of the node at the root of the call's flow.
    pub(crate) fn data(&self, call: &Object) -> Result<serde_json::Value> {
        let flow = call["Key-Value-Store"]["cf_flow_id"].as_str().context("no cf_flow_id")?;
        Ok(self.account.data_of(flow))
    }

    /// A call that everything is needed for: broker, database, worker.
    pub(crate) async fn a_normal_call_works(&self) -> Result<()> {
        let call = self.call("*20014155551234")?;
        let (expected, came) = (self.native(&call)?, self.run(&call, replay::UNEVENTFUL).await?);
        let differences = replay::differences(&expected, &came);
        ensure!(differences.is_empty(), "a normal call differs: {}", differences.join("\n"));
        Ok(())
    }

    /// The worker finishes in order, with every call acknowledged.
    pub(crate) async fn end(self) -> Result<()> {
        self.worker.idle().await?;
        let log = self.worker.last_lines();
        let status = self.worker.stop().await?;
        ensure!(status.success(), "the worker ended with {status}:\n{log}");
        // What a connection leaves unacknowledged comes back into the queue soon, not at once.
        tokio::time::sleep(REQUEUE).await;
        let mut found = 0;
        for queue in [WORK, HELD, JOBS] {
            let Some(left) = self.kazoo.waiting(queue).await else { continue };
            ensure!(left == 0, "{queue} holds {left} calls; the worker said:\n{log}");
            found += 1;
        }
        ensure!(found > 0, "the work queues are gone");
        self.kazoo.close().await;
        Ok(())
    }
}
