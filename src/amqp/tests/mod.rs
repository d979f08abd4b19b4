//! Against a real broker, named by `KAZOO_TEST_AMQP_URI`, without which these tests say so and pass;
//! and against one that does what a script says (`protocol`).

mod broker;
mod fake;
mod faults;
mod harness;
mod load;
mod messages;
mod protocol;
mod relay;
mod route;
mod settle;
mod settle_faults;
