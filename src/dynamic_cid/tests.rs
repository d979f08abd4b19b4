//! Data-driven tests of the whole action.
