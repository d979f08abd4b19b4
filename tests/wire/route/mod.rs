//! Calls of KAZOO 4.3: the worker answers route requests and hands won calls back.

pub(crate) mod bad_input;
pub(crate) mod command;
pub(crate) mod crashes;
pub(crate) mod exclusive;
pub(crate) mod figures;
pub(crate) mod meanwhile;
pub(crate) mod replay;
pub(crate) mod scenarios;
pub(crate) mod simulated;
pub(crate) mod switchboard;
