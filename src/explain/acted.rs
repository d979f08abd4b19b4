//! The action of a simulated call, and what is to be told of it.

use serde_json::Value;

use super::{Explanation, Line, Request, words};
use crate::call::Call;
use crate::directory::Directory;
use crate::dynamic_cid::{Effect, ListRead, Mode, Question, Routed};
use crate::simulation::{self, Happening, Run, Script, Stuck};
use crate::worker::answer::Changes;
use crate::worker::context::{self, Gathered, Route};

/// An action that was run to its end.
pub(super) struct Acted {
    pub(super) gathered: Gathered,
    pub(super) run: Run,
    /// The destination's route, where it asked for one.
    pub(super) route: Option<Route>,
    pub(super) changes: Changes,
}

/// Runs the action; where it asks for a route, the route is looked up and the run repeated with
/// it, which is the same run up to that question.
pub(super) async fn act(
    directory: &Directory,
    request: &Request<'_>,
    call: &Call,
    gathered: Gathered,
) -> Result<Acted, Stuck> {
    let again = |routed: &Routed| {
        let (job, context) = (gathered.job.clone(), gathered.context.clone());
        simulation::run(job, context, Script::typing(request.keys), |_| routed.clone())
    };
    let first = again(&Routed::NotFound)?;
    let asked = first.happenings.iter().find_map(|(_, happening)| match happening {
        Happening::Asked(Question::Route { destination, restrictions }) => {
            Some((destination.clone(), *restrictions))
        }
        _ => None,
    });
    let (run, route) = match asked {
        None => (first, None),
        Some((destination, restrictions)) => {
            let route = context::route(
                directory,
                Some(request.account),
                call.authorizing_id().as_deref(),
                &destination,
                restrictions,
                &gathered.context,
            )
            .await;
            (again(&route.routed)?, Some(route))
        }
    };
    let changes = changes(&run);
    Ok(Acted { gathered, run, route, changes })
}

fn changes(run: &Run) -> Changes {
    let mut changes = Changes::default();
    for (_, happening) in &run.happenings {
        match happening {
            Happening::Changed(change) => changes.note(&[Effect::Change(change.clone())]),
            Happening::Stored => changes.note(&[Effect::Store]),
            _ => {}
        }
    }
    changes
}

impl Acted {
    /// The explanation of a call that came to the action by these steps, and ends with an answer of
    /// this kind: its sentence and what KAZOO gets.
    pub(super) fn tell(
        self,
        mut steps: Vec<Line>,
        mut warnings: Vec<String>,
        answer: &'static str,
        sentence: String,
        result: Value,
    ) -> Explanation {
        steps.extend(self.steps());
        steps.push(Line::plain(sentence));
        let mut own = self.warnings();
        own.append(&mut warnings);
        let Self { gathered, run, changes, .. } = self;
        Explanation {
            steps,
            warnings: own,
            mode: gathered.job.mode().as_str(),
            outcome: run.outcome.as_str(),
            reason: run.outcome.reason().as_str(),
            destination: changes.destination_number().map(str::to_owned),
            caller_id_number: changes.number,
            caller_id_name: changes.name,
            entry: run.selected_key,
            answer,
            result,
        }
    }

    fn steps(&self) -> Vec<Line> {
        let Gathered { job, context, .. } = &self.gathered;
        let mut steps: Vec<Line> = words::mode(job).into_iter().map(Line::plain).collect();
        if let ListRead::Read(list) = &context.list {
            let list = words::list(job, list, context.departures.single_document_lists);
            steps.push(Line::plain(list));
        }
        steps.extend(self.run.happenings.iter().filter_map(|(at, happening)| {
            let text = words::happening(happening, self.route.as_ref())?;
            Some(Line { at_ms: Some(*at), text })
        }));
        let selected = self.run.selected_key.as_deref();
        steps.push(Line::plain(words::outcome(&self.run.outcome, selected, &self.changes)));
        steps
    }

    fn warnings(&self) -> Vec<String> {
        let Gathered { job, context, bad_departures } = &self.gathered;
        let mut warnings: Vec<String> = bad_departures.iter().map(ToString::to_string).collect();
        warnings.extend(context.config.bad_settings().into_iter().map(|(document, key, error)| {
            format!("system_config/{document}, {key}: {error}; KAZOO's default holds")
        }));
        if matches!(context.list, ListRead::Failed)
            && matches!(job.mode(), Mode::List | Mode::Lists)
        {
            let why = "the list could not be read; the log line above says why";
            warnings.push(why.to_owned());
        }
        warnings
    }
}
