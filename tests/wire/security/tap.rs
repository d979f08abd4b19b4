//! A relay in front of a server that keeps what clients say, and may end their TLS.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use url::Url;

/// What the clients said, one text for each connection.
type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

pub(crate) struct Tap {
    address: SocketAddr,
    secure: bool,
    heard: Heard,
    task: AbortHandle,
}

impl Tap {
    /// In front of the server of a URI; with TLS towards the clients where it is given.
    pub(crate) async fn start(uri: &str, tls: Option<ServerConfig>) -> Result<Self> {
        let url = Url::parse(uri)?;
        let port = url.port_or_known_default().unwrap_or(5672);
        let server = format!("{}:{port}", url.host_str().unwrap_or("127.0.0.1"));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, secure) = (listener.local_addr()?, tls.is_some());
        let heard = Heard::default();
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let kept = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            // Aborted with the task.
            let mut pipes = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (server, acceptor, heard) =
                    (server.clone(), acceptor.clone(), Arc::clone(&kept));
                pipes.spawn(async move {
                    let Ok(server) = TcpStream::connect(server).await else { return };
                    match acceptor {
                        None => pipe(client, server, &heard).await,
                        Some(acceptor) => {
                            if let Ok(client) = acceptor.accept(client).await {
                                pipe(client, server, &heard).await;
                            }
                        }
                    }
                });
            }
        });
        Ok(Self { address, secure, heard, task: task.abort_handle() })
    }

    /// The URI that leads through the tap, by a name that a certificate can have.
    pub(crate) fn uri(&self, uri: &str) -> Result<String> {
        let uri = if self.secure {
            uri.replacen("amqp:", "amqps:", 1).replacen("http:", "https:", 1)
        } else {
            uri.to_owned()
        };
        let mut url = Url::parse(&uri)?;
        url.set_host(Some("localhost"))?;
        url.set_port(Some(self.address.port())).ok();
        Ok(url.to_string())
    }

    /// What was said so far.
    pub(crate) fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pipe(client: impl AsyncRead + AsyncWrite, server: TcpStream, heard: &Heard) {
    let number = {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push(Vec::new());
        heard.len() - 1
    };
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_server, mut to_server) = server.into_split();
    let upwards = async {
        let mut part = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = from_client.read(&mut part).await {
            let said = &part[..length];
            heard.lock().unwrap_or_else(PoisonError::into_inner)[number].extend_from_slice(said);
            if to_server.write_all(said).await.is_err() {
                return;
            }
        }
    };
    let downwards = tokio::io::copy(&mut from_server, &mut to_client);
    tokio::select! {
        () = upwards => {}
        _ = downwards => {}
    }
    // A client with TLS is told that it is the end, not that it was cut off.
    to_client.shutdown().await.ok();
}
