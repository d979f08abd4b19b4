//! `POST /simulate`: what would happen to a call. It reads through the worker's cache and changes
//! nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::Desk;
use crate::directory::{AccountId, Directory};
use crate::explain::{ExplainError, Request, explain, input};
use crate::operations::http::refusal;
use crate::operations::rate::Bucket;
use crate::operations::records::Masking;
use crate::peer::{EntryError, Seam};
use crate::settings::Settings;

/// The largest body, in bytes.
pub(super) const LARGEST: usize = 4096;
/// The longest number, id or row of keys, in bytes.
const LONGEST: usize = 128;
/// Simulations at once.
const AT_ONCE: usize = 2;
/// Simulations that may begin in a second.
const RATE: u32 = 5;
/// How long one may take, reading included.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs simulations, not too many of them.
pub(super) struct Simulator {
    directory: Directory,
    /// How calls come where nobody says.
    seam: Seam,
    /// For everything that one simulation reads.
    read_deadline: Duration,
    masking: Masking,
    places: Semaphore,
    bucket: Mutex<Bucket>,
}

/// A call to simulate.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    account: String,
    dial: String,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    keys: Option<String>,
    #[serde(default)]
    seam: Option<Seam>,
}

/// A status and a sentence.
type Refusal = (StatusCode, String);

impl Simulator {
    pub(super) fn new(settings: &Settings, directory: Directory) -> Self {
        Self {
            directory,
            seam: input::seam(settings.seams.value),
            read_deadline: settings.limits.read_deadline.value,
            masking: settings.masking.value,
            places: Semaphore::new(AT_ONCE),
            bucket: Mutex::new(Bucket::new(RATE, Instant::now())),
        }
    }

    async fn simulate(&self, asked: &Asked) -> Result<Value, Refusal> {
        let account = AccountId::new(&asked.account)
            .ok_or_else(|| bad("account: an account id has 32 letters and digits"))?;
        if !self.in_time(Instant::now()) {
            let sentence = "too many simulations in a second; wait a moment";
            return Err((StatusCode::TOO_MANY_REQUESTS, sentence.to_owned()));
        }
        let Ok(_place) = self.places.try_acquire() else {
            let sentence = "other simulations are running; wait until they are done";
            return Err((StatusCode::SERVICE_UNAVAILABLE, sentence.to_owned()));
        };
        let directory = self.directory.within(self.read_deadline);
        let request = Request {
            account: &account,
            dial: &asked.dial,
            from: asked.from.as_deref().filter(|from| !from.is_empty()),
            keys: asked.keys.as_deref().unwrap_or_default(),
            seam: asked.seam.unwrap_or(self.seam),
        };
        let Ok(explained) = timeout(PATIENCE, Box::pin(explain(&directory, &request))).await else {
            let sentence = format!("the simulation was not done after {} s", PATIENCE.as_secs());
            return Err((StatusCode::GATEWAY_TIMEOUT, sentence));
        };
        match explained {
            Ok(explanation) => Ok(masked(json!(explanation), self.masking)),
            Err(error) => Err((status(&error), self.masking.show_in(&error.to_string()))),
        }
    }

    fn in_time(&self, now: Instant) -> bool {
        // Nothing panics while holding it.
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(RATE, now)
    }
}

impl Asked {
    /// What a request asks, or what is wrong with it.
    fn read(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Self, Refusal> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
        if !kind.trim().eq_ignore_ascii_case("application/json") {
            let sentence = "the body must be JSON, with the content type application/json";
            return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence.to_owned()));
        }
        let body = body.map_err(|rejection| match rejection.status() {
            status @ StatusCode::PAYLOAD_TOO_LARGE => {
                (status, format!("the body may have {LARGEST} bytes"))
            }
            status => (status, "the body was not received whole".to_owned()),
        })?;
        let asked: Self = serde_json::from_slice(&body).map_err(|error| {
            bad(&format!(
                "the body must be an object with `account` and `dial`, and perhaps `from`, `keys` and \
                 `seam`, each a text: {error}"
            ))
        })?;
        asked.check()?;
        Ok(asked)
    }

    fn check(&self) -> Result<(), Refusal> {
        let wrong = |name: &str, sentence: &str| Err(bad(&format!("{name}: {sentence}")));
        let texts = [("dial", Some(&self.dial)), ("from", self.from.as_ref())];
        for (name, text) in texts.into_iter().chain([("keys", self.keys.as_ref())]) {
            if text.is_some_and(|text| text.len() > LONGEST) {
                return wrong(name, &format!("at most {LONGEST} bytes"));
            }
        }
        let keys = self.keys.as_deref().unwrap_or_default();
        for (name, checked) in [
            ("account", input::account_id(&self.account)),
            ("dial", input::dialled(&self.dial)),
            ("keys", input::key_presses(keys)),
        ] {
            if let Err(sentence) = checked {
                return wrong(name, sentence);
            }
        }
        Ok(())
    }
}

fn bad(sentence: &str) -> Refusal {
    (StatusCode::BAD_REQUEST, sentence.to_owned())
}

fn status(error: &ExplainError) -> StatusCode {
    match error {
        ExplainError::Entry(EntryError::Unreadable { .. }) => StatusCode::SERVICE_UNAVAILABLE,
        ExplainError::Entry(_) | ExplainError::Stuck(_) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// The same with the numbers in all its texts as they may be shown.
fn masked(value: Value, masking: Masking) -> Value {
    match value {
        Value::String(text) => Value::String(masking.show_in(&text)),
        Value::Array(items) => items.into_iter().map(|item| masked(item, masking)).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, masked(value, masking))).collect()
        }
        other => other,
    }
}

pub(super) async fn answer(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let answer = match Asked::read(&headers, body) {
        Ok(asked) => desk.console.simulator.simulate(&asked).await,
        Err(refused) => Err(refused),
    };
    match answer {
        Ok(explained) => super::answer(StatusCode::OK, &explained),
        Err((status, sentence)) => refusal(status, &sentence),
    }
}
