//! What a service manager is told: systemd's notifications (`Type=notify`).
//!
//! Started by anything else, the process has no `NOTIFY_SOCKET` and nothing happens here.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::amqp::SessionState;

/// The process serves as far as it can: settings are good and HTTP answers. The broker may still
/// be away; waiting for it would keep the machine from starting up. `/readyz` says more.
pub fn started() {
    tell(&[NotifyState::Ready]);
}

/// The caches are being emptied, and have been.
pub fn reloading(reload: impl FnOnce()) {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, now]);
    }
    reload();
    tell(&[NotifyState::Ready]);
}

/// No more calls are taken; `grace` is how long those in flight may take.
pub fn stopping(grace: Duration) {
    let most = u32::try_from(grace.as_micros()).unwrap_or(u32::MAX);
    tell(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(most)]);
}

/// Keeps the manager informed until stopped: the session's state in words, and, where it asks for
/// that, a sign of life twice in each interval of its watchdog.
pub async fn keep_informed(mut session: watch::Receiver<SessionState>, stop: CancellationToken) {
    let watchdog = sd_notify::watchdog_enabled().map(|limit| limit / 2);
    let mut ticks = interval(watchdog.unwrap_or(Duration::from_secs(3600)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let words = session.borrow_and_update().to_string();
        tell(&[NotifyState::Status(&words)]);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = session.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                _ = ticks.tick() => if watchdog.is_some() {
                    tell(&[NotifyState::Watchdog]);
                },
            }
        }
    }
}

/// A manager that does not listen is no reason to serve worse.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager cannot be told");
    }
}
