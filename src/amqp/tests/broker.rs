//! What a session does when the broker itself is restarted, killed or short of memory. These
//! disturb everybody on the broker, so they are run by hand and one at a time, with
//! `KAZOO_TEST_RABBITMQCTL` naming the `rabbitmqctl` of the broker under test:
//! `cargo test --lib amqp::tests::broker -- --ignored --test-threads 1`.

use std::time::{Duration, Instant};

use super::{
    super::{LinkError, Outgoing, Published, SessionState, Timing},
    harness::{Event, Peer, Session, config, server, to, topology, transactional},
};

/// Runs `rabbitmqctl`.
async fn rabbitmqctl(arguments: &[&str]) {
    let command = std::env::var("KAZOO_TEST_RABBITMQCTL").unwrap();
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let run = move || std::process::Command::new(command).args(arguments).output().unwrap();
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "blocks every publisher of the broker"]
async fn a_broker_short_of_memory_is_waited_for() {
    let Some(uri) = server() else { return };
    let topology = transactional();
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    let own = link.reply_queue().to_owned();
    let peer = Peer::new(&uri, &topology).await;
    for job in [b"1", b"2"] {
        peer.execute(job).await;
    }
    let (given_up, left) = (session.work().await, session.work().await);
    let message = || Outgoing {
        exchange: &topology.reply.answers,
        routing_key: &own,
        deliver_to_pid: None,
        body: b"{}".to_vec(),
        mandatory: true,
        persistent: false,
    };
    rabbitmqctl(&["set_vm_memory_high_watermark", "0.00001"]).await;
    // The broker tells a connection only once it publishes; a probe does.
    let state = session.until(|state| matches!(state, SessionState::Blocked { .. })).await;
    assert!(state.to_string().contains("low on memory"), "{state}");
    assert!(matches!(session.next().await, Event::Blocked(true)));
    assert!(link.is_blocked());
    let began = Instant::now();
    assert_eq!(link.publish(message()).await, Err(LinkError::Blocked));
    assert_eq!(link.bind_call("call.*.c1").await, Err(LinkError::Blocked));
    let settled = link.settle(vec![given_up.receipt.unwrap()], [message()]).await;
    assert_eq!(settled, Err(LinkError::Blocked));
    // Nobody waits for this one, which does not take it back.
    link.ack(left.receipt.unwrap()).unwrap();
    // Longer than twice the silence after which a connection is given up.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(began.elapsed() > Duration::from_secs(5));
    let waiting = tokio::spawn({
        let (link, exchange, own) = (link.clone(), topology.reply.answers.clone(), own.clone());
        async move {
            let message = Outgoing {
                exchange: &exchange,
                routing_key: &own,
                deliver_to_pid: None,
                body: b"waited".to_vec(),
                mandatory: true,
                persistent: false,
            };
            link.publish(message).await
        }
    });
    rabbitmqctl(&["set_vm_memory_high_watermark", "0.4"]).await;
    assert!(matches!(session.next().await, Event::Blocked(false)));
    session.until(SessionState::is_up).await;
    let outcome = waiting.await.unwrap();
    assert!(matches!(outcome, Ok(Published::Routed) | Err(LinkError::Blocked)), "{outcome:?}");
    assert_eq!(link.publish(message()).await, Ok(Published::Routed), "the same session goes on");
    let again = loop {
        if let Event::Work(delivery) = session.next().await {
            break delivery;
        }
    };
    assert_eq!((again.payload.as_slice(), again.redelivered), (b"1".as_slice(), true));
    let settled = link.settle(vec![again.receipt.unwrap()], [message()]).await;
    assert_eq!(settled, Ok(vec![Published::Routed]));
    session.end().await;
    assert_eq!(peer.left(&topology.work[0].name).await, 0);
    peer.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "blocks every publisher of the broker"]
async fn a_transaction_the_broker_holds_up_takes_effect_later() {
    let Some(uri) = server() else { return };
    let topology = transactional();
    let mut config = config(&[&uri], &topology);
    // Without probes it is the transaction itself that the broker blocks.
    config.timing.probe_every = Duration::from_secs(3600);
    config.timing.stalled_after = Duration::from_secs(3600);
    let mut session = Session::start(config);
    let link = session.connected().await;
    let own = link.reply_queue().to_owned();
    let peer = Peer::new(&uri, &topology).await;
    peer.execute(b"job").await;
    let receipt = session.work().await.receipt.unwrap();
    rabbitmqctl(&["set_vm_memory_high_watermark", "0.00001"]).await;
    let began = Instant::now();
    let held_up = link.settle(vec![receipt], [to(&topology.reply.answers, &own, "held up")]).await;
    assert_eq!(held_up, Err(LinkError::Blocked));
    let waiting = link.settle(Vec::new(), [to(&topology.reply.answers, &own, "withdrawn")]).await;
    assert_eq!(waiting, Err(LinkError::Blocked));
    assert!(began.elapsed() > Duration::from_secs(4));
    rabbitmqctl(&["set_vm_memory_high_watermark", "0.4"]).await;
    session.until(SessionState::is_up).await;
    link.settle(Vec::new(), [to(&topology.reply.answers, &own, "next")]).await.unwrap();
    let mut replies = Vec::new();
    while replies.len() < 2 {
        if let Event::Reply(delivery) = session.next().await {
            replies.push(delivery.payload);
        }
    }
    assert_eq!(replies, [b"held up".as_slice(), b"next"]);
    session.end().await;
    assert_eq!(peer.left(&topology.work[0].name).await, 0);
    peer.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "restarts the broker"]
async fn a_restarted_broker_is_served_again_and_its_work_is_kept() {
    let Some(uri) = server() else { return };
    let topology = topology();
    let timing = Timing::default();
    let mut session =
        Session::start(super::super::SessionConfig { timing, ..config(&[&uri], &topology) });
    session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    for round in 0..3 {
        rabbitmqctl(&["stop_app"]).await;
        println!("round {round}: {}", session.disconnected().await);
        rabbitmqctl(&["start_app"]).await;
        let began = Instant::now();
        session.until(SessionState::is_up).await;
        println!("serving {:?} after the broker", began.elapsed());
        session.connected().await;
    }
    drop(peer);
    // KAZOO's exchanges are not durable: they are there again because the session declares them.
    let peer = Peer::new(&uri, &topology).await;
    peer.execute(b"job").await;
    assert_eq!(session.work().await.payload, b"job");
    session.end().await;
    peer.clean().await;
}
