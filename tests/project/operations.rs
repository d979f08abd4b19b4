//! Metrics, alerts and dashboard: what is documented and asked for must be there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;

use kazoo_dynamic_cid::operations::Metrics;
use regex::Regex;
use serde_json::Value;

use super::{read, root};

/// Every metric's name as Prometheus has it, with its type and what it says of itself.
fn metrics() -> BTreeMap<String, (String, String)> {
    let text = Metrics::example().render();
    let words = |kind: &str| -> BTreeMap<String, String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("# ")?.strip_prefix(kind));
        let pairs = lines.filter_map(|line| line.trim_start().split_once(' '));
        pairs.map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect()
    };
    let help = words("HELP");
    let described = words("TYPE").into_iter().map(|(name, kind)| {
        let help = help[&name].trim_end_matches('.').to_owned();
        let (suffix, kind) = match kind.as_str() {
            "counter" => ("_total", "counter"),
            "info" => ("_info", "gauge"),
            other => ("", other),
        };
        (format!("{name}{suffix}"), (kind.to_owned(), help))
    });
    described.collect()
}

#[test]
fn every_metric_is_explained() {
    let page = read("docs/metrics.md");
    let metrics = metrics();
    let names = read("src/operations/metrics/register.rs");
    let registered = names.matches("registry.register(").count()
        + names.matches("registry.register_with_unit(").count();
    let ours = metrics.keys().filter(|name| name.starts_with("kazoo_")).count();
    assert_eq!(ours, registered, "Metrics::example has no sample of some metric");
    for (name, (kind, help)) in &metrics {
        let found = page.lines().any(|line| {
            line.starts_with(&format!("| `{name}` | {kind} | ")) && line.contains(help)
        });
        assert!(found, "docs/metrics.md lacks the row: | `{name}` | {kind} | labels | {help} | …");
    }
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    for name in rows.filter(|name| name.contains("kazoo_") || name.starts_with("process_")) {
        assert!(metrics.contains_key(name), "docs/metrics.md has {name}, which is no metric");
    }
}

/// The names of ours in a text that are no metric.
fn unknown(text: &str) -> BTreeSet<String> {
    let metrics = metrics();
    let known = |name: &str| {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        metrics.contains_key(name)
            || base
                .is_some_and(|base| metrics.get(base).is_some_and(|(kind, _)| kind == "histogram"))
    };
    let name = Regex::new(r"\bkazoo_dynamic_cid_[a-z_]+|\bprocess_[a-z_]+").unwrap();
    let names = name.find_iter(text).map(|found| found.as_str().to_owned());
    names.filter(|name| !known(name)).collect()
}

/// Anchors as GitHub makes them of headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| -> String {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn alerts_ask_for_what_is_there_and_lead_to_a_cure() {
    let rules = read("deploy/prometheus/alerts.yaml");
    let expressions: Vec<_> = rules.lines().filter(|line| !line.contains("runbook_url")).collect();
    assert_eq!(unknown(&expressions.join("\n")), BTreeSet::new());
    let anchors = anchors(&read("docs/failures.md"));
    let alerts = rules.matches("- alert: ").count();
    let links: Vec<_> = rules.split("docs/failures.md#").skip(1).collect();
    assert!(alerts > 5 && links.len() == alerts, "{alerts} alerts, {} links", links.len());
    for link in links {
        let anchor = link.split(|c: char| c.is_whitespace() || c == '"').next().unwrap();
        assert!(anchors.contains(anchor), "docs/failures.md has no heading for #{anchor}");
    }
    let tests = read("deploy/prometheus/alerts.test.yaml");
    for name in rules.split("- alert: ").skip(1).filter_map(|rest| rest.lines().next()) {
        assert!(tests.contains(&format!("alertname: {name}\n")), "{name} has no test");
    }
}

/// The expressions of every panel, with its title.
fn expressions(panels: &[Value]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for panel in panels {
        let title = panel["title"].as_str().unwrap().to_owned();
        for target in panel["targets"].as_array().into_iter().flatten() {
            found.push((title.clone(), target["expr"].as_str().unwrap().to_owned()));
        }
    }
    found
}

#[test]
fn the_dashboard_shows_what_is_there() {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/dashboard.json")).unwrap();
    for key in ["uid", "title", "schemaVersion", "templating", "time", "panels"] {
        assert!(!dashboard[key].is_null(), "{key} is missing");
    }
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "an id twice: {panel}");
        let place = &panel["gridPos"];
        let [x, w] = ["x", "w"].map(|key| place[key].as_u64().unwrap());
        assert!(x + w <= 24, "{panel} is wider than the grid");
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
            assert!(panel["targets"].as_array().is_some_and(|it| !it.is_empty()), "{panel}");
        }
    }
    for (title, expression) in expressions(panels) {
        assert_eq!(unknown(&expression), BTreeSet::new(), "{title}");
    }
}

/// Runs promtool where it is installed; `deploy/test` installs it, or says that it cannot.
fn promtool(arguments: &[&str]) {
    let run = Command::new("promtool").args(arguments).current_dir(root()).output();
    let Ok(output) = run else {
        return;
    };
    let said = [&output.stdout, &output.stderr]
        .map(|it| String::from_utf8_lossy(it).into_owned())
        .join("\n");
    assert!(output.status.success(), "{arguments:?}: {said}");
}

#[test]
fn prometheus_takes_the_alerts_and_they_go_off() {
    promtool(&["check", "rules", "deploy/prometheus/alerts.yaml"]);
    promtool(&["test", "rules", "deploy/prometheus/alerts.test.yaml"]);
}

#[test]
fn prometheus_understands_every_expression_of_the_dashboard() {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/dashboard.json")).unwrap();
    let mut rules = "groups:\n- name: dashboard\n  rules:\n".to_owned();
    let panels = dashboard["panels"].as_array().unwrap();
    for (index, (_, expression)) in expressions(panels).iter().enumerate() {
        let plain = expression.replace("$__rate_interval", "5m").replace("$instance", ".*");
        let quoted = serde_json::to_string(&plain).unwrap();
        writeln!(rules, "  - record: panel:{index}\n    expr: {quoted}").unwrap();
    }
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    std::fs::write(file.path(), rules).unwrap();
    promtool(&["check", "rules", &file.path().to_string_lossy()]);
}
