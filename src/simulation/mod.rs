//! A virtual switch.
