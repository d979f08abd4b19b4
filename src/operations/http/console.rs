//! The console at `/`: one page and what it asks for. `docs/console.md` describes each answer.
//!
//! It only reads. Who may open it is a setting (`access`).

mod access;
mod assets;
mod events;
mod simulate;
mod state;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::sync::watch;

pub(super) use self::access::Peer;
use self::events::Streams;
use self::simulate::Simulator;
use self::state::Worker;
use super::answer;
use crate::amqp::SessionState;
use crate::directory::Directory;
use crate::dynamic_cid::Reason;
use crate::operations::Metrics;
use crate::operations::ends::{self, ENDS};
use crate::operations::health::Health;
use crate::operations::records::Records;
use crate::settings::{self, ConsoleAccess, Settings, redacted};

/// Where other zones' change notices come from: the zone's name and the state of its session.
pub type Zone = (String, watch::Receiver<SessionState>);

/// What the console shows and runs.
pub struct Console {
    access: ConsoleAccess,
    worker: Worker,
    settings: Value,
    simulator: Simulator,
}

impl Console {
    /// The console of a worker with these settings. Calls are simulated with `directory`.
    pub fn new(
        settings: &Settings,
        health: Arc<Health>,
        zones: Vec<Zone>,
        directory: Directory,
    ) -> Self {
        Self {
            access: settings.console.value,
            worker: Worker::new(settings, health, zones),
            settings: shown(settings),
            simulator: Simulator::new(settings, directory),
        }
    }
}

/// What every page of the console knows.
struct Desk {
    console: Console,
    metrics: Arc<Metrics>,
    records: Arc<Records>,
    streams: Streams,
}

/// The console's routes.
pub(super) fn router(console: Console, metrics: Arc<Metrics>, records: Arc<Records>) -> Router {
    let access = console.access;
    let desk = Arc::new(Desk { console, metrics, records, streams: Streams::default() });
    let simulated = post(simulate::answer).layer(DefaultBodyLimit::max(simulate::LARGEST));
    let router = Router::new()
        .route("/state", get(state::answer))
        .route("/events", get(events::answer))
        .route("/settings", get(settings_in_force))
        .route("/words", get(words))
        .route("/simulate", simulated)
        .with_state(desk);
    let router =
        assets::ALL.iter().fold(router, |router, asset| router.route(asset.path, asset.route()));
    router.layer(middleware::from_fn_with_state(access, access::guard))
}

/// The settings in force with where each came from, without passwords.
fn shown(settings: &Settings) -> Value {
    let reference = settings::reference();
    let rows = settings.rows().into_iter().map(|row| {
        let about = reference.iter().find(|setting| setting.name == row.name);
        json!({
            "name": row.name,
            "value": row.value,
            "origin": row.origin,
            "default": about.map(|setting| {
                // The broker's usual password is no secret; nor is it something to show.
                if setting.secret { redacted(setting.default) } else { setting.default.to_owned() }
            }),
            "meaning": about.map(|setting| setting.meaning),
        })
    });
    json!({ "settings": rows.collect::<Vec<_>>(), "notices": settings.notices })
}

async fn settings_in_force(State(desk): State<Arc<Desk>>) -> Response {
    answer(StatusCode::OK, &desk.console.settings)
}

/// What the codes of records mean.
async fn words() -> Response {
    let reasons = Reason::ALL.iter().map(|it| (it.as_str().to_owned(), json!(it.explanation())));
    let ends = ENDS.iter().map(|(word, meaning)| {
        let class = ends::class(word).map(ends::Class::as_str);
        ((*word).to_owned(), json!({ "meaning": meaning, "class": class }))
    });
    let words = json!({
        "reasons": reasons.collect::<serde_json::Map<_, _>>(),
        "ends": ends.collect::<serde_json::Map<_, _>>(),
    });
    answer(StatusCode::OK, &words)
}

#[cfg(test)]
mod tests;
