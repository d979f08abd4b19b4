//! A cheap test before a regular expression is run: accounts with hundreds of patterns exist, and
//! nearly all of them begin with a feature code such as `^\*21`.

/// The digits, `*`, `#` and `+` with which every subject of a pattern begins; empty where nothing
/// certain can be said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Prefix(String);

impl Prefix {
    /// Only what is plain to see counts: the pattern begins with `^`, has no alternative, and
    /// spells its first characters out.
    pub(super) fn of(pattern: &str) -> Self {
        let mut literal = String::new();
        let mut rest = match pattern.strip_prefix('^') {
            Some(rest) if !pattern.contains('|') => rest,
            _ => return Self(literal),
        };
        while let Some((character, after)) = first_literal(rest) {
            if may_be_repeated(after) {
                break;
            }
            literal.push(character);
            rest = after;
        }
        Self(literal)
    }

    pub(super) fn admits(&self, subject: &str) -> bool {
        subject.starts_with(&self.0)
    }
}

/// Whether a quantifier may follow, also behind what PCRE passes over on its way to one: a comment,
/// and the beginning and the end of a quotation.
fn may_be_repeated(after: &str) -> bool {
    after.starts_with(['?', '*', '+', '{'])
        || ["(?#", r"\Q", r"\E"].into_iter().any(|passed_over| after.starts_with(passed_over))
}

fn first_literal(pattern: &str) -> Option<(char, &str)> {
    let escaped = pattern.strip_prefix('\\');
    let text = escaped.unwrap_or(pattern);
    let character = text.chars().next()?;
    // `\2` is a reference to a group and a bare `*` repeats what stands before it.
    let literal = match character {
        '0'..='9' => escaped.is_none(),
        '*' | '+' | '#' => escaped.is_some(),
        _ => false,
    };
    literal.then(|| (character, &text[character.len_utf8()..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pattern::Pattern;

    #[test]
    fn only_what_is_spelled_out_is_a_prefix() {
        for (pattern, prefix) in [
            (r"^\*21(\d+)$", "*21"),
            (r"^\*2([0-9]{2,})$", "*2"),
            (r"^\+1514\d{7}$", "+1514"),
            ("^12?3$", "1"),
            ("^12{0}3$", "1"),
            ("^12*3$", "1"),
            ("^12(?#twice)?3$", "1"),
            (r"^12\E?3$", "1"),
            (r"^12\Q\E?3$", "1"),
            ("^1|2$", ""),
            ("12", ""),
            (r"^\d+$", ""),
            ("^(1)2$", ""),
            ("^*1$", ""),
            (r"^1\23$", "1"),
            ("", ""),
        ] {
            assert_eq!(Prefix::of(pattern), Prefix(prefix.to_owned()), "{pattern}");
        }
    }

    /// Otherwise it would spare nothing.
    #[test]
    fn a_number_that_begins_otherwise_is_not_admitted() {
        let prefix = Prefix::of(r"^\*21(\d+)$");
        for (number, admitted) in [("*215", true), ("*21", true), ("*2", false), ("215", false)] {
            assert_eq!(prefix.admits(number), admitted, "{number}");
        }
    }

    proptest! {
        #[test]
        fn a_prefix_never_hides_a_match(
            pattern in r"\^?(\\\*|\\\+|\\#|[0-3]|[0-3][?*+]|[0-3]\{0,1\}|\(\\d\+\)|\||\[0-2\]|\$){0,7}",
            subject in r"[*+#0-3]{0,8}",
        ) {
            if let Ok(compiled) = Pattern::new(&pattern) {
                prop_assert!(!compiled.is_match(&subject) || Prefix::of(&pattern).admits(&subject));
            }
        }
    }
}
