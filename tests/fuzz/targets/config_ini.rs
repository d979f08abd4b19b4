//! KAZOO's `config.ini`.

use std::path::Path;

use kazoo_dynamic_cid::settings::{ConfigIni, FileError, Section};

/// One file's content, which KAZOO reads as bytes.
pub fn run(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    let lines = lines(text).count();
    let source = match ConfigIni::parse(text) {
        Ok(config) => return read(text, &config),
        Err(source) => source,
    };
    assert!((1..=lines).contains(&source.line), "line {} of {lines}", source.line);
    assert!(!source.reason.is_empty());
    hides_values(text, &source.reason);
    let line = source.line;
    let error = FileError::Syntax { path: Path::new("/etc/kazoo/config.ini").into(), source };
    assert!(!error.is_absence());
    let shown = error.to_string();
    assert!(shown.starts_with(&format!("/etc/kazoo/config.ini: line {line}: ")), "{shown}");
}

/// Our own words; a value may be a part of them by chance.
const OURS: &str = "a quote is not closed\na section's name is not closed with `]`\n\
                    there is no key before `=`\nthis is neither `[section]` nor `key = value`\n\
                    ConfigIni { path: None, sections: [] }";

/// What an error or a trace says may be logged, so no value may stand in it.
fn hides_values(text: &str, shown: &str) {
    // What stands in a section's name is none.
    for line in lines(text).filter(|line| !after_mark(line).starts_with('[')) {
        let Some((_, value)) = line.split_once('=') else { continue };
        let value = value.trim().trim_matches('"');
        // A shorter one may be a word of ours by chance.
        if value.len() >= 12 && text.matches(value).count() == 1 && !OURS.contains(value) {
            assert!(!shown.contains(value), "{shown}");
        }
    }
}

fn read(text: &str, config: &ConfigIni) {
    assert_eq!(config.path(), None);
    hides_values(text, &format!("{config:?}"));
    // Names of sections come from lines that open one.
    for name in names(text) {
        for section in config.sections(name) {
            assert_eq!(section.name(), name);
            values(section);
            written_again(section);
        }
    }
}

/// Lines as they are counted: a carriage return ends one, too.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    lines(text).filter_map(|line| {
        let (name, _) = after_mark(line).strip_prefix('[')?.split_once(']')?;
        Some(name.trim())
    })
}

/// A line without the byte order mark that may stand in front of the first.
fn after_mark(line: &str) -> &str {
    line.trim_start().trim_start_matches('\u{feff}')
}

fn values(section: &Section) {
    for key in section.keys() {
        let all: Vec<&str> = section.all(key).collect();
        assert!(all.iter().all(|value| !value.is_empty()));
        assert_eq!(section.first(key), all.first().copied());
        assert_eq!(section.last(key), all.last().copied());
    }
}

/// A section written in quotes reads as it did.
fn written_again(section: &Section) {
    let mut written = vec![format!("[{}]", section.name())];
    let mut expected: Vec<(&str, &str)> = Vec::new();
    let mut keys: Vec<&str> = section.keys().collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        // What has a meaning of its own in front of `=` cannot be written there.
        if key.is_empty()
            || key.contains(|sign: char| sign.is_whitespace() || "\"'#;[]=:\\".contains(sign))
        {
            continue;
        }
        for value in section.all(key) {
            // A quote has no escape in KAZOO's form.
            if value.contains(['"', '\n', '\r']) {
                continue;
            }
            written.push(format!("{key} = \"{value}\""));
            expected.push((key, value));
        }
    }
    let written = written.join("\n");
    let again = ConfigIni::parse(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    let again: Vec<(&str, &str)> = again
        .sections(section.name())
        .flat_map(|section| {
            let keys = section.keys().collect::<std::collections::BTreeSet<_>>();
            keys.into_iter().flat_map(|key| section.all(key).map(move |value| (key, value)))
        })
        .collect();
    assert_eq!(again, expected, "{written}");
}
