//! The kinds of findings, with what each means for a call.
//!
//! `docs/check.md` shows the same table; a test compares them.

use std::fmt;

use serde::Serialize;

/// How bad a finding is for a caller, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Calls fail, or show what nobody meant.
    Error,
    /// Some calls may.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Declares the codes with everything that is said of them; `table` has them.
macro_rules! codes {
    ($($name:ident = $word:literal, $severity:ident, $defect:expr,
        $what:literal, $effect:literal, $fix:literal;)+) => {
        /// A kind of finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum Code {
            $(#[doc = $what] #[serde(rename = $word)] $name,)+
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word for it, which stays as it is from version to version.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self {
                    $(Self::$name => Severity::$severity,)+
                }
            }

            /// The defect of KAZOO's behind it, `D1` to `D33`.
            pub fn defect(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => $defect,)+
                }
            }

            /// What it is.
            pub fn what(self) -> &'static str {
                match self {
                    $(Self::$name => $what,)+
                }
            }

            /// What a call does.
            pub fn effect(self) -> &'static str {
                match self {
                    $(Self::$name => $effect,)+
                }
            }

            /// What to do about it.
            pub fn fix(self) -> &'static str {
                match self {
                    $(Self::$name => $fix,)+
                }
            }
        }
    };
}

mod table;

pub use table::Code;

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}
