//! A tiny HTTP server for tests, which answers as it is told and counts.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use url::Url;

/// What the server does with a request.
#[derive(Clone)]
pub(super) enum Reply {
    /// Answers with a status and a JSON body.
    Json(u16, String),
    /// Answers with a status and a page.
    Html(u16, String),
    /// Answers only after a while.
    Slow(Duration, Box<Reply>),
    /// Closes the connection without an answer.
    Close,
    /// Resets the connection.
    Reset,
    /// Announces more than it sends.
    Truncated(String),
    /// These bytes, whatever they are.
    Raw(Vec<u8>),
}

impl Reply {
    pub(super) fn json(status: u16, body: &(impl ToString + ?Sized)) -> Self {
        Self::Json(status, body.to_string())
    }
}

/// The server; it stops when dropped.
pub(super) struct Canned {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Canned {
    /// Serves what `answer` says for the text of a request's head and the number of requests
    /// before it.
    pub(super) async fn serve(
        answer: impl Fn(&str, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let answer = Arc::new(answer);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, Arc::clone(&seen), Arc::clone(&answer)));
            }
        });
        Self { address, requests, task }
    }

    pub(super) fn uri(&self) -> Url {
        Url::parse(&format!("http://{}", self.address)).unwrap()
    }

    /// The heads of all requests so far.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The request lines' targets so far.
    pub(super) fn targets(&self) -> Vec<String> {
        let target = |head: &String| head.split(' ').nth(1).unwrap_or_default().to_owned();
        self.requests().iter().map(target).collect()
    }
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connection(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<String>>>,
    answer: Arc<impl Fn(&str, usize) -> Reply>,
) {
    while let Some(head) = head(&mut stream).await {
        let before = {
            let mut seen = seen.lock().unwrap();
            seen.push(head.clone());
            seen.len() - 1
        };
        let mut reply = answer(&head, before);
        while let Reply::Slow(pause, then) = reply {
            tokio::time::sleep(pause).await;
            reply = *then;
        }
        let bytes = match reply {
            Reply::Json(status, body) => http(status, "application/json", &body, body.len()),
            Reply::Html(status, body) => http(status, "text/html", &body, body.len()),
            Reply::Truncated(body) => http(200, "application/json", &body, body.len() + 100),
            Reply::Raw(bytes) => bytes,
            Reply::Reset => {
                stream.set_zero_linger().unwrap();
                return;
            }
            Reply::Close | Reply::Slow(..) => return,
        };
        if stream.write_all(&bytes).await.is_err() || bytes.ends_with(b"<cut>") {
            return;
        }
    }
}

fn http(status: u16, content_type: &str, body: &str, length: usize) -> Vec<u8> {
    let cut = if length == body.len() { "" } else { "<cut>" };
    format!(
        "HTTP/1.1 {status} Canned\r\nContent-Type: {content_type}\r\n\
         Content-Length: {length}\r\n\r\n{body}{cut}"
    )
    .into_bytes()
}

/// Reads a request's head; the requests made here have no bodies.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(bytes).ok()
}
