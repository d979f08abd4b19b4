//! What is wrong with the settings.

use std::fmt;

use super::Origin;

/// Exit code for settings or arguments that cannot be used (`EX_USAGE` of `sysexits.h`).
pub const EXIT_USAGE: u8 = 64;

/// One setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting's name, such as `prefetch`.
    pub setting: &'static str,
    /// Where the value came from.
    pub origin: Origin,
    /// The value as given; passwords are never in it.
    pub value: String,
    /// What would be accepted, or why this is not.
    pub allowed: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, origin, value, allowed } = self;
        write!(out, "{setting} ({origin}): `{value}` cannot be used; {allowed}")
    }
}

/// Every problem found, so that an operator mends all of them in one go. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => write!(out, "bad setting: {only}"),
            several => {
                write!(out, "{} bad settings:", several.len())?;
                several.iter().try_for_each(|problem| write!(out, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefetch(value: &str) -> Problem {
        Problem {
            setting: "prefetch",
            origin: Origin::Flag("--prefetch".to_owned()),
            value: value.to_owned(),
            allowed: "allowed is a whole number from 1 to 65535".to_owned(),
        }
    }

    #[test]
    fn one_problem_is_one_line() {
        assert_eq!(
            Problems(vec![prefetch("0")]).to_string(),
            "bad setting: prefetch (flag --prefetch): `0` cannot be used; allowed is a whole \
             number from 1 to 65535"
        );
    }

    #[test]
    fn several_problems_have_a_line_each() {
        let text = Problems(vec![prefetch("0"), prefetch("x")]).to_string();
        assert_eq!(text.lines().count(), 3);
        assert!(text.starts_with("2 bad settings:\n  prefetch"), "{text}");
    }
}
