//! Regular expressions that come from KAZOO's documents.
//!
//! KAZOO runs them with Erlang's `re`: PCRE on bytes, unanchored, without flags. The `regex` crate
//! answers differently even on plain patterns (`$` before a final newline, `\d` on other scripts'
//! digits, possessive quantifiers), so these run on PCRE2 with the limits that keep a hostile
//! pattern from holding a worker: what exceeds them counts as no match, as in Erlang.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use pcre2::bytes::{CaptureLocations, Regex, RegexBuilder};

/// A pattern longer than this is refused; KAZOO's own are tens of bytes long.
pub const MAX_PATTERN_BYTES: usize = 8 * 1024;

/// Steps PCRE may take on one subject where [`limit_matches`] sets no other limit. Erlang allows
/// ten times as many; no pattern of a callflow comes near either, and at this limit a hostile one
/// holds a thread for about ten milliseconds.
pub const MATCH_LIMIT: u32 = 1_000_000;

/// The limit for patterns that are compiled from now on. One for the whole process: patterns are
/// compiled wherever documents are read, and what the limit protects is the process.
static LIMIT: AtomicU32 = AtomicU32::new(MATCH_LIMIT);
/// Who is told that a match was given up.
static GIVEN_UP: OnceLock<GivenUp> = OnceLock::new();

/// Is told the pattern of a match that was given up.
type GivenUp = Box<dyn Fn(&str) + Send + Sync>;

/// PCRE2's codes for a match that took too many steps, went too deep, or needed too much memory.
const GIVEN_UP_CODES: [i32; 4] = [-47, -53, -63, -46];

/// Sets the limit of steps for patterns that are compiled from now on, and who is told of matches
/// that were given up; of several calls the first one's observer counts.
pub fn limit_matches(steps: u32, given_up: impl Fn(&str) + Send + Sync + 'static) {
    LIMIT.store(steps, Ordering::Relaxed);
    // An observer that is there already stays.
    let _ = GIVEN_UP.set(Box::new(given_up));
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The pattern is not a regular expression.
    #[error("`{pattern}` is not a regular expression: {reason}")]
    Invalid {
        /// The pattern as written.
        pattern: String,
        /// What PCRE says of it, with the offset.
        reason: String,
    },
    /// The pattern is longer than [`MAX_PATTERN_BYTES`].
    #[error("a regular expression of {0} bytes is longer than the limit of {MAX_PATTERN_BYTES}")]
    TooLong(usize),
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    regex: Regex,
}

/// What a pattern found in a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The part that matched (group 0).
    pub whole: String,
    /// The groups from 1 on as Erlang returns them: trailing groups that took no part are absent,
    /// such groups in between are empty texts.
    pub groups: Vec<String>,
}

impl Pattern {
    /// Compiles a pattern as Erlang's `re:compile/1` does.
    pub fn new(source: &str) -> Result<Self, PatternError> {
        if source.len() > MAX_PATTERN_BYTES {
            return Err(PatternError::TooLong(source.len()));
        }
        let build = |text: &str| RegexBuilder::new().jit_if_available(true).build(text);
        // Compiled once as written, so that an error's offset counts in the operator's own text.
        build(source)
            .and_then(|_| {
                let steps = LIMIT.load(Ordering::Relaxed);
                build(&format!("(*LIMIT_MATCH={steps}){source}"))
            })
            .map(|regex| Self { source: source.to_owned(), regex })
            .map_err(|error| PatternError::Invalid {
                pattern: source.to_owned(),
                reason: error.to_string(),
            })
    }

    /// The pattern as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the pattern is found anywhere in the subject.
    pub fn is_match(&self, subject: &str) -> bool {
        self.regex.is_match(subject.as_bytes()).unwrap_or_else(|error| {
            self.gave_up(&error);
            false
        })
    }

    /// Whether matching the subject takes more than the limits allow.
    pub fn gives_up_on(&self, subject: &str) -> bool {
        let outcome = self.regex.is_match(subject.as_bytes());
        outcome.is_err_and(|error| GIVEN_UP_CODES.contains(&error.code()))
    }

    /// The first match with its groups.
    pub fn captures(&self, subject: &str) -> Option<Match> {
        let mut locations = self.regex.capture_locations();
        let whole = self
            .regex
            .captures_read(&mut locations, subject.as_bytes())
            .inspect_err(|error| self.gave_up(error))
            .ok()??;
        let groups = (1..=self.last_set_group(&locations))
            .map(|group| part(subject, locations.get(group)))
            .collect();
        Some(Match { whole: part(subject, Some((whole.start(), whole.end()))), groups })
    }

    /// Whether the pattern has groups at all.
    pub fn has_groups(&self) -> bool {
        self.regex.captures_len() > 1
    }

    /// The named groups with the positions they have in [`Match::groups`].
    pub fn named_groups(&self) -> impl Iterator<Item = (&str, usize)> {
        self.regex
            .capture_names()
            .iter()
            .enumerate()
            .filter_map(|(group, name)| Some((name.as_deref()?, group.checked_sub(1)?)))
    }

    /// What exceeds the limits counts as no match, but not in silence.
    fn gave_up(&self, error: &pcre2::Error) {
        if GIVEN_UP_CODES.contains(&error.code())
            && let Some(tell) = GIVEN_UP.get()
        {
            tell(&self.source);
        }
    }

    fn last_set_group(&self, locations: &CaptureLocations) -> usize {
        (1..self.regex.captures_len())
            .rev()
            .find(|group| locations.get(*group).is_some())
            .unwrap_or(0)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// A group's text; PCRE works on bytes, so a group may cut a character in two.
fn part(subject: &str, span: Option<(usize, usize)>) -> String {
    span.and_then(|(start, end)| subject.as_bytes().get(start..end))
        .map_or_else(String::new, |bytes| String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(pattern: &str, subject: &str) -> Option<Vec<String>> {
        Pattern::new(pattern).unwrap().captures(subject).map(|found| found.groups)
    }

    #[test]
    fn groups_are_as_erlang_returns_them() {
        assert_eq!(
            groups("^(a)?(b)?(c)?$", "ac"),
            Some(vec!["a".into(), String::new(), "c".into()])
        );
        assert_eq!(groups("^(a)?(b)?(c)?$", "a"), Some(vec!["a".into()]));
        assert_eq!(groups(r"^\*3(a)?$", "*3"), Some(vec![]));
        assert_eq!(groups("^b", "a"), None);
    }

    #[test]
    fn matching_is_pcre_on_bytes() {
        assert!(Pattern::new("^1$").unwrap().is_match("1\n"));
        assert!(!Pattern::new(r"^\d$").unwrap().is_match("٣"));
        assert!(!Pattern::new(r"^\d++\d$").unwrap().is_match("123"));
        assert!(Pattern::new(r"\d+").unwrap().is_match("*13"));
    }

    #[test]
    fn a_hostile_pattern_ends_as_no_match_and_is_told_of() {
        static TOLD: AtomicU32 = AtomicU32::new(0);
        limit_matches(MATCH_LIMIT, |pattern| {
            if pattern == "^(a+)+$" {
                TOLD.fetch_add(1, Ordering::Relaxed);
            }
        });
        let (hostile, subject) = (Pattern::new("^(a+)+$").unwrap(), format!("{}!", "a".repeat(40)));
        assert!(!hostile.is_match(&subject));
        assert_eq!(TOLD.load(Ordering::Relaxed), 1);
        assert_eq!(hostile.captures(&subject), None);
        assert_eq!(TOLD.load(Ordering::Relaxed), 2);
        assert!(hostile.gives_up_on(&subject) && !hostile.gives_up_on("b"));
        assert!(!hostile.is_match("b"));
        assert_eq!(TOLD.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn an_invalid_pattern_is_named() {
        let error = Pattern::new("([").unwrap_err().to_string();
        assert!(error.starts_with("`([` is not a regular expression: "), "{error}");
        assert_eq!(
            Pattern::new(&"a".repeat(MAX_PATTERN_BYTES + 1)),
            Err(PatternError::TooLong(MAX_PATTERN_BYTES + 1))
        );
    }

    #[test]
    fn names_point_into_the_groups() {
        let pattern = Pattern::new(r"^\*3(?<cid>[0-9]{2})(?<dest>[0-9]+)$").unwrap();
        let found = pattern.captures("*3015149072508").unwrap();
        let named: Vec<_> = pattern
            .named_groups()
            .map(|(name, group)| (name, found.groups[group].as_str()))
            .collect();
        assert_eq!(named, [("cid", "01"), ("dest", "5149072508")]);
    }
}
