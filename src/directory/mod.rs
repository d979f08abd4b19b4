//! What the worker reads.
