//! KAZOO's number rules: conversion to E.164 and classification.
//!
//! Both are lists of regular expressions in the order of their document, and the first that
//! matches decides; so key order is kept. The system's rules come from
//! `system_config/number_manager`, an account may put a `dial_plan` before them.
//!
//! Source: `knm_converters.erl`, `knm_converter_regex.erl`, `kapps_call.erl` (`to_e164`).

mod defaults;
mod rule;

pub use rule::{BadRule, OnBadRule, Plan};
use serde_json::Value;

use crate::pattern::{Pattern, PatternError};

/// The key of the converters in `number_manager`.
const CONVERTERS: &str = "e164_converters";

/// The system's rules: `e164_converters` and `classifiers` of `number_manager`.
#[derive(Debug, Clone)]
pub struct Rules {
    converters: Plan,
    classifiers: Vec<Classifier>,
}

#[derive(Debug, Clone)]
struct Classifier {
    name: String,
    pattern: Result<Pattern, String>,
}

impl Default for Rules {
    /// The rules KAZOO's code falls back to.
    fn default() -> Self {
        Self::from_config(None, None)
    }
}

impl Rules {
    /// Reads both objects as `kapps_config:get_json` does: what is absent or no object is replaced
    /// by the defaults of KAZOO's code, in the code's order.
    pub fn from_config(converters: Option<&Value>, classifiers: Option<&Value>) -> Self {
        let converters = converters
            .and_then(Value::as_object)
            .map_or_else(defaults::converters, |object| Plan::from_object(CONVERTERS, object));
        let classifiers =
            classifiers.and_then(Value::as_object).map_or_else(defaults::classifiers, |object| {
                object.iter().map(|(name, value)| Classifier::read(name, value)).collect()
            });
        Self { converters, classifiers }
    }

    /// The number in E.164 where a converter of the system knows it, unchanged otherwise.
    ///
    /// A leading `+` is taken to be E.164 already.
    pub fn normalise(&self, number: &str, on_bad: OnBadRule) -> Result<String, BadRule> {
        self.converters.convert(number, on_bad)
    }

    /// [`normalise`](Self::normalise) with an account's rules: its `dial_plan` first, then its own
    /// converters or, without any, the system's.
    pub fn normalise_for_account(
        &self,
        number: &str,
        account: &AccountRules,
        on_bad: OnBadRule,
    ) -> Result<String, BadRule> {
        if number.starts_with('+') {
            return Ok(number.to_owned());
        }
        self.normalise_by_plan(number, &account.dial_plan, account, on_bad)
    }

    /// A number by the first rule of `plan` that knows it, then by the account's converters or,
    /// without any, the system's: how a call's number is written before it is classified. The
    /// account's `dial_plan` plays no part, and a leading `+` means nothing.
    pub fn normalise_by_plan(
        &self,
        number: &str,
        plan: &Plan,
        account: &AccountRules,
        on_bad: OnBadRule,
    ) -> Result<String, BadRule> {
        let planned = plan.apply(number, on_bad)?;
        let number = planned.as_deref().unwrap_or(number);
        let converted = self.account_converters(account).apply(number, on_bad)?;
        Ok(converted.unwrap_or_else(|| number.to_owned()))
    }

    fn account_converters<'a>(&'a self, account: &'a AccountRules) -> &'a Plan {
        account.converters.as_ref().unwrap_or(&self.converters)
    }

    /// The first classifier that matches the normalised number.
    pub fn classify(&self, number: &str, on_bad: OnBadRule) -> Result<Option<&str>, BadRule> {
        let number = self.normalise(number, on_bad)?;
        for classifier in &self.classifiers {
            match &classifier.pattern {
                Ok(pattern) if pattern.is_match(&number) => return Ok(Some(&classifier.name)),
                Err(reason) if on_bad == OnBadRule::Raise => {
                    return Err(BadRule {
                        path: format!("classifiers.{}.regex", classifier.name),
                        reason: reason.clone(),
                    });
                }
                Ok(_) | Err(_) => {}
            }
        }
        Ok(None)
    }

    /// The classifiers' names in their order; call restrictions are keyed by them.
    pub fn classifier_names(&self) -> impl Iterator<Item = &str> {
        self.classifiers.iter().map(|classifier| classifier.name.as_str())
    }

    /// Every rule that cannot be used, for reports.
    pub fn bad_rules(&self) -> impl Iterator<Item = BadRule> {
        let classifiers = self.classifiers.iter().filter_map(|classifier| {
            let reason = classifier.pattern.as_ref().err()?.clone();
            Some(BadRule { path: format!("classifiers.{}.regex", classifier.name), reason })
        });
        self.converters.bad_rules().chain(classifiers)
    }
}

/// What an account puts before the system's rules.
#[derive(Debug, Clone, Default)]
pub struct AccountRules {
    /// `dial_plan` of the account document.
    pub dial_plan: Plan,
    /// `e164_converters` of the account's own `number_manager` configuration.
    pub converters: Option<Plan>,
}

impl AccountRules {
    /// Reads an account document; its own converters are a configuration document apart.
    pub fn from_account(account: &Value) -> Self {
        let dial_plan = account.get("dial_plan").and_then(Value::as_object);
        let dial_plan = dial_plan.map(|object| Plan::from_object("dial_plan", object));
        Self { dial_plan: dial_plan.unwrap_or_default(), converters: None }
    }
}

impl Classifier {
    /// An object with `regex` (absent: matches the empty number only) or, in the old form, the
    /// expression itself.
    fn read(name: &str, value: &Value) -> Self {
        let source = match value {
            Value::String(source) => Ok(source.as_str()),
            Value::Object(object) => match object.get("regex") {
                None => Ok("^$"),
                Some(Value::String(source)) => Ok(source.as_str()),
                Some(other) => Err(format!("{other} is not a regular expression")),
            },
            other => Err(format!("{other} is neither an object nor a regular expression")),
        };
        let pattern = source.and_then(|source| {
            Pattern::new(source).map_err(|error: PatternError| error.to_string())
        });
        Self { name: name.to_owned(), pattern }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn default_rules_answer_as_kazoos() {
        let rules = Rules::default();
        for (number, normalised, class) in [
            ("5149072508", "+15149072508", "did_us"),
            ("15149072508", "+15149072508", "did_us"),
            ("18005551212", "+18005551212", "tollfree_us"),
            ("+18001551212", "+18001551212", "tollfree_us"),
            ("8001551212", "+8001551212", "international"),
            ("19005551212", "+19005551212", "toll_us"),
            ("911", "911", "emergency"),
            ("988", "988", "unknown"),
            ("2425551234", "+12425551234", "caribbean"),
            ("011442071234567", "+442071234567", "international"),
            ("00442071234567", "+442071234567", "international"),
            ("44207123456", "+44207123456", "international"),
            ("0115149072508", "+5149072508", "international"),
            ("22223333", "+22223333", "international"),
            ("5551234", "5551234", "unknown"),
            ("0115", "0115", "unknown"),
            ("*97", "*97", "unknown"),
            ("+1242", "+1242", "unknown"),
        ] {
            assert_eq!(rules.normalise(number, OnBadRule::Raise).unwrap(), normalised, "{number}");
            assert_eq!(rules.classify(number, OnBadRule::Raise).unwrap(), Some(class), "{number}");
        }
    }

    #[test]
    fn documents_decide_in_their_order() {
        let classifiers = json!({"did_us": {"regex": r"^\+1\d{10}$"}, "tollfree_us": r"^\+1800"});
        let rules = Rules::from_config(None, Some(&classifiers));
        assert_eq!(rules.classify("8005551212", OnBadRule::Raise).unwrap(), Some("did_us"));
        assert_eq!(rules.classify("911", OnBadRule::Raise).unwrap(), None);
        assert_eq!(rules.classifier_names().collect::<Vec<_>>(), ["did_us", "tollfree_us"]);
    }

    #[test]
    fn an_accounts_dial_plan_comes_first() {
        let rules = Rules::default();
        let account = AccountRules::from_account(
            &json!({"dial_plan": {"system": ["x"], r"^(\d{7})$": {"prefix": "514"}}}),
        );
        let normalise =
            |number| rules.normalise_for_account(number, &account, OnBadRule::Raise).unwrap();
        assert_eq!(normalise("5551234"), "+15145551234");
        assert_eq!(normalise("+5551234"), "+5551234");
        assert_eq!(normalise("911"), "911");
    }

    #[test]
    fn a_plan_of_an_endpoint_takes_the_place_of_the_accounts() {
        let rules = Rules::default();
        let account = AccountRules::from_account(&json!({"dial_plan": {"^2": {"prefix": "9"}}}));
        for (number, plan, written) in [
            ("2001", json!({}), "2001"),
            ("5551234", json!({r"^(\d{7})$": {"prefix": "514"}}), "+15145551234"),
            ("+5551234", json!({r"(\d{7})$": {"prefix": "514"}}), "+15145551234"),
            ("+15149072508", json!({}), "+15149072508"),
            ("12", json!({"1": [], "2": {"prefix": "9"}}), "1"),
            ("12", json!({"3": {"prefix": "9"}, "system": ["us"]}), "12"),
        ] {
            let plan = Plan::from_object("dial_plan", plan.as_object().unwrap());
            let result = rules.normalise_by_plan(number, &plan, &account, OnBadRule::Raise);
            assert_eq!(result.unwrap(), written, "{number} {plan:?}");
        }
    }

    #[test]
    fn a_bad_rule_raises_or_is_skipped() {
        let converters = json!({"(": {"prefix": "+"}, r"^\d{5}$": 5, r"^(\d+)$": {"prefix": "+"}});
        let rules = Rules::from_config(Some(&converters), None);
        assert_eq!(rules.normalise("12345", OnBadRule::Skip).unwrap(), "+12345");
        let error = rules.normalise("12345", OnBadRule::Raise).unwrap_err();
        assert!(error.to_string().starts_with("e164_converters[\"(\"]"), "{error}");
        assert_eq!(rules.bad_rules().count(), 2);
    }

    #[test]
    fn a_bad_classifier_raises_or_is_skipped_where_none_before_it_matches() {
        for (classifiers, number, raised) in [
            (json!({"bad": {"regex": 5}, "good": "^5"}), "5551234", true),
            (json!({"good": "^5", "bad": {"regex": 5}}), "5551234", false),
        ] {
            let rules = Rules::from_config(None, Some(&classifiers));
            let strict = rules.classify(number, OnBadRule::Raise);
            assert_eq!(
                strict.map_err(|error| error.path),
                if raised { Err("classifiers.bad.regex".to_owned()) } else { Ok(Some("good")) }
            );
            assert_eq!(rules.classify(number, OnBadRule::Skip), Ok(Some("good")));
            let bad: Vec<_> = rules.bad_rules().map(|rule| rule.path).collect();
            assert_eq!(bad, ["classifiers.bad.regex"]);
        }
    }

    #[test]
    fn a_plan_is_empty_without_any_rule() {
        assert!(Plan::default().is_empty());
        let plan = json!({"^9": {"prefix": "+"}});
        assert!(!Plan::from_object("dial_plan", plan.as_object().unwrap()).is_empty());
    }
}
