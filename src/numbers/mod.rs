//! Number rules.
