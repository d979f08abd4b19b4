//! `/state`: what the worker is and does now.

use std::sync::Arc;

use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::json;

use super::{Desk, Zone};
use crate::amqp::SessionState;
use crate::operations::Metrics;
use crate::operations::health::Health;
use crate::operations::http::Readiness;
use crate::operations::records::now_ms;
use crate::operations::running::RunningCall;
use crate::operations::timeline::Stretch;
use crate::settings::Settings;

/// Calls in flight that are named.
const OLDEST: usize = 10;

/// What stays the same, and who knows the rest.
pub(super) struct Worker {
    node: String,
    zone: String,
    seams: String,
    most_calls: u16,
    /// Milliseconds since 1970.
    started_at_ms: u64,
    health: Arc<Health>,
    zones: Vec<Zone>,
}

/// The answer of `/state`.
#[derive(Debug, Serialize)]
pub(super) struct State<'a> {
    version: &'static str,
    node: &'a str,
    zone: &'a str,
    seams: &'a str,
    started_at_ms: u64,
    now_ms: u64,
    ready: bool,
    obstacles: Vec<String>,
    rabbitmq: Link,
    couchdb: Link,
    other_zones: Vec<FarLink<'a>>,
    in_flight: i64,
    most_in_flight: u16,
    oldest: Vec<RunningCall>,
    last_minute: Stretch,
}

/// A connection.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Link {
    /// `up`, `waiting` or `down`.
    state: &'static str,
    text: String,
}

#[derive(Debug, Serialize)]
struct FarLink<'a> {
    zone: &'a str,
    #[serde(flatten)]
    link: Link,
}

impl Worker {
    pub(super) fn new(settings: &Settings, health: Arc<Health>, zones: Vec<Zone>) -> Self {
        Self {
            node: settings.node.value.clone(),
            zone: settings.zone.value.clone(),
            seams: settings.seams.value.to_string(),
            most_calls: settings.limits.prefetch.value,
            started_at_ms: now_ms(),
            health,
            zones,
        }
    }

    /// Tells this process from another one.
    pub(super) fn process(&self) -> u64 {
        self.started_at_ms
    }

    pub(super) async fn state(&self, metrics: &Metrics) -> State<'_> {
        let obstacles = self.health.obstacles().await;
        State {
            version: env!("CARGO_PKG_VERSION"),
            node: &self.node,
            zone: &self.zone,
            seams: &self.seams,
            started_at_ms: self.started_at_ms,
            now_ms: now_ms(),
            ready: obstacles.is_empty(),
            obstacles,
            rabbitmq: Link::session(&self.health.session()),
            couchdb: Link::database(self.health.database()),
            other_zones: self
                .zones
                .iter()
                .map(|(zone, state)| FarLink { zone, link: Link::session(&state.borrow()) })
                .collect(),
            in_flight: metrics.in_flight.get(),
            most_in_flight: self.most_calls,
            oldest: metrics.running.oldest(OLDEST),
            last_minute: metrics.timeline().last_minute(),
        }
    }
}

impl Link {
    fn session(session: &SessionState) -> Self {
        let state = match session {
            SessionState::Up { .. } => "up",
            SessionState::Starting
            | SessionState::Connecting { last_error: None, .. }
            | SessionState::Draining { .. } => "waiting",
            SessionState::Connecting { .. }
            | SessionState::Blocked { .. }
            | SessionState::Down { .. }
            | SessionState::Refused { .. }
            | SessionState::Stopped => "down",
        };
        Self { state, text: session.to_string() }
    }

    fn database(database: Option<Result<(), String>>) -> Self {
        match database {
            None => Self { state: "waiting", text: "not asked yet".to_owned() },
            Some(Ok(())) => Self { state: "up", text: "answers".to_owned() },
            Some(Err(reason)) => Self { state: "down", text: reason },
        }
    }
}

pub(super) async fn answer(Extract(desk): Extract<Arc<Desk>>) -> Response {
    let state = desk.console.worker.state(&desk.metrics).await;
    super::answer(StatusCode::OK, &json!(state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_failed_before_is_down_while_it_tries_again() {
        let connecting = |last_error: Option<&str>| SessionState::Connecting {
            broker: "amqp://a".to_owned(),
            attempt: 2,
            last_error: last_error.map(str::to_owned),
        };
        for (session, state) in [
            (SessionState::Starting, "waiting"),
            (connecting(None), "waiting"),
            (connecting(Some("refused")), "down"),
            (SessionState::Up { broker: "amqp://a".to_owned() }, "up"),
        ] {
            assert_eq!(Link::session(&session).state, state, "{session}");
        }
    }
}
