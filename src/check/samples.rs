//! Numbers that a regular expression lets through.
//!
//! Only examples: enough to see what a pattern can capture, never a proof that it cannot. An
//! expression that is written in a way only PCRE knows gives none.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

/// So many examples are kept of every part of an expression.
const MOST: usize = 48;
/// How many more repetitions than the fewest are tried.
const MORE: [u32; 4] = [0, 1, 2, 9];
/// More repetitions than this are not written out: no number is as long.
const MOST_REPETITIONS: u32 = 64;
/// What is put where several characters are allowed, one order after the other.
const CHOICES: [&str; 5] = ["2345", "0", "1", "9", "5*#+"];

/// Examples of whole matches; those in which a phone could not dial a character come last.
pub(super) fn of(pattern: &str) -> Vec<String> {
    let parsed = ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern);
    let Ok(hir) = parsed else { return Vec::new() };
    let mut samples: Vec<String> = Vec::new();
    for choice in CHOICES {
        for sample in expand(&hir, choice) {
            if !samples.contains(&sample) {
                samples.push(sample);
            }
        }
    }
    samples.sort_by_key(|sample| !sample.chars().all(|key| "0123456789*#+".contains(key)));
    samples
}

fn expand(hir: &Hir, choice: &str) -> Vec<String> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![String::new()],
        HirKind::Literal(literal) => vec![String::from_utf8_lossy(&literal.0).into_owned()],
        HirKind::Class(class) => character(class, choice).into_iter().collect(),
        HirKind::Capture(capture) => expand(&capture.sub, choice),
        HirKind::Repetition(repetition) => repeated(repetition, choice),
        HirKind::Concat(parts) => parts.iter().fold(vec![String::new()], |so_far, part| {
            let next = expand(part, choice);
            let joined =
                so_far.iter().flat_map(|head| next.iter().map(move |tail| format!("{head}{tail}")));
            joined.take(MOST).collect()
        }),
        HirKind::Alternation(parts) => {
            parts.iter().flat_map(|part| expand(part, choice)).take(MOST).collect()
        }
    }
}

fn repeated(repetition: &Repetition, choice: &str) -> Vec<String> {
    let once = expand(&repetition.sub, choice);
    let most = repetition.max.unwrap_or(u32::MAX).min(MOST_REPETITIONS);
    let counts = MORE.map(|more| repetition.min.saturating_add(more));
    counts
        .into_iter()
        .filter(|count| *count <= most)
        .flat_map(|count| {
            let count = usize::try_from(count).unwrap_or_default();
            once.iter().take(3).map(move |part| part.repeat(count))
        })
        .take(MOST)
        .collect()
}

/// A character of the class: of the choice, else another that can be dialled, else its first.
fn character(class: &Class, choice: &str) -> Option<String> {
    let contains = |key: char| match class {
        Class::Unicode(class) => {
            class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&key))
        }
        Class::Bytes(class) => u8::try_from(key).is_ok_and(|key| {
            class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&key))
        }),
    };
    let first = || match class {
        Class::Unicode(class) => {
            class.ranges().first().map(regex_syntax::hir::ClassUnicodeRange::start)
        }
        Class::Bytes(class) => class.ranges().first().map(|range| char::from(range.start())),
    };
    let known = choice.chars().chain("0123456789*#+".chars()).find(|key| contains(*key));
    known.or_else(first).map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Pattern;

    #[test]
    fn every_sample_matches_its_pattern() {
        for pattern in [
            r"^\*2([0-9]{2,})$",
            r"^\*3(?<cid>[0-9]{2})(?<dest>[0-9]+)$",
            r"^(?:\+?1)?([2-9]\d{2})(\d{7})$",
            r"^\*(5|6)(a)?$",
            r"^\d{3,5}$",
        ] {
            let samples = of(pattern);
            let compiled = Pattern::new(pattern).unwrap();
            assert!(samples.len() > 1, "{pattern}: {samples:?}");
            for sample in samples {
                assert!(compiled.is_match(&sample), "{pattern} {sample}");
            }
        }
    }

    #[test]
    fn the_fewest_repetitions_are_among_the_samples() {
        let samples = of(r"^\*2([0-9]{2,3})$");
        assert!(samples.contains(&"*222".to_owned()), "{samples:?}");
        assert!(samples.contains(&"*2000".to_owned()), "{samples:?}");
        assert!(samples.iter().all(|sample| sample.len() <= 5), "{samples:?}");
    }

    #[test]
    fn what_only_pcre_knows_gives_none() {
        assert!(of(r"^(?!911)\d+$").is_empty());
        assert!(of("([").is_empty());
    }

    #[test]
    fn nested_repetitions_stay_few() {
        let samples = of(r"^((\d+\d*)+[*#]?(0|1|2)*){1,9}$");
        assert!(!samples.is_empty() && samples.len() <= MOST * CHOICES.len());
    }
}
