//! Replays calls recorded on KAZOO 4.3 with the worker in callflow's place.

use anyhow::{Context as _, Result, ensure};
use kazoo_dynamic_cid::json::Object;
use serde_json::{Value, json};

use super::switchboard::{RecordedCall, Switchboard, Taken};
use crate::events::Cue;
use crate::executor::{Executor, Pause};
use crate::line::{Control, Until};
use crate::replay::Course;
use crate::scene::Scene;
use crate::transcript::{self, Transcript};

/// What became of a replayed call.
pub(crate) struct Replayed {
    pub(crate) response: Value,
    /// Where the switch takes commands for the call.
    pub(crate) control_queue: Value,
    pub(crate) taken: Taken,
    /// The worker's commands and then, from the resumed call, KAZOO's.
    pub(crate) course: Course,
}

impl Replayed {
    /// The call as it was handed back.
    pub(crate) fn call(&self) -> Option<&Object> {
        self.taken.resume.as_ref()?["Call"].as_object()
    }
}

/// Lets the worker win the call and follows it to its end.
pub(crate) async fn run(
    scene: &Scene<'_>,
    transcript: &Transcript,
    cues: &[Cue],
    until: Until,
) -> Result<Replayed> {
    let recorded = RecordedCall::of(transcript)?;
    let control = recorded.win["Control-Queue"].as_str().unwrap_or_default();
    let control = if control.starts_with("pid://") { Control::Process } else { Control::Plain };
    let mut switchboard = Switchboard::with(&scene.kazoo, recorded, control, true).await?;
    let taken = switchboard.serve(cues, until).await?;
    if switchboard.alive && taken.resume.is_none() {
        // The worker lets go of a call that ends.
        switchboard.hangs_up().await?;
    }
    let response = switchboard.response.clone();
    let control_queue = switchboard.win()["Control-Queue"].clone();
    switchboard.close().await?;
    let course = course(scene, &taken)?;
    Ok(Replayed { response, control_queue, taken, course })
}

fn course(scene: &Scene<'_>, taken: &Taken) -> Result<Course> {
    let mut course = Course {
        commands: taken.commands.iter().map(transcript::bare).collect(),
        ..Course::default()
    };
    if let Some(resume) = &taken.resume {
        let object = |key: &str| resume[key].as_object().cloned().context("no such object");
        let mut executor = Executor::resumed(&scene.account, object("Call")?);
        ensure!(executor.run(&object("Flow")?) == Pause::Ended, "callflow of 4.3 has no remotes");
        course.commands.extend(executor.commands.iter().map(transcript::bare).map(of_4_3));
        course.seen = executor.seen;
        course.offnets = executor.offnets;
        course.trace = executor.trace;
    }
    Ok(course)
}

/// A command of master's executor as that of 4.3 writes it.
fn of_4_3(mut command: Value) -> Value {
    if let Some(members) = command.as_object_mut() {
        members.remove("Export-All");
        if members["Application-Name"] == "hangup" {
            members.insert("Insert-At".to_owned(), json!("tail"));
        }
    }
    command
}
