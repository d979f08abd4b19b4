//! Random cases: mostly what operators write, and beside it what KAZOO stumbles over.

use kazoo_dynamic_cid::dynamic_cid::Endpoint;
use kazoo_dynamic_cid::json::Object;
use kazoo_dynamic_cid::simulation::{Act, Script, ScriptStep, Trigger};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Map, Value, json};

use crate::case::{ACCOUNT, Case};

/// Longer than the overall limit of `recommended`.
const TOO_LONG_MS: i64 = 400_000;
/// Expressions that are none.
const BAD_PATTERNS: [&str; 5] = ["([", "*", "(?<name", r"\d{4,2}", "(?P<a>x)(?P<a>y)"];
/// Keys as lists have them, of several lengths, some in front of others.
const KEYS: [&str; 8] = ["01", "02", "1", "012", "5", "99", "0", "1234"];
const DESTINATIONS: [&str; 8] =
    ["4155551234", "+14155551234", "2001", "911", "18005551212", "", "5551234", "*97"];

/// The case of a seed, always the same.
pub(crate) fn case(seed: u64) -> Case {
    Generator(StdRng::seed_from_u64(seed)).case()
}

struct Generator(StdRng);

impl Generator {
    fn case(&mut self) -> Case {
        let (key, destination) = (self.of(&KEYS), self.of(&DESTINATIONS));
        Case {
            data: self.data(),
            call: self.call(key, destination),
            config: self.config(),
            rows: self.rows(key),
            list_document: self.list_document(key),
            account: self.account(),
            callflows: self.callflows(destination),
            endpoint: self.endpoint(),
            script: self.script(),
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.0.random_range(0..100) < percent
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.0.random_range(0..choices.len())]
    }

    /// A value of a type that nobody meant.
    fn odd(&mut self) -> Value {
        let choices = [
            json!(null),
            json!(true),
            json!(0),
            json!(-1),
            json!(7),
            json!(2.5),
            json!(""),
            json!("0"),
            json!("4"),
            json!("x"),
            json!([]),
            json!(["1"]),
            json!({}),
            json!({"a": 1}),
            json!("é1"),
        ];
        choices[self.0.random_range(0..choices.len())].clone()
    }

    /// One of the usual values or, in so many of a hundred cases, an odd one.
    fn value(&mut self, usual: &[Value], odd_percent: u32) -> Value {
        if self.chance(odd_percent) {
            return self.odd();
        }
        usual[self.0.random_range(0..usual.len())].clone()
    }

    /// Puts a member in, in so many of a hundred cases.
    fn member(
        &mut self,
        object: &mut Object,
        key: &str,
        percent: u32,
        usual: &[Value],
        odd_percent: u32,
    ) {
        if self.chance(percent) {
            let value = self.value(usual, odd_percent);
            object.insert(key.to_owned(), value);
        }
    }

    fn pattern(&mut self) -> Value {
        let good = [r"^\d+$", "^1", r"^\d{4,6}$", "(a+)+$", r"^(?=1)\d+"];
        if self.chance(35) { self.of(&BAD_PATTERNS).into() } else { self.of(&good).into() }
    }

    fn data(&mut self) -> Object {
        let mut data = Map::new();
        let actions = ["static", "manual", "list", "list", "list", "lists", "lists", "lists"];
        let actions = actions.map(Value::from);
        self.member(&mut data, "action", 97, &actions, 3);
        let booleans = [json!(true), json!(false), json!("true"), json!("no")];
        self.member(&mut data, "id", 92, &[json!("list1")], 3);
        self.member(&mut data, "_id", 6, &[json!("list1"), json!("")], 20);
        self.member(&mut data, "idx_name", 45, &[json!("cid"), json!("cid"), json!("nosuch")], 5);
        if self.chance(60) {
            let mut caller_id = Map::new();
            let numbers = [json!("+14155550100"), json!(4_155_550_100_u64), json!("")];
            self.member(&mut caller_id, "number", 80, &numbers, 10);
            self.member(&mut caller_id, "name", 80, &[json!("Sales"), json!("")], 10);
            let value = if self.chance(90) { Value::Object(caller_id) } else { self.odd() };
            data.insert("caller_id".to_owned(), value);
        }
        let media = [json!("mymedia"), json!("tone_stream://%(1,1,1)")];
        self.member(&mut data, "media_id", 15, &media, 10);
        if self.chance(2) {
            data.insert("media_id".to_owned(), format!("silence_stream://{TOO_LONG_MS}").into());
        }
        self.member(&mut data, "max_digits", 40, &[json!(4), json!("6"), json!(1)], 10);
        self.member(&mut data, "min_digits", 50, &[json!(1), json!("3"), json!(0)], 10);
        if self.chance(25) {
            let pattern = self.pattern();
            data.insert("whitelist_regex".to_owned(), pattern);
        }
        let timeouts = [json!(700), json!("1500"), json!(3000), json!(0), json!(TOO_LONG_MS)];
        self.member(&mut data, "interdigit_timeout", 40, &timeouts, 10);
        self.member(&mut data, "permit_custom_callflow", 25, &booleans, 10);
        self.member(&mut data, "enforce_call_restriction", 25, &booleans, 10);
        data
    }

    fn call(&mut self, key: &str, destination: &str) -> Object {
        let mut store = Map::new();
        if self.chance(75) {
            store.insert("cf_capture_group".to_owned(), format!("{key}{destination}").into());
        } else if self.chance(50) {
            let group = self.of(&["", "0", "é155", "0155@realm", "12"]);
            store.insert("cf_capture_group".to_owned(), group.into());
        }
        let mut groups = Map::new();
        if self.chance(70) {
            let group = if self.chance(90) { key.into() } else { self.odd() };
            groups.insert("cid".to_owned(), group);
            groups.insert("dest".to_owned(), destination.into());
        }
        store.insert("cf_capture_groups".to_owned(), Value::Object(groups));
        let mut call = Map::new();
        for (member, value) in [
            ("Account-ID", ACCOUNT),
            ("Request", "*20014155551234@realm.example.com"),
            ("To", "*20014155551234@realm.example.com"),
            ("Language", "en-us"),
        ] {
            call.insert(member.to_owned(), value.into());
        }
        self.member(&mut call, "Caller-ID-Number", 90, &[json!("1001"), json!("+14155550000")], 5);
        self.member(&mut call, "Caller-ID-Name", 90, &[json!("Alice")], 5);
        call.insert("Key-Value-Store".to_owned(), Value::Object(store));
        call
    }

    fn config(&mut self) -> Value {
        let mut action = Map::new();
        self.member(&mut action, "max_digits", 15, &[json!(6), json!("10")], 30);
        self.member(&mut action, "min_digits", 15, &[json!(2), json!("4")], 30);
        if self.chance(8) {
            let pattern = if self.chance(75) { self.pattern() } else { self.odd() };
            action.insert("whitelist_regex".to_owned(), pattern);
        }
        for prompt in ["accept_prompt", "reject_prompt", "default_prompt"] {
            self.member(&mut action, prompt, 5, &[json!("tone_stream://%(9,9,9)")], 30);
        }
        let mut command = Map::new();
        let timeouts = [json!(2000), json!("4000"), json!(TOO_LONG_MS)];
        self.member(&mut command, "collect_timeout", 15, &timeouts, 15);
        self.member(&mut command, "interdigit_timeout", 10, &timeouts, 15);
        self.member(&mut command, "unknown_cid_name", 5, &[json!("nobody")], 30);
        let mut numbers = Map::new();
        if self.chance(12) {
            let rule = [json!({"prefix": "+1"}), json!({"suffix": ""})];
            let rule = self.value(&rule, 20);
            let pattern = if self.chance(60) { r"^(\d{10})$" } else { self.of(&BAD_PATTERNS) };
            numbers.insert("e164_converters".to_owned(), json!({ pattern: rule }));
        }
        if self.chance(12) {
            let pattern =
                if self.chance(50) { json!(r"^\+1\d{10}$") } else { self.of(&BAD_PATTERNS).into() };
            let class = if self.chance(70) { json!({"regex": pattern}) } else { self.odd() };
            let known = json!({"regex": r"^\+1"});
            numbers
                .insert("classifiers".to_owned(), json!({"did_us": class, "tollfree_us": known}));
        }
        json!({
            "callflow.dynamic_cid": action, "call_command": command, "number_manager": numbers,
        })
    }

    fn row(&mut self, key: &str) -> Value {
        if self.chance(2) {
            return self.odd();
        }
        let mut row = Map::new();
        let key = if self.chance(60) { key } else { self.of(&KEYS) };
        let odd_key = self.chance(4);
        let key_value = if odd_key { self.odd() } else { key.into() };
        if self.chance(96) {
            row.insert("capture_group_key".to_owned(), key_value);
        }
        if self.chance(85) {
            let length = match self.0.random_range(0..20) {
                0 => json!(-1),
                1 => json!("-2"),
                2 => json!(3),
                3 => json!(key.len().to_string()),
                4 => self.odd(),
                _ => json!(key.len()),
            };
            row.insert("capture_group_length".to_owned(), length);
        }
        let numbers = [json!("+14155550201"), json!(19_058_888_888_u64), json!("")];
        self.member(&mut row, "number", 92, &numbers, 4);
        self.member(&mut row, "name", 92, &[json!("Awesome Inc."), json!("")], 4);
        Value::Object(row)
    }

    fn rows(&mut self, key: &str) -> Option<Vec<Value>> {
        match self.0.random_range(0..100) {
            0..3 => None,
            3..25 => Some(Vec::new()),
            _ => {
                let count = self.0.random_range(1..6);
                Some((0..count).map(|_| self.row(key)).collect())
            }
        }
    }

    fn list_document(&mut self, key: &str) -> Option<Value> {
        if self.chance(15) {
            return None;
        }
        let mut document = Map::new();
        document.insert("_id".to_owned(), "list1".into());
        self.member(&mut document, "pvt_type", 50, &[json!("list")], 5);
        self.member(&mut document, "length", 80, &[json!(2), json!("2"), json!(key.len())], 10);
        if self.chance(65) {
            let entry = json!({"number": "16139999999", "name": "Awesome Co."});
            let old = json!({"cid_number": "19058888888", "cid_name": "Awesome Inc."});
            let odd = self.odd();
            let entry = self.value(&[entry, old], 5);
            let entries = json!({ key: entry, "77": odd });
            document.insert("entries".to_owned(), entries);
        }
        Some(Value::Object(document))
    }

    fn account(&mut self) -> Value {
        let mut account = Map::new();
        if self.chance(20) {
            let pattern = if self.chance(60) { r"^(\d{7})$" } else { self.of(&BAD_PATTERNS) };
            let rule = self.value(&[json!({"prefix": "415"})], 20);
            account.insert("dial_plan".to_owned(), json!({ pattern: rule, "system": ["x"] }));
        }
        self.member(&mut account, "e164_converters", 3, &[json!({})], 50);
        Value::Object(account)
    }

    fn callflows(&mut self, destination: &str) -> Vec<Value> {
        let flow = |id: &str, numbers: Value, patterns: Value| {
            json!({
                "_id": id, "numbers": numbers, "patterns": patterns,
                "flow": {"module": "resources", "data": {}, "children": {}},
            })
        };
        let mut callflows = Vec::new();
        if self.chance(12) {
            callflows.push(flow(
                "cf_own",
                json!([destination, format!("+1{destination}")]),
                json!([]),
            ));
        }
        if self.chance(15) {
            // All of them match numbers that none of their groups takes part in (D31), or another.
            let pattern = self.of(&[r"^\+?(?:(999)|\d)+$", r"^(00)?\+?\d+$", r"^\+1(\d+)$", "(["]);
            callflows.push(flow("cf_pattern", json!([]), json!([pattern])));
        }
        if self.chance(88) {
            callflows.push(flow("cf_no_match", json!(["no_match"]), json!([])));
        }
        callflows
    }

    fn endpoint(&mut self) -> Endpoint {
        let restriction = match self.0.random_range(0..10) {
            0..4 => json!({}),
            4..6 => json!({"did_us": {"action": "deny"}, "unknown": {"action": "inherit"}}),
            6 => json!({"unknown": {"action": "deny"}, "emergency": {"action": "deny"}}),
            7 => json!({"did_us": self.odd(), "unknown": "deny"}),
            8 => self.odd(),
            _ => json!({"tollfree_us": {"action": "deny"}}),
        };
        let merged = json!({ "call_restriction": restriction });
        match self.0.random_range(0..100) {
            0..15 => Endpoint::None,
            15..20 => Endpoint::Broken(merged.into()),
            _ => Endpoint::Merged(merged.into()),
        }
    }

    fn script(&mut self) -> Script {
        let triggers = [
            Trigger::PromptStarted,
            Trigger::PromptStarted,
            Trigger::PromptFinished,
            Trigger::SilenceStarted,
        ];
        let count = self.0.random_range(0..9);
        let step = |place| {
            let trigger = if place == 0 { self.of(&triggers) } else { Trigger::Previous };
            let after_ms = self.of(&[10, 120, 300, 300, 800, 1900, 2600, 6000]);
            let act = match self.0.random_range(0..60) {
                0 => Act::Hangup,
                1 => Act::NoopError,
                2..5 => Act::OtherEvent,
                5 => Act::Digit(String::new()),
                6 => Act::Digit("A".to_owned()),
                7..10 => Act::Digit("#".to_owned()),
                10 => Act::Digit("*".to_owned()),
                _ => Act::Digit(self.0.random_range(0..10_u32).to_string()),
            };
            ScriptStep { trigger, after_ms, act }
        };
        Script((0..count).map(step).collect())
    }
}
