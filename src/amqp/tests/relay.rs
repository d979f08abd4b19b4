//! A TCP relay before the broker that can be cut and stalled, and that hears what is sent.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

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

/// What makes the relay cut by itself.
#[derive(Debug, Clone, Copy)]
enum Trap {
    /// So many more bytes from the client; they still pass.
    After(usize),
    /// These bytes from the broker; they do not pass.
    Before(&'static [u8]),
}

/// Relays connections to the broker until told otherwise.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    mode: watch::Sender<Mode>,
    trap: Mutex<Option<Trap>>,
    sent: Mutex<Vec<u8>>,
}

impl Relay {
    pub(super) async fn before(upstream: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mode = watch::Sender::new(Mode::Open);
        let shared = Arc::new(Shared { mode, trap: Mutex::default(), sent: Mutex::default() });
        let relaying = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, upstream.clone(), Arc::clone(&relaying)));
            }
        });
        Self { address, shared }
    }

    pub(super) fn open(&self) {
        *self.shared.trap.lock().unwrap() = None;
        self.shared.mode.send_replace(Mode::Open);
    }

    pub(super) fn stall(&self) {
        self.shared.mode.send_replace(Mode::Stalled);
    }

    pub(super) fn cut(&self) {
        self.shared.mode.send_replace(Mode::Cut);
    }

    /// Cuts when the client has sent so many more bytes.
    pub(super) fn cut_after(&self, bytes: usize) {
        *self.shared.trap.lock().unwrap() = Some(Trap::After(bytes));
    }

    /// Cuts when the broker says this.
    pub(super) fn cut_before(&self, bytes: &'static [u8]) {
        *self.shared.trap.lock().unwrap() = Some(Trap::Before(bytes));
    }

    /// How often the client has sent these bytes so far.
    pub(super) fn count_sent(&self, bytes: &[u8]) -> usize {
        let sent = self.shared.sent.lock().unwrap();
        sent.windows(bytes.len()).filter(|window| *window == bytes).count()
    }
}

impl Shared {
    /// How many of these bytes from the client pass.
    fn client_says(&self, bytes: &[u8]) -> usize {
        self.sent.lock().unwrap().extend_from_slice(bytes);
        match &mut *self.trap.lock().unwrap() {
            Some(Trap::After(left)) if bytes.len() >= *left => *left,
            Some(Trap::After(left)) => {
                *left -= bytes.len();
                bytes.len()
            }
            _ => bytes.len(),
        }
    }

    /// How many of these bytes from the broker pass.
    fn broker_says(&self, bytes: &[u8]) -> usize {
        match *self.trap.lock().unwrap() {
            Some(Trap::Before(trap)) if bytes.windows(trap.len()).any(|window| window == trap) => 0,
            _ => bytes.len(),
        }
    }
}

async fn relay(client: TcpStream, upstream: String, shared: Arc<Shared>) {
    let mut cut = shared.mode.subscribe();
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    tokio::select! {
        () = pump(client_read, server_write, &shared, |bytes| shared.client_says(bytes)) => {}
        () = pump(server_read, client_write, &shared, |bytes| shared.broker_says(bytes)) => {}
        _ = cut.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

async fn pump(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    shared: &Shared,
    passing: impl Fn(&[u8]) -> usize,
) {
    let mut modes = shared.mode.subscribe();
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let passing = passing(&buffer[..read]);
        // What was held back is lost when the relay is cut.
        let open = match modes.wait_for(|mode| *mode != Mode::Stalled).await {
            Ok(mode) => *mode == Mode::Open,
            Err(_) => false,
        };
        if !open || to.write_all(&buffer[..passing]).await.is_err() {
            return;
        }
        if passing < read {
            shared.mode.send_replace(Mode::Cut);
        }
    }
}
