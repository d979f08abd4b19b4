//! The text form.
//!
//! KAZOO's parser and `rust-ini` agree on sections, keys and repetition and differ in the small
//! print. To KAZOO, `;` opens a comment anywhere outside double quotes, while `#`, `'` and `\` are
//! plain characters, as passwords have them. So the text is brought into `rust-ini`'s dialect line
//! by line first; that also finds the line of a mistake, which `rust-ini` would read across.

use ini::{Ini, ParseOption};

use super::Section;

/// A line that KAZOO could not read either. Never holds the line's text, which may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct SyntaxError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

pub(super) fn parse(text: &str) -> Result<Vec<Section>, SyntaxError> {
    let text = text.trim_start_matches('\u{feff}');
    let mut translated = String::with_capacity(text.len() + text.len() / 8);
    // To `rust-ini` a carriage return alone ends a line, too.
    let lines = text.replace("\r\n", "\n");
    for (index, line) in lines.split(['\n', '\r']).enumerate() {
        let content = translate(line)
            .map_err(|reason| SyntaxError { line: index + 1, reason: reason.to_owned() })?;
        translated.push_str(&content);
        translated.push('\n');
    }
    let options = ParseOption { enabled_escape: true, ..ParseOption::default() };
    let ini = Ini::load_from_str_opt(&translated, options)
        .map_err(|error| SyntaxError { line: error.line, reason: error.msg.into_owned() })?;
    Ok(ini
        .iter()
        .filter_map(|(name, properties)| {
            let entries =
                properties.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            Some(Section { name: name?.to_owned(), entries })
        })
        .collect())
}

/// One line without its comment and with what `rust-ini` would interpret escaped.
fn translate(line: &str) -> Result<String, &'static str> {
    // KAZOO refuses a file with such a line; people write them all the same, and mean a comment.
    if line.trim_start().starts_with('#') {
        return Ok(String::new());
    }
    let mut content = String::with_capacity(line.len());
    let mut quoted = false;
    let mut assigns = false;
    for character in line.chars() {
        match character {
            ';' if !quoted => break,
            // In a section's name both are letters like any other.
            '"' | '=' if !quoted && in_section_name(&content) => {}
            '"' => quoted = !quoted,
            '=' if !quoted => assigns = true,
            // To `rust-ini` a key ends at either, quoted or not; keys of KAZOO may have them.
            '=' | ':' if !assigns => content.push('\\'),
            '#' | '\'' | '\\' => content.push('\\'),
            _ => {}
        }
        content.push(character);
    }
    let content = content.trim();
    if quoted {
        return Err("a quote is not closed");
    }
    // What stands behind a name belongs to the section; `rust-ini` would read on to the next `=` or
    // `]`, across lines.
    let mut property = content;
    while let Some(name) = property.strip_prefix('[') {
        let (_, behind) = name.split_once(']').ok_or("a section's name is not closed with `]`")?;
        property = behind.trim();
    }
    if property.starts_with('=') {
        Err("there is no key before `=`")
    } else if property.is_empty() || assigns_outside_quotes(property) {
        Ok(content.to_owned())
    } else {
        Err("this is neither `[section]` nor `key = value`")
    }
}

/// Whether what follows stands between the brackets of a section's name.
fn in_section_name(content: &str) -> bool {
    let mut rest = content.trim_start();
    while let Some(name) = rest.strip_prefix('[') {
        match name.split_once(']') {
            Some((_, behind)) => rest = behind.trim_start(),
            None => return true,
        }
    }
    false
}

fn assigns_outside_quotes(property: &str) -> bool {
    property.split('"').step_by(2).any(|plain| plain.contains('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<(String, String, String)> {
        let sections = parse(text).unwrap();
        sections
            .iter()
            .flat_map(|section| {
                section
                    .entries
                    .iter()
                    .map(|(key, value)| (section.name.clone(), key.clone(), value.clone()))
            })
            .collect()
    }

    #[test]
    fn a_value_is_read_as_kazoo_reads_it() {
        for (line, expected) in [
            ("key = value", "value"),
            ("key=value", "value"),
            ("  key   =   value  ", "value"),
            ("key = \"quoted value\"", "quoted value"),
            ("key = \"a;b\" ; comment", "a;b"),
            ("key = value ; comment", "value"),
            ("key = value;comment", "value"),
            ("key = value ; it's a \"comment", "value"),
            ("key = \"amqp://guest:guest@10.0.0.1:5672\"", "amqp://guest:guest@10.0.0.1:5672"),
            ("key = amqp://guest:guest@10.0.0.1:5672", "amqp://guest:guest@10.0.0.1:5672"),
            ("key = pass#word", "pass#word"),
            ("key = pass #word", "pass #word"),
            ("key = \"pass #word\"", "pass #word"),
            ("key = 'single'", "'single'"),
            ("key = it's", "it's"),
            ("key = back\\slash\\n", "back\\slash\\n"),
            ("key = \"ends in \\\"", "ends in \\"),
            ("key = ends in \\", "ends in \\"),
            ("key = \"a=b[c]\"", "a=b[c]"),
            ("key = käse", "käse"),
            ("key =", ""),
            ("key = \"\"", ""),
            ("key = value\r", "value"),
        ] {
            let found = entries(&format!("[section]\n{line}\nnext = 1\n"));
            assert_eq!(found[0].1, "key", "{line}");
            assert_eq!(found[0].2, expected, "{line}");
            assert_eq!(found[1].1, "next", "{line}");
        }
    }

    #[test]
    fn a_key_ends_at_the_equals_sign() {
        for (text, key, value) in [
            ("[s]\na:b = c:d", "a:b", "c:d"),
            ("[s]\n\"a:b\" = c", "\"a:b\"", "c"),
            ("[s] a = b", "a", "b"),
            ("[s]\ra = b\r", "a", "b"),
            ("[s]\n\"a=\"b = c", "\"a=\"b", "c"),
        ] {
            let expected = ("s".to_owned(), key.to_owned(), value.to_owned());
            assert_eq!(entries(text), [expected], "{text}");
        }
    }

    /// What the fuzz target `config_ini` asks for: the quote behind the name was read across lines.
    #[test]
    fn an_equals_sign_in_the_name_of_a_section_assigns_nothing() {
        let sections = parse("[a=b] \"c=\"d = e\nf = 1").unwrap();
        assert_eq!(sections[0].name(), "a=b");
        assert_eq!(sections[0].keys().collect::<Vec<_>>(), ["\"c=\"d", "f"]);
    }

    /// What the fuzz target `config_ini` asks for: a value in quotes was taken for a comment's begin.
    #[test]
    fn a_quote_in_the_name_of_a_section_quotes_nothing() {
        let expected = ("a\"b".to_owned(), "c".to_owned(), "d;e".to_owned());
        assert_eq!(entries("[a\"b] c = \"d;e\""), [expected]);
    }

    #[test]
    fn repeated_sections_and_keys_keep_their_order() {
        let text = "[zone] ; first\nname = b\nuri = 2\n[amqp]\nuri = 3\n[zone]\nname = a\nuri = 1\nuri = 0\n";
        let sections = parse(text).unwrap();
        let names: Vec<_> = sections.iter().map(Section::name).collect();
        assert_eq!(names, ["zone", "amqp", "zone"]);
        assert_eq!(sections[0].all("uri").collect::<Vec<_>>(), ["2"]);
        assert_eq!(sections[2].all("uri").collect::<Vec<_>>(), ["1", "0"]);
        assert_eq!((sections[2].first("uri"), sections[2].last("uri")), (Some("1"), Some("0")));
    }

    #[test]
    fn comments_and_empty_lines_are_passed_over() {
        let text = "\u{feff}; top\n\n;; [amqp]\n   \n\t; x\n# not KAZOO's, but meant so\n[a]\n;b = 1\nc = 2";
        let expected = ("a".to_owned(), "c".to_owned(), "2".to_owned());
        assert_eq!(entries(text), [expected]);
    }

    #[test]
    fn a_mistake_is_found_on_its_line() {
        for (text, line, reason) in [
            ("[a]\nb = \"c\nd = 1", 2, "a quote is not closed"),
            ("[a\nb = 1", 1, "a section's name is not closed with `]`"),
            ("[a]\nb = 1\njust words\nc = 2", 3, "this is neither `[section]` nor `key = value`"),
            ("[a]\n= 2", 2, "there is no key before `=`"),
            // The next line's key would have become a part of these words.
            ("[a] words\nb = 1", 1, "this is neither `[section]` nor `key = value`"),
            ("[a=b] words", 1, "this is neither `[section]` nor `key = value`"),
            ("[a][b = 1\nc = 2]", 1, "a section's name is not closed with `]`"),
            ("[a]\nb = c\rd\n", 3, "this is neither `[section]` nor `key = value`"),
            ("[a]\nb = 1\n[c] = 2", 3, "there is no key before `=`"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!((error.line, error.reason.as_str()), (line, reason));
        }
    }

    #[test]
    fn any_text_is_read_or_refused_without_a_panic() {
        proptest::proptest!(|(text in "([\\[\\]=;#'\"\\\\: a-z\r\n\t]|\\PC){0,80}")| {
            let _ = parse(&text);
        });
    }
}
