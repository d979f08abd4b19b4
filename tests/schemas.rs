//! Our schemas against the documents they must accept and refuse, and against KAZOO's own.
//!
//! KAZOO's published schemas are not part of this project. Where a copy is at hand (`../shared`, or
//! the folder named in `KAZOO_SHARED`) the same documents are put to both; elsewhere those tests
//! say so and pass.

// What is allowed in a test is allowed in its helpers.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "schemas/callflows.rs"]
mod callflows;
#[path = "schemas/changed.rs"]
mod changed;
#[path = "schemas/documents.rs"]
mod documents;
#[path = "schemas/files.rs"]
mod files;
#[path = "schemas/lists.rs"]
mod lists;
#[path = "schemas/messages.rs"]
mod messages;
#[path = "schemas/published.rs"]
mod published;
#[path = "schemas/recorded.rs"]
mod recorded;

use serde_json::Value;

/// A document and what its schema says of it.
struct Case {
    name: &'static str,
    document: Value,
    valid: bool,
    /// KAZOO lines whose published schema says the opposite.
    otherwise_in: &'static [&'static str],
}

fn valid(name: &'static str, document: Value) -> Case {
    Case { name, document, valid: true, otherwise_in: &[] }
}

fn invalid(name: &'static str, document: Value) -> Case {
    Case { name, document, valid: false, otherwise_in: &[] }
}

impl Case {
    fn but_not_in(self, lines: &'static [&'static str]) -> Self {
        Self { otherwise_in: lines, ..self }
    }
}

/// A text of `length` characters, not all of them one byte long.
fn text(length: usize) -> String {
    "aé".chars().cycle().take(length).collect()
}
