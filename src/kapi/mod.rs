//! KAZOO's messages.
//!
//! What goes over AMQP between KAZOO and us, as values: [`Exchange`]s, routing keys, reply
//! [`Address`]es, the messages we read ([`inbound`]) and those we write ([`command`], [`result`],
//! [`route_resp`], [`resume`], [`channel_status`]), what workers send each other
//! ([`handover`], [`held`]), and the Erlang [`term`]s inside a result. Reading is strict where KAZOO is
//! strict and lenient elsewhere; writing is exact, because a KAZOO listener that cannot match a
//! message dies of it.
//!
//! This room knows no broker client and no rule of the action.

pub mod address;
pub mod channel_status;
pub mod command;
pub mod conf;
pub mod exchange;
pub mod handover;
pub mod header;
pub mod held;
pub mod inbound;
pub mod message;
pub mod nodes;
pub mod result;
pub mod resume;
pub mod route_resp;
pub mod routing;
pub mod term;

#[cfg(test)]
mod fixtures;

pub use address::{Address, AddressError};
pub use exchange::{Exchange, ExchangeKind};
pub use inbound::{Delivered, Inbound, RejectReason, Rejection, decode};
pub use message::{Identity, Message, new_msg_id};
pub use result::ActionResult;
