//! The account's patterns among each other.

use serde_json::Value;

use super::finding::Findings;
use super::samples;
use super::whitelist::slow_subject;
use super::{Code, Snapshot, System};
use crate::callflow::{OptionalGroups, Patterns};
use crate::numbers::{AccountRules, OnBadRule};
use crate::pattern::Pattern;

/// The longest number that is tried.
const LONGEST_NUMBER: i64 = 64;

/// Checks the patterns of every callflow.
pub(super) fn check(system: &System, snapshot: &Snapshot, findings: &mut Findings) {
    for (id, document) in snapshot.of_type("callflow") {
        let patterns = document.get("patterns").and_then(Value::as_array);
        for (index, source) in patterns.into_iter().flatten().enumerate() {
            let Some(source) = source.as_str() else { continue };
            let one = One { system, snapshot, rules: &snapshot.rules, id, index, source };
            one.check(findings);
        }
    }
}

/// One pattern of a callflow.
struct One<'a> {
    system: &'a System,
    snapshot: &'a Snapshot,
    rules: &'a AccountRules,
    id: &'a str,
    index: usize,
    source: &'a str,
}

impl One<'_> {
    fn check(&self, findings: &mut Findings) {
        let mut add = |code, problem: String| {
            findings.add(code, self.id, format!("/patterns/{}", self.index), problem);
        };
        let source = self.source;
        let pattern = match Pattern::new(source) {
            Ok(pattern) => pattern,
            Err(error) => return add(Code::PatternInvalid, error.to_string()),
        };
        if let Some(subject) = slow_subject(&pattern, LONGEST_NUMBER) {
            add(Code::PatternSlow, format!("`{source}` takes too many steps on `{subject}`"));
            return;
        }
        let samples = samples::of(source);
        if samples.is_empty() {
            return;
        }
        let alone = Patterns::compile([(source, self.id)]);
        if let Some(Err(_)) =
            samples.iter().map(|it| alone.find(it, OptionalGroups::Crash)).find(Result::is_err)
        {
            let problem = format!("`{source}` can match without any of its groups");
            add(Code::PatternOnlyOptionalGroups, problem);
        }
        let matching: Vec<String> = samples
            .iter()
            .map(|sample| self.as_kazoo_writes(sample))
            .filter(|number| pattern.is_match(number))
            .collect();
        if matching.is_empty() {
            let (typed, written) = (&samples[0], self.as_kazoo_writes(&samples[0]));
            add(
                Code::PatternNeverMatches,
                format!(
                    "no number was found for `{source}`: `{typed}` is looked up as `{written}`"
                ),
            );
            return;
        }
        if let Some(winner) = self.always_lost_to(&matching) {
            add(Code::PatternShadowed, format!("`{source}` always loses, {winner}"));
        }
    }

    /// KAZOO brings what is dialled into E.164, unless it begins with `*`, and looks that up.
    fn as_kazoo_writes(&self, number: &str) -> String {
        if number.starts_with('*') {
            return number.to_owned();
        }
        let rules = &self.system.rules;
        let written = rules.normalise_for_account(number, self.rules, OnBadRule::Skip);
        written.unwrap_or_else(|_| number.to_owned())
    }

    /// What wins over this pattern for each of the numbers.
    fn always_lost_to(&self, numbers: &[String]) -> Option<String> {
        let mut example = None;
        for number in numbers {
            let found = self.snapshot.patterns.find(number, OptionalGroups::NoCapture).ok()??;
            if found.flow_id == self.id && found.pattern == self.source {
                return None;
            }
            example.get_or_insert_with(|| {
                format!("for `{number}` to `{}` of callflow `{}`", found.pattern, found.flow_id)
            });
        }
        example
    }
}
