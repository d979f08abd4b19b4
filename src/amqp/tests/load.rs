//! How fast it is. Run by hand: `cargo test --lib amqp::tests::load -- --ignored --nocapture
//! --test-threads 1`.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream::FuturesUnordered};

use lapin::{
    BasicProperties, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};

use super::{
    super::{Link, Outgoing, Published, SessionConfig, Timing, Topology},
    harness::{Event, Peer, Session, config, server, topology, transactional},
};

fn echo<'a>(topology: &'a Topology, queue: &'a str, body: Vec<u8>) -> Outgoing<'a> {
    Outgoing {
        exchange: &topology.reply.answers,
        routing_key: queue,
        deliver_to_pid: Some("<0.5432.0>"),
        body,
        mandatory: true,
        persistent: false,
    }
}

/// CPU time of this process in microseconds; unlike the wall clock, it hardly minds neighbours.
fn cpu_us() -> u128 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    // utime and stime in ticks of 10 ms.
    (11..13).map(|field| fields[field].parse::<u128>().unwrap() * 10_000).sum()
}

struct Measurement {
    began: Instant,
    cpu: u128,
}

impl Measurement {
    fn begin() -> Self {
        Self { began: Instant::now(), cpu: cpu_us() }
    }

    fn end(self, what: &str, width: usize, mut times: Vec<Duration>) {
        let (whole, count) = (self.began.elapsed().as_micros(), times.len() as u128);
        times.sort_unstable();
        let at = |permille: usize| times[(times.len() - 1) * permille / 1000];
        println!(
            "{what}, {width} at once: {}/s, p50 {:?}, p99 {:?}, p99.9 {:?}, CPU {} us each",
            count * 1_000_000 / whole,
            at(500),
            at(990),
            at(999),
            (cpu_us() - self.cpu) / count
        );
    }
}

/// Does `one` `total` times, `width` at once.
async fn many<F: Future<Output = ()>>(
    what: &str,
    width: usize,
    total: usize,
    one: impl Fn(usize) -> F,
) {
    let measurement = Measurement::begin();
    let start = |n| {
        let began = Instant::now();
        let one = one(n);
        async move {
            one.await;
            began.elapsed()
        }
    };
    let mut running: FuturesUnordered<_> = (0..width).map(start).collect();
    let mut times = Vec::with_capacity(total);
    let mut started = width;
    while let Some(time) = running.next().await {
        times.push(time);
        if started < total {
            running.push(start(started));
            started += 1;
        }
    }
    measurement.end(what, width, times);
}

/// The client library alone: one channel for all, returned messages unheeded.
async fn library_alone(uri: &str, exchange: &str, queue: &str, width: usize, total: usize) {
    let connection = Connection::connect(uri, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    many("library alone", width, total, |_| async {
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let properties = BasicProperties::default().with_content_type("application/json".into());
        channel
            .basic_publish(exchange.into(), queue.into(), options, &[b'x'; 1024], properties)
            .await
            .unwrap()
            .await
            .unwrap();
    })
    .await;
    connection.close(200, "OK".into()).await.unwrap();
}

async fn publish_many(link: &Link, topology: &Topology, queue: &str, width: usize, total: usize) {
    many("confirmed publish", width, total, |_| async {
        let message = echo(topology, queue, vec![b'x'; 1024]);
        assert_eq!(link.publish(message).await, Ok(Published::Routed));
    })
    .await;
}

/// A message and an acknowledgement in one transaction, beside a confirmed message alone.
async fn settle_many(uri: &str, topology: &Topology, config: SessionConfig) {
    let mut session = Session::start(config);
    let link = session.connected().await;
    let peer = Peer::new(uri, topology).await;
    let targeted = &topology.reply.answers;
    let (transient, durable) =
        (format!("{targeted}-transient"), &topology.rejected.as_ref().unwrap().name);
    peer.queue(&transient, targeted).await;
    for (width, total) in [(1, 2000), (8, 8000), (64, 20_000), (256, 20_000)] {
        for (what, queue, persistent) in
            [("transient", transient.as_str(), false), ("persistent", durable, true)]
        {
            let message = || Outgoing { persistent, ..echo(topology, queue, vec![b'x'; 1024]) };
            many(&format!("publish, {what}"), width, total, |_| async {
                assert_eq!(link.publish(message()).await, Ok(Published::Routed));
            })
            .await;
            for _ in 0..total {
                peer.execute(b"job").await;
            }
            let mut receipts = VecDeque::new();
            while receipts.len() < total {
                receipts.push_back(session.work().await.receipt.unwrap());
            }
            // Oldest first: the broker looks for a delivery from the oldest one on.
            let receipts = std::sync::Mutex::new(receipts);
            many(&format!("settle, {what}"), width, total, |_| async {
                let receipt = receipts.lock().unwrap().pop_front().unwrap();
                let settled = link.settle(vec![receipt], [message()]).await;
                assert_eq!(settled, Ok(vec![Published::Routed]));
            })
            .await;
            peer.purge(queue).await;
        }
    }
    session.end().await;
    peer.delete(&transient).await;
}

/// Work in, answer out confirmed, acknowledged: what a call costs at least.
async fn answer_many(uri: &str, topology: &Topology, config: SessionConfig, width: usize) {
    let total = if width == 1 { 3000 } else { 40_000 };
    let mut session = Session::start(config);
    let link = session.connected().await;
    let peer = Peer::new(uri, topology).await;
    let queue = format!("{}-{width}-caller", topology.reply.answers);
    peer.queue(&queue, &topology.reply.answers).await;
    let mut answers = peer.consume(&queue).await;
    let caller = async {
        let measurement = Measurement::begin();
        let mut sent = VecDeque::new();
        let mut times = Vec::with_capacity(total);
        let mut started = 0;
        while times.len() < total {
            while started < total && sent.len() < width {
                sent.push_back(Instant::now());
                peer.execute(&[b'x'; 1024]).await;
                started += 1;
            }
            answers.recv().await.unwrap();
            times.push(sent.pop_front().unwrap().elapsed());
        }
        measurement.end("execute to answer, caller included", width, times);
    };
    let worker = async {
        loop {
            let Event::Work(delivery) = session.next().await else { continue };
            let (link, topology, queue) = (link.clone(), topology.clone(), queue.clone());
            tokio::spawn(async move {
                let answer = echo(&topology, &queue, delivery.payload);
                assert_eq!(link.publish(answer).await, Ok(Published::Routed));
                link.ack(delivery.receipt.unwrap()).unwrap();
            });
        }
    };
    tokio::select! { () = caller => {}, () = worker => {} }
    session.end().await;
    peer.delete(&queue).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn load() {
    let Some(uri) = server() else { return };
    let topology = topology();
    let config = SessionConfig { timing: Timing::default(), ..config(&[&uri], &topology) };
    let mut session = Session::start(config.clone());
    let link = session.connected().await;
    let own = link.reply_queue().to_owned();
    for (width, total) in [(1, 3000), (8, 10_000), (64, 30_000), (256, 30_000)] {
        library_alone(&uri, &topology.reply.answers, &own, width, total).await;
        publish_many(&link, &topology, &own, width, total).await;
    }
    let (link, key) = (&link, |n| format!("call.*.{n}%40example%2Ecom"));
    for (width, total) in [(1, 500), (64, 10_000)] {
        many("bind", width, total, |n| async move { link.bind_call(&key(n)).await.unwrap() }).await;
        many("unbind", width, total, |n| async move { link.unbind_call(&key(n)).await.unwrap() })
            .await;
    }
    session.end().await;
    for width in [1, 8, 64, 256] {
        answer_many(&uri, &topology, config.clone(), width).await;
    }
    Peer::new(&uri, &topology).await.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn settle_load() {
    let Some(uri) = server() else { return };
    let mut topology = transactional();
    // Enough room for what is measured.
    topology.rejected.as_mut().unwrap().arguments.clear();
    let timing = Timing::default();
    let config = SessionConfig { timing, prefetch: 0, ..config(&[&uri], &topology) };
    settle_many(&uri, &topology, config).await;
    Peer::new(&uri, &topology).await.clean().await;
}
