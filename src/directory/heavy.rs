//! Work that takes milliseconds.

use std::{future, panic};

/// Runs `work`; heavy work beside the threads that serve calls.
pub(super) async fn run<T: Send + 'static>(
    heavy: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    if !heavy {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(payload) => panic::resume_unwind(payload),
            // The runtime is shutting down, and whoever waits here with it.
            Err(_) => future::pending().await,
        },
    }
}
