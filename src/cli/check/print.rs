//! The report, for people and for programs.

use serde_json::json;

use super::Report;
use crate::check::{Finding, Severity};

/// The width of a line; a terminal of 100 columns is wide enough for everything.
const WIDTH: usize = 98;
/// Where the second column begins.
const INDENT: usize = 10;

/// One object; `docs/check.md` describes it.
pub(super) fn json(report: &Report) -> String {
    let report = json!({
        "accounts": report.accounts,
        "summary": {
            "errors": report.count(Severity::Error),
            "warnings": report.count(Severity::Warning),
            "notes": report.count(Severity::Note),
        },
        "not_read": report.not_read,
        "findings": report.findings,
    });
    format!("{report:#}\n")
}

/// A table with one row of several lines for each finding.
pub(super) fn text(report: &Report) -> String {
    let mut parts = Vec::new();
    let mut account = None;
    for finding in &report.findings {
        if account != Some(&finding.account) {
            parts.push(match &finding.account {
                Some(id) => format!("Account {id}\n\n"),
                None => "What all accounts share\n\n".to_owned(),
            });
            account = Some(&finding.account);
        }
        parts.push(row(finding));
    }
    for reason in &report.not_read {
        parts.push(wrapped("not read", reason));
        parts.push("\n".to_owned());
    }
    parts.push(format!(
        "{} read: {}, {}, {}\n",
        counted(report.accounts, "account"),
        counted(report.count(Severity::Error), "error"),
        counted(report.count(Severity::Warning), "warning"),
        counted(report.count(Severity::Note), "note"),
    ));
    parts.concat()
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

impl Report {
    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

fn row(finding: &Finding) -> String {
    let defect = finding.defect.map_or_else(String::new, |defect| format!(" ({defect})"));
    let head = format!("{}{defect}", finding.code);
    let separator = if finding.path.is_empty() { "" } else { " " };
    let name = if finding.document.is_empty() { &finding.database } else { &finding.document };
    let place = format!("{name}{separator}{}", finding.path);
    let lines = [
        (finding.severity.as_str(), head),
        ("", place),
        ("", finding.problem.clone()),
        ("  call", finding.effect.to_owned()),
        ("  fix", finding.fix.to_owned()),
    ];
    let rows = lines.iter().map(|(name, words)| wrapped(name, words));
    rows.chain(["\n".to_owned()]).collect()
}

/// A name, and words beside it on as many lines as they need.
fn wrapped(name: &str, words: &str) -> String {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in words.split_whitespace() {
        let length = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && length > WIDTH - INDENT {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        // What documents hold is shown, not obeyed by the terminal.
        line.extend(word.chars().filter(|character| !character.is_control()));
    }
    lines.push(line);
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    let rows = names.zip(lines).map(|(name, line)| format!("{name:<INDENT$}{line}"));
    rows.flat_map(|row| [row.trim_end().to_owned(), "\n".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_wrapped_and_keep_their_column() {
        let text = wrapped("fix", &"word ".repeat(30));
        assert!(text.lines().count() == 2 && text.starts_with("fix       word word"), "{text}");
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert!(text.lines().nth(1).is_some_and(|line| line.starts_with("          word")));
    }

    #[test]
    fn a_documents_control_characters_do_not_reach_the_terminal() {
        assert_eq!(wrapped("error", "a\u{1b}[2Jb"), "error     a[2Jb\n");
    }
}
