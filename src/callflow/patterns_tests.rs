use serde_json::json;

use super::*;

fn find(patterns: &[&str], number: &str) -> Option<(usize, Option<String>, Value)> {
    let rows = patterns.iter().enumerate().map(|(row, pattern)| (pattern, row.to_string()));
    Patterns::compile(rows).find(number, OptionalGroups::NoCapture).unwrap().map(|found| {
        (found.flow_id.parse().unwrap(), found.capture_group, Value::Object(found.capture_groups))
    })
}

#[test]
fn the_winner_is_kazoos() {
    for (patterns, number, winner, group, groups) in [
        // One pattern: the longest group, the first of that length, or the whole match.
        (vec![r"^\*2([0-9]{2,})$"], "*2015149072508", 0, Some("015149072508"), json!({})),
        (vec![r"^(\d)(\d{3})(\d{3})$"], "1222333", 0, Some("222"), json!({})),
        (vec![r"^\*5$"], "*5", 0, Some("*5"), json!({})),
        (vec![r"\*5"], "9*59", 0, Some("*5"), json!({})),
        (
            vec![r"^\*3(?<cid>[0-9]{2})(?<dest>[0-9]+)$"],
            "*3015149072508",
            0,
            Some("5149072508"),
            json!({"cid": "01", "dest": "5149072508"}),
        ),
        // Several: backwards through the view, replaced only by a strictly longer capture.
        (vec![r"^\*2(\d+)$", r"^\*(2\d+)$"], "*2123", 1, Some("2123"), json!({})),
        (vec![r"^\*(2\d+)$", r"^\*2(\d+)$"], "*2123", 0, Some("2123"), json!({})),
        (vec![r"^\*2(\d+)$", r"^\*2(\d+)$"], "*2123", 1, Some("123"), json!({})),
        (vec![r"^\*2\d+$", r"^\*2(\d+)$"], "*2123", 0, Some("*2123"), json!({})),
        // Erlang's `$` stands before a final newline, too.
        (vec![r"^1$"], "1\n", 0, Some("1"), json!({})),
        // An invalid one is as if it were not there.
        (vec!["([", r"^\*2(\d+)$", "*2"], "*2123", 1, Some("123"), json!({})),
    ] {
        let found = find(&patterns, number);
        assert_eq!(
            found,
            Some((winner, group.map(str::to_owned), groups)),
            "{patterns:?} {number}"
        );
    }
    assert_eq!(find(&[r"^\*2(\d+)$"], "*3123"), None);
    assert_eq!(find(&[], "1"), None);
}

#[test]
fn what_counts_as_empty_is_no_capture() {
    for (pattern, number, group, groups) in [
        (r"^\*2(\d)$", "*20", None, json!({})),
        (r"^\*2(\d)$", "*21", Some("1"), json!({})),
        (r"^\*2(\d*)$", "*2", None, json!({})),
        (r"^\*2(\d)$", "*2٣", None, json!(null)),
        ("^(NULL)$", "NULL", None, json!({})),
        ("^(undefined)$", "undefined", None, json!({})),
        ("^(null)$", "null", Some("null"), json!({})),
        (r"^(?<b>0)(?<a>\d{2})(?<c>x)?$", "012", Some("12"), json!({"a": "12"})),
        (r"^(?<z>1)(?<a>2)?(?<m>3)$", "13", Some("1"), json!({"m": "3", "z": "1"})),
    ] {
        let found = find(&[pattern], number).map(|(_, group, groups)| (group, groups));
        let expected = (!groups.is_null()).then(|| (group.map(str::to_owned), groups));
        assert_eq!(found, expected, "{pattern} {number}");
    }
}

#[test]
fn named_groups_are_ordered_by_name() {
    let (_, _, groups) = find(&[r"^(?<z>1)(?<m>2)(?<a>3)$"], "123").unwrap();
    let names: Vec<_> = groups.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["a", "m", "z"]);
}

#[test]
fn groups_that_took_no_part_end_kazoos_lookup() {
    let patterns = Patterns::compile([(r"^\*3(\d*)$", "digits"), (r"^\*3(a)?$", "optional")]);
    assert_eq!(
        patterns.find("*3", OptionalGroups::Crash),
        Err(LookupCrash { flow_id: "optional".into(), pattern: r"^\*3(a)?$".into() })
    );
    let lenient = patterns.find("*3", OptionalGroups::NoCapture).unwrap().unwrap();
    assert_eq!((lenient.flow_id.as_str(), lenient.capture_group), ("optional", None));
    // A number that does not match it is found as ever.
    assert_eq!(patterns.find("*31", OptionalGroups::Crash).unwrap().unwrap().flow_id, "digits");
}

#[test]
fn a_match_without_capture_gives_way_to_any_capture() {
    let patterns = Patterns::compile([(r"^\*3(\d*)$", "digits"), (r"^\*3(a)?\d*$", "optional")]);
    let found = patterns.find("*37", OptionalGroups::NoCapture).unwrap().unwrap();
    assert_eq!((found.flow_id.as_str(), found.capture_group.as_deref()), ("digits", Some("7")));
}

#[test]
fn invalid_patterns_are_kept_for_the_report() {
    let patterns = Patterns::compile([("([", "a"), ("^1$", "b"), ("*2", "c")]);
    assert_eq!(patterns.len(), 1);
    let reports: Vec<String> = patterns.invalid().iter().map(ToString::to_string).collect();
    assert_eq!(reports.len(), 2);
    assert!(
        reports[0].starts_with("callflow `a`: `([` is not a regular expression: "),
        "{reports:?}"
    );
}

#[test]
fn only_what_can_match_is_counted_and_tried_the_last_row_first() {
    let patterns = Patterns::compile([("([", "a"), ("^1", "b"), ("^2", "c")]);
    assert_eq!((patterns.len(), patterns.is_empty()), (2, false));
    assert_eq!(patterns.tried().collect::<Vec<_>>(), [("^2", "c"), ("^1", "b")]);
    let none = Patterns::compile([("([", "a")]);
    assert_eq!((none.len(), none.is_empty()), (0, true));
    assert_eq!(none.tried().count(), 0);
}
