//! Digit collection: lengths, timeouts, and the expression the digits must match.

use super::finding::Findings;
use super::{Code, samples};
use crate::pattern::Pattern;

/// KAZOO's own expression. It matches a part, too, but stands in every database, and the numbers of
/// digits still hold.
const DEFAULT: &str = r"\d+";
/// Timeouts below this many milliseconds are meant as seconds.
const SHORTEST_TIMEOUT: i64 = 50;
/// A character that no phone has.
const MARK: char = '!';
/// So many digits are tried at most.
const MOST_DIGITS: usize = 64;

/// Where a setting stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) document: &'a str,
    /// Pointer to the object that holds it.
    pub(super) path: &'a str,
}

impl Place<'_> {
    fn at(&self, key: &str) -> String {
        format!("{}/{key}", self.path)
    }
}

/// Checks an expression for at most `max_digits` digits.
pub(super) fn check_regex(regex: &str, max_digits: i64, place: Place<'_>, into: &mut Findings) {
    let path = place.at("whitelist_regex");
    let pattern = match Pattern::new(regex) {
        Ok(pattern) => pattern,
        Err(error) => {
            return into.add(Code::WhitelistInvalid, place.document, path, error.to_string());
        }
    };
    if let Some(subject) = slow_subject(&pattern, max_digits) {
        let problem = format!("`{regex}` takes too many steps on `{subject}`");
        into.add(Code::WhitelistSlow, place.document, path.clone(), problem);
    }
    if regex == DEFAULT {
        return;
    }
    if let Some(passes) = unanchored_example(&pattern) {
        let problem = format!("`{regex}` lets `{passes}` through");
        into.add(Code::WhitelistUnanchored, place.document, path, problem);
    }
}

/// What passes although it has another key before or behind what is meant. A mark that no phone has
/// is put there first: an expression that allows `*` on purpose does not allow that.
fn unanchored_example(pattern: &Pattern) -> Option<String> {
    let mut tried = samples::of(pattern.source());
    // Where there are no samples, digits that nobody would write an exception for.
    tried.extend(["5".to_owned(), "5".repeat(10)]);
    let marked = tried
        .iter()
        .flat_map(|digits| [format!("{MARK}{digits}"), format!("{digits}{MARK}")])
        .find(|marked| pattern.is_match(marked))?;
    let typed = marked.replace(MARK, "*");
    Some(if pattern.is_match(&typed) { typed } else { marked })
}

/// A subject of the longest length on which the expression takes more steps than allowed: numbers
/// that match, made longer until they do not.
pub(super) fn slow_subject(pattern: &Pattern, longest: i64) -> Option<String> {
    let length = usize::try_from(longest).unwrap_or(1).clamp(1, MOST_DIGITS);
    let mut starts = samples::of(pattern.source());
    // Long starts have been through every part of the expression.
    starts.sort_by_key(|start| std::cmp::Reverse(start.len()));
    starts.truncate(8);
    starts.push("1".to_owned());
    let lengthened = starts.iter().filter_map(|start| {
        let last = start.chars().last()?;
        let digits = start.chars().chain(std::iter::repeat(last));
        Some(digits.take(length).collect::<String>())
    });
    let subjects = lengthened.flat_map(|digits| {
        let cut: String = digits.chars().take(length - 1).chain(['*']).collect();
        [digits, cut]
    });
    subjects.into_iter().find(|subject| pattern.gives_up_on(subject))
}

/// Checks that so many digits can be typed.
pub(super) fn check_digits(min: i64, max: i64, place: Place<'_>, into: &mut Findings) {
    if min > max.max(1) {
        let problem = format!("at least {min} digits are wanted, but collection ends after {max}");
        into.add(Code::MinOverMax, place.document, place.at("min_digits"), problem);
    }
}

/// Checks a timeout in milliseconds.
pub(super) fn check_timeout(key: &str, timeout: i64, place: Place<'_>, into: &mut Findings) {
    if timeout < SHORTEST_TIMEOUT {
        let problem = format!("`{key}` is {timeout} ms");
        into.add(Code::TimeoutLooksLikeSeconds, place.document, place.at(key), problem);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unanchored(regex: &str) -> Option<String> {
        unanchored_example(&Pattern::new(regex).unwrap())
    }

    #[test]
    fn an_expression_is_anchored_where_nothing_else_passes() {
        for (regex, passes) in [
            (r"^\d{10}$", false),
            (r"\d{10}", true),
            (r"^\d{10}", true),
            (r"\d{10}$", true),
            (r"^(?!911)\d+$", false),
            (r"(?!911)\d+", true),
            (r"^(1|44)\d+$|^5{10}$", false),
            (r"^1\d+|^2\d+$", true),
            (r"^[*0-9]+$", false),
            (r"^\*?[0-9]{10}$", false),
            (r"\d*", true),
        ] {
            assert_eq!(unanchored(regex).is_some(), passes, "{regex} {:?}", unanchored(regex));
        }
    }

    #[test]
    fn only_what_can_be_typed_is_tried_for_slowness() {
        let hostile = Pattern::new(r"^(\d+)+$").unwrap();
        assert_eq!(slow_subject(&hostile, 5), None);
        assert!(slow_subject(&hostile, 40).is_some());
        assert_eq!(slow_subject(&Pattern::new(r"^\d+$").unwrap(), 64), None);
    }
}
