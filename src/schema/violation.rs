//! What a document does wrong, in words.

use std::fmt::{self, Write as _};

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

/// Longest reason, in characters; a schema of the cluster may hold long lists.
const LONGEST_REASON: usize = 300;
/// Most characters of a stored text that are repeated in a reason.
const LONGEST_TEXT: usize = 40;

/// One place where a document does not satisfy its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer (RFC 6901) to the place, `""` for the document itself.
    pub path: String,
    /// What is wrong there and what is allowed.
    pub message: String,
}

impl Violation {
    pub(super) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: cut(message.into(), LONGEST_REASON) }
    }

    pub(super) fn from_error(error: &ValidationError<'_>) -> Self {
        Self::new(error.instance_path().as_str(), reason(error))
    }

    /// The same violation seen from a document that holds the checked value at `prefix`.
    pub(super) fn below(mut self, prefix: &str) -> Self {
        self.path.insert_str(0, prefix);
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        write!(formatter, "{path}: {}", self.message)
    }
}

/// A member's key as a step of a JSON pointer.
pub(super) fn step(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Says what was wanted and what stands there; long and nested values are not repeated.
fn reason(error: &ValidationError<'_>) -> String {
    let found = found(error.instance());
    match error.kind() {
        ValidationErrorKind::Type { kind } => format!("must be {}, is {found}", wanted(kind)),
        ValidationErrorKind::Enum { options } => {
            format!("must be one of {}, is {found}", listed(options))
        }
        ValidationErrorKind::Required { property } => format!("{property} is missing"),
        ValidationErrorKind::MinLength { limit } => {
            format!("must have at least {}, is {found}", characters(*limit))
        }
        ValidationErrorKind::MaxLength { limit } => {
            format!("must have at most {}, is {found}", characters(*limit))
        }
        ValidationErrorKind::Minimum { limit } => {
            format!("must be at least {limit}, is {found}")
        }
        ValidationErrorKind::Pattern { pattern } => format!("must match {pattern}, is {found}"),
        ValidationErrorKind::UniqueItems => "holds an element twice".to_owned(),
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            format!("must not have {}", unexpected.join(", "))
        }
        ValidationErrorKind::Not { .. } => "has no place here".to_owned(),
        _ => error.masked().to_string(),
    }
}

fn characters(number: u64) -> String {
    if number == 1 { "1 character".to_owned() } else { format!("{number} characters") }
}

fn wanted(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => with_article(one.as_str()),
        TypeKind::Multiple(several) => {
            several.iter().map(|one| with_article(one.as_str())).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn with_article(kind: &str) -> String {
    match kind {
        "array" | "integer" | "object" => format!("an {kind}"),
        "null" => kind.to_owned(),
        _ => format!("a {kind}"),
    }
}

fn listed(options: &Value) -> String {
    options.as_array().map_or_else(
        || options.to_string(),
        |options| options.iter().map(Value::to_string).collect::<Vec<_>>().join(", "),
    )
}

fn found(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => {
            let mut quoted = format!("the string \"{}\"", cut(text.clone(), LONGEST_TEXT));
            let length = text.chars().count();
            if length > LONGEST_TEXT {
                // Writing to a `String` cannot fail.
                let _ = write!(quoted, " ({length} characters)");
            }
            quoted
        }
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// Shortens a text to a number of characters, the last one then being `…`.
fn cut(text: String, most: usize) -> String {
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
