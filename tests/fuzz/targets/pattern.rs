//! Regular expressions of documents, with what a caller dials.

use std::time::{Duration, Instant};

use kazoo_dynamic_cid::callflow::{OptionalGroups, Patterns};
use kazoo_dynamic_cid::pattern::{MAX_PATTERN_BYTES, Pattern, PatternError};

/// How long one match may take. The limit of steps holds a thread for about ten milliseconds; the
/// rest is for a busy machine.
const LONGEST: Duration = Duration::from_secs(2);

/// The pattern is the first line, all that follows the subject.
pub fn run(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    let (source, subject) = text.split_once('\n').unwrap_or((text, ""));
    match timed(source, || Pattern::new(source)) {
        Ok(pattern) => {
            matching(&pattern, subject);
            chosen(&pattern, subject);
        }
        Err(error) => refused(source, &error),
    }
}

fn timed<T>(source: &str, work: impl Fn() -> T) -> T {
    for _ in 0..3 {
        let begun = Instant::now();
        let done = work();
        if begun.elapsed() < LONGEST {
            return done;
        }
        // It may be that the machine was busy; then it will not be so thrice.
    }
    panic!("{source:?} takes more than {LONGEST:?}");
}

fn refused(source: &str, error: &PatternError) {
    assert!(source.len() <= MAX_PATTERN_BYTES || matches!(error, PatternError::TooLong(_)));
    if let PatternError::Invalid { pattern, reason } = error {
        assert_eq!(pattern, source, "an error names the pattern as written");
        assert!(!reason.is_empty());
    }
    let patterns = Patterns::compile([(source, "callflow")]);
    assert!(patterns.is_empty());
    assert_eq!(patterns.invalid().len(), 1);
}

/// A match is within the limits, is told alike by every question, and its parts are of the subject.
fn matching(pattern: &Pattern, subject: &str) {
    let source = pattern.source();
    let matches = timed(source, || pattern.is_match(subject));
    let found = timed(source, || pattern.captures(subject));
    let given_up = timed(source, || pattern.gives_up_on(subject));
    assert!(!(given_up && matches), "{source:?} matches {subject:?} and gives up");
    assert_eq!(matches, found.is_some(), "{source:?} {subject:?}");
    let Some(found) = found else { return };
    let part = |text: &str| text.contains('\u{fffd}') || subject.contains(text);
    assert!(part(&found.whole), "{:?} is not in {subject:?}", found.whole);
    assert!(found.groups.iter().all(|group| part(group)), "{:?} of {subject:?}", found.groups);
    assert!(found.groups.is_empty() || pattern.has_groups());
    for (name, _) in pattern.named_groups() {
        assert!(!name.is_empty());
    }
}

/// The test before the expression never hides a match, and what is captured is of the subject.
fn chosen(pattern: &Pattern, subject: &str) {
    let patterns = Patterns::compile([(pattern.source(), "callflow")]);
    assert_eq!(patterns.len(), 1);
    let found = patterns.find(subject, OptionalGroups::NoCapture).expect("this lookup never dies");
    let captured = pattern.captures(subject);
    assert_eq!(found.is_some(), captured.is_some(), "{:?} {subject:?}", pattern.source());
    let Some(found) = found else { return };
    assert_eq!(found.pattern, pattern.source());
    let unset = pattern.has_groups() && captured.is_some_and(|found| found.groups.is_empty());
    assert_eq!(patterns.find(subject, OptionalGroups::Crash).is_err(), unset);
    let names: Vec<&String> = found.capture_groups.keys().collect();
    assert!(names.is_sorted(), "{names:?}");
}
