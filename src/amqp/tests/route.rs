//! The queues of the route seam: who gets a won call when its own worker does not take care of it.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::{
    super::{Argument, Delivery, Link, Outgoing, Topology},
    harness::{Event, Peer, Session, address_of, at, config, server, to},
    relay::Relay,
};

/// The topologies of two workers on one broker that nobody else uses, and the prefix of all names.
fn two_workers() -> ([Topology; 2], String) {
    let prefix = format!("test-{:08x}-", rand::random::<u32>());
    let topology = |process| Topology::new([]).with_route("node@host", process).prefixed(&prefix);
    (["0a", "0b"].map(topology), prefix)
}

async fn clean(peer: Peer, other: &Topology) {
    peer.delete(other.process_queue.as_ref().unwrap()).await;
    peer.clean().await;
}

/// The next delivery of work, whatever becomes of the connection.
async fn work(session: &mut Session) -> Delivery {
    loop {
        match session.next().await {
            Event::Work(delivery) => return delivery,
            Event::Connected(_) | Event::Disconnected(_) => {}
            other => panic!("not work: {other:?}"),
        }
    }
}

async fn settle(link: &Link, delivery: Delivery) {
    link.settle(vec![delivery.receipt.unwrap()], []).await.unwrap();
}

#[tokio::test]
async fn a_request_goes_to_one_worker_and_a_node_s_advertisement_to_all() {
    let Some(uri) = server() else { return };
    let (topologies, prefix) = two_workers();
    let mut sessions =
        topologies.each_ref().map(|topology| Session::start(config(&[&uri], topology)));
    let mut links = Vec::new();
    for session in &mut sessions {
        links.push(session.connected().await);
    }
    let peer = Peer::new(&uri, &topologies[0]).await;
    let callmgr = format!("{prefix}callmgr");
    for key in ["audio.a1", "video.a1", "sms.a1", "audio.realm.user"] {
        peer.publish(&callmgr, &format!("route.req.{key}"), key.as_bytes()).await;
    }
    let mut requests = Vec::new();
    let began = Instant::now();
    while requests.len() < 2 && began.elapsed() < Duration::from_secs(10) {
        for (session, link) in sessions.iter_mut().zip(&links) {
            let Ok(delivery) = timeout(Duration::from_millis(50), session.work()).await else {
                continue;
            };
            assert_eq!(*delivery.queue, format!("{prefix}kazoo_dynamic_cid.route"));
            requests.push(delivery.routing_key.clone());
            settle(link, delivery).await;
        }
    }
    // A fanout exchange does not look at the key.
    peer.publish(&format!("{prefix}nodes"), "any", b"advertisement").await;
    for session in &mut sessions {
        assert_eq!(session.reply().await.payload, b"advertisement");
    }
    requests.sort_unstable();
    assert_eq!(requests, ["route.req.audio.a1", "route.req.video.a1"]);
    for session in sessions {
        session.end().await;
    }
    clean(peer, &topologies[1]).await;
}

#[tokio::test]
async fn a_win_that_nobody_takes_care_of_in_time_is_taken_over() {
    let Some(uri) = server() else { return };
    let relay = Relay::before(address_of(&uri)).await;
    let (topologies, prefix) = two_workers();
    let mut dying = Session::start(config(&[&at(&uri, relay.address)], &topologies[0]));
    let dying_link = dying.connected().await;
    let win = dying_link.process_queue().unwrap();
    let mut living = Session::start(config(&[&uri], &topologies[1]));
    let link = living.connected().await;
    let peer = Peer::new(&uri, &topologies[0]).await;
    let targeted = &topologies[0].reply.answers;

    peer.publish(targeted, win, b"settled").await;
    peer.publish(targeted, win, b"in hand").await;
    let (settled, in_hand) = (work(&mut dying).await, work(&mut dying).await);
    assert_eq!((&*settled.queue, &*in_hand.queue), (win, win));
    let jobs = format!("{prefix}kazoo_dynamic_cid.jobs");
    let job = Outgoing { persistent: true, ..to(targeted, &jobs, "job") };
    dying_link.settle(vec![settled.receipt.unwrap()], [job]).await.unwrap();
    relay.cut();
    dying.disconnected().await;
    peer.publish(targeted, win, b"too late").await;

    let mut seen = Vec::new();
    while seen.len() < 3 {
        let delivery = work(&mut living).await;
        let queue = delivery.queue.strip_prefix(prefix.as_str()).unwrap().to_owned();
        seen.push((queue, String::from_utf8(delivery.payload.clone()).unwrap()));
        settle(&link, delivery).await;
    }
    seen.sort_unstable();
    let expected = [("jobs", "job"), ("takeover", "in hand"), ("takeover", "too late")]
        .map(|(queue, body)| (format!("kazoo_dynamic_cid.{queue}"), body.to_owned()));
    assert_eq!(seen, expected);
    dying.end().await;
    living.end().await;
    for queue in &topologies[0].work {
        assert_eq!(peer.left(&queue.name).await, 0, "{}", queue.name);
    }
    clean(peer, &topologies[1]).await;
}

#[tokio::test]
async fn a_process_s_own_queue_outlives_its_connection() {
    let Some(uri) = server() else { return };
    let relay = Relay::before(address_of(&uri)).await;
    let ([mut topology, _], _) = two_workers();
    // However slow the machine is, nothing is to be taken over.
    for (argument, value) in topology.work.iter_mut().flat_map(|queue| &mut queue.arguments) {
        if argument == "x-message-ttl" {
            *value = Argument::Number(60_000);
        }
    }
    let mut session = Session::start(config(&[&at(&uri, relay.address)], &topology));
    let first = session.connected().await;
    let win = first.process_queue().unwrap().to_owned();
    let peer = Peer::new(&uri, &topology).await;
    let targeted = &topology.reply.answers;
    peer.publish(targeted, &win, b"in hand").await;
    let in_hand = session.work().await;
    assert_eq!(in_hand.exchange, *targeted);
    relay.cut();
    session.disconnected().await;
    peer.publish(targeted, &win, b"meanwhile").await;
    relay.open();
    let second = session.connected().await;
    assert_eq!(second.process_queue(), Some(win.as_str()));
    for body in [b"in hand".as_slice(), b"meanwhile"] {
        let delivery = session.work().await;
        assert_eq!(delivery.payload, body);
        settle(&second, delivery).await;
    }
    session.end().await;
    assert_eq!(peer.left(&win).await, 0);
    peer.clean().await;
}

#[tokio::test]
async fn one_worker_at_a_time_takes_over_and_then_the_next() {
    let Some(uri) = server() else { return };
    let (topologies, prefix) = two_workers();
    let mut first = Session::start(config(&[&uri], &topologies[0]));
    let link = first.connected().await;
    let mut second = Session::start(config(&[&uri], &topologies[1]));
    let next = second.connected().await;
    let peer = Peer::new(&uri, &topologies[0]).await;
    let takeover = format!("{prefix}kazoo_dynamic_cid.takeover");
    for n in 0..10 {
        peer.publish(&topologies[0].reply.answers, &takeover, n.to_string().as_bytes()).await;
    }
    for n in 0..10 {
        let delivery = first.work().await;
        assert_eq!((&*delivery.queue, delivery.payload[0]), (takeover.as_str(), b'0' + n));
        if n < 5 {
            settle(&link, delivery).await;
        }
    }
    first.end().await;
    for n in 5..10 {
        let delivery = second.work().await;
        assert_eq!((delivery.payload[0], delivery.redelivered), (b'0' + n, true));
        settle(&next, delivery).await;
    }
    second.end().await;
    assert_eq!(peer.left(&takeover).await, 0);
    clean(peer, &topologies[1]).await;
}
