use serde_json::{Value, json};

use super::*;

fn settings() -> Item {
    material::shared().remove(0)
}

fn outcome(order: Order, before: Option<Value>) -> Outcome {
    let item = settings();
    let edit = match order {
        Order::Install => install::change::install(&item, before.as_ref(), 1),
        Order::Uninstall => install::change::uninstall(&item, before.as_ref(), 1),
    };
    let before = before.map(install::change::without_revision);
    Outcome { done: vec![(item, Done { edit, before, revision: None })], ..Outcome::default() }
}

#[test]
fn a_rehearsal_shows_what_would_change_and_nothing_else() {
    let before = json!({
        "_id": "callflow.dynamic_cid", "_rev": "3-secret-looking",
        "default": {"accept_prompt": "a", "reject_prompt": "b", "default_prompt": "c",
                    "min_digits": 1, "whitelist_regex": "x", "worker": {"preset": "kazoo"}},
    });
    let text = print::text(Order::Install, &outcome(Order::Install, Some(before)), true);
    for line in [
        "system_config/callflow.dynamic_cid: added /default/max_digits",
        "--- system_config/callflow.dynamic_cid",
        "+++ system_config/callflow.dynamic_cid",
        "+    \"max_digits\": 10",
        "1 documents to write, 0 have everything already.",
        "Nothing was written.",
    ] {
        assert!(text.lines().any(|each| each == line), "{line} in\n{text}");
    }
    let removed: Vec<_> = text.lines().filter(|line| line.starts_with("-  ")).collect();
    // A comma behind what was the last line.
    assert!(removed.len() <= 2, "{removed:?}");
    assert!(!text.contains("_rev"), "{text}");
}

#[test]
fn a_new_document_is_shown_whole() {
    let text = print::text(Order::Install, &outcome(Order::Install, None), true);
    assert!(text.contains("--- /dev/null\n+++ system_config/callflow.dynamic_cid\n"), "{text}");
    assert!(text.contains("\n+      \"preset\": \"recommended\"\n"), "{text}");
}

#[test]
fn what_a_lock_holds_back_is_told_with_the_way_past_it() {
    let lock = Some("/etc/kazoo/config.ini".to_owned());
    let locked = Outcome { lock: lock.clone(), ..outcome(Order::Install, None) };
    for (rehearsal, counted) in [(false, "0 documents written"), (true, "0 documents to write")] {
        let text = print::text(Order::Install, &locked, rehearsal);
        assert!(
            text.starts_with("system_config/callflow.dynamic_cid: locked, not put\n"),
            "{text}"
        );
        assert!(text.contains(counted), "{text}");
        assert!(
            text.contains("1 held back: /etc/kazoo/config.ini has `lock_system_config"),
            "{text}"
        );
        assert!(text.contains("--even-if-locked writes it.\n"), "{text}");
        assert_eq!(text.contains("+++ system_config/callflow.dynamic_cid"), rehearsal, "{text}");
    }
    let nothing_to_do = Outcome { lock, ..outcome(Order::Uninstall, None) };
    let text = print::text(Order::Uninstall, &nothing_to_do, false);
    assert_eq!(text, "0 documents removed or changed, 1 have nothing of ours.\n");
}

#[test]
fn nothing_to_do_is_one_line() {
    let text = print::text(Order::Uninstall, &outcome(Order::Uninstall, None), false);
    assert_eq!(text, "0 documents removed or changed, 1 have nothing of ours.\n");
}

#[test]
fn what_to_type_stands_on_lines_of_its_own() {
    let text = print::commands("No.", &["sup a b".to_owned(), "sup c d".to_owned()]);
    assert!(text.starts_with("No.\n") && text.ends_with(":\n    sup a b\n    sup c d\n"), "{text}");
}
