//! What the session is doing, for readiness and for people.

use std::fmt;

/// What the session is doing now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SessionState {
    /// Nothing has been tried yet.
    #[default]
    Starting,
    /// A connection is being made.
    Connecting {
        /// The broker, without password.
        broker: String,
        /// Attempts since a broker last served us, this one included.
        attempt: u32,
        /// Why the attempt before failed.
        last_error: Option<String>,
    },
    /// Work is taken in.
    Up {
        /// The broker, without password.
        broker: String,
    },
    /// The broker takes no messages from us because it is short of memory or disk.
    Blocked {
        /// The broker, without password.
        broker: String,
        /// The broker's own words.
        reason: String,
    },
    /// No more work is taken in; what is in hand can still be answered.
    Draining {
        /// The broker, without password.
        broker: String,
    },
    /// No connection; the next attempt comes by itself.
    Down {
        /// Why.
        last_error: String,
    },
    /// The brokers refuse us as we are configured; tried again rarely until an operator acts.
    Refused {
        /// The refusal with its cure.
        reason: String,
    },
    /// The session has ended for good.
    Stopped,
}

impl SessionState {
    /// Every [`name`](Self::name).
    pub const NAMES: [&'static str; 7] =
        ["starting", "connecting", "up", "blocked", "draining", "down", "refused"];

    /// The state's name, for metrics; of one that has ended for good, nothing can be asked.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Connecting { .. } => "connecting",
            Self::Up { .. } => "up",
            Self::Blocked { .. } => "blocked",
            Self::Draining { .. } => "draining",
            Self::Down { .. } => "down",
            Self::Refused { .. } => "refused",
            Self::Stopped => "stopped",
        }
    }

    /// Whether work arrives and can be answered.
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }
}

impl fmt::Display for SessionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::Connecting { broker, attempt, last_error } => {
                write!(f, "connecting to {broker} (attempt {attempt})")?;
                last_error.as_ref().map_or(Ok(()), |error| write!(f, "; before that: {error}"))
            }
            Self::Up { broker } => write!(f, "connected to {broker}"),
            Self::Blocked { broker, reason } => {
                write!(f, "{broker} takes no messages from us: {reason}")
            }
            Self::Draining { broker } => write!(f, "connected to {broker}, taking no more work"),
            Self::Down { last_error } => write!(f, "not connected: {last_error}"),
            Self::Refused { reason } => write!(f, "refused: {reason}"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_session_that_takes_work_and_can_answer_it_is_up() {
        let broker = || "amqp://guest@a:5672".to_owned();
        for (state, up, shown) in [
            (SessionState::Starting, false, "starting"),
            (SessionState::Up { broker: broker() }, true, "connected to amqp://guest@a:5672"),
            (
                SessionState::Blocked { broker: broker(), reason: "low on memory".to_owned() },
                false,
                "amqp://guest@a:5672 takes no messages from us: low on memory",
            ),
            (
                SessionState::Connecting {
                    broker: broker(),
                    attempt: 3,
                    last_error: Some("refused".to_owned()),
                },
                false,
                "connecting to amqp://guest@a:5672 (attempt 3); before that: refused",
            ),
            (
                SessionState::Draining { broker: broker() },
                false,
                "connected to amqp://guest@a:5672, taking no more work",
            ),
        ] {
            assert_eq!((state.is_up(), state.to_string().as_str()), (up, shown));
        }
    }
}
