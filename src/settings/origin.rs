//! Where a value comes from.

use std::fmt;
use std::ops::Deref;

/// The place that gave a setting its value. Prints as `flag --zone`,
/// `environment KAZOO_DYNAMIC_CID_ZONE`, `config.ini [zone]` or `default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A command line flag, with its dashes.
    Flag(String),
    /// An environment variable.
    Environment(String),
    /// A file of its own, named by this environment variable.
    File(String),
    /// A section of `config.ini`.
    Section(String),
    /// Nobody set it.
    Default,
}

impl Origin {
    /// A section of `config.ini`, named without brackets.
    pub fn section(name: &str) -> Self {
        Self::Section(name.to_owned())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(out, "flag {flag}"),
            Self::Environment(variable) => write!(out, "environment {variable}"),
            Self::File(variable) => write!(out, "file named by {variable}"),
            Self::Section(section) => write!(out, "config.ini [{section}]"),
            Self::Default => out.write_str("default"),
        }
    }
}

/// A value that remembers its origin. Dereferences to the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Who set it.
    pub origin: Origin,
}

impl<T> Sourced<T> {
    /// A value from a known place.
    pub fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }

    /// The same origin for another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced { value: change(self.value), origin: self.origin }
    }
}

impl<T> Deref for Sourced<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_reads_as_an_operator_would_say_it() {
        for (origin, expected) in [
            (Origin::Flag("--zone".to_owned()), "flag --zone"),
            (
                Origin::Environment("KAZOO_DYNAMIC_CID_ZONE".to_owned()),
                "environment KAZOO_DYNAMIC_CID_ZONE",
            ),
            (Origin::File("A_FILE".to_owned()), "file named by A_FILE"),
            (Origin::section("zone"), "config.ini [zone]"),
            (Origin::Default, "default"),
        ] {
            assert_eq!(origin.to_string(), expected);
        }
    }
}
