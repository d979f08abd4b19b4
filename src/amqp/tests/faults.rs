//! What a session does when things break.

use std::time::{Duration, Instant};

use lapin::{Connection, ConnectionProperties, options::QueueDeclareOptions, types::FieldTable};

use super::{
    super::{EndReason, Link, LinkError, Outgoing, SessionConfig, SessionState, Topology},
    harness::{Peer, Session, address_of, at, config, quick, server, topology},
    relay::Relay,
};

async fn own_message(link: &Link, topology: &Topology) -> Result<(), LinkError> {
    let message = Outgoing {
        exchange: &topology.reply.answers,
        routing_key: link.reply_queue(),
        deliver_to_pid: None,
        body: b"{}".to_vec(),
        mandatory: true,
        persistent: false,
    };
    link.publish(message).await.map(drop)
}

#[tokio::test]
async fn a_cut_connection_is_rebuilt_and_its_work_comes_again() {
    let Some(uri) = server() else { return };
    let relay = Relay::before(address_of(&uri)).await;
    let topology = topology();
    let mut session = Session::start(config(&[&at(&uri, relay.address)], &topology));
    let first = session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    peer.execute(b"job").await;
    let before = session.work().await;
    assert!(!before.redelivered);

    relay.cut();
    let reason = session.disconnected().await;
    assert!(matches!(reason, EndReason::ConnectionClosed { .. }), "{reason:?}");
    let began = Instant::now();
    assert!(matches!(own_message(&first, &topology).await, Err(LinkError::Down(_))));
    assert!(matches!(first.bind_call("call.*.c1").await, Err(LinkError::Down(_))));
    assert!(began.elapsed() < Duration::from_millis(100), "a dead link fails at once");
    session.until(|state| matches!(state, SessionState::Down { .. })).await;
    relay.open();

    let second = session.connected().await;
    let again = session.work().await;
    assert!(again.redelivered);
    assert_eq!(again.payload, b"job");
    assert_eq!(second.ack(before.receipt.unwrap()), Err(LinkError::OtherSession));
    assert_ne!(first.reply_queue(), second.reply_queue());
    second.ack(again.receipt.unwrap()).unwrap();
    own_message(&second, &topology).await.unwrap();
    session.end().await;
    assert_eq!(peer.waiting(&topology.work[0].name).await, 0);
    peer.clean().await;
}

#[tokio::test]
async fn a_half_open_connection_is_noticed_and_rebuilt() {
    let Some(uri) = server() else { return };
    let relay = Relay::before(address_of(&uri)).await;
    let topology = topology();
    let mut session = Session::start(config(&[&at(&uri, relay.address)], &topology));
    let link = session.connected().await;
    // Longer than the silence that is allowed: the probes keep it up.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!link.is_down());

    let began = Instant::now();
    relay.stall();
    assert_eq!(session.disconnected().await, EndReason::Stalled { after: quick().stalled_after });
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    session
        .until(|state| {
            matches!(state, SessionState::Connecting { last_error: Some(error), .. }
                if error.contains("no answer within"))
        })
        .await;
    relay.open();
    let link = session.connected().await;
    own_message(&link, &topology).await.unwrap();
    session.end().await;
    Peer::new(&uri, &topology).await.clean().await;
}

#[tokio::test]
async fn a_confirmation_that_does_not_come_ends_the_session() {
    let Some(uri) = server() else { return };
    let relay = Relay::before(address_of(&uri)).await;
    let topology = topology();
    let mut config = config(&[&at(&uri, relay.address)], &topology);
    config.timing.stalled_after = Duration::from_secs(60);
    config.timing.request = Duration::from_millis(300);
    let mut session = Session::start(config);
    let link = session.connected().await;
    relay.stall();
    let error = own_message(&link, &topology).await.unwrap_err().to_string();
    assert!(error.contains("did not answer publishing within 300ms"), "{error}");
    assert!(matches!(session.disconnected().await, EndReason::Unanswered { .. }));
    relay.open();
    session.connected().await;
    session.end().await;
    Peer::new(&uri, &topology).await.clean().await;
}

#[tokio::test]
async fn a_publish_to_a_missing_exchange_rebuilds_the_session() {
    let Some(uri) = server() else { return };
    let topology = topology();
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    let message = Outgoing {
        exchange: "no-such-exchange",
        routing_key: "k",
        deliver_to_pid: None,
        body: b"{}".to_vec(),
        mandatory: true,
        persistent: false,
    };
    let Err(LinkError::Down(reason)) = link.publish(message).await else { panic!("published") };
    assert!(reason.to_string().contains("404 NOT_FOUND"), "{reason}");
    assert_eq!(session.disconnected().await, *reason);
    let link = session.connected().await;
    own_message(&link, &topology).await.unwrap();
    session.end().await;
    Peer::new(&uri, &topology).await.clean().await;
}

#[tokio::test]
async fn a_deleted_queue_is_declared_again() {
    let Some(uri) = server() else { return };
    let topology = topology();
    let mut session = Session::start(config(&[&uri], &topology));
    session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    let queue = topology.work[0].name.clone();
    peer.delete(&queue).await;
    assert_eq!(session.disconnected().await, EndReason::ConsumerEnded { queue });
    session.connected().await;
    peer.execute(b"job").await;
    assert_eq!(session.work().await.payload, b"job");

    // The rejected queue has no consumer to notice; the next rejected message does.
    peer.delete(&topology.rejected.as_ref().unwrap().name).await;
    peer.execute(b"rubbish").await;
    session.end().await;
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    peer.delete(&topology.rejected.as_ref().unwrap().name).await;
    let (one, other) = (session.work().await, session.work().await);
    let rubbish = if one.payload == b"rubbish" { one } else { other };
    assert!(matches!(link.reject(rubbish, "not_json", "").await, Err(LinkError::Down(_))));
    let link = session.connected().await;
    let (one, other) = (session.work().await, session.work().await);
    let rubbish = if one.payload == b"rubbish" { one } else { other };
    link.reject(rubbish, "not_json", "").await.unwrap();
    assert_eq!(peer.get(&topology.rejected.as_ref().unwrap().name).await.unwrap().data, b"rubbish");
    session.end().await;
    peer.clean().await;
}

#[tokio::test]
async fn a_queue_with_other_properties_is_refused_with_the_cure() {
    let Some(uri) = server() else { return };
    let topology = topology();
    let connection = Connection::connect(&uri, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let queue = topology.work[0].name.clone();
    let transient = QueueDeclareOptions::default();
    channel.queue_declare(queue.as_str().into(), transient, FieldTable::default()).await.unwrap();

    let session = Session::start(config(&[&uri], &topology));
    let state = session.until(|state| matches!(state, SessionState::Refused { .. })).await;
    let cure = format!("`rabbitmqctl delete_queue -p / {queue}`");
    assert!(state.to_string().contains(&cure), "{state}");
    assert!(state.to_string().contains("406: PRECONDITION_FAILED"), "{state}");
    let peer = Peer::new(&uri, &topology).await;
    peer.delete(&queue).await;
    session.until(SessionState::is_up).await;
    session.end().await;
    connection.close(200, "OK".into()).await.unwrap();
    peer.clean().await;
}

#[tokio::test]
async fn a_wrong_password_or_virtual_host_is_refused_with_the_cure() {
    let Some(uri) = server() else { return };
    for (user, password, vhost, cure) in [
        (None, "wrong", "/", "correct the URI"),
        (None, "", "no-such-vhost", "rabbitmqctl add_vhost no-such-vhost"),
    ] {
        let mut bad: lapin::uri::AMQPUri = uri.parse().unwrap();
        bad.vhost = vhost.to_owned();
        let userinfo = &mut bad.authority.userinfo;
        userinfo.username = user.unwrap_or(userinfo.username.as_str()).to_owned();
        if !password.is_empty() {
            userinfo.password = password.to_owned();
        }
        let session = Session::start(config(&[&bad.to_string()], &topology()));
        let state = session.until(|state| matches!(state, SessionState::Refused { .. })).await;
        assert!(state.to_string().contains(cure), "{state}");
        session.end().await;
    }
}

#[tokio::test]
async fn the_next_broker_serves_until_the_preferred_one_is_back() {
    let Some(uri) = server() else { return };
    let preferred = Relay::before(address_of(&uri)).await;
    preferred.cut();
    let topology = topology();
    let first = at(&uri, preferred.address);
    let mut session = Session::start(config(&[&first, &uri], &topology));
    let link = session.connected().await;
    assert!(link.broker().ends_with(&address_of(&uri)), "{}", link.broker());
    preferred.open();
    let reason = session.disconnected().await;
    assert!(matches!(reason, EndReason::PreferredBrokerBack { .. }), "{reason:?}");
    let link = session.connected().await;
    assert!(link.broker().ends_with(&preferred.address.to_string()), "{}", link.broker());
    session.end().await;
    Peer::new(&uri, &topology).await.clean().await;
}

#[tokio::test]
async fn a_session_can_be_stopped_whatever_it_is_doing() {
    let Some(uri) = server() else { return };
    // Nothing listens: between two attempts.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let session = Session::start(config(&[&at(&uri, free)], &topology()));
    session.until(|state| matches!(state, SessionState::Down { .. })).await;
    session.end().await;
    // In the greeting.
    let relay = Relay::before(address_of(&uri)).await;
    relay.stall();
    let session = Session::start(config(&[&at(&uri, relay.address)], &topology()));
    session.until(|state| matches!(state, SessionState::Connecting { .. })).await;
    session.end().await;
    // Without anything to connect to.
    let session = Session::start(config(&[], &topology()));
    session.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_leave_neither_threads_nor_tasks_behind() {
    let Some(uri) = server() else { return };
    let relay = Relay::before(address_of(&uri)).await;
    let topology = topology();
    let mut config: SessionConfig = config(&[&at(&uri, relay.address)], &topology);
    config.timing.heartbeat_s = 1;
    config.timing.connect = Duration::from_millis(300);
    let mut session = Session::start(config);
    session.connected().await;
    // The library's thread has a task beside it that ends with it.
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    // One more, for the library may just be starting its heartbeat; six rounds would leave six.
    let before = tasks() + 1;
    for round in 0..6 {
        if round % 2 == 0 {
            relay.cut();
        } else {
            relay.stall();
        }
        session.disconnected().await;
        // Time for attempts that fail in the greeting.
        tokio::time::sleep(Duration::from_millis(800)).await;
        relay.open();
        session.connected().await;
    }
    // Heartbeats of dead connections end with their next beat.
    let began = Instant::now();
    while tasks() > before && began.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(tasks() <= before, "{} tasks, before {before}", tasks());
    session.end().await;
    Peer::new(&uri, &topology).await.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_that_are_refused_leave_no_tasks_behind() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let uri = format!("amqp://guest:guest@{free}");
    let config: SessionConfig = config(&[&uri], &topology());
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for _ in 0..8 {
        let attempt = crate::amqp::connect::open(&config, &config.brokers[0]).await;
        assert!(attempt.is_err());
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(tasks() <= before, "{} tasks, before {before}", tasks());
}
