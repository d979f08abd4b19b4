//! `/events`: what changes, as server-sent events.
//!
//! A stream makes its next events when the connection has room for them, so that a reader who does
//! not read costs one event and not a queue of them. It ends with its connection, which lasts for a
//! minute; a browser asks again by itself and says which event it had last.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Desk;
use crate::operations::http::refusal;
use crate::operations::http::serve::Closing;
use crate::operations::timeline::SLOT;

/// How often something is told.
const TICK: Duration = Duration::from_secs(1);
/// How soon a browser asks again.
const AGAIN: Duration = Duration::from_millis(500);
/// Streams at once.
const MOST_STREAMS: usize = 8;
/// Calls in one event.
const MOST_CALLS: usize = 100;

const NO_PLACE: &str = "8 pages watch this worker already; close one, or ask /state and /calls";

/// The places for streams.
pub(super) struct Streams(Arc<Semaphore>);

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_STREAMS)))
    }
}

/// What a reader has got so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    /// Of the records.
    mark: u64,
    /// The next slot of the timeline.
    slot: u64,
}

impl Place {
    /// What stands in an event's id: the process and the place in what it tells.
    fn id(self, process: u64) -> String {
        format!("{process}-{}-{}", self.mark, self.slot)
    }

    /// The place of a reader who has got this process's event of this id.
    fn after(id: &str, process: u64) -> Option<Self> {
        let mut parts = id.split('-').map(str::parse);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(of)), Some(Ok(mark)), Some(Ok(slot)), None) if of == process => {
                Some(Self { mark, slot })
            }
            _ => None,
        }
    }
}

/// One reader.
struct Reader {
    desk: Arc<Desk>,
    place: Place,
    /// Whether the reader is to forget what another process told.
    fresh: bool,
    pending: VecDeque<Event>,
    ticks: Interval,
    closing: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

pub(super) async fn answer(
    State(desk): State<Arc<Desk>>,
    Extension(Closing(closing)): Extension<Closing>,
    headers: HeaderMap,
) -> Response {
    let Ok(permit) = Arc::clone(&desk.streams.0).try_acquire_owned() else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, NO_PLACE);
    };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let place = last.and_then(|id| Place::after(id, desk.console.worker.process()));
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let reader = Reader {
        desk,
        place: place.unwrap_or_default(),
        fresh: place.is_none(),
        pending: VecDeque::new(),
        ticks,
        closing,
        _permit: permit,
    };
    Sse::new(events(reader)).into_response()
}

fn events(reader: Reader) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(reader, async |mut reader| {
        loop {
            if let Some(event) = reader.pending.pop_front() {
                return Some((Ok(event), reader));
            }
            tokio::select! {
                biased;
                () = reader.closing.cancelled() => return None,
                _ = reader.ticks.tick() => reader.look().await,
            }
        }
    })
}

impl Reader {
    /// Notes what is new: always the state, and calls and slots where there are further ones.
    async fn look(&mut self) {
        let Desk { console, metrics, records, .. } = &*self.desk;
        let process = console.worker.process();
        let state = json!(console.worker.state(metrics).await);
        let later = records.since(self.place.mark, MOST_CALLS);
        let slots = metrics.timeline().since(self.place.slot);
        let calls = (self.fresh || later.mark != self.place.mark).then(|| {
            let calls: Vec<_> = later.records.iter().map(|record| &**record).collect();
            json!({ "fresh": self.fresh, "calls": calls, "missed": later.missed })
        });
        let next = slots.last().map_or(self.place.slot, |slot| slot.number + 1);
        let told = (self.fresh || !slots.is_empty())
            .then(|| json!({ "fresh": self.fresh, "slot_s": SLOT.as_secs(), "slots": slots }));
        self.place = Place { mark: later.mark, slot: next };
        self.fresh = false;
        let all = [("state", Some(state)), ("calls", calls), ("slots", told)];
        let named = all.into_iter().filter_map(|(name, data)| Some(event(name, &data?)));
        self.pending.extend(named);
        // The id comes last: whoever has it has got all before it.
        if let Some(last) = self.pending.pop_back() {
            self.pending.push_back(last.id(self.place.id(process)));
        }
    }
}

fn event(name: &str, data: &Value) -> Event {
    // `Value` writes itself on one line.
    Event::default().event(name).retry(AGAIN).data(data.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_this_process_gives_the_place_back() {
        let place = Place { mark: 12, slot: 3 };
        assert_eq!(place.id(1_700_000_000_000), "1700000000000-12-3");
        assert_eq!(Place::after("1700000000000-12-3", 1_700_000_000_000), Some(place));
        for id in
            ["1700000000001-12-3", "1700000000000-12", "1700000000000-12-3-4", "", "-", "a-b-c"]
        {
            assert_eq!(Place::after(id, 1_700_000_000_000), None, "{id}");
        }
    }
}
