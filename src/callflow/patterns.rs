//! An account's patterns and which of them a number matches.
//!
//! Source: `cf_flow.erl` (`compile_patterns`, `test_callflow_patterns`, `get_captured_names`).

use serde_json::Value;

use super::prefix::Prefix;
use crate::dynamic_cid::OptionalGroups;
use crate::json::{self, Object};
use crate::pattern::{Match, Pattern, PatternError};

/// The patterns of one account, compiled once, in the order in which KAZOO tries them: the view's
/// order backwards.
#[derive(Debug, Default)]
pub struct Patterns {
    candidates: Vec<Candidate>,
    invalid: Vec<InvalidPattern>,
}

#[derive(Debug)]
struct Candidate {
    flow_id: String,
    pattern: Pattern,
    prefix: Prefix,
}

/// A pattern that is no regular expression. KAZOO skips it without a word to its owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "callflow `{flow_id}`: {error}; KAZOO never matches it: correct it or remove it from `patterns`"
)]
pub struct InvalidPattern {
    /// The callflow that holds it.
    pub flow_id: String,
    /// What is wrong with it.
    pub error: PatternError,
}

/// The pattern that won.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternMatch {
    /// The callflow that holds the pattern.
    pub flow_id: String,
    /// The pattern as written.
    pub pattern: String,
    /// The longest group, or the whole match of a pattern without groups. `None` where KAZOO
    /// counts the text as empty: `""`, `"0"`, `"NULL"`, `"undefined"`.
    pub capture_group: Option<String>,
    /// The named groups with a text, under the same rule, ordered by name.
    pub capture_groups: Object,
}

/// KAZOO's lookup dies (`hd([])`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "pattern `{pattern}` of callflow `{flow_id}` matched without any of its groups, of which \
     KAZOO's lookup dies: make one group mandatory, or remove the groups"
)]
pub struct LookupCrash {
    /// The callflow that holds the pattern.
    pub flow_id: String,
    /// The pattern as written.
    pub pattern: String,
}

impl Patterns {
    /// Compiles rows of (pattern, id of the callflow), given in the view's order.
    pub fn compile<P, F>(rows: impl IntoIterator<Item = (P, F)>) -> Self
    where
        P: AsRef<str>,
        F: Into<String>,
    {
        let mut patterns = Self::default();
        for (text, flow_id) in rows {
            let (text, flow_id) = (text.as_ref(), flow_id.into());
            match Pattern::new(text) {
                Ok(pattern) => {
                    let prefix = Prefix::of(text);
                    patterns.candidates.push(Candidate { flow_id, pattern, prefix });
                }
                Err(error) => patterns.invalid.push(InvalidPattern { flow_id, error }),
            }
        }
        patterns.candidates.reverse();
        patterns
    }

    /// The patterns that were skipped, in the view's order.
    pub fn invalid(&self) -> &[InvalidPattern] {
        &self.invalid
    }

    /// The patterns that can match with the callflows that hold them, in the order in which they
    /// are tried.
    pub fn tried(&self) -> impl Iterator<Item = (&str, &str)> {
        let tried = self.candidates.iter();
        tried.map(|candidate| (candidate.pattern.source(), candidate.flow_id.as_str()))
    }

    /// How many patterns can match.
    pub fn len(&self) -> usize {
        self.candidates.len()
    }

    /// Whether none can.
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// The pattern KAZOO chooses: the first that matches, unless a later one captures strictly
    /// more bytes.
    pub fn find(
        &self,
        number: &str,
        optional_groups: OptionalGroups,
    ) -> Result<Option<PatternMatch>, LookupCrash> {
        let mut winner: Option<Winner<'_>> = None;
        for candidate in self.candidates.iter().filter(|it| it.prefix.admits(number)) {
            let Some(found) = candidate.pattern.captures(number) else { continue };
            if optional_groups == OptionalGroups::Crash && candidate.has_only_unset_groups(&found) {
                return Err(LookupCrash {
                    flow_id: candidate.flow_id.clone(),
                    pattern: candidate.pattern.source().to_owned(),
                });
            }
            let length = candidate.capture(&found).len();
            if winner.as_ref().is_none_or(|best| length > best.length) {
                winner = Some(Winner { candidate, found, length });
            }
        }
        Ok(winner.map(|best| best.candidate.matched(&best.found)))
    }
}

struct Winner<'a> {
    candidate: &'a Candidate,
    found: Match,
    length: usize,
}

impl Candidate {
    fn has_only_unset_groups(&self, found: &Match) -> bool {
        self.pattern.has_groups() && found.groups.is_empty()
    }

    fn capture<'a>(&self, found: &'a Match) -> &'a str {
        if !self.pattern.has_groups() {
            return &found.whole;
        }
        let mut longest = "";
        for group in &found.groups {
            if group.len() > longest.len() {
                longest = group;
            }
        }
        longest
    }

    fn matched(&self, found: &Match) -> PatternMatch {
        PatternMatch {
            flow_id: self.flow_id.clone(),
            pattern: self.pattern.source().to_owned(),
            capture_group: Some(self.capture(found))
                .filter(|text| !json::text_is_empty(text))
                .map(str::to_owned),
            capture_groups: self.named(found),
        }
    }

    fn named(&self, found: &Match) -> Object {
        let mut named: Vec<(&str, &str)> = self
            .pattern
            .named_groups()
            .filter_map(|(name, group)| Some((name, found.groups.get(group)?.as_str())))
            .filter(|(_, text)| !json::text_is_empty(text))
            .collect();
        // Erlang's name list is sorted, and the order is seen by whoever reads the call.
        named.sort_unstable();
        named.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text))).collect()
    }
}

#[cfg(test)]
#[path = "patterns_tests.rs"]
mod tests;
