//! A TCP relay in front of a server, to take the server away from one client, or to put something
//! else into its place.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use url::Url;

use crate::fault::Fault;

pub(crate) struct Relay {
    address: SocketAddr,
    server: String,
    task: Mutex<Option<AbortHandle>>,
}

impl Relay {
    /// A relay that is closed: connections are refused.
    pub(crate) async fn closed(uri: &str) -> Result<Self> {
        let url = Url::parse(uri)?;
        let port = url.port_or_known_default().unwrap_or(5984);
        let server = format!("{}:{port}", url.host_str().unwrap_or("127.0.0.1"));
        let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        Ok(Self { address, server, task: Mutex::default() })
    }

    /// The URI that leads through the relay.
    pub(crate) fn uri(&self, uri: &str) -> Result<String> {
        let mut url = Url::parse(uri)?;
        url.set_host(Some("127.0.0.1"))?;
        url.set_port(Some(self.address.port())).ok();
        Ok(url.to_string())
    }

    /// The one before may not be gone yet.
    async fn listener(&self) -> Result<TcpListener> {
        for _ in 0..100 {
            if let Ok(listener) = TcpListener::bind(self.address).await {
                return Ok(listener);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(TcpListener::bind(self.address).await?)
    }

    pub(crate) async fn open(&self) -> Result<()> {
        let listener = self.listener().await?;
        let server = self.server.clone();
        let task = tokio::spawn(async move {
            // Aborted with the task.
            let mut pipes = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let server = server.clone();
                pipes.spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(server).await {
                        tokio::io::copy_bidirectional(&mut client, &mut server).await.ok();
                    }
                });
            }
        });
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
        Ok(())
    }

    /// Breaks every connection and puts a fault into the server's place.
    pub(crate) async fn fail(&self, fault: Fault) -> Result<()> {
        self.close();
        if fault == Fault::Down {
            return Ok(());
        }
        let listener = self.listener().await?;
        let server = self.server.clone();
        let task = tokio::spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                clients.spawn(fault.serve(client, server.clone()));
            }
        });
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
        Ok(())
    }

    /// Breaks every connection and refuses new ones.
    pub(crate) fn close(&self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.close();
    }
}
