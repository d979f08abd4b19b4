//! What becomes of deliveries and their consequences when things break in between.

use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::{
    super::{EndReason, LinkError, Outgoing, SessionConfig, Topology},
    harness::{Peer, Session, address_of, at, config, server, to, transactional},
    relay::Relay,
};

/// `tx.commit` from the payload's length on, and its answer.
pub(super) const COMMIT: &[u8] = &[0, 0, 0, 4, 0, 90, 0, 20, 0xce];
const COMMIT_OK: &[u8] = &[0, 0, 0, 4, 0, 90, 0, 21, 0xce];

/// A session through a relay that sends nothing but what it is asked for.
fn silent(uri: &str, relay: &Relay, topology: &Topology) -> SessionConfig {
    let mut config = config(&[&at(uri, relay.address)], topology);
    config.timing.probe_every = Duration::from_secs(3600);
    config.timing.stalled_after = Duration::from_secs(3600);
    config
}

#[tokio::test]
async fn wherever_the_connection_is_cut_both_take_effect_or_neither() {
    let Some(uri) = server() else { return };
    let relay = Relay::before(address_of(&uri)).await;
    let topology = transactional();
    let peer = Peer::new(&uri, &topology).await;
    let (targeted, work) = (&topology.reply.answers, &topology.work[0].name);
    let out = format!("{targeted}-out");
    let (mut neither, mut unheard) = (0, 0);
    // Up to so many bytes of the request; in the end all of it, but not the answer.
    let mut cuts = (0..).step_by(11).map(Some);
    let mut next = cuts.next().flatten();
    loop {
        relay.open();
        let mut session = Session::start(silent(&uri, &relay, &topology));
        let link = session.connected().await;
        if neither == 0 {
            peer.queue(&out, targeted).await;
        }
        peer.execute(b"job").await;
        let receipt = session.work().await.receipt.unwrap();
        match next {
            Some(bytes) => relay.cut_after(bytes),
            None => relay.cut_before(COMMIT_OK),
        }
        let settled = link.settle(vec![receipt], [to(targeted, &out, "answer")]).await;
        let told = settled.is_ok();
        assert!(told || matches!(settled, Err(LinkError::Down(_))), "{settled:?}");
        relay.cut();
        session.end().await;
        match (peer.left(work).await, peer.waiting(&out).await) {
            (1, 0) if !told => neither += 1,
            (0, 1) => unheard += usize::from(!told),
            (jobs, answers) => panic!("{next:?}: {jobs} jobs, {answers} answers, told: {told}"),
        }
        peer.purge(work).await;
        peer.purge(&out).await;
        if next.is_none() {
            break;
        }
        next = if told { None } else { cuts.next().flatten() };
    }
    println!("{neither} times neither, {unheard} times both without a word");
    assert!(neither > 10 && unheard > 0);
    peer.clean().await;
}

#[tokio::test]
async fn a_session_lost_while_callers_wait_is_told_to_all_of_them_at_once() {
    let Some(uri) = server() else { return };
    let relay = Relay::before(address_of(&uri)).await;
    let topology = transactional();
    let mut session = Session::start(silent(&uri, &relay, &topology));
    let link = session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    for _ in 0..20 {
        peer.execute(b"job").await;
    }
    let mut receipts = Vec::new();
    for _ in 0..20 {
        receipts.push(session.work().await.receipt.unwrap());
    }
    relay.stall();
    let mut waiting = Vec::new();
    for receipt in receipts {
        let (link, own) = (link.clone(), link.reply_queue().to_owned());
        let targeted = topology.reply.answers.clone();
        waiting.push(tokio::spawn(async move {
            link.settle(vec![receipt], [to(&targeted, &own, "answer")]).await
        }));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(waiting.iter().all(|caller| !caller.is_finished()));
    let began = Instant::now();
    relay.cut();
    for caller in waiting {
        let lost = caller.await.unwrap();
        assert!(matches!(lost, Err(LinkError::Down(_))), "{lost:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(matches!(link.settle(Vec::new(), []).await, Err(LinkError::Down(_))));
    relay.open();
    let link = session.connected().await;
    for _ in 0..20 {
        let job = session.work().await;
        assert!(job.redelivered);
        link.ack(job.receipt.unwrap()).unwrap();
    }
    session.end().await;
    assert_eq!(peer.left(&topology.work[0].name).await, 0);
    peer.clean().await;
}

#[tokio::test]
async fn a_receipt_of_an_earlier_session_settles_nothing() {
    let Some(uri) = server() else { return };
    let relay = Relay::before(address_of(&uri)).await;
    let topology = transactional();
    let mut session = Session::start(config(&[&at(&uri, relay.address)], &topology));
    session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    peer.execute(b"job").await;
    let old = session.work().await.receipt.unwrap();
    relay.cut();
    session.disconnected().await;
    relay.open();
    let link = session.connected().await;
    let again = session.work().await.receipt.unwrap();
    let answer = to(&topology.reply.answers, link.reply_queue(), "answer");
    assert_eq!(link.settle(vec![old], [answer.clone()]).await, Err(LinkError::OtherSession));
    link.settle(vec![again], [answer]).await.unwrap();
    assert_eq!(session.reply().await.payload, b"answer");
    session.end().await;
    peer.clean().await;
}

#[tokio::test]
async fn a_commit_that_is_not_answered_ends_the_session() {
    let Some(uri) = server() else { return };
    let relay = Relay::before(address_of(&uri)).await;
    let topology = transactional();
    let mut config = silent(&uri, &relay, &topology);
    config.timing.request = Duration::from_millis(300);
    let mut session = Session::start(config);
    let link = session.connected().await;
    relay.stall();
    let message = to(&topology.reply.answers, link.reply_queue(), "{}");
    let error = link.settle(Vec::new(), [message]).await.unwrap_err().to_string();
    assert!(error.contains("did not answer transactions within 300ms"), "{error}");
    assert!(matches!(session.disconnected().await, EndReason::Unanswered { .. }));
    relay.open();
    session.connected().await;
    session.end().await;
    Peer::new(&uri, &topology).await.clean().await;
}

#[tokio::test]
async fn a_message_to_a_missing_exchange_settles_nothing_of_its_group() {
    let Some(uri) = server() else { return };
    let topology = transactional();
    let mut session = Session::start(config(&[&uri], &topology));
    let link = session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    peer.execute(b"1").await;
    peer.execute(b"2").await;
    let (one, two) = (session.work().await, session.work().await);
    let targeted = &topology.reply.answers;
    let out = format!("{targeted}-out");
    peer.queue(&out, targeted).await;
    let (good, bad) = tokio::join!(
        link.settle(vec![one.receipt.unwrap()], [to(targeted, &out, "{}")]),
        link.settle(vec![two.receipt.unwrap()], [to("no-such-exchange", "k", "{}")]),
    );
    for lost in [good, bad] {
        let Err(LinkError::Down(reason)) = lost else { panic!("{lost:?}") };
        assert!(reason.to_string().contains("404 NOT_FOUND"), "{reason}");
    }
    let link = session.connected().await;
    for _ in 0..2 {
        link.ack(session.work().await.receipt.unwrap()).unwrap();
    }
    session.end().await;
    assert_eq!(peer.waiting(&out).await, 0);
    peer.clean().await;
}

#[tokio::test]
async fn when_too_much_waits_the_next_delivery_goes_back() {
    let Some(uri) = server() else { return };
    let relay = Relay::before(address_of(&uri)).await;
    let topology = transactional();
    let mut config = silent(&uri, &relay, &topology);
    config.timing.request = Duration::from_secs(60);
    let mut session = Session::start(config);
    let link = session.connected().await;
    let peer = Peer::new(&uri, &topology).await;
    peer.execute(b"job").await;
    let receipt = session.work().await.receipt.unwrap();
    relay.stall();
    let message = || to(&topology.reply.answers, "gone", "{}");
    let full = loop {
        let settle = link.settle(Vec::new(), [Outgoing { mandatory: false, ..message() }]);
        if let Some(full) = settle.now_or_never() {
            break full;
        }
    };
    let overloaded = LinkError::Overloaded { open: 65_536 };
    assert_eq!(full, Err(overloaded.clone()));
    assert_eq!(link.settle(vec![receipt], [message()]).await, Err(overloaded));
    relay.open();
    let again = session.work().await;
    assert!(again.redelivered);
    link.settle(vec![again.receipt.unwrap()], [message()]).await.unwrap();
    session.end().await;
    assert_eq!(peer.left(&topology.work[0].name).await, 0);
    peer.clean().await;
}
