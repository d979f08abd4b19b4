//! A broker that does what a script says: the faults that no real one can be made to have.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use amq_protocol::{
    frame::{AMQPFrame, WriteContext, gen_frame, parse_frame},
    protocol::{AMQPClass, basic, channel, confirm, connection, exchange, queue, tx},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What the broker does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// What a broker does.
    Answer,
    /// Closes the connection with this code.
    Close(u16, &'static str),
    /// Closes the channel with this code.
    CloseChannel(u16, &'static str),
    /// Says nothing, to this and everything after it.
    Silence,
    /// Cuts the connection.
    Cut,
    /// Answers with something else than AMQP.
    Nonsense,
    /// Answers, cancels the consumer, and leaves the connection open.
    Cancel,
    /// Answers, and is short of memory for a moment.
    Block(Duration),
}

/// The broker; it ends when dropped.
pub(super) struct Fake {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Fake {
    /// Serves as `script` says, which is given the name of a request (`start`, `tune` and
    /// `queue.declare` are such names) and the number of the connection, from 1 on.
    pub(super) async fn serve(script: fn(&str, usize) -> Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::spawn(async move {
                    // A client that has gone is no failure of the broker's.
                    talk(stream, script, number).await.ok();
                });
            }
        });
        Self { address, connections, task }
    }

    pub(super) fn uri(&self) -> String {
        format!("amqp://guest:s3cret@{}/%2F", self.address)
    }

    /// How many connections there were.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn talk(
    mut stream: TcpStream,
    script: fn(&str, usize) -> Act,
    number: usize,
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        while let Ok((rest, frame)) = parse_frame(buffer.as_slice()) {
            let used = buffer.len() - rest.len();
            buffer.drain(..used);
            let Some((id, name, answer)) = understood(frame) else { continue };
            let act = script(name, number);
            let close = |code: u16, text: &str| {
                AMQPClass::Connection(connection::AMQPMethod::Close(connection::Close {
                    reply_code: code,
                    reply_text: text.into(),
                    class_id: 0,
                    method_id: 0,
                }))
            };
            let close_channel = |code: u16, text: &str| {
                AMQPClass::Channel(channel::AMQPMethod::Close(channel::Close {
                    reply_code: code,
                    reply_text: text.into(),
                    class_id: 0,
                    method_id: 0,
                }))
            };
            match act {
                Act::Close(code, text) => send(&mut stream, 0, close(code, text)).await?,
                Act::CloseChannel(code, text) => {
                    send(&mut stream, id, close_channel(code, text)).await?;
                }
                Act::Silence => std::future::pending().await,
                Act::Cut => return Ok(()),
                Act::Nonsense => stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await?,
                Act::Answer => send_some(&mut stream, id, answer).await?,
                Act::Cancel => {
                    send_some(&mut stream, id, answer).await?;
                    let consumer_tag = "tag".into();
                    let cancel = basic::Cancel { consumer_tag, nowait: true };
                    let cancel = AMQPClass::Basic(basic::AMQPMethod::Cancel(cancel));
                    send(&mut stream, id, cancel).await?;
                }
                Act::Block(time) => {
                    send_some(&mut stream, id, answer).await?;
                    let blocked = connection::Blocked { reason: "low on memory".into() };
                    let blocked = connection::AMQPMethod::Blocked(blocked);
                    send(&mut stream, 0, AMQPClass::Connection(blocked)).await?;
                    tokio::time::sleep(time).await;
                    let over = connection::AMQPMethod::Unblocked(connection::Unblocked {});
                    send(&mut stream, 0, AMQPClass::Connection(over)).await?;
                }
            }
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

async fn send_some(
    stream: &mut TcpStream,
    id: u16,
    answer: Option<AMQPClass>,
) -> std::io::Result<()> {
    match answer {
        Some(answer) => send(stream, id, answer).await,
        None => Ok(()),
    }
}

async fn send(stream: &mut TcpStream, id: u16, method: AMQPClass) -> std::io::Result<()> {
    let frame = AMQPFrame::Method(id, method);
    let written = gen_frame(&frame)(WriteContext::from(Vec::new())).unwrap();
    stream.write_all(&written.into_inner().0).await
}

/// A request's channel, its name, and what a broker answers.
fn understood(frame: AMQPFrame) -> Option<(u16, &'static str, Option<AMQPClass>)> {
    let (id, method) = match frame {
        AMQPFrame::ProtocolHeader(_) => {
            let start = connection::Start {
                version_major: 0,
                version_minor: 9,
                mechanisms: "PLAIN".into(),
                locales: "en_US".into(),
                ..connection::Start::default()
            };
            let start = AMQPClass::Connection(connection::AMQPMethod::Start(start));
            return Some((0, "start", Some(start)));
        }
        AMQPFrame::Method(id, method) => (id, method),
        _ => return None,
    };
    let (name, answer) = match method {
        AMQPClass::Connection(method) => {
            let (name, answer) = match method {
                connection::AMQPMethod::StartOk(_) => {
                    let tune =
                        connection::Tune { channel_max: 2047, frame_max: 131_072, heartbeat: 60 };
                    ("tune", Some(connection::AMQPMethod::Tune(tune)))
                }
                connection::AMQPMethod::Open(_) => {
                    ("connection.open", Some(connection::AMQPMethod::OpenOk(connection::OpenOk {})))
                }
                connection::AMQPMethod::Close(_) => (
                    "connection.close",
                    Some(connection::AMQPMethod::CloseOk(connection::CloseOk {})),
                ),
                _ => ("connection", None),
            };
            (name, answer.map(AMQPClass::Connection))
        }
        AMQPClass::Channel(channel::AMQPMethod::Open(_)) => (
            "channel.open",
            Some(AMQPClass::Channel(channel::AMQPMethod::OpenOk(channel::OpenOk {}))),
        ),
        AMQPClass::Channel(channel::AMQPMethod::Close(_)) => (
            "channel.close",
            Some(AMQPClass::Channel(channel::AMQPMethod::CloseOk(channel::CloseOk {}))),
        ),
        AMQPClass::Exchange(exchange::AMQPMethod::Declare(_)) => (
            "exchange.declare",
            Some(AMQPClass::Exchange(exchange::AMQPMethod::DeclareOk(exchange::DeclareOk {}))),
        ),
        AMQPClass::Queue(queue::AMQPMethod::Declare(declare)) => {
            let ok = queue::DeclareOk { queue: declare.queue, ..queue::DeclareOk::default() };
            ("queue.declare", Some(AMQPClass::Queue(queue::AMQPMethod::DeclareOk(ok))))
        }
        AMQPClass::Queue(queue::AMQPMethod::Bind(_)) => {
            ("queue.bind", Some(AMQPClass::Queue(queue::AMQPMethod::BindOk(queue::BindOk {}))))
        }
        AMQPClass::Tx(tx::AMQPMethod::Select(_)) => {
            ("tx.select", Some(AMQPClass::Tx(tx::AMQPMethod::SelectOk(tx::SelectOk {}))))
        }
        AMQPClass::Confirm(confirm::AMQPMethod::Select(_)) => {
            let ok = confirm::AMQPMethod::SelectOk(confirm::SelectOk {});
            ("confirm.select", Some(AMQPClass::Confirm(ok)))
        }
        AMQPClass::Basic(basic::AMQPMethod::Qos(_)) => {
            ("basic.qos", Some(AMQPClass::Basic(basic::AMQPMethod::QosOk(basic::QosOk {}))))
        }
        AMQPClass::Basic(basic::AMQPMethod::Consume(consume)) => {
            // Of the private queue nothing is acknowledged.
            let name = if consume.no_ack { "consume replies" } else { "consume work" };
            let ok = basic::ConsumeOk { consumer_tag: "tag".into() };
            (name, Some(AMQPClass::Basic(basic::AMQPMethod::ConsumeOk(ok))))
        }
        _ => ("other", None),
    };
    Some((id, name, answer))
}
