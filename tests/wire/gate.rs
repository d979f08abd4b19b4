//! A gate in front of CouchDB that looks at each request before the server does.

use std::sync::Arc;

use anyhow::Result;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use url::Url;

/// A request: its method and its path.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
}

/// Answers with a status and a reason in CouchDB's place, or lets the request pass.
pub(crate) type Rule =
    dyn Fn(Asked) -> BoxFuture<'static, Option<(u16, &'static str)>> + Send + Sync;

pub(crate) struct Gate {
    port: u16,
    task: AbortHandle,
}

impl Gate {
    pub(crate) async fn open(uri: &str, rule: Arc<Rule>) -> Result<Self> {
        let url = Url::parse(uri)?;
        let port = url.port_or_known_default().unwrap_or(5984);
        let server = format!("{}:{port}", url.host_str().unwrap_or("127.0.0.1"));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, server.clone(), Arc::clone(&rule)));
            }
        });
        Ok(Self { port, task: task.abort_handle() })
    }

    /// The URI that leads through the gate.
    pub(crate) fn uri(&self, uri: &str) -> Result<String> {
        let mut url = Url::parse(uri)?;
        url.set_host(Some("127.0.0.1"))?;
        url.set_port(Some(self.port)).ok();
        Ok(url.to_string())
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One request and its answer; the connection ends with it.
async fn serve(mut client: TcpStream, server: String, rule: Arc<Rule>) {
    let mut request = Vec::new();
    let end = loop {
        if let Some(at) = request.windows(4).position(|end| end == b"\r\n\r\n") {
            break at + 4;
        }
        let Ok(1..) = client.read_buf(&mut request).await else { return };
    };
    let head = String::from_utf8_lossy(&request[..end]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    while request.len() < end + length.unwrap_or_default() {
        let Ok(1..) = client.read_buf(&mut request).await else { return };
    }
    let mut words = head.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return };
    if let Some((status, reason)) = rule(Asked { method, path }).await {
        let body = format!(r#"{{"error":"a_test","reason":"{reason}"}}"#);
        let answer = format!(
            "HTTP/1.1 {status} Gate\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        client.write_all(answer.as_bytes()).await.ok();
        client.shutdown().await.ok();
        return;
    }
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    let sent = async {
        server.write_all(head.as_bytes()).await?;
        server.write_all(&request[end..]).await
    };
    if sent.await.is_ok() {
        tokio::io::copy(&mut server, &mut client).await.ok();
        client.shutdown().await.ok();
    }
}
