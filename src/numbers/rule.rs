//! A list of rewriting rules: regular expression, prefix, suffix.

use serde_json::Value;

use crate::json::{self, Object};
use crate::pattern::Pattern;

/// What to do where KAZOO's process dies of a rule that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnBadRule {
    /// Report it, as KAZOO's crash does.
    Raise,
    /// Go on with the next rule.
    Skip,
}

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct BadRule {
    /// Where in the document it stands.
    pub path: String,
    /// Why it cannot be used.
    pub reason: String,
}

/// Rules in document order, compiled.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The key they stand under, for reports.
    key: &'static str,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    source: String,
    pattern: Result<Pattern, String>,
    /// Prefix and suffix; `None` where the rule's value is no object.
    affixes: Option<(String, String)>,
}

impl Plan {
    /// Reads an object of `regex → {prefix, suffix}` that stands under `key`.
    pub fn from_object(key: &'static str, object: &Object) -> Self {
        let rules = object.iter().map(|(source, value)| Rule::read(source, value)).collect();
        Self { key, rules }
    }

    /// [`apply`](Self::apply), but a number in E.164 and one that no rule knows stay as they are.
    pub(super) fn convert(&self, number: &str, on_bad: OnBadRule) -> Result<String, BadRule> {
        if number.starts_with('+') {
            return Ok(number.to_owned());
        }
        Ok(self.apply(number, on_bad)?.unwrap_or_else(|| number.to_owned()))
    }

    /// Rewrites a number by the first rule that matches: prefix, the last group that took part
    /// (the whole match without one), suffix. `None` where no rule matches.
    pub fn apply(&self, number: &str, on_bad: OnBadRule) -> Result<Option<String>, BadRule> {
        for rule in &self.rules {
            match rule.apply(number) {
                Ok(None) => {}
                Ok(converted) => return Ok(converted),
                Err(reason) if on_bad == OnBadRule::Raise => {
                    return Err(rule.bad(self.key, reason));
                }
                Err(_) => {}
            }
        }
        Ok(None)
    }

    /// Every rule that cannot be used, for reports.
    pub fn bad_rules(&self) -> impl Iterator<Item = BadRule> {
        self.rules.iter().filter_map(|rule| Some(rule.bad(self.key, rule.defect()?)))
    }

    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

impl Rule {
    fn read(source: &str, value: &Value) -> Self {
        let text =
            |object: &Object, key| object.get(key).and_then(json::to_text).unwrap_or_default();
        Self {
            source: source.to_owned(),
            pattern: Pattern::new(source).map_err(|error| error.to_string()),
            affixes: match value {
                Value::Object(object) => Some((text(object, "prefix"), text(object, "suffix"))),
                // KAZOO finds neither in an array.
                Value::Array(_) => Some((String::new(), String::new())),
                _ => None,
            },
        }
    }

    fn apply(&self, number: &str) -> Result<Option<String>, &str> {
        let Some(found) = self.pattern.as_ref().map_err(String::as_str)?.captures(number) else {
            return Ok(None);
        };
        let (prefix, suffix) = self.affixes.as_ref().ok_or(NOT_AN_OBJECT)?;
        let root = found.groups.last().unwrap_or(&found.whole);
        Ok(Some(format!("{prefix}{root}{suffix}")))
    }

    fn defect(&self) -> Option<&str> {
        let missing = self.affixes.is_none().then_some(NOT_AN_OBJECT);
        self.pattern.as_ref().err().map(String::as_str).or(missing)
    }

    fn bad(&self, key: &str, reason: &str) -> BadRule {
        BadRule { path: format!("{key}[{:?}]", self.source), reason: reason.to_owned() }
    }
}

const NOT_AN_OBJECT: &str = "its value is not an object with `prefix` and `suffix`";
