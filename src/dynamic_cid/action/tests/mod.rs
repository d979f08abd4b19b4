//! The action, event by event, in words.

mod limits;
mod lists;
mod manual;
mod routing;
mod settled;

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::call::Call;
use crate::dynamic_cid::{
    Departures, Endpoint, List, ListRead, Preset, Question, RouteTarget, Routed, SystemConfig,
};
use crate::numbers::{AccountRules, Rules};

/// A call that comes to a node. What a test does not set is as KAZOO has it.
struct Scene {
    data: Value,
    /// What the callflow's pattern captured.
    dialled: Value,
    groups: Value,
    /// `system_config`, by document.
    config: Value,
    account: Value,
    list: ListRead,
    departures: Departures,
}

impl Scene {
    fn new(data: Value) -> Self {
        Self {
            data,
            dialled: Value::Null,
            groups: json!({}),
            config: json!({}),
            account: json!({}),
            list: ListRead::NotNeeded,
            departures: Preset::Kazoo.into(),
        }
    }

    fn dialled(self, dialled: &str) -> Self {
        Self { dialled: json!(dialled), ..self }
    }

    fn configured(self, config: Value) -> Self {
        Self { config, ..self }
    }

    fn recommended(self) -> Self {
        Self { departures: Preset::Recommended.into(), ..self }
    }

    fn limited_to(mut self, milliseconds: u64) -> Self {
        self.departures.overall_limit_ms = milliseconds;
        self
    }

    fn start(&self, now: Millis) -> (Action, Step) {
        let call = json!({
            "Account-ID": "acc", "Caller-ID-Number": "2001", "Caller-ID-Name": "Caller",
            "Language": "de-de",
            "Key-Value-Store": {
                "cf_capture_group": self.dialled, "cf_capture_groups": self.groups,
            },
        });
        let call = Call::new(call.as_object().cloned().unwrap());
        let config = SystemConfig::read(|document, key| self.config.get(document)?.get(key));
        let rule = |key| self.config.get("number_manager")?.get(key);
        let context = Context {
            rules: Arc::new(Rules::from_config(rule("e164_converters"), rule("classifiers"))),
            account_rules: Arc::new(AccountRules::from_account(&self.account)),
            config: Arc::new(config.clone()),
            list: self.list.clone(),
            departures: self.departures,
            ..Context::default()
        };
        let data = self.data.as_object().cloned().unwrap();
        Action::start(Job::new(data, &call, &config), context, now)
    }

    /// What the action does when these events come, in words.
    fn run(&self, events: &[(Millis, Event)]) -> Vec<String> {
        let (mut action, step) = self.start(0);
        let mut said = words(&step);
        for (at, event) in events {
            said.extend(words(&action.on(*at, event)));
        }
        said
    }

    /// The last words of [`run`](Self::run): what it waits for, asks, or has decided.
    fn end(&self, events: &[(Millis, Event)]) -> String {
        self.run(events).pop().unwrap()
    }
}

fn words(step: &Step) -> Vec<String> {
    let effects = step.effects.iter().map(|effect| match effect {
        Effect::Command(Command::Play { media, noop }) => format!("{}: play {media}", noop.0),
        Effect::Command(Command::Flush { noop }) => format!("{}: flush", noop.0),
        Effect::Command(Command::Answer) => "answer".to_owned(),
        Effect::Command(Command::Hangup) => "hang up".to_owned(),
        Effect::Change(Change::Number(number)) => format!("number {number}"),
        Effect::Change(Change::Name(name)) => format!("name {name}"),
        Effect::Change(Change::Destination(Destination { number, request_user })) => {
            format!("to {number}, looked up as {request_user}")
        }
        Effect::Store => "store".to_owned(),
    });
    let next = match &step.next {
        Next::Wait { wake_at: None } => "wait".to_owned(),
        Next::Wait { wake_at: Some(at) } => format!("wait until {at}"),
        Next::Ask(Question::Route { destination, restrictions: true }) => {
            format!("who serves {destination}, and may it be called?")
        }
        Next::Ask(Question::Route { destination, restrictions: false }) => {
            format!("who serves {destination}?")
        }
        Next::Done(Outcome::Branch { reason, target }) => {
            format!("branch to {}: {reason}", target.callflow_id)
        }
        Next::Done(outcome) => format!("{}: {}", outcome.as_str(), outcome.reason()),
    };
    effects.chain([next]).collect()
}

/// A list with these rows of key, its length, and number; names are the keys'.
fn list(rows: &[(&str, i64, &str)]) -> ListRead {
    let rows = rows.iter().map(|(key, length, number)| {
        json!({
            "capture_group_key": key, "capture_group_length": length,
            "name": format!("Key {key}"), "number": number,
        })
    });
    ListRead::Read(Arc::new(List::from_rows(rows, None)))
}

fn key(key: &str) -> Event {
    Event::Dtmf(key.to_owned())
}

fn completed(noop: u32) -> Event {
    Event::NoopComplete(Some(NoopId(noop)))
}

/// A callflow of that id serves the destination.
fn found(id: &str, no_match: bool, endpoint: Endpoint) -> Event {
    let target = RouteTarget { callflow_id: id.to_owned(), no_match };
    Event::Routed(Routed::Found { target, endpoint })
}
