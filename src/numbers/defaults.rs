//! The rules in KAZOO's code, in its order: first match wins, and the published schema sorts them.

use serde_json::json;

use super::{Classifier, Plan};

/// North American numbers, the international access codes `011` and `00`, and other numbers of at
/// least eight digits.
const RULES: [(&str, &str); 3] = [
    (r"^(\+?1)?([2-9][0-9]{2}[2-9][0-9]{6})$", "+1"),
    (r"^011(\d{5,})$|^00(\d{5,})$", "+"),
    (r"^[2-9]\d{7,}$", "+"),
];

const CLASSIFIERS: [(&str, &str); 7] = [
    ("tollfree_us", r"^\+1((?:800|88\d|877|866|855|844|833|822)\d{7})$"),
    ("toll_us", r"^\+1(900\d{7})$"),
    ("emergency", r"^(911|922|933|833|811|711|999)$"),
    (
        "caribbean",
        r"^\+?1((?:684|264|268|242|246|441|284|345|767|809|829|849|473|671|876|664|670|787|939|869|758|784|721|868|649|340)\d{7})$",
    ),
    ("did_us", r"^(\+?1)?([2-9][0-9]{2}[2-9][0-9]{6})$"),
    ("international", r"^\+([2-9]\d{7,})$"),
    ("unknown", r"^(.*)$"),
];

pub(super) fn converters() -> Plan {
    let rules =
        RULES.iter().map(|(regex, prefix)| ((*regex).to_owned(), json!({"prefix": prefix})));
    Plan::from_object(super::CONVERTERS, &rules.collect())
}

pub(super) fn classifiers() -> Vec<Classifier> {
    CLASSIFIERS
        .iter()
        .map(|(name, regex)| Classifier::read(name, &json!({"regex": regex})))
        .collect()
}
