//! The decision, driven by any documents and any order of events.

use std::sync::Arc;

use serde_json::{Value, json};

use kazoo_dynamic_cid::call::Call;
use kazoo_dynamic_cid::dynamic_cid::{
    Action, Change, Command, Context, Departures, Effect, Endpoint, Event, Job, List, ListRead,
    Mode, Next, NoopId, Outcome, Preset, RouteTarget, Routed, Step, SystemConfig,
};
use kazoo_dynamic_cid::json::Object;
use kazoo_dynamic_cid::numbers::AccountRules;

use super::source::{self, Source};

/// Events after which it must have ended by itself: more than any way through it has.
const MOST_STEPS: usize = 64;
/// How many events may be repeated ones: more than sixteen bits count, and so few that an input
/// takes no longer than is useful.
const MOST_REPEATS: u32 = 70_000;
/// Delays, in milliseconds, around the timers there are.
const DELAYS: [u64; 8] = [0, 1, 500, 2_000, 5_000, 86_400_000, 300_000, u64::MAX];

/// The first bytes make the documents and the call, the rest the events.
pub fn run(data: &[u8]) {
    let mut source = Source::new(data);
    let (mut action, first) = start(&mut source);
    let mut watch = Watch::default();
    watch.see(&action, &first);
    let mut next = first.next;
    let (mut now, mut repeats) = (0_u64, MOST_REPEATS);
    while !source.is_empty() {
        let (event, times) = (event(&mut source), repeated(&mut source));
        now = now.saturating_add(source.pick(&DELAYS));
        let times = times.min(repeats + 1);
        repeats -= times - 1;
        for _ in 0..times {
            next = on(&mut action, &mut watch, now, &event).next;
        }
    }
    for _ in 0..MOST_STEPS {
        let event = match &next {
            Next::Done(_) => return ended(&mut action, &mut watch),
            Next::Ask(_) => Event::Routed(Routed::NotFound),
            Next::Wait { wake_at: Some(wake_at) } => {
                now = now.max(*wake_at);
                Event::Timer
            }
            // KAZOO waits for ever, so only the caller can end it.
            Next::Wait { wake_at: None } => Event::Hangup,
        };
        next = on(&mut action, &mut watch, now, &event).next;
    }
    panic!("it does not end: {next:?}");
}

/// How often an event comes, seldom very often.
fn repeated(source: &mut Source<'_>) -> u32 {
    match source.byte() {
        255 => MOST_REPEATS,
        byte if byte % 8 == 7 => 30,
        byte if byte % 8 == 6 => 2,
        _ => 1,
    }
}

fn on(action: &mut Action, watch: &mut Watch, now: u64, event: &Event) -> Step {
    let step = action.on(now, event);
    watch.see(action, &step);
    step
}

/// After its outcome it says nothing, whatever happens.
fn ended(action: &mut Action, watch: &mut Watch) {
    let outcome = action.outcome().cloned();
    assert!(outcome.is_some());
    for event in [Event::Dtmf("1".into()), Event::Timer, Event::Hangup, Event::NoopComplete(None)] {
        on(action, watch, u64::MAX, &event);
    }
    assert_eq!(action.outcome().cloned(), outcome);
}

/// What has been seen so far, to compare each step with.
#[derive(Default)]
struct Watch {
    noops: u32,
    unstored: bool,
    hung_up: bool,
    outcome: Option<Outcome>,
}

impl Watch {
    fn see(&mut self, action: &Action, step: &Step) {
        if let Some(outcome) = &self.outcome {
            assert!(step.effects.is_empty(), "{:?} after {outcome:?}", step.effects);
            assert_eq!(step.next, Next::Done(outcome.clone()));
            return;
        }
        for effect in &step.effects {
            self.effect(effect);
        }
        match &step.next {
            Next::Done(outcome) => {
                self.end(action, outcome);
                self.outcome = Some(outcome.clone());
            }
            Next::Ask(_) => assert!(matches!(action.mode(), Mode::List | Mode::Lists)),
            Next::Wait { .. } => {}
        }
        assert_eq!(action.outcome(), self.outcome.as_ref());
    }

    fn effect(&mut self, effect: &Effect) {
        assert!(!self.hung_up, "{effect:?} after the call was hung up");
        match effect {
            Effect::Command(Command::Play { noop, media }) => {
                assert!(!media.is_empty(), "nothing to play");
                self.noop(*noop);
            }
            Effect::Command(Command::Flush { noop }) => self.noop(*noop),
            Effect::Command(Command::Hangup) => self.hung_up = true,
            Effect::Command(Command::Answer) => {}
            Effect::Change(change) => {
                if let Change::Destination(destination) = change {
                    assert!(!destination.number.is_empty());
                }
                self.unstored = true;
            }
            Effect::Store => self.unstored = false,
        }
    }

    /// They are numbered from 1 on without gaps: each answer must be told from the others.
    fn noop(&mut self, noop: NoopId) {
        self.noops += 1;
        assert_eq!(noop.0, self.noops, "noops have a gap");
    }

    /// Only an action that died leaves a change that the executor does not know of.
    fn end(&self, action: &Action, outcome: &Outcome) {
        match outcome {
            Outcome::Died(_) => {}
            Outcome::Refused => assert!(self.hung_up, "refused without an end of the call"),
            Outcome::Branch { target, .. } => {
                assert!(matches!(action.mode(), Mode::List | Mode::Lists), "{target:?}");
                assert!(!self.unstored);
            }
            Outcome::Continue(_) | Outcome::Stop(_) => assert!(!self.unstored, "{outcome:?}"),
        }
    }
}

fn start(source: &mut Source<'_>) -> (Action, Step) {
    let config = config(source);
    let system = SystemConfig::read(|category, key| config.get(category)?.get(key));
    let stored = |key: &str| config.get("number_manager")?.get(key);
    let preset = if source.flag() { Preset::Kazoo } else { Preset::Recommended };
    let departures = match source.maybe(departures) {
        Some(layer) => Departures::read(&[&layer]).0,
        None => preset.into(),
    };
    let account = json!({ "dial_plan": source.value(2) });
    let rows: Option<Vec<Value>> = source.maybe(|source| {
        let keys = ["capture_group_key", "capture_group_length", "name", "number"];
        (0..source.byte() % 5).map(|_| Value::Object(source.object(&keys))).collect()
    });
    let document = source.maybe(|source| source.value(3));
    let data = node(source);
    let call = call(source);
    let context = Context {
        rules: source::rules(stored("e164_converters"), stored("classifiers")),
        account_rules: Arc::new(AccountRules::from_account(&account)),
        list: rows.map_or(ListRead::Failed, |rows| {
            ListRead::Read(Arc::new(List::from_rows(rows, document.as_ref())))
        }),
        departures,
        config: Arc::new(system.clone()),
        prompt_overrides: Arc::default(),
    };
    Action::start(Job::new(data, &call, &system), context, 0)
}

fn config(source: &mut Source<'_>) -> Value {
    let action = source.object(&[
        "accept_prompt",
        "reject_prompt",
        "default_prompt",
        "max_digits",
        "min_digits",
        "whitelist_regex",
    ]);
    let command = source.object(&["collect_timeout", "interdigit_timeout", "unknown_cid_name"]);
    let numbers = source.object(&["e164_converters", "classifiers"]);
    json!({ "callflow.dynamic_cid": action, "call_command": command, "number_manager": numbers })
}

fn departures(source: &mut Source<'_>) -> Object {
    const CHOICES: [(&str, &str); 12] = [
        ("preset", "kazoo"),
        ("idx_name", "inverted"),
        ("idx_name", "documented"),
        ("invalid_regex", "crash"),
        ("invalid_regex", "reject"),
        ("invalid_row", "crash"),
        ("invalid_document", "crash"),
        ("invalid_document", "default"),
        ("timer_arithmetic", "milliseconds"),
        ("single_document_lists", "read"),
        ("overall_limit_ms", "0"),
        ("overall_limit_ms", "1000"),
    ];
    let chosen = (0..source.byte() % 6).map(|_| source.pick(&CHOICES));
    chosen.map(|(key, word)| (key.to_owned(), word.into())).collect()
}

fn node(source: &mut Source<'_>) -> Object {
    let mut data = source.object(&[
        "id",
        "_id",
        "idx_name",
        "caller_id",
        "media_id",
        "max_digits",
        "min_digits",
        "whitelist_regex",
        "interdigit_timeout",
        "permit_custom_callflow",
        "enforce_call_restriction",
    ]);
    let action = source.pick(&["manual", "static", "list", "lists", "other"]);
    data.insert("action".to_owned(), action.into());
    if source.flag() {
        data.shift_remove("_id");
        data.insert("id".to_owned(), "list1".into());
    }
    data
}

fn call(source: &mut Source<'_>) -> Call {
    let group = source.maybe(Source::text);
    let groups = source.object(&["cid", "dest", ""]);
    let members = json!({
        "Account-ID": "a0000000000000000000000000000001",
        "Caller-ID-Number": source.maybe(Source::text),
        "Caller-ID-Name": source.maybe(Source::text),
        "Request": "1@r", "To": "1@t", "Language": "en-us",
        "Key-Value-Store": {"cf_capture_group": group, "cf_capture_groups": groups},
    });
    let Value::Object(members) = members else { unreachable!("an object was written") };
    Call::new(members)
}

fn event(source: &mut Source<'_>) -> Event {
    const KEYS: [&str; 8] = ["1", "2", "0", "#", "*", "", "A", "+"];
    let noop =
        |source: &mut Source<'_>| source.maybe(|source| NoopId(u32::from(source.byte() % 8)));
    match source.byte() % 8 {
        0 => Event::Dtmf(source.pick(&KEYS).to_owned()),
        1 => Event::NoopComplete(noop(source)),
        2 => Event::NoopFailed(noop(source)),
        3 => Event::Hangup,
        4 => Event::Other,
        5 => Event::Timer,
        6 => Event::Dtmf(source.text()),
        _ => Event::Routed(routed(source)),
    }
}

fn routed(source: &mut Source<'_>) -> Routed {
    match source.byte() % 6 {
        0 => Routed::NotFound,
        1 => Routed::Crashed,
        kind => {
            let target = RouteTarget { callflow_id: source.text(), no_match: source.flag() };
            let endpoint = match kind {
                2 => Endpoint::None,
                3 => Endpoint::Merged(source.value(3).into()),
                4 => Endpoint::Broken(source.value(3).into()),
                _ => Endpoint::Merged(json!({ "call_restriction": source.value(2) }).into()),
            };
            Routed::Found { target, endpoint }
        }
    }
}
