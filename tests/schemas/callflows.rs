//! Callflows and what stands in them.

use serde_json::{Value, json};

use super::{Case, invalid, text, valid};

pub(crate) fn dynamic_cid() -> Vec<Case> {
    let mut cases = vec![
        valid("nothing", json!({})),
        valid(
            "a list",
            json!({"action": "lists", "id": "f1", "enforce_call_restriction": true, "permit_custom_callflow": false}),
        ),
        valid("a named group", json!({"action": "list", "id": "f1", "idx_name": "cid"})),
        valid(
            "a static caller id",
            json!({"action": "static", "caller_id": {"name": "A", "number": "1"}}),
        ),
        valid("an empty caller id", json!({"action": "static", "caller_id": {}})),
        valid("empty texts", json!({"caller_id": {"name": "", "number": ""}, "id": ""})),
        valid(
            "manual entry",
            json!({
                "action": "manual", "media_id": "prompt", "min_digits": 1, "max_digits": 11,
                "interdigit_timeout": 3000, "whitelist_regex": "^1"
            }),
        ),
        valid(
            "negative numbers",
            json!({"min_digits": -1, "max_digits": -1, "interdigit_timeout": 0}),
        ),
        valid("a regex that is none", json!({"whitelist_regex": "("})),
        valid("an id of the document", json!({"_id": 5})),
        valid("fields of other modules", json!({"to_did": 5, "children": {}})),
        valid("a module to skip", json!({"skip_module": true})),
        invalid("no object", json!([])),
        invalid("null", json!(null)),
        invalid("an unknown action", json!({"action": "foo"})),
        invalid("an action in capitals", json!({"action": "Static"})),
        invalid("an empty action", json!({"action": ""})),
        invalid("a caller id that is text", json!({"caller_id": "1"})),
        invalid(
            "a caller id number that is a number",
            json!({"caller_id": {"number": 15_145_551_234_u64}}),
        ),
        invalid("a caller id name that is null", json!({"caller_id": {"name": null}})),
    ];
    for field in ["id", "idx_name", "media_id", "whitelist_regex"] {
        cases.push(invalid("a number instead of text", json!({field: 5})));
    }
    for field in ["interdigit_timeout", "max_digits", "min_digits"] {
        cases.push(invalid("text instead of an integer", json!({field: "10"})));
        cases.push(invalid("a fraction instead of an integer", json!({field: 10.5})));
        cases.push(invalid("null instead of an integer", json!({field: null})));
    }
    for field in ["enforce_call_restriction", "permit_custom_callflow", "skip_module"] {
        cases.push(valid("false", json!({field: false})));
        cases.push(invalid("text instead of a boolean", json!({field: "true"})));
        cases.push(invalid("a number instead of a boolean", json!({field: 1})));
    }
    cases
}

pub(crate) fn action() -> Vec<Case> {
    let node = |field: &str, value: Value| {
        let mut node = json!({"module": "menu", "data": {}});
        node[field] = value;
        node
    };
    vec![
        valid("module and data", json!({"module": "menu", "data": {}})),
        valid("no children", node("children", json!({}))),
        valid(
            "children",
            node(
                "children",
                json!({"_": {"module": "play", "data": {"id": 5}}, "1": node("a", json!(1))}),
            ),
        ),
        valid("remote execution", node("remote_execution", json!(true))),
        valid("remote execution of any type", node("remote_execution", json!("yes"))),
        valid("one character", node("module", json!("m"))),
        valid("64 characters", node("module", json!(text(64)))),
        valid("data of any module", node("data", json!({"action": 5, "max_digits": "x"}))),
        valid("a child without a name", node("children", json!({"": 5}))),
        invalid("no object", json!("menu")),
        invalid("nothing", json!({})),
        invalid("no data", json!({"module": "menu"})),
        invalid("no module", json!({"data": {}})),
        invalid("an empty module", node("module", json!(""))),
        invalid("65 characters", node("module", json!(text(65)))),
        invalid("a module that is a number", node("module", json!(5))),
        invalid("data that is text", node("data", json!("{}"))),
        invalid("data that is null", node("data", json!(null))),
        invalid("children in an array", node("children", json!([node("a", json!(1))]))),
        invalid("a child that is text", node("children", json!({"_": "menu"}))),
        invalid("an empty child", node("children", json!({"_": {}}))),
        invalid(
            "a fault far below",
            node("children", json!({"_": node("children", json!({"_": node("data", json!([]))}))})),
        ),
    ]
}

pub(crate) fn callflows() -> Vec<Case> {
    let with =
        |field: &str, value: Value| json!({"flow": {"module": "menu", "data": {}}, field: value});
    vec![
        valid(
            "a whole callflow",
            json!({
                "_id": "cf01", "name": "Dynamic CID", "numbers": [], "patterns": ["^\\*2([0-9]{2,})$"],
                "featurecode": {"name": "dynamic_cid[action=lists]", "number": "2"},
                "flags": ["a"], "owner_id": "u1", "ringback": {"early": "m1", "transfer": "m2"},
                "metaflow": {"numbers": {"1": {"module": "hangup"}}},
                "flow": {"module": "dynamic_cid", "data": {"action": "lists", "id": "f1"}, "children": {}},
                "pvt_type": "callflow"
            }),
        ),
        valid("a flow", with("contact_list", json!({"exclude": false}))),
        // Only 5 asks for a flow.
        valid("no flow", json!({"numbers": ["1001"]})).but_not_in(&["5"]),
        valid("nothing", json!({})).but_not_in(&["5"]),
        valid(
            "numbers of 1 and of 36 characters",
            with("numbers", json!(["1", text(36), "no_match"])),
        ),
        valid("a pattern that is no regex", with("patterns", json!(["("]))),
        valid("a pattern twice", with("patterns", json!(["^1", "^1"]))),
        valid("an empty name", with("name", json!(""))),
        valid(
            "a feature code",
            with("featurecode", json!({"name": text(128), "number": text(30)})),
        ),
        valid("an empty feature code", with("featurecode", json!({}))),
        valid(
            "data of the module is not looked at",
            json!({"flow": {"module": "dynamic_cid", "data": {"action": 5}}}),
        ),
        invalid("no object", json!([])),
        invalid("a flow that is null", json!({"flow": null})),
        invalid("an empty flow", json!({"flow": {}})),
        invalid("a flow without data", json!({"flow": {"module": "menu"}})),
        invalid("numbers that are text", with("numbers", json!("1001"))),
        invalid("a number that is a number", with("numbers", json!([1001]))),
        invalid("an empty number", with("numbers", json!([""]))),
        invalid("a number of 37 characters", with("numbers", json!([text(37)]))),
        invalid("a number twice", with("numbers", json!(["1", "2", "1"]))),
        invalid("an empty pattern", with("patterns", json!([""]))),
        invalid("a pattern that is null", with("patterns", json!([null]))),
        invalid("patterns that are null", with("patterns", json!(null))),
        invalid("a flag that is a number", with("flags", json!([5]))),
        invalid("an empty name of a feature code", with("featurecode", json!({"name": ""}))),
        invalid(
            "129 characters for a feature code",
            with("featurecode", json!({"name": text(129)})),
        ),
        invalid("an empty number of a feature code", with("featurecode", json!({"number": ""}))),
        invalid("31 digits for a feature code", with("featurecode", json!({"number": text(31)}))),
        invalid("a number for a feature code", with("featurecode", json!({"number": 2}))),
        invalid("a feature code that is false", with("featurecode", json!(false))),
        // Not every line knows these.
        invalid("a name that is a number", with("name", json!(5))).but_not_in(&["4.3"]),
        invalid("a ringback that is text", with("ringback", json!("m1"))).but_not_in(&["4.3"]),
        invalid("early media that is a number", with("ringback", json!({"early": 5})))
            .but_not_in(&["4.3"]),
        invalid("a transfer that is null", with("ringback", json!({"transfer": null})))
            .but_not_in(&["4.3"]),
        invalid("an owner that is a number", with("owner_id", json!(5)))
            .but_not_in(&["4.3", "master"]),
        invalid("a metaflow that is text", with("metaflow", json!("hangup"))),
        invalid("a fault in the metaflow", with("metaflow", json!({"listen_on": "all"}))),
        invalid(
            "a fault below the flow",
            json!({"flow": {"module": "menu", "data": {}, "children": {"_": {"data": {}}}}}),
        ),
    ]
}

pub(crate) fn metaflows() -> Vec<Case> {
    vec![
        valid("nothing", json!({})),
        valid(
            "all fields",
            json!({
                "binding_digit": "*", "digit_timeout": 0, "listen_on": "both",
                "numbers": {"12": {"module": "hangup"}}, "patterns": {"^2": {"module": "hold", "data": {}}}
            }),
        ),
        valid("another key", json!({"binding_digit": "0"})),
        valid("no numbers", json!({"numbers": {}, "patterns": {}})),
        valid("unknown fields", json!({"endpoint": 5})),
        invalid("no object", json!([])),
        invalid("a key that is none", json!({"binding_digit": "A"})),
        invalid("two keys", json!({"binding_digit": "12"})),
        invalid("no key", json!({"binding_digit": ""})),
        invalid("a key that is a number", json!({"binding_digit": 1})),
        invalid("a negative time", json!({"digit_timeout": -1})),
        invalid("a time that is text", json!({"digit_timeout": "500"})),
        invalid("nobody to listen on", json!({"listen_on": "none"})),
        invalid("a number with a letter", json!({"numbers": {"1a": {"module": "hangup"}}})),
        invalid("a pattern without a text", json!({"patterns": {"": {"module": "hangup"}}})),
        invalid("a number without a module", json!({"numbers": {"1": {"data": {}}}})),
        invalid("numbers in an array", json!({"numbers": []})),
    ]
}

pub(crate) fn metaflow() -> Vec<Case> {
    vec![
        valid("a module", json!({"module": "hangup"})),
        valid("64 characters", json!({"module": text(64)})),
        valid("data", json!({"module": "hangup", "data": {"a": 1}})),
        valid("children", json!({"module": "a", "children": {"1": {"module": "b"}}})),
        valid("unknown fields", json!({"module": "a", "numbers": 5})),
        valid("a child without a name", json!({"module": "a", "children": {"": 5}})),
        invalid("no object", json!("hangup")),
        invalid("no module", json!({"data": {}})),
        invalid("an empty module", json!({"module": ""})),
        invalid("65 characters", json!({"module": text(65)})),
        invalid("a module that is null", json!({"module": null})),
        invalid("data that is text", json!({"module": "a", "data": "b"})),
        invalid("children in an array", json!({"module": "a", "children": []})),
        invalid("a child that is text", json!({"module": "a", "children": {"1": "b"}})),
        invalid("a child without a module", json!({"module": "a", "children": {"1": {}}})),
    ]
}
