//! The settings all accounts share: `system_config`.

use serde_json::Value;

use super::finding::Findings;
use super::snapshot::{ACTION, COMMAND, NUMBERS};
use super::unknown::{self, step};
use super::whitelist::{self, Place};
use super::{Code, Kazoo, System};
use crate::dynamic_cid::{Departures, SystemConfig};
use crate::json::Object;
use crate::numbers::Rules;

/// What the worker and KAZOO look at in the settings' documents.
pub(super) fn check(system: &System, findings: &mut Findings) {
    for (category, document) in &system.documents {
        for (name, section) in sections(document) {
            let path = format!("/{}", step(name));
            if let Some(section) = section.as_object() {
                check_section(system, category, &path, section, findings);
            } else {
                let problem = format!("the section `{name}` is {section}");
                findings.add(Code::SectionUnusable, category, path, problem);
            }
        }
    }
    let Some(document) = system.documents.get(ACTION) else { return };
    for violation in system.schemas.validate_config(ACTION, document) {
        // A section that is no object is told of above.
        let is_section = violation.path.matches('/').count() < 2;
        if !is_section {
            findings.add(Code::SchemaViolation, ACTION, violation.path, violation.message);
        }
    }
}

/// The sections of a document of settings: `default`, zones and nodes.
fn sections(document: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let members = document.as_object().into_iter().flatten();
    members
        .filter(|(key, _)| !key.starts_with('_') && !key.starts_with("pvt_"))
        .map(|(key, section)| (key.as_str(), section))
}

fn check_section(
    system: &System,
    category: &str,
    path: &str,
    section: &Object,
    findings: &mut Findings,
) {
    let config = SystemConfig::read(|document, key| {
        (document == category).then(|| section.get(key)).flatten()
    });
    for (document, key, error) in config.bad_settings() {
        findings.add(Code::SettingUnusable, document, format!("{path}/{key}"), error.to_string());
    }
    let place = Place { document: category, path };
    match category {
        ACTION => {
            unknown::check(unknown::SETTINGS, section, category, path, findings);
            check_collection(system, section, &config, place, findings);
            check_worker(system, section, place, findings);
        }
        COMMAND => {
            for (key, timeout) in [
                ("collect_timeout", &config.collect_timeout),
                ("interdigit_timeout", &config.interdigit_timeout),
            ] {
                if let Ok(timeout) = timeout {
                    whitelist::check_timeout(key, *timeout, place, findings);
                }
            }
        }
        NUMBERS => {
            let rules =
                Rules::from_config(section.get("e164_converters"), section.get("classifiers"));
            for rule in rules.bad_rules() {
                findings.add(Code::NumberRuleUnusable, category, path, rule.to_string());
            }
        }
        _ => {}
    }
}

/// What a section lacks comes from `default`, and from KAZOO's code.
fn check_collection(
    system: &System,
    section: &Object,
    config: &SystemConfig,
    place: Place<'_>,
    findings: &mut Findings,
) {
    let default = system.documents.get(ACTION).and_then(|document| document.get("default"));
    let together = SystemConfig::read(|document, key| {
        let inherited = || default.and_then(|default| default.get(key));
        (document == ACTION).then(|| section.get(key).or_else(inherited)).flatten()
    });
    let max = *together.max_digits.as_ref().unwrap_or(&10);
    if section.contains_key("min_digits") || section.contains_key("max_digits") {
        let min = *together.min_digits.as_ref().unwrap_or(&10);
        whitelist::check_digits(min, max, place, findings);
    }
    if let (true, Ok(regex)) = (section.contains_key("whitelist_regex"), &config.whitelist_regex) {
        whitelist::check_regex(regex, max, place, findings);
    }
    if !super::prompts::is_played_as_it_stands(&config.accept_prompt) {
        let problem = format!("`{}` is not an address", config.accept_prompt);
        let path = format!("{}/accept_prompt", place.path);
        findings.add(Code::AcceptPromptCannotPlay, place.document, path, problem);
    }
}

fn check_worker(system: &System, section: &Object, place: Place<'_>, findings: &mut Findings) {
    let Some(worker) = section.get("worker").and_then(Value::as_object) else { return };
    let path = format!("{}/worker", place.path);
    let (departures, bad) = Departures::read(&[worker]);
    check_departures(&bad, place.document, &path, findings);
    if departures.overall_limit_ms == 0 {
        let problem = "the action has no limit of time";
        findings.add(Code::NoOverallLimit, place.document, path.clone(), problem);
    }
    if system.kazoo != Kazoo::FourThree && worker.contains_key("route_accounts") {
        let problem = "`route_accounts` is for KAZOO 4.3, where route requests are answered";
        let path = format!("{path}/route_accounts");
        findings.add(Code::NotOnThisKazoo, place.document, path, problem);
    }
}

/// Adds the keys of `worker` that have no usable value.
pub(super) fn check_departures(
    bad: &[crate::dynamic_cid::BadDeparture],
    document: &str,
    path: &str,
    findings: &mut Findings,
) {
    for bad in bad {
        let path = format!("{path}/{}", bad.key);
        findings.add(Code::DepartureUnusable, document, path, bad.to_string());
    }
}
