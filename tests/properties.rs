//! Properties of the decision core for any data, any settings and any order of events.

// What cannot fail in a test may be unwrapped.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use kazoo_dynamic_cid::call::Call;
use kazoo_dynamic_cid::dynamic_cid::{
    Action, Change, Context, Departures, Effect, Endpoint, Event, Job, List, ListRead, Next,
    NoopId, Preset, RouteTarget, Routed, Step, SystemConfig,
};
use kazoo_dynamic_cid::json::{self, Object};
use kazoo_dynamic_cid::numbers::{AccountRules, Rules};

/// Any JSON, small, with values that mean something to the action among them.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..20).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[0-9*#+]{0,8}".prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "0",
            "true",
            "deny",
            "list1",
            "cid",
            "(",
            r"\d+",
            "^1",
            "(a+)+$",
            "NULL",
            "undefined",
        ])
        .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z_]{1,8}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// An object in which each of the keys stands, or not, with any value.
fn any_object(keys: &'static [&'static str]) -> impl Strategy<Value = Object> {
    prop::collection::vec((prop::sample::select(keys), any_json()), 0..keys.len()).prop_map(
        |members| members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    )
}

fn any_data() -> impl Strategy<Value = Object> {
    let actions = prop::sample::select(vec!["static", "manual", "list", "lists", "other"]);
    let others = any_object(&[
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
    (actions, others, any::<bool>()).prop_map(|(action, mut data, with_id)| {
        data.insert("action".into(), json!(action));
        if with_id {
            data.insert("id".into(), json!("list1"));
            data.remove("_id");
        }
        data
    })
}

fn any_config() -> impl Strategy<Value = Value> {
    let action = any_object(&[
        "accept_prompt",
        "reject_prompt",
        "default_prompt",
        "max_digits",
        "min_digits",
        "whitelist_regex",
    ]);
    let command = any_object(&["collect_timeout", "interdigit_timeout", "unknown_cid_name"]);
    let numbers = any_object(&["e164_converters", "classifiers"]);
    (action, command, numbers, any_json()).prop_map(|(action, command, numbers, privacy)| {
        json!({
            "callflow.dynamic_cid": action, "call_command": command, "number_manager": numbers,
            "privacy": {"default_privacy_number": privacy},
        })
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    let noop = prop::option::of((0u32..8).prop_map(NoopId));
    let target = ("[a-z]{1,4}", any::<bool>())
        .prop_map(|(callflow_id, no_match)| RouteTarget { callflow_id, no_match });
    prop_oneof![
        4 => "[0-9*#A-D]?".prop_map(Event::Dtmf),
        2 => noop.clone().prop_map(Event::NoopComplete),
        1 => noop.prop_map(Event::NoopFailed),
        1 => Just(Event::Hangup),
        1 => Just(Event::Other),
        1 => Just(Event::Timer),
        1 => (target, prop::option::of((any_json(), any::<bool>()))).prop_map(|(target, endpoint)| {
            let endpoint = match endpoint {
                None => Endpoint::None,
                Some((endpoint, true)) => Endpoint::Merged(endpoint.into()),
                Some((endpoint, false)) => Endpoint::Broken(endpoint.into()),
            };
            Event::Routed(Routed::Found { target, endpoint })
        }),
        1 => Just(Event::Routed(Routed::NotFound)),
        1 => Just(Event::Routed(Routed::Crashed)),
    ]
}

#[derive(Debug, Clone)]
struct World {
    data: Object,
    call: Value,
    config: Value,
    rows: Option<Vec<Value>>,
    document: Option<Value>,
    account: Value,
    preset: Preset,
    events: Vec<(u64, Event)>,
}

fn any_world() -> impl Strategy<Value = World> {
    let call = (
        prop::option::of("[0-9]{0,6}"),
        prop::option::of(any::<String>()),
        prop::option::of("[0-9*+@]{0,10}"),
        any_object(&["cid", "dest", ""]),
    )
        .prop_map(|(number, name, group, groups)| {
            json!({
                "Account-ID": "a0000000000000000000000000000001",
                "Caller-ID-Number": number, "Caller-ID-Name": name,
                "Request": "1@r", "To": "1@t", "Language": "en-us",
                "Key-Value-Store": {"cf_capture_group": group, "cf_capture_groups": groups},
            })
        });
    let row = any_object(&["capture_group_key", "capture_group_length", "name", "number"]);
    let rows = prop::option::of(prop::collection::vec(row.prop_map(Value::Object), 0..5));
    let preset = prop_oneof![Just(Preset::Kazoo), Just(Preset::Recommended)];
    let events = prop::collection::vec((0u64..4000, any_event()), 0..24);
    (any_data(), call, any_config(), rows, prop::option::of(any_json()), any_json(), preset, events)
        .prop_map(|(data, call, config, rows, document, account, preset, events)| World {
            data,
            call,
            config,
            rows,
            document,
            account: json!({ "dial_plan": account }),
            preset,
            events,
        })
}

fn start(world: &World) -> (Action, Step) {
    let config = SystemConfig::read(|category, key| world.config.get(category)?.get(key));
    let call = Call::new(world.call.as_object().cloned().unwrap());
    let stored = |key: &str| world.config.get("number_manager")?.get(key);
    let context = Context {
        rules: Arc::new(Rules::from_config(stored("e164_converters"), stored("classifiers"))),
        account_rules: Arc::new(AccountRules::from_account(&world.account)),
        list: world.rows.clone().map_or(ListRead::Failed, |rows| {
            ListRead::Read(Arc::new(List::from_rows(rows, world.document.as_ref())))
        }),
        departures: Departures::from(world.preset),
        config: Arc::new(config.clone()),
        ..Context::default()
    };
    Action::start(Job::new(world.data.clone(), &call, &config), context, 0)
}

/// Feeds the world's events, then time, then a hang-up; the steps until the outcome.
fn run(world: &World) -> Result<(Action, Vec<Step>), TestCaseError> {
    let (mut action, step) = start(world);
    let mut steps = vec![step];
    let mut now = 0;
    let mut events = world.events.iter();
    for _ in 0..200 {
        let wake_at = match &steps.last().unwrap().next {
            Next::Done(_) => return Ok((action, steps)),
            Next::Ask(_) => None,
            Next::Wait { wake_at } => *wake_at,
        };
        let asked = matches!(steps.last().unwrap().next, Next::Ask(_));
        let event = match events.next() {
            Some((after, event)) => {
                now += after;
                event.clone()
            }
            None if asked => Event::Routed(Routed::NotFound),
            None => {
                now = wake_at.unwrap_or(now).max(now);
                if wake_at.is_some() { Event::Timer } else { Event::Hangup }
            }
        };
        steps.push(action.on(now, &event));
    }
    Err(TestCaseError::fail("the action does not end"))
}

/// Every text that a document, a key press or the call's fields provide.
fn provided(world: &World, digits: &str) -> BTreeSet<String> {
    fn collect(value: &Value, into: &mut BTreeSet<String>) {
        into.extend(json::to_text(value));
        match value {
            Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
            Value::Object(members) => members.values().for_each(|member| collect(member, into)),
            _ => {}
        }
    }
    let mut texts = BTreeSet::new();
    let data = Value::Object(world.data.clone());
    let rows = Value::Array(world.rows.clone().unwrap_or_default());
    let document = world.document.clone().unwrap_or_default();
    for value in [&data, &world.call, &world.config, &rows, &document] {
        collect(value, &mut texts);
    }
    // A caller without number and name is called so by KAZOO's settings or, without them, code.
    texts.extend(["anonymous".to_owned(), "unknown".to_owned()]);
    texts.extend((0..=digits.len()).filter_map(|end| digits.get(..end)).map(str::to_owned));
    texts
}

fn digits_of(world: &World) -> String {
    let keys = world.events.iter().filter_map(|(_, event)| match event {
        Event::Dtmf(key) => Some(key.as_str()),
        _ => None,
    });
    keys.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn it_ends_and_sends_nothing_after_its_outcome(
        world in any_world(),
        late in prop::collection::vec(any_event(), 1..6),
    ) {
        let (mut action, steps) = run(&world)?;
        let outcome = steps.last().unwrap().next.clone();
        for event in late {
            let step = action.on(u64::MAX, &event);
            prop_assert!(step.effects.is_empty(), "{:?} after {:?}", step.effects, outcome);
            prop_assert_eq!(&step.next, &outcome);
        }
    }

    #[test]
    fn a_caller_id_comes_from_a_document_a_key_or_the_call(world in any_world()) {
        let (_, steps) = run(&world)?;
        // Keys pressed during the lead-in are lost, so what was typed may begin anywhere.
        let digits = digits_of(&world);
        let tails: BTreeSet<String> = digits
            .char_indices()
            .flat_map(|(start, _)| provided(&world, &digits[start..]))
            .chain(provided(&world, ""))
            .collect();
        for effect in steps.iter().flat_map(|step| &step.effects) {
            if let Effect::Change(Change::Number(text) | Change::Name(text)) = effect {
                prop_assert!(tails.contains(text), "{text:?} comes from nowhere");
            }
        }
    }

    #[test]
    fn noops_are_numbered_without_gaps(world in any_world()) {
        use kazoo_dynamic_cid::dynamic_cid::Command;
        let (_, steps) = run(&world)?;
        let noops = steps.iter().flat_map(|step| &step.effects).filter_map(|effect| match effect {
            Effect::Command(Command::Play { noop, .. } | Command::Flush { noop }) => Some(noop.0),
            _ => None,
        });
        for (position, noop) in noops.enumerate() {
            prop_assert_eq!(usize::try_from(noop).unwrap(), position + 1);
        }
    }

    #[test]
    fn departures_are_read_from_any_json(layers in prop::collection::vec(any_json(), 0..4)) {
        let empty = Map::new();
        let layers: Vec<_> = layers.iter().map(|layer| layer.as_object().unwrap_or(&empty)).collect();
        let _ = Departures::read(&layers);
    }
}

/// What the fuzz target `decision` found: each key event without a digit has a noop of its own.
#[test]
fn more_keys_without_a_digit_than_sixteen_bits_count_are_answered() {
    let (data, config) = (json!({"action": "manual"}), SystemConfig::default());
    let job = Job::new(data.as_object().cloned().unwrap(), &Call::new(Map::new()), &config);
    let (mut action, _) = Action::start(job, Context::default(), 0);
    action.on(1, &Event::NoopComplete(Some(NoopId(1))));
    for _ in 0..70_000 {
        let step = action.on(2, &Event::Dtmf(String::new()));
        assert_eq!(step.effects.len(), 1, "{step:?}");
    }
}
