//! KAZOO's messages.
