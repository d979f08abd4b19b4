//! The worker behind KAZOO's `dynamic_cid` callflow action.
//!
//! `ARCHITECTURE.md` is the map; the modules below are its rooms. [`dynamic_cid`] decides and does
//! no I/O; [`worker`] brings KAZOO's messages ([`kapi`], over [`amqp`]) and documents
//! ([`directory`]) to it and carries its outcome back.

pub mod amqp;
pub mod bench;
pub mod call;
pub mod callflow;
pub mod check;
pub mod cli;
pub mod directory;
pub mod dynamic_cid;
pub mod explain;
pub mod install;
pub mod json;
pub mod kapi;
pub mod numbers;
pub mod operations;
pub mod pattern;
pub mod peer;
pub mod schema;
pub mod settings;
pub mod simulation;
pub mod worker;
