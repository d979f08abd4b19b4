//! The RabbitMQ session.
