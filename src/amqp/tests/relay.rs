//! A TCP relay before the broker that can be cut and stalled.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    /// Bytes wait; connections stay open and new ones are taken.
    Stalled,
    /// Connections are closed, new ones at once.
    Cut,
}

/// Relays connections to the broker until told otherwise.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    mode: Arc<watch::Sender<Mode>>,
}

impl Relay {
    pub(super) async fn before(upstream: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mode = Arc::new(watch::Sender::new(Mode::Open));
        let modes = mode.subscribe();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, upstream.clone(), modes.clone()));
            }
        });
        Self { address, mode }
    }

    pub(super) fn open(&self) {
        self.mode.send_replace(Mode::Open);
    }

    pub(super) fn stall(&self) {
        self.mode.send_replace(Mode::Stalled);
    }

    pub(super) fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }
}

async fn relay(client: TcpStream, upstream: String, modes: watch::Receiver<Mode>) {
    let mut cut = modes.clone();
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    tokio::select! {
        () = pump(client_read, server_write, modes.clone()) => {}
        () = pump(server_read, client_write, modes) => {}
        _ = cut.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

async fn pump(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut modes: watch::Receiver<Mode>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if modes.wait_for(|mode| *mode != Mode::Stalled).await.is_err()
            || to.write_all(&buffer[..read]).await.is_err()
        {
            return;
        }
    }
}
