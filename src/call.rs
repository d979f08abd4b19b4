//! The Call JSON.
