//! `numbers`, for `tests/mutants/run`.
#![allow(dead_code, unused_imports, missing_docs)]

pub mod json;
pub mod numbers;
pub mod pattern;
