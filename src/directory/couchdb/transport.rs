//! One GET to CouchDB: deadline, retries, size limit.

use std::{collections::HashMap, error::Error, time::Duration};

use reqwest::{Method, Response, StatusCode, header};
use tokio::time::{sleep, timeout};

use super::{ReadErrorClass, answer, credentials::Credentials};

/// KAZOO asks three times at most and pauses longer each time.
///
/// Source: `kz_couch_util.erl` (`retry504s`).
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(200)];

/// The way to a server.
pub(super) struct Transport {
    pub(super) client: couch_rs::Client,
    /// The path before database names, without a slash at its end.
    pub(super) prefix: String,
    pub(super) timeout: Duration,
    pub(super) largest_answer: usize,
    pub(super) credentials: Credentials,
}

/// A complete answer.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
}

/// Why there is none, or none that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) class: ReadErrorClass,
    pub(super) reason: String,
}

/// A failed attempt.
struct Attempt {
    failure: Failure,
    /// Whether asking again at once may help: a connection that was kept open had been closed.
    broken: bool,
}

impl Transport {
    /// Gets `path`, whose segments are escaped already.
    pub(super) async fn get(
        &self,
        path: &str,
        options: &HashMap<String, String>,
    ) -> Result<Reply, Failure> {
        let mut last = None;
        let attempts = async {
            let _turn = self.credentials.turn().await?;
            self.attempts(path, options, &mut last).await
        };
        if let Ok(outcome) = timeout(self.timeout, attempts).await {
            return outcome;
        }
        // What an earlier attempt came to says more than that there was no time for another.
        Err(last.unwrap_or_else(|| Failure {
            class: ReadErrorClass::Timeout,
            reason: format!("no answer within {} ms", self.timeout.as_millis()),
        }))
    }

    async fn attempts(
        &self,
        path: &str,
        options: &HashMap<String, String>,
        last: &mut Option<Failure>,
    ) -> Result<Reply, Failure> {
        for pause in PAUSES {
            match self.once(path, options).await {
                Ok(reply) if is_passing(reply.status) => {
                    *last = reply.failure();
                    sleep(pause).await;
                }
                Err(attempt) if attempt.broken => *last = Some(attempt.failure),
                outcome => return outcome.map_err(|attempt| attempt.failure),
            }
        }
        self.once(path, options).await.map_err(|attempt| attempt.failure)
    }

    async fn once(&self, path: &str, options: &HashMap<String, String>) -> Result<Reply, Attempt> {
        let path = format!("{}{path}", self.prefix);
        let options = Some(options).filter(|options| !options.is_empty());
        let response = self
            .client
            .req(Method::GET, &path, options)
            .header(header::ACCEPT, "application/json")
            .send()
            .await
            .map_err(|error| Attempt::before_answer(&error))?;
        let status = response.status();
        let body = self.body(response).await?;
        let reply = Reply { status, body };
        self.credentials.answered(&reply);
        Ok(reply)
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Attempt> {
        let limit = self.largest_answer;
        let too_large = || Attempt {
            failure: Failure {
                class: ReadErrorClass::TooLarge,
                reason: format!("the answer is larger than the limit of {limit} bytes"),
            },
            broken: false,
        };
        let announced = response.content_length().unwrap_or_default();
        let announced = usize::try_from(announced).map_err(|_| too_large())?;
        if announced > limit {
            return Err(too_large());
        }
        let mut body = Vec::with_capacity(announced);
        while let Some(part) =
            response.chunk().await.map_err(|error| Attempt::within_answer(&error))?
        {
            if part.len() > limit - body.len() {
                return Err(too_large());
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }
}

impl Reply {
    /// The body of an answer that is a success.
    pub(super) fn accepted(self) -> Result<Vec<u8>, Failure> {
        match self.failure() {
            None => Ok(self.body),
            Some(failure) => Err(failure),
        }
    }

    fn failure(&self) -> Option<Failure> {
        let class = match self.status.as_u16() {
            200..=299 => return None,
            401 | 403 => ReadErrorClass::Denied,
            400..=499 => ReadErrorClass::Refused,
            500..=599 => ReadErrorClass::Server,
            _ => ReadErrorClass::Malformed,
        };
        Some(Failure { class, reason: answer::describe(self) })
    }
}

impl Attempt {
    fn before_answer(error: &reqwest::Error) -> Self {
        let cause = root_cause(error);
        let (class, broken, what) = if error.is_connect() {
            (ReadErrorClass::Unreachable, false, "no connection")
        } else if error.is_builder() {
            (ReadErrorClass::Refused, false, "the request cannot be made")
        } else if error.is_redirect() {
            (ReadErrorClass::Malformed, false, "the server only redirects")
        } else {
            (ReadErrorClass::Unreachable, true, "the connection broke")
        };
        Self { failure: Failure { class, reason: format!("{what}: {cause}") }, broken }
    }

    fn within_answer(error: &reqwest::Error) -> Self {
        let reason = format!("the answer broke off: {}", root_cause(error));
        Self { failure: Failure { class: ReadErrorClass::Unreachable, reason }, broken: true }
    }
}

/// The failures KAZOO asks again for: a shard that moves, a view that is being built.
fn is_passing(status: StatusCode) -> bool {
    matches!(status, StatusCode::INTERNAL_SERVER_ERROR | StatusCode::GATEWAY_TIMEOUT)
}

/// The innermost error, which names no URL and says what really happened.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
