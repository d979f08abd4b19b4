//! Runs a call through the worker and the model of KAZOO, and compares what came of it.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};
use kazoo_dynamic_cid::json::Object;
use serde_json::Value;

use crate::account::Account;
use crate::events::{Cue, hung_up};
use crate::executor::{Executor, Pause};
use crate::kazoo::Kazoo;
use crate::line::{Control, Line, Served, Until};
use crate::term::Told;
use crate::transcript::{self, Offnet, Seen, Transcript};

/// What became of a call.
#[derive(Debug, Default)]
pub(crate) struct Course {
    /// Every command, the worker's and then KAZOO's, without headers.
    pub(crate) commands: Vec<Value>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) offnets: Vec<Offnet>,
    /// What the worker did, for each time it was asked.
    pub(crate) served: Vec<Served>,
    /// The modules that ran.
    pub(crate) trace: Vec<String>,
}

impl Course {
    /// The only answer of the worker.
    pub(crate) fn told(&self) -> Result<&Told> {
        match self.served.as_slice() {
            [served] => served.told.as_ref().context("the worker gave no answer"),
            other => bail!("the worker was asked {} times", other.len()),
        }
    }

    /// The module and data of the nodes in the answer's flow, from its root along `_`.
    pub(crate) fn answered_with(&self) -> Result<Vec<(String, Value)>> {
        let mut node = self.told()?.flow().map(|flow| Value::Object(flow.clone()));
        let mut nodes = Vec::new();
        while let Some(flow) = node.filter(|flow| flow["module"].is_string()) {
            let module = flow["module"].as_str().unwrap_or_default().to_owned();
            nodes.push((module, flow["data"].clone()));
            node = flow["children"].get("_").cloned();
        }
        Ok(nodes)
    }
}

/// How a call is played.
#[derive(Clone, Copy)]
pub(crate) struct Play<'a> {
    pub(crate) cues: &'a [Cue],
    pub(crate) until: Until,
    pub(crate) control: Control,
}

/// A call whose events come from nobody.
pub(crate) const UNEVENTFUL: Play<'static> =
    Play { cues: &[], until: Until::Answered, control: Control::Process };

/// Walks the call's flow; remote `dynamic_cid` nodes go over the wire.
pub(crate) async fn run(
    kazoo: &Kazoo,
    account: &Account,
    call: &Object,
    play: Play<'_>,
) -> Result<Course> {
    let call_id = format!("{:08x}-wire@test", rand::random::<u32>());
    let mut executor = Executor::new(account, call.clone());
    let flow = call["Key-Value-Store"]["cf_flow_id"].as_str().context("no cf_flow_id")?;
    let mut pause = executor.start(flow);
    let mut course = Course::default();
    while let Pause::Remote(node) = pause {
        let mut line = Line::open(kazoo, play.control, &call_id).await?;
        let call = executor.call.to_object().into_owned();
        let served = line.serve(&call, node.get("data"), play.cues, play.until).await;
        let served = served.with_context(|| format!("while serving {}", Value::Object(node)))?;
        course.commands.extend(served.commands.iter().map(transcript::bare));
        pause = match &served.told {
            Some(told @ (Told::Unknown(_) | Told::Undecodable(_))) => {
                bail!("KAZOO does not understand the answer: {told:?}")
            }
            Some(told) => executor.told(told),
            None => {
                end(kazoo, &line, play.cues).await?;
                executor.destroyed()
            }
        };
        course.served.push(served);
        line.close().await?;
    }
    course.commands.extend(executor.commands.iter().map(transcript::bare));
    Ok(Course { seen: executor.seen, offnets: executor.offnets, trace: executor.trace, ..course })
}

/// A caller who has not hung up yet does, so that the worker lets go of the call.
async fn end(kazoo: &Kazoo, line: &Line, cues: &[Cue]) -> Result<()> {
    if cues.iter().any(|cue| cue.event["Event-Name"] == "CHANNEL_DESTROY") {
        return Ok(());
    }
    let mut event = hung_up();
    event["Call-ID"] = line.call_id().into();
    kazoo.event(&event).await
}

/// What the recording says became of the call.
pub(crate) fn recorded(transcript: &Transcript) -> Course {
    Course {
        commands: transcript.commands().iter().map(transcript::bare).collect(),
        seen: transcript.probes(),
        offnets: transcript.offnets(),
        ..Course::default()
    }
}

/// Every difference, in words; none where the courses are the same.
pub(crate) fn differences(expected: &Course, came: &Course) -> Vec<String> {
    let mut differences = Vec::new();
    let (one, other) = (&expected.commands, &came.commands);
    if one != other {
        let mut text = "commands differ:".to_owned();
        for position in 0..one.len().max(other.len()) {
            let words = |commands: &[Value]| {
                commands.get(position).map_or("-".to_owned(), transcript::in_words)
            };
            let same = one.get(position) == other.get(position);
            // Writing into a text cannot fail.
            write!(
                text,
                "\n  {} KAZOO {}\n    here  {}",
                if same { " " } else { "!" },
                words(one),
                words(other)
            )
            .ok();
        }
        differences.push(text);
    }
    for (what, one, other) in [
        ("next nodes saw", format!("{:#?}", expected.seen), format!("{:#?}", came.seen)),
        ("off-net calls", format!("{:#?}", expected.offnets), format!("{:#?}", came.offnets)),
    ] {
        if one != other {
            differences.push(format!("{what}: with KAZOO {one}, here {other}"));
        }
    }
    if !differences.is_empty() && !came.trace.is_empty() {
        differences.push(format!("here ran: {}", came.trace.join(", ")));
    }
    differences
}
