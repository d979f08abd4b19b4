//! Callflow documents.
