//! Against a real broker, named by `KAZOO_TEST_AMQP_URI`; without it these tests say so and pass.

mod broker;
mod faults;
mod harness;
mod load;
mod messages;
mod relay;
mod route;
mod settle;
mod settle_faults;
