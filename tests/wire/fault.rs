//! What can stand in CouchDB's place.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long a slow server takes: longer than a worker waits.
const SLOW: Duration = Duration::from_millis(2500);

/// A way in which a database fails its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nobody listens.
    Down,
    /// Connections are taken, and nothing is ever said.
    Silent,
    /// Everything is answered, too late.
    Slow,
    /// Documents are there; views are being built and do not answer.
    ViewsRebuild,
    /// The connection is closed once the request has come.
    Cut,
    /// The connection is reset before the request was read.
    Reset,
    /// An answer of this status, with CouchDB's kind of body.
    Status(u16),
    /// An answer that ends in the middle.
    Truncated,
    /// An answer that is no JSON.
    NotJson,
    /// An answer that is JSON, but nothing CouchDB says.
    OtherJson,
    /// The account is not there: a cluster that lost a shard map, a wrong server.
    NoDatabase,
    /// A node that has not got the documents yet says so, in CouchDB's own words.
    Behind,
}

impl Fault {
    /// Answers the requests of one connection; `server` is where the real one is.
    pub(crate) async fn serve(self, mut client: TcpStream, server: String) {
        if self == Self::Reset {
            // Closed with something unread in it, a connection is reset.
            client.readable().await.ok();
            return;
        }
        let mut request = Vec::new();
        loop {
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                // A client that is gone needs no answer.
                let Ok(1..) = client.read_buf(&mut request).await else { return };
            }
            let head = String::from_utf8_lossy(&request).into_owned();
            request.clear();
            let view = head.lines().next().is_some_and(|line| line.contains("/_view/"));
            let answer = match self {
                Self::Down | Self::Cut | Self::Reset => return,
                Self::Silent => return std::future::pending().await,
                Self::ViewsRebuild if view => return std::future::pending().await,
                Self::ViewsRebuild => return pass_on(client, &head, &server).await,
                Self::Slow => {
                    tokio::time::sleep(SLOW).await;
                    return pass_on(client, &head, &server).await;
                }
                Self::Status(status) => whole(status, r#"{"error":"fault","reason":"a test"}"#),
                Self::Truncated => answer(200, r#"{"rows":[{"id":"#, 4000),
                Self::NotJson => whole(200, "<html>It works!</html>"),
                Self::OtherJson => whole(200, r#"["not", "what", {"was": "asked"}]"#),
                Self::NoDatabase => {
                    whole(404, r#"{"error":"not_found","reason":"Database does not exist."}"#)
                }
                Self::Behind if view => whole(200, r#"{"total_rows":0,"offset":0,"rows":[]}"#),
                Self::Behind => whole(404, r#"{"error":"not_found","reason":"missing"}"#),
            };
            let sent = client.write_all(answer.as_bytes()).await;
            if sent.is_err() || self == Self::Truncated {
                return;
            }
        }
    }
}

fn whole(status: u16, body: &str) -> String {
    answer(status, body, body.len())
}

fn answer(status: u16, body: &str, length: usize) -> String {
    format!(
        "HTTP/1.1 {status} Fault\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

/// Has the real server answer one request; the connection ends with the answer.
async fn pass_on(mut client: TcpStream, head: &str, server: &str) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    if server.write_all(head.as_bytes()).await.is_ok() {
        tokio::io::copy(&mut server, &mut client).await.ok();
        client.shutdown().await.ok();
    }
}
