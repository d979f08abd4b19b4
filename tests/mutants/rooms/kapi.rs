//! `kapi`, for `tests/mutants/run`.
#![allow(dead_code, unused_imports, missing_docs)]

/// What a message is handed over as; the rest of the room needs the AMQP library.
pub mod amqp {
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Outgoing<'a> {
        pub exchange: &'a str,
        pub routing_key: &'a str,
        pub deliver_to_pid: Option<&'a str>,
        pub body: Vec<u8>,
        pub mandatory: bool,
        pub persistent: bool,
    }
}
pub mod json;
pub mod kapi;
