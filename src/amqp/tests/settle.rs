//! Deliveries settled together with their consequences, in a session that is well.

use std::time::Duration;

use futures_util::future::join_all;

use super::{
    super::{LinkError, Outgoing, Published, SessionState, Settling},
    harness::{Event, Peer, Session, address_of, at, config, server, to, topology, transactional},
    relay::Relay,
    settle_faults::COMMIT,
};

#[tokio::test]
async fn a_job_is_answered_and_settled_in_one() {
    let Some(uri) = server() else { return };
    let topology = transactional();
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    let targeted = &topology.reply.answers;
    let out = format!("{targeted}-out");
    peer.queue(&out, targeted).await;
    peer.execute(b"job").await;
    let receipt = session.work().await.receipt.unwrap();

    // Large, so that writing it takes longer than anything that could overtake it.
    let body = "x".repeat(3 * 1024 * 1024);
    let large = Outgoing { persistent: true, ..to(targeted, &out, &body) };
    let messages = [large, to(targeted, "gone", "{}"), to(targeted, &out, "last")];
    let published = link.settle(vec![receipt], messages).await.unwrap();
    let returned = Published::Returned { reason: "312 NO_ROUTE".to_owned() };
    assert_eq!(published, [Published::Routed, returned, Published::Routed]);
    assert_eq!(peer.waiting(&out).await, 2, "in place when it is told");

    let first = peer.get(&out).await.unwrap().delivery;
    assert_eq!((first.data.len(), *first.properties.delivery_mode()), (body.len(), Some(2)));
    assert_eq!(first.properties.content_type().as_ref().unwrap().as_str(), "application/json");
    let last = peer.get(&out).await.unwrap().delivery;
    assert_eq!(
        (last.data.as_slice(), *last.properties.delivery_mode()),
        (b"last".as_slice(), None)
    );
    assert_eq!(link.settle(Vec::new(), []).await, Ok(Vec::new()));
    session.end().await;
    assert_eq!(peer.left(&topology.work[0].name).await, 0);
    peer.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_share_transactions_and_each_learns_of_its_own() {
    let Some(uri) = server() else { return };
    let relay = Relay::before(address_of(&uri)).await;
    let topology = transactional();
    let mut session = Session::start(config(&[&at(&uri, relay.address)], &topology));
    let link = session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    let targeted = &topology.reply.answers;
    let out = format!("{targeted}-out");
    peer.queue(&out, targeted).await;
    let mut deliveries = Vec::new();
    for n in 0..1000 {
        peer.execute(n.to_string().as_bytes()).await;
        deliveries.push(session.work().await);
    }
    let callers = deliveries.into_iter().enumerate().map(|(n, delivery)| {
        let (link, targeted, out) = (link.clone(), targeted.clone(), out.clone());
        tokio::spawn(async move {
            // Of three messages, any may find no taker.
            let keys: Vec<&str> =
                (0..3).map(|bit| if n >> bit & 1 == 0 { out.as_str() } else { "gone" }).collect();
            let messages = keys.iter().map(|key| to(&targeted, key, &format!("{n}")));
            let published = link.settle(vec![delivery.receipt.unwrap()], messages).await.unwrap();
            for (key, published) in keys.iter().zip(&published) {
                assert_eq!(*published == Published::Routed, *key == out, "caller {n}");
            }
            published.len()
        })
    });
    for asked in join_all(callers).await {
        assert_eq!(asked.unwrap(), 3);
    }
    let transactions = relay.count_sent(COMMIT);
    assert!((1..500).contains(&transactions), "{transactions} transactions");
    assert_eq!(peer.waiting(&out).await, 1500);
    session.end().await;
    assert_eq!(peer.left(&topology.work[0].name).await, 0);
    peer.clean().await;
}

#[tokio::test]
async fn order_is_kept_within_and_between_settles() {
    let Some(uri) = server() else { return };
    let topology = transactional();
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    let targeted = &topology.reply.answers;
    let own = link.reply_queue();
    let settles = (0..50).map(|settle| {
        let messages = (0..10).map(move |n| to(targeted, own, &format!("{}", settle * 10 + n)));
        link.settle(Vec::new(), messages)
    });
    // All are asked for, in order, before the first is answered.
    for published in join_all(settles).await {
        assert_eq!(published.unwrap().len(), 10);
    }
    for n in 0..500 {
        assert_eq!(session.reply().await.payload, n.to_string().as_bytes());
    }
    session.end().await;
    Peer::new(&uri, &topology).await.clean().await;
}

#[tokio::test]
async fn what_a_caller_asked_for_is_done_once_though_it_goes_away() {
    let Some(uri) = server() else { return };
    let topology = transactional();
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    let targeted = &topology.reply.answers;
    let out = format!("{targeted}-out");
    peer.queue(&out, targeted).await;
    for n in 0..100 {
        peer.execute(b"job").await;
        let receipt = session.work().await.receipt.unwrap();
        let messages = [to(targeted, &out, &n.to_string()), to(targeted, "gone", "{}")];
        let settle = link.settle(vec![receipt], messages);
        // Polled once; then, in every other round, gone before the answer.
        let told = tokio::time::timeout(Duration::from_millis(n % 2), settle).await;
        drop(told);
    }
    let last = link.settle(Vec::new(), [to(targeted, &out, "last")]).await.unwrap();
    assert_eq!(last, [Published::Routed], "no trace of those returned to nobody");
    for n in 0..100 {
        assert_eq!(peer.get(&out).await.unwrap().data, n.to_string().as_bytes());
    }
    assert_eq!(peer.get(&out).await.unwrap().data, b"last");
    session.end().await;
    assert_eq!(peer.left(&topology.work[0].name).await, 0);
    peer.clean().await;
}

#[tokio::test]
async fn single_deliveries_are_acknowledged_given_back_and_rejected() {
    let Some(uri) = server() else { return };
    let topology = transactional();
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    for body in [b"1", b"2", b"3"] {
        peer.execute(body).await;
    }
    let (one, two, three) = (session.work().await, session.work().await, session.work().await);
    link.ack(one.receipt.unwrap()).unwrap();
    link.requeue(two.receipt.unwrap()).unwrap();
    link.reject(three, "not_json", "detail").await.unwrap();
    let again = session.work().await;
    assert_eq!((again.payload.as_slice(), again.redelivered), (b"2".as_slice(), true));
    assert_eq!(peer.get(&topology.rejected.as_ref().unwrap().name).await.unwrap().data, b"3");
    link.ack(again.receipt.unwrap()).unwrap();
    session.end().await;
    assert_eq!(peer.left(&topology.work[0].name).await, 0, "also what was asked for last");
    peer.clean().await;
}

#[tokio::test]
async fn deliveries_of_both_kinds_can_be_settled_at_once() {
    let Some(uri) = server() else { return };
    let mut topology = topology();
    let mut second = topology.work[0].clone();
    second.name.push_str("-2");
    second.settling = Settling::Transaction;
    topology.work.push(second);
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    peer.execute(b"job").await;
    let (one, other) = (session.work().await, session.work().await);
    assert_ne!(one.queue, other.queue);
    let own = link.reply_queue();
    let receipts = vec![one.receipt.unwrap(), other.receipt.unwrap()];
    link.settle(receipts, [to(&topology.reply.answers, own, "{}")]).await.unwrap();
    session.end().await;
    for work in &topology.work {
        assert_eq!(peer.left(&work.name).await, 0, "{}", work.name);
    }
    peer.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_begin_and_end_between_transactions() {
    let Some(uri) = server() else { return };
    let mut topology = transactional();
    let first = topology.work[0].clone();
    for n in 2..=4 {
        let name = format!("{}-{n}", first.name);
        topology.work.push(super::super::WorkQueue { name, ..first.clone() });
    }
    let session = Session::start(config(&[&uri], &topology));
    session.until(SessionState::is_up).await;
    session.end().await;
    let peer = Peer::new(&uri, &topology).await;
    for _ in 0..200 {
        peer.execute(b"job").await;
    }
    // Work of the first queue is settled while the other consumers are still to begin.
    let mut session = Session::start(config(&[&uri], &topology));
    let mut link = None;
    let mut taken = 0;
    while taken < 800 {
        match session.next().await {
            Event::Connected(now) => link = Some(now),
            Event::Work(job) => {
                link.as_ref().unwrap().ack(job.receipt.unwrap()).unwrap();
                taken += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    let link = link.unwrap();
    // Transactions without a pause, while the consumers end.
    let own = link.reply_queue().to_owned();
    let settling = tokio::spawn({
        let (link, targeted, stop) =
            (link.clone(), topology.reply.answers.clone(), session.stop.intake.clone());
        async move {
            let mut after = 0;
            while after < 20 {
                let message = Outgoing { persistent: true, ..to(&targeted, &own, "{}") };
                link.settle(Vec::new(), [message]).await.unwrap();
                after += usize::from(stop.is_cancelled());
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    session.stop.intake.cancel();
    session.until(|state| matches!(state, SessionState::Draining { .. })).await;
    settling.await.unwrap();
    assert!(!link.is_down());
    session.end().await;
    for work in &topology.work {
        assert_eq!(peer.left(&work.name).await, 0, "{}", work.name);
    }
    peer.clean().await;
}

#[tokio::test]
async fn draining_takes_no_more_but_settles_what_is_in_hand() {
    let Some(uri) = server() else { return };
    let topology = transactional();
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    peer.execute(b"1").await;
    peer.execute(b"2").await;
    let (one, two) = (session.work().await, session.work().await);
    session.stop.intake.cancel();
    session.until(|state| matches!(state, SessionState::Draining { .. })).await;
    peer.execute(b"3").await;
    let answer = to(&topology.reply.answers, link.reply_queue(), "answer");
    link.settle(vec![one.receipt.unwrap()], [answer]).await.unwrap();
    assert_eq!(session.reply().await.payload, b"answer");
    link.requeue(two.receipt.unwrap()).unwrap();
    session.end().await;
    let work = &topology.work[0].name;
    let mut left = [peer.get(work).await.unwrap().delivery, peer.get(work).await.unwrap().delivery]
        .map(|message| message.data);
    left.sort_unstable();
    assert_eq!(left, [b"2", b"3"]);
    peer.clean().await;
}

#[tokio::test]
async fn a_name_too_long_sends_nothing_and_keeps_the_delivery_in_hand() {
    let Some(uri) = server() else { return };
    let topology = transactional();
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    peer.execute(b"job").await;
    let receipt = session.work().await.receipt.unwrap();
    let (targeted, key) = (&topology.reply.answers, "k".repeat(256));
    let messages = [to(targeted, link.reply_queue(), "fits"), to(targeted, &key, "{}")];
    let refused = link.settle(vec![receipt], messages).await;
    assert_eq!(refused, Err(LinkError::TooLong { what: "routing key", bytes: 256 }));
    link.settle(Vec::new(), [to(targeted, link.reply_queue(), "next")]).await.unwrap();
    assert_eq!(session.reply().await.payload, b"next");
    session.end().await;
    assert_eq!(peer.left(&topology.work[0].name).await, 1);
    peer.clean().await;
}
