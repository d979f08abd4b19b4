//! Opening and closing a connection.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpStream},
    os::fd::AsFd,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lapin::{
    AsyncTcpStream, Connection, ConnectionProperties,
    uri::{AMQPScheme, AMQPUri},
};
use tokio::{sync::oneshot, time::timeout};

use super::{Broker, EndReason, SessionConfig, reason::Step};

/// Frames of this size at most: the library keeps two buffers of 32 of them per connection.
const FRAME_MAX: u32 = 32 * 1024;

/// An open connection and the means to end it even when the other side has fallen silent.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    socket: Socket,
}

/// A second handle on the connection's socket. The library notices a silent broker only after
/// twice the heartbeat and keeps its thread until then; shutting the socket down ends it at once.
/// So does dropping it.
#[derive(Default)]
struct Socket(Arc<Mutex<Held>>);

#[derive(Default)]
enum Held {
    #[default]
    Nothing,
    Open(TcpStream),
    Cut,
}

impl Socket {
    fn cut(&self) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Held::Open(stream) = std::mem::replace(&mut *held, Held::Cut) {
            // An error says that it is shut already.
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.cut();
    }
}

/// Keeps a handle on the socket, unless nobody wants the connection any more.
fn hold(held: &Mutex<Held>, stream: &impl AsFd) -> io::Result<()> {
    let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
    if let Held::Cut = *held {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    *held = Held::Open(TcpStream::from(stream.as_fd().try_clone_to_owned()?));
    Ok(())
}

/// Connects to a broker: TCP, TLS where the URI says so, and AMQP's greeting. The library's own
/// recovery stays off; the session is rebuilt as a whole.
pub(crate) async fn open(config: &SessionConfig, broker: &Broker) -> Result<Opened, EndReason> {
    let runtime =
        lapin::runtime::default_runtime().map_err(|error| Step::Connect.reason(broker, &error))?;
    let mut uri = broker.uri().clone();
    uri.query.heartbeat.get_or_insert(config.timing.heartbeat_s);
    uri.query.frame_max.get_or_insert(FRAME_MAX);
    let name = format!("kazoo-dynamic-cid {}", config.node);
    let properties = ConnectionProperties::default()
        .with_connection_name(name.into())
        .with_client_property("product".into(), "kazoo-dynamic-cid".into())
        .with_client_property("version".into(), env!("CARGO_PKG_VERSION").into());
    let limit = config.timing.connect;
    let socket = Socket::default();
    let connected = async {
        let AMQPUri { scheme, authority, .. } = uri.clone();
        let host = authority.host;
        let addresses: Vec<SocketAddr> =
            tokio::net::lookup_host((host.as_str(), authority.port)).await?.collect();
        let stream = AsyncTcpStream::connect(&runtime, addresses).await?;
        if let AsyncTcpStream::Plain(plain) = &stream {
            hold(&socket.0, plain.get_ref())?;
        }
        match scheme {
            AMQPScheme::AMQP => Ok(stream),
            AMQPScheme::AMQPS => stream.into_rustls(&config.tls.connector()?, &host).await,
        }
    };
    // Before the library is asked for anything: it leaves tasks behind when it cannot connect.
    let stream = match timeout(limit, connected).await {
        Ok(Ok(stream)) => Mutex::new(Some(stream)),
        Ok(Err(error)) => {
            return Err(Step::Connect.reason(broker, &lapin::Error::from(error)));
        }
        Err(_) => return Err(Step::Connect.unanswered(broker, limit)),
    };
    let connecting = Connection::connector(
        uri,
        runtime,
        async move |_: AMQPUri, _| {
            let stream = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
            // It is asked once, for the library's own recovery is off.
            Ok(stream.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?)
        },
        properties,
    );
    match timeout(limit, connecting).await {
        Ok(Ok(connection)) => Ok(Opened { connection, socket }),
        Ok(Err(error)) => Err(Step::Connect.reason(broker, &error)),
        Err(_) => Err(Step::Connect.unanswered(broker, limit)),
    }
}

impl Opened {
    /// Closes the connection and waits for the library's thread, which must not outlive the
    /// runtime. `alive` is false when the broker does not answer any more.
    pub(crate) async fn close(self, alive: bool, limit: Duration) {
        let Self { connection, socket } = self;
        let closed =
            alive && matches!(timeout(limit, connection.close(200, "OK".into())).await, Ok(Ok(())));
        if !closed {
            socket.cut();
        }
        let (tell, told) = oneshot::channel();
        // A thread of its own: a blocking task that never ends would keep the runtime from ending.
        let joiner = std::thread::Builder::new().name("amqp-join".to_owned()).spawn(move || {
            // How it ended is known already.
            connection.run().ok();
            tell.send(()).ok();
        });
        if joiner.is_ok() && timeout(limit, told).await.is_err() {
            tracing::warn!("the AMQP library's thread has not ended; it is left behind");
        }
    }
}
