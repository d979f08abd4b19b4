//! An endpoint's dial plan, applied to a number that is dialled off-net.
//!
//! A plan is an object of rules in order; a rule's key is its regular expression unless it has a
//! `regex`. Other than with the account's rules for Request-User, **every** rule that matches is
//! applied, each to what the one before made of the number: `prefix`, the last group of the match
//! (the whole match without groups) and `suffix`. A rule may hold rules of its own under
//! `dialplan`, which come right after it. The key `system` names plans of the cluster; they come
//! last, ordered by key.
//!
//! Source: `cf_util.erl` (`apply_dialplan`, `maybe_apply_dialplan`, `load_system_dialplans`,
//! `maybe_dialplan_suits`).

use serde_json::Value;

use crate::json::{self, Object};
use crate::pattern::Pattern;

/// Plans within plans; deeper is no one's intention.
const MAX_DEPTH: usize = 50;

/// Rules tried for one number. Plans that name each other can be tried more often than anybody
/// waits for, within the depth that is allowed; no plan of use comes near.
const MOST_RULES: usize = 10_000;

const SYSTEM: &str = "system";

/// A plan that KAZOO's `resources` dies of: the call goes on to the node's branch `_`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("dial_plan rule `{rule}`: {reason}")]
pub struct DialPlanError {
    /// The rule's key.
    pub rule: String,
    /// What is wrong with it and what to write instead.
    pub reason: String,
}

impl DialPlanError {
    fn new(rule: &str, reason: impl Into<String>) -> Self {
        Self { rule: rule.to_owned(), reason: reason.into() }
    }
}

/// Applies a plan to a number.
///
/// `system_dial_plans` is the node's section of `system_config/dialplans`, or its default section.
pub fn apply(
    number: &str,
    plan: &Object,
    system_dial_plans: &Object,
) -> Result<String, DialPlanError> {
    Application { system: system_dial_plans, tried: 0 }.level(number.to_owned(), plan, 0)
}

struct Application<'a> {
    system: &'a Object,
    tried: usize,
}

impl Application<'_> {
    fn level(
        &mut self,
        mut number: String,
        plan: &Object,
        depth: usize,
    ) -> Result<String, DialPlanError> {
        for (key, rule) in plan.iter().filter(|(key, _)| *key != SYSTEM) {
            self.tried += 1;
            if self.tried > MOST_RULES {
                let reason = format!("the plans lead to each other: {MOST_RULES} rules were tried");
                return Err(DialPlanError::new(key, reason));
            }
            if let Some(inner) = apply_rule(&mut number, key, rule)? {
                if depth == MAX_DEPTH {
                    return Err(DialPlanError::new(key, "plans are nested too deeply"));
                }
                number = self.level(number, inner, depth + 1)?;
            }
        }
        match plan.get(SYSTEM) {
            Some(_) if depth == MAX_DEPTH => {
                Err(DialPlanError::new(SYSTEM, "plans are nested too deeply"))
            }
            Some(names) => self.level(number, &named_plans(names, self.system)?, depth + 1),
            None => Ok(number),
        }
    }
}

/// Applies one rule; its inner plan, if it matched and has one.
fn apply_rule<'a>(
    number: &mut String,
    key: &str,
    rule: &'a Value,
) -> Result<Option<&'a Object>, DialPlanError> {
    let empty = Object::new();
    let (members, stored) = match rule {
        Value::Object(members) => (members, Some(members)),
        // An array has none of the members looked for.
        Value::Array(_) => (&empty, None),
        _ => {
            let reason = r#"must be an object such as {"prefix": "+1"}"#;
            return Err(DialPlanError::new(key, reason));
        }
    };
    let regex = match members.get("regex") {
        Some(Value::String(regex)) => regex,
        Some(_) => return Err(DialPlanError::new(key, "`regex` must be a text")),
        None => key,
    };
    let pattern =
        Pattern::new(regex).map_err(|error| DialPlanError::new(key, error.to_string()))?;
    let Some(found) = pattern.captures(number) else { return Ok(None) };
    let root = found.groups.last().unwrap_or(&found.whole);
    let part = |name| json::text(members, name).unwrap_or_default();
    *number = format!("{}{root}{}", part("prefix"), part("suffix"));
    match stored.and_then(|members| members.get("dialplan")) {
        Some(Value::Object(inner)) => Ok(Some(inner)),
        Some(Value::Array(items)) if items.is_empty() => Ok(None),
        Some(_) => Err(DialPlanError::new(key, "`dialplan` must be an object of rules")),
        None => Ok(None),
    }
}

/// The cluster's rules that a plan names, by the rule's own `name` or its key, in any case of
/// letters; one named by its key stands under its position among the names.
fn named_plans(names: &Value, system: &Object) -> Result<Object, DialPlanError> {
    let refused = || DialPlanError::new(SYSTEM, "must be an array of names");
    let names: Vec<String> = names
        .as_array()
        .ok_or_else(refused)?
        .iter()
        .map(|name| json::to_text(name).map(|text| text.to_lowercase()).ok_or_else(refused))
        .collect::<Result<_, _>>()?;
    let mut plans = Object::new();
    for (key, stored) in system {
        let rules = stored.as_array().map_or(std::slice::from_ref(stored), Vec::as_slice);
        for rule in rules {
            let own_name = match rule {
                Value::Object(members) => members.get("name").and_then(json::to_text),
                Value::Array(_) => None,
                _ => {
                    let reason = "system_config/dialplans holds something else than rules under it";
                    return Err(DialPlanError::new(key, reason));
                }
            };
            if own_name.is_some_and(|name| names.contains(&name.to_lowercase())) {
                plans.insert(key.clone(), rule.clone());
            } else if let Some(index) = names.iter().rposition(|name| *name == key.to_lowercase()) {
                plans.insert(format!("{}-{key}", index + 1), rule.clone());
            }
        }
    }
    plans.sort_keys();
    Ok(plans)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn dial(number: &str, plan: &Value, system: &Value) -> Result<String, DialPlanError> {
        apply(number, plan.as_object().unwrap(), system.as_object().unwrap())
    }

    #[test]
    fn rules_are_applied_one_after_the_other() {
        let seven = json!({"^(\\d{7})$": {"prefix": "514"}, "^(\\d{10})$": {"prefix": "+1"}});
        let backwards = json!({"^(\\d{10})$": {"prefix": "+1"}, "^(\\d{7})$": {"prefix": "514"}});
        for (number, plan, dialled) in [
            ("5551234", json!({}), "5551234"),
            ("5551234", seven.clone(), "+15145551234"),
            ("5551234", backwards, "5145551234"),
            ("5149072508", seven, "+15149072508"),
            ("123", json!({"^2": {"prefix": "9"}}), "123"),
            // The last group, the whole match, what is left of it.
            ("12345", json!({"^(1)(2)(3)?(9)?": {"prefix": "p", "suffix": "s"}}), "p3s"),
            ("12345", json!({"^(1)(9)?": {"prefix": "p"}}), "p1"),
            ("12345", json!({"34": {}}), "34"),
            ("12345", json!({"^\\d+$": {"prefix": 0, "suffix": null}}), "012345null"),
            // A rule's own `regex` goes before its key.
            ("5551234", json!({"local": {"regex": "^(\\d{7})$", "prefix": "514"}}), "5145551234"),
            ("5551234", json!({"^(\\d{7})$": {"regex": "^9", "prefix": "514"}}), "5551234"),
            ("123", json!({"^1(23)$": []}), "23"),
            // Rules of a rule.
            (
                "5551234",
                json!({"^(\\d{7})$": {"prefix": "514", "dialplan": {"^(\\d{10})$": {"prefix": "1"}}},
                    "^(1\\d+)$": {"prefix": "+"}}),
                "+15145551234",
            ),
            ("5551234", json!({"^9": {"dialplan": {"^5": {}}}}), "5551234"),
            ("5551234", json!({"^5": {"prefix": "+", "dialplan": []}}), "+5"),
        ] {
            assert_eq!(dial(number, &plan, &json!({})).as_deref(), Ok(dialled), "{number} {plan}");
        }
    }

    #[test]
    fn plans_of_the_cluster_come_last_and_by_key() {
        let system = json!({
            "US": {"regex": "^(\\d{10})$", "prefix": "1"},
            "^(1\\d{10})$": {"name": "Plus", "prefix": "+"},
            "none": [[]],
            "both": [{"name": "a", "regex": "^1$", "prefix": "a"}, {"name": "b", "regex": "^1$", "prefix": "b"}],
        });
        for (number, plan, dialled) in [
            ("5551234", json!({"system": ["us"], "^(\\d{7})$": {"prefix": "514"}}), "15145551234"),
            (
                "5551234",
                json!({"system": ["us", "plus"], "^(\\d{7})$": {"prefix": "514"}}),
                "+15145551234",
            ),
            ("5149072508", json!({"system": ["fr"]}), "5149072508"),
            ("1", json!({"system": ["a", "b"]}), "b1"),
            ("1", json!({"system": []}), "1"),
            ("1", json!({"system": ["none"]}), "1"),
        ] {
            assert_eq!(dial(number, &plan, &system).as_deref(), Ok(dialled), "{number} {plan}");
        }
    }

    #[test]
    fn a_plan_kazoo_dies_of_names_its_rule() {
        for (plan, message) in [
            (json!({"([": {}}), "dial_plan rule `([`: `([` is not a regular expression: "),
            (
                json!({"^1$": "+1"}),
                r#"dial_plan rule `^1$`: must be an object such as {"prefix": "+1"}"#,
            ),
            (json!({"x": {"regex": 1}}), "dial_plan rule `x`: `regex` must be a text"),
            (
                json!({"^1$": {"dialplan": "x"}}),
                "dial_plan rule `^1$`: `dialplan` must be an object of rules",
            ),
            (
                json!({"^1$": {"dialplan": [1]}}),
                "dial_plan rule `^1$`: `dialplan` must be an object of rules",
            ),
            (json!({"system": "us"}), "dial_plan rule `system`: must be an array of names"),
        ] {
            let error = dial("1", &plan, &json!({})).unwrap_err().to_string();
            assert!(error.starts_with(message), "{plan}: {error}");
        }
        let system = json!({"system": {"name": "x", "prefix": "1"}});
        assert!(dial("1", &json!({"system": ["x"]}), &system).is_err());
    }

    /// Each of these rules but the last two leads to all of them, and the number keeps the way: a
    /// walk through a tree of 2^23 nodes.
    #[test]
    fn plans_that_lead_to_each_other_are_given_up() {
        let again = json!({"system": ["x"]});
        let system = json!({
            "a": {"name": "x", "regex": "^([01]{0,21})$", "suffix": "0", "dialplan": again.clone()},
            "b": {"name": "x", "regex": "^([01]*)0x$", "suffix": "1", "dialplan": again.clone()},
            "c": {"name": "x", "regex": "^([01]*)1x$", "suffix": "x"},
            "d": {"name": "x", "regex": "^([01]{22})$", "suffix": "x"},
        });
        let error = dial("", &again, &system).unwrap_err();
        assert!(error.reason.contains("10000 rules were tried"), "{error}");
    }

    /// A plan in a plan, so many times; `last` is the innermost.
    fn nested(levels: usize, last: Value) -> Value {
        (0..levels).fold(last, |inner, _| json!({"^1": {"dialplan": inner}}))
    }

    #[test]
    fn plans_are_followed_to_the_deepest_level_and_no_further() {
        let system = json!({
            "plus": {"name": "p", "regex": "^1", "prefix": "+"},
            "deep": {"name": "d", "regex": "^1", "dialplan": {"^1": {"prefix": "+"}}},
        });
        let rule = json!({"^1": {"prefix": "+"}});
        let (named, deep) = (json!({"system": ["p"]}), json!({"system": ["d"]}));
        for (levels, last, dialled) in [
            (MAX_DEPTH, &rule, Some("+1")),
            (MAX_DEPTH + 1, &rule, None),
            (MAX_DEPTH - 1, &named, Some("+1")),
            (MAX_DEPTH, &named, None),
            (MAX_DEPTH - 2, &deep, Some("+1")),
            (MAX_DEPTH - 1, &deep, None),
        ] {
            let result = dial("1", &nested(levels, last.clone()), &system);
            assert_eq!(result.as_deref().ok(), dialled, "{levels} {last}");
            if let Err(error) = result {
                assert_eq!(error.reason, "plans are nested too deeply");
            }
        }
    }

    #[test]
    fn as_many_rules_are_tried_as_the_limit_says() {
        let plan = |rules: usize| (0..rules).map(|rule| (format!("9{rule}"), json!({}))).collect();
        let none = Object::new();
        assert_eq!(apply("1", &plan(MOST_RULES), &none).as_deref(), Ok("1"));
        assert!(apply("1", &plan(MOST_RULES + 1), &none).is_err());
    }
}
