//! The calls we have answered for, until KAZOO says who won them.
//!
//! Each offer is kept twice: here, and as a message to our own queue, which outlives us. The
//! message is held unacknowledged for as long as the offer stands: should we die, the broker moves
//! it, and the route win behind it, to whoever takes over.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::amqp::Receipt;
use crate::kapi::handover::Offer;

/// How long an offer stands. KAZOO's own callflow waits 3 s for a win.
pub(super) const STANDS: Duration = Duration::from_secs(5);
/// How long the offer of a worker that died waits for its win: it came here because the win is on
/// its way, too, or will never come.
pub(super) const INHERITED: Duration = Duration::from_secs(10);
/// How long a won call is remembered, to tell a second win for it from one we know nothing of.
const REMEMBERED: Duration = Duration::from_secs(600);
/// How many are.
const MOST_REMEMBERED: usize = 50_000;

/// Offers that stand, and calls that were won.
#[derive(Debug, Default)]
pub(super) struct Offers {
    open: HashMap<String, Open>,
    won: HashMap<String, Won>,
}

#[derive(Debug)]
struct Open {
    offer: Offer,
    /// Our own message of it, once it has come back.
    kept: Option<Receipt>,
    until: Instant,
    /// Its win is being passed on.
    winning: bool,
}

#[derive(Debug)]
struct Won {
    fetch_id: Option<String>,
    at: Instant,
}

/// What a win is to us.
#[derive(Debug, PartialEq)]
pub(super) enum Win {
    /// We offered to take this call.
    Ours {
        /// The offer.
        offer: Box<Offer>,
        /// Its message, to be settled with the win.
        kept: Option<Receipt>,
    },
    /// The same win has come before.
    Again,
    /// No offer of ours stands, or none any more.
    Unknown,
}

impl Offers {
    /// We are about to offer to take a call; a new request for it supersedes the one before. The
    /// receipt that comes back belongs to the superseded offer and is to be acknowledged.
    #[must_use]
    pub(super) fn make(&mut self, offer: Offer, now: Instant) -> Option<Receipt> {
        self.won.remove(&offer.call_id);
        let open = Open { kept: None, until: now + STANDS, winning: false, offer };
        self.open.insert(open.offer.call_id.clone(), open).and_then(|before| before.kept)
    }

    /// An offer was not made after all.
    pub(super) fn withdraw(&mut self, call_id: &str) -> Option<Receipt> {
        self.open.remove(call_id).and_then(|open| open.kept)
    }

    /// An offer's message came: our own, or that of a worker that is gone. A receipt that comes
    /// back is to be acknowledged: its call is settled.
    #[must_use]
    pub(super) fn came(&mut self, offer: Offer, receipt: Receipt, now: Instant) -> Option<Receipt> {
        let won = self.won.get(&offer.call_id);
        if won.is_some_and(|won| same_fetch(won.fetch_id.as_deref(), offer.fetch_id.as_deref())) {
            return Some(receipt);
        }
        match self.open.get_mut(&offer.call_id) {
            Some(open) if same_fetch(open.offer.fetch_id.as_deref(), offer.fetch_id.as_deref()) => {
                open.kept.replace(receipt)
            }
            // Superseded by a newer request of the same call.
            Some(_) => Some(receipt),
            None => {
                let until = now + INHERITED;
                let open = Open { kept: Some(receipt), until, winning: false, offer };
                self.open.insert(open.offer.call_id.clone(), open);
                None
            }
        }
    }

    /// A win came. Its offer stands until [`passed_on`](Self::passed_on) says that somebody has
    /// the call.
    pub(super) fn win(&mut self, call_id: &str, fetch_id: Option<&str>) -> Win {
        match self.open.get_mut(call_id) {
            Some(open) if same_fetch(open.offer.fetch_id.as_deref(), fetch_id) => {
                if std::mem::replace(&mut open.winning, true) {
                    return Win::Again;
                }
                Win::Ours { offer: Box::new(open.offer.clone()), kept: open.kept.take() }
            }
            Some(_) => Win::Unknown,
            None => match self.won.get(call_id) {
                Some(won) if same_fetch(won.fetch_id.as_deref(), fetch_id) => Win::Again,
                _ => Win::Unknown,
            },
        }
    }

    /// The won call is on its way to whoever serves it.
    pub(super) fn passed_on(&mut self, call_id: &str, now: Instant) -> Option<Receipt> {
        let open = self.open.remove(call_id)?;
        if self.won.len() >= MOST_REMEMBERED {
            self.won.retain(|_, won| now.duration_since(won.at) < REMEMBERED);
        }
        if self.won.len() < MOST_REMEMBERED {
            let won = Won { fetch_id: open.offer.fetch_id, at: now };
            self.won.insert(call_id.to_owned(), won);
        }
        open.kept
    }

    /// The win could not be passed on; it comes again.
    pub(super) fn still_open(&mut self, call_id: &str) {
        if let Some(open) = self.open.get_mut(call_id) {
            open.winning = false;
        }
    }

    /// Forgets what nobody will win any more; what comes back is to be acknowledged.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Receipt> {
        self.won.retain(|_, won| now.duration_since(won.at) < REMEMBERED);
        let over = self.open.extract_if(|_, open| open.until <= now && !open.winning);
        over.filter_map(|(_, open)| open.kept).collect()
    }

    /// The messages of all offers, to be given back: another worker shall have them.
    pub(super) fn give_back(&mut self) -> Vec<Receipt> {
        self.open.values_mut().filter_map(|open| open.kept.take()).collect()
    }

    /// The session has ended, and with it the right to settle anything that came over it.
    pub(super) fn session_ended(&mut self) {
        for open in self.open.values_mut() {
            open.kept = None;
            open.winning = false;
        }
    }
}

/// Whether two requests of a call are one: KAZOO gives each a fetch id, and a message without one
/// fits all.
fn same_fetch(one: Option<&str>, other: Option<&str>) -> bool {
    one.zip(other).is_none_or(|(one, other)| one == other)
}

#[cfg(test)]
#[path = "offers_tests.rs"]
mod tests;
