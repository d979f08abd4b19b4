//! `dynamic_cid`, for `tests/mutants/run`.
#![allow(dead_code, unused_imports, missing_docs)]

pub mod call;
pub mod directory {
    mod ids;
    pub use ids::{AccountId, Database};
}
pub mod dynamic_cid;
pub mod json;
pub mod numbers;
pub mod pattern;
