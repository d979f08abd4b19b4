//! So many of something in a second.

use tokio::time::Instant;

/// What of a rate was not used, of one second at most.
#[derive(Debug)]
pub(crate) struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    pub(crate) fn new(rate: u32, now: Instant) -> Self {
        Self { left: f64::from(rate), at: now }
    }

    /// Takes one where there is one; `rate` are added in a second.
    pub(crate) fn take(&mut self, rate: u32, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        let most = f64::from(rate);
        self.left = (self.left + since * most).min(most);
        self.at = now;
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }
}
