//! Caller IDs: numbers and names as they would be shown.

use serde_json::Value;

use super::finding::Findings;
use super::{Code, Snapshot, System};
use crate::json::{self, Object};
use crate::numbers::OnBadRule;

/// Caller ID names are cut behind this by most networks.
const LONGEST_NAME: usize = 15;
/// Digits of a number of the public network, behind its `+`.
const PUBLIC_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// A pair of number and name, and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallerId<'a> {
    /// What holds `number` and `name`.
    pub(super) members: &'a Object,
    pub(super) document: &'a str,
    /// Pointer to what holds them.
    pub(super) path: &'a str,
}

/// Checks what would be shown to a callee.
pub(super) fn check(
    system: &System,
    snapshot: &Snapshot,
    caller_id: CallerId<'_>,
    findings: &mut Findings,
) {
    let CallerId { members, document, path } = caller_id;
    let at = |member: &str| format!("{path}/{member}");
    for member in ["number", "name"] {
        if members.get(member).is_some_and(Value::is_null) {
            let problem = format!("`{member}` is null");
            findings.add(Code::ValueIsNull, document, at(member), problem);
        }
    }
    let given = |member: &str| {
        let text = json::text(members, member);
        text.filter(|_| !members.get(member).is_some_and(Value::is_null))
    };
    match given("number") {
        Some(number) => {
            if let Some((code, problem)) = judge(system, snapshot, &number) {
                findings.add(code, document, at("number"), problem);
            }
        }
        None if !members.contains_key("number") || members["number"] == "" => {
            findings.add(Code::NumberMissing, document, path, "there is no number");
        }
        None => {}
    }
    match given("name") {
        Some(name) => {
            let length = name.chars().count();
            if length > LONGEST_NAME {
                let problem = format!("`{name}` has {length} characters");
                findings.add(Code::NameTooLong, document, at("name"), problem);
            }
        }
        None if !members.contains_key("name") || members["name"] == "" => {
            findings.add(Code::NameMissing, document, path, "there is no name");
        }
        None => {}
    }
}

/// What is wrong with a number that is to be shown.
fn judge(system: &System, snapshot: &Snapshot, number: &str) -> Option<(Code, String)> {
    if number == "0" {
        return Some((Code::NumberZero, "the number is `0`".to_owned()));
    }
    let digits = number.strip_prefix('+').unwrap_or(number);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some((Code::NumberNotDigits, format!("`{number}` is not made of digits")));
    }
    if system.emergency.iter().any(|emergency| emergency == number) {
        return Some((Code::NumberEmergency, format!("`{number}` is an emergency number")));
    }
    let rules = &snapshot.rules;
    let public = system.rules.normalise_for_account(number, rules, OnBadRule::Skip).ok()?;
    let is_public = public.strip_prefix('+').is_some_and(|digits| {
        PUBLIC_DIGITS.contains(&digits.len())
            && !digits.starts_with('0')
            && is_north_american(digits)
    });
    let problem = || format!("`{number}` is `{public}` by the rules for numbers");
    (!is_public).then(|| (Code::NumberNoCarrierAccepts, problem()))
}

/// Whether a number of country code 1 is written as such a number is; others pass.
fn is_north_american(digits: &str) -> bool {
    let Some(national) = digits.strip_prefix('1') else { return true };
    let bytes = national.as_bytes();
    national.len() == 10 && [0, 3].iter().all(|at| bytes.get(*at).is_some_and(|it| *it >= b'2'))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::check::{Kazoo, read};
    use crate::directory::{AccountId, Database, Folder};
    use crate::schema::Schemas;

    #[tokio::test]
    async fn a_number_is_judged_as_carriers_would() {
        let account = AccountId::new(&"a".repeat(32)).unwrap();
        let plan = serde_json::json!({
            "_id": account.as_str(), "pvt_type": "account",
            "dial_plan": { "^([0-9]{7})$": { "prefix": "514" } },
        });
        let folder = Folder::from_documents([(Database::account(&account), vec![plan])]).unwrap();
        let snapshot = read(&folder, &account).await.unwrap();
        let schemas = Schemas::embedded();
        let system = System::new(Kazoo::Master, BTreeMap::new(), None, "local", schemas);
        for (number, code) in [
            ("15149072508", None),
            ("+15149072508", None),
            ("5149072508", None),
            // By the account's dial plan.
            ("9072508", None),
            ("+442071234567", None),
            ("442071234567", None),
            ("0", Some(Code::NumberZero)),
            ("911", Some(Code::NumberEmergency)),
            ("1001", Some(Code::NumberNoCarrierAccepts)),
            ("+1514907250", Some(Code::NumberNoCarrierAccepts)),
            ("+11149072508", Some(Code::NumberNoCarrierAccepts)),
            ("+0442071234", Some(Code::NumberNoCarrierAccepts)),
            ("+1234567890123456", Some(Code::NumberNoCarrierAccepts)),
            ("514-907-2508", Some(Code::NumberNotDigits)),
            ("+", Some(Code::NumberNotDigits)),
            ("anonymous", Some(Code::NumberNotDigits)),
        ] {
            let found = judge(&system, &snapshot, number).map(|(code, _)| code);
            assert_eq!(found, code, "{number}");
        }
    }
}
