//! How fast it is. Run by hand: `cargo test --release … -- --ignored --nocapture load`.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream::FuturesUnordered};

use lapin::{
    BasicProperties, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};

use super::{
    super::{Link, Outgoing, Published, SessionConfig, Topology},
    harness::{Event, Peer, Session, config, server, topology},
};

fn echo<'a>(topology: &'a Topology, queue: &'a str, body: Vec<u8>) -> Outgoing<'a> {
    Outgoing {
        exchange: &topology.reply.answers,
        routing_key: queue,
        deliver_to_pid: Some("<0.5432.0>"),
        body,
        mandatory: true,
    }
}

/// The client library alone: one channel for all, returned messages unheeded.
async fn library_alone(uri: &str, exchange: &str, queue: &str, width: usize, total: usize) {
    let connection = Connection::connect(uri, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let began = Instant::now();
    let one = || async {
        let began = Instant::now();
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let properties = BasicProperties::default().with_content_type("application/json".into());
        channel
            .basic_publish(exchange.into(), queue.into(), options, &[b'x'; 1024], properties)
            .await
            .unwrap()
            .await
            .unwrap();
        began.elapsed()
    };
    let mut running: FuturesUnordered<_> = (0..width).map(|_| one()).collect();
    let mut times = Vec::with_capacity(total);
    let mut started = width;
    while let Some(time) = running.next().await {
        times.push(time);
        if started < total {
            started += 1;
            running.push(one());
        }
    }
    report(&format!("library alone, {width} at once"), times, began.elapsed());
    connection.close(200, "OK".into()).await.unwrap();
}

fn report(what: &str, mut times: Vec<Duration>, whole: Duration) {
    times.sort_unstable();
    let at = |permille: usize| times[(times.len() - 1) * permille / 1000];
    let per_second = times.len() as u128 * 1_000_000 / whole.as_micros();
    let (p50, p99, p999) = (at(500), at(990), at(999));
    println!("{what}: {per_second}/s, p50 {p50:?}, p99 {p99:?}, p99.9 {p999:?}");
}

async fn publish_many(link: &Link, topology: &Topology, queue: &str, width: usize, total: usize) {
    let began = Instant::now();
    let one = || async {
        let began = Instant::now();
        let message = echo(topology, queue, vec![b'x'; 1024]);
        assert_eq!(link.publish(message).await, Ok(Published::Routed));
        began.elapsed()
    };
    let mut running: FuturesUnordered<_> = (0..width).map(|_| one()).collect();
    let mut times = Vec::with_capacity(total);
    let mut started = width;
    while let Some(time) = running.next().await {
        times.push(time);
        if started < total {
            started += 1;
            running.push(one());
        }
    }
    report(&format!("confirmed publish, {width} at once"), times, began.elapsed());
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
    let caller = {
        async {
            let began = Instant::now();
            let mut sent = std::collections::VecDeque::new();
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
            report(&format!("execute to answer, {width} at once"), times, began.elapsed());
        }
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
    for channels in std::env::var("CHANNELS").unwrap_or_else(|_| "32".to_owned()).split(',') {
        let config = SessionConfig {
            publish_channels: channels.parse().unwrap(),
            ..config(&[&uri], &topology)
        };
        println!("--- {channels} channels");
        let mut session = Session::start(config.clone());
        let link = session.connected().await;
        let own = link.reply_queue().to_owned();
        for (width, total) in [(1, 3000), (8, 10_000), (64, 30_000), (256, 30_000)] {
            library_alone(&uri, &topology.reply.answers, &own, width, total).await;
            publish_many(&link, &topology, &own, width, total).await;
        }
        let began = Instant::now();
        for call in 0..1000 {
            link.bind_call(&format!("call.*.{call}")).await.unwrap();
        }
        let bound = began.elapsed() / 1000;
        let began = Instant::now();
        for call in 0..1000 {
            link.unbind_call(&format!("call.*.{call}")).await.unwrap();
        }
        println!("bind {bound:?}, unbind {:?}", began.elapsed() / 1000);
        session.end().await;
        for width in [1, 8, 64, 256] {
            answer_many(&uri, &topology, config.clone(), width).await;
        }
    }
    Peer::new(&uri, &topology).await.clean().await;
}
