//! The time by which kept things age.

/// Now.
#[cfg(not(test))]
pub(super) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

#[cfg(test)]
pub(super) use test::now;

#[cfg(test)]
pub(super) mod test {
    use std::{
        cell::Cell,
        time::{Duration, Instant},
    };

    thread_local! {
        /// A test runs on one thread; it need not wait for its data to age.
        static AHEAD: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    pub(in super::super) fn now() -> Instant {
        Instant::now() + AHEAD.get()
    }

    /// Moves the clock of this thread.
    pub(in super::super) fn advance(seconds: u64) {
        AHEAD.set(AHEAD.get() + Duration::from_secs(seconds));
    }
}
