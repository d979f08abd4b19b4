//! What goes through a session that is well.

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};

use super::{
    super::{LinkError, Outgoing, Published, QueueKind, Topology},
    harness::{Event, Peer, Session, config, server, to, topology},
};

#[tokio::test]
async fn work_arrives_and_its_answer_goes_out_confirmed() {
    let Some(uri) = server() else { return };
    let topology = topology();
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    let targeted = &topology.reply.answers;
    let controller = format!("{targeted}-controller");
    peer.queue(&controller, targeted).await;

    peer.execute(br#"{"Call-ID":"c1"}"#).await;
    let delivery = session.work().await;
    assert_eq!(delivery.kind, QueueKind::Work);
    assert_eq!(&*delivery.queue, topology.work[0].name);
    assert_eq!(delivery.routing_key, "callflow.action.dynamic_cid");
    assert_eq!(delivery.content_type.as_deref(), Some("application/json"));
    assert_eq!(delivery.payload, br#"{"Call-ID":"c1"}"#);
    assert!(!delivery.redelivered);

    let answer = Outgoing { deliver_to_pid: Some("<0.5432.0>"), ..to(targeted, &controller, "{}") };
    assert_eq!(link.publish(answer).await, Ok(Published::Routed));
    link.ack(delivery.receipt.unwrap()).unwrap();

    let message = peer.get(&controller).await.unwrap().delivery;
    assert_eq!(message.data, b"{}");
    let properties = &message.properties;
    assert_eq!(properties.content_type().as_ref().unwrap().as_str(), "application/json");
    assert!(properties.timestamp().unwrap() > 63_745_056_000_000_000);
    assert_eq!(
        properties.headers().as_ref().unwrap().inner().get("Deliver-To-PID"),
        Some(&AMQPValue::LongString("<0.5432.0>".into()))
    );
    session.end().await;
    assert_eq!(peer.waiting(&topology.work[0].name).await, 0);
    peer.clean().await;
}

#[tokio::test]
async fn a_message_without_taker_is_told_apart_from_those_around_it() {
    let Some(uri) = server() else { return };
    let topology = topology();
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    let targeted = &topology.reply.answers;
    let own = link.reply_queue().to_owned();

    let gone = link.publish(to(targeted, "gone", "{}")).await.unwrap();
    assert_eq!(gone, Published::Returned { reason: "312 NO_ROUTE".to_owned() });
    let unasked = Outgoing { mandatory: false, ..to(targeted, "gone", "{}") };
    assert_eq!(link.publish(unasked).await, Ok(Published::Routed));

    // Many at once, so that the broker confirms several with one frame.
    let keys: Vec<&str> =
        (0..200).map(|n| if n % 7 == 3 { "gone" } else { own.as_str() }).collect();
    let messages = keys.iter().enumerate().map(|(n, key)| to(targeted, key, &n.to_string()));
    let published = link.publish_in_order(messages).await.unwrap();
    for (n, (key, published)) in keys.iter().zip(&published).enumerate() {
        assert_eq!(*published == Published::Routed, *key == own, "message {n}");
    }
    for n in (0..200).filter(|n| n % 7 != 3) {
        assert_eq!(session.reply().await.payload, n.to_string().as_bytes(), "order is kept");
    }
    // The same from many publishers at once.
    let one_each = keys.iter().map(|key| {
        let (link, key, targeted) = (link.clone(), (*key).to_owned(), targeted.clone());
        tokio::spawn(async move { link.publish(to(&targeted, &key, "{}")).await.unwrap() })
    });
    for (key, published) in keys.iter().zip(futures_util::future::join_all(one_each).await) {
        assert_eq!(published.unwrap() == Published::Routed, *key == own);
    }
    session.end().await;
    Peer::new(&uri, &topology).await.clean().await;
}

#[tokio::test]
async fn a_publisher_that_goes_away_leaves_no_trace_on_the_next_one() {
    let Some(uri) = server() else { return };
    let topology = topology();
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    let targeted = &topology.reply.answers;
    let own = link.reply_queue().to_owned();
    for _ in 0..50 {
        let mut pipeline = link.pipeline().await.unwrap();
        pipeline.add(to(targeted, "gone", "{}")).unwrap();
        drop(pipeline);
        assert_eq!(link.publish(to(targeted, &own, "{}")).await, Ok(Published::Routed));
        assert_ne!(link.publish(to(targeted, "gone", "{}")).await, Ok(Published::Routed));
    }
    session.end().await;
    Peer::new(&uri, &topology).await.clean().await;
}

#[tokio::test]
async fn a_message_nobody_understands_is_kept_whole_with_its_reason() {
    let Some(uri) = server() else { return };
    let topology = topology();
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    let binding = &topology.work[0].bindings[0];
    peer.publish(&binding.exchange, &binding.routing_key, b"\x83\xff rubbish").await;

    let delivery = session.work().await;
    assert_eq!(delivery.content_type, None);
    link.reject(delivery, "not_json", "expected `{` at byte 0").await.unwrap();

    let kept = peer.get(&topology.rejected.as_ref().unwrap().name).await.unwrap().delivery;
    assert_eq!(kept.data, b"\x83\xff rubbish");
    let headers = kept.properties.headers().clone().unwrap();
    for (name, value) in [
        ("x-reason", "not_json"),
        ("x-detail", "expected `{` at byte 0"),
        ("x-exchange", binding.exchange.as_str()),
        ("x-routing-key", "callflow.action.dynamic_cid"),
    ] {
        assert_eq!(headers.inner().get(name), Some(&AMQPValue::LongString(value.into())));
    }
    session.end().await;
    assert_eq!(peer.waiting(&topology.work[0].name).await, 0, "it is acknowledged");
    peer.clean().await;
}

#[tokio::test]
async fn a_calls_events_come_while_it_is_bound() {
    let Some(uri) = server() else { return };
    let topology = topology();
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    let events = &topology.reply.call_events;

    link.bind_call("call.*.c1").await.unwrap();
    peer.publish(events, "call.DTMF.c2", b"another call").await;
    peer.publish(events, "call.DTMF.c1", b"one").await;
    let event = session.reply().await;
    assert_eq!((event.payload.as_slice(), event.receipt.as_ref()), (b"one".as_slice(), None));
    assert_eq!((event.kind, event.exchange.as_str()), (QueueKind::Reply, events.as_str()));
    link.unbind_call("call.*.c1").await.unwrap();
    peer.publish(events, "call.DTMF.c1", b"too late").await;
    // Document changes are bound from the start, in order after the event that must not come.
    let properties = BasicProperties::default().with_headers(FieldTable::default());
    let configuration = &topology.reply.bindings[0].exchange;
    peer.publish_with(configuration, "doc_edited.db.type.id", b"doc", properties).await;
    assert_eq!(session.reply().await.payload, b"doc");
    session.end().await;
    peer.clean().await;
}

#[tokio::test]
async fn draining_takes_no_more_work_but_still_answers() {
    let Some(uri) = server() else { return };
    let topology = topology();
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    let work = &topology.work[0].name;
    peer.execute(b"1").await;
    peer.execute(b"2").await;
    let (first, second) = (session.work().await, session.work().await);

    session.stop.intake.cancel();
    session.until(|state| matches!(state, super::super::SessionState::Draining { .. })).await;
    peer.execute(b"3").await;
    let answer = to(&topology.reply.answers, link.reply_queue(), "answer");
    assert_eq!(link.publish(answer).await, Ok(Published::Routed));
    assert_eq!(session.reply().await.payload, b"answer");
    link.ack(first.receipt.unwrap()).unwrap();
    link.requeue(second.receipt.unwrap()).unwrap();
    session.end().await;

    let waiting = [peer.get(work).await.unwrap(), peer.get(work).await.unwrap()];
    let mut bodies: Vec<_> =
        waiting.iter().map(|message| (message.data.as_slice(), message.redelivered)).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, [(b"2".as_slice(), true), (b"3".as_slice(), false)]);
    assert_eq!(peer.get(work).await.map(|message| message.delivery.data), None);
    peer.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledgements_are_written_before_the_connection_is_closed() {
    let Some(uri) = server() else { return };
    let topology = topology();
    let mut session = Session::start(config(&[&uri], &topology));
    let mut link = session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    for _ in 0..10 {
        for _ in 0..300 {
            peer.execute(b"job").await;
        }
        let mut receipts = Vec::new();
        while receipts.len() < 300 {
            let job = session.work().await;
            assert!(!job.redelivered, "an acknowledgement was lost");
            receipts.push(job.receipt.unwrap());
        }
        for receipt in receipts {
            link.ack(receipt).unwrap();
        }
        session.end().await;
        session = Session::start(config(&[&uri], &topology));
        link = session.connected().await;
    }
    session.end().await;
    assert_eq!(peer.waiting(&topology.work[0].name).await, 0);
    peer.clean().await;
}

#[tokio::test]
async fn names_that_amqp_cannot_carry_are_refused_and_hurt_nobody() {
    let Some(uri) = server() else { return };
    let topology = topology();
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    let key = "k".repeat(256);
    let too_long = LinkError::TooLong { what: "routing key", bytes: 256 };
    assert_eq!(link.bind_call(&key).await, Err(too_long.clone()));
    assert_eq!(link.publish(to(&topology.reply.answers, &key, "{}")).await, Err(too_long));
    let own = link.reply_queue().to_owned();
    let body = "x".repeat(3 * 1024 * 1024);
    link.publish(to(&topology.reply.answers, &own, &body)).await.unwrap();
    assert_eq!(session.reply().await.payload.len(), body.len(), "a large message fits");
    session.end().await;
    Peer::new(&uri, &topology).await.clean().await;
}

#[tokio::test]
async fn the_session_says_when_it_ends() {
    let Some(uri) = server() else { return };
    let topology: Topology = topology();
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    session.stop.session.cancel();
    assert!(matches!(session.next().await, Event::Disconnected(super::super::EndReason::Stopped)));
    assert!(link.is_down());
    assert!(matches!(link.bind_call("call.*.c1").await, Err(LinkError::Down(_))));
    session.end().await;
    Peer::new(&uri, &topology).await.clean().await;
}
