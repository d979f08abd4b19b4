//! What a session does with a broker that behaves as none that can be had does.

use std::time::{Duration, Instant};

use super::{
    super::{EndReason, SessionState},
    fake::{Act, Fake},
    harness::{Session, config, topology},
};

type Script = fn(&str, usize) -> Act;

/// A session with a broker on which the first connection goes wrong.
async fn first_goes_wrong(script: Script) -> (Fake, Session, String) {
    let fake = Fake::serve(script).await;
    let mut session = Session::start(config(&[&fake.uri()], &topology()));
    let seen = session
        .until(|state| matches!(state, SessionState::Down { .. } | SessionState::Refused { .. }))
        .await;
    session.connected().await;
    assert!(fake.connections() > 1, "it did not connect again");
    let seen = seen.to_string();
    assert!(!seen.contains("s3cret"), "{seen}");
    (fake, session, seen)
}

#[tokio::test]
async fn whatever_goes_wrong_in_the_greeting_it_connects_again() {
    let scripts: [Script; 8] = [
        |name, number| if number == 1 && name == "start" { Act::Cut } else { Act::Answer },
        |name, number| if number == 1 && name == "tune" { Act::Cut } else { Act::Answer },
        |name, number| {
            if number == 1 && name == "connection.open" { Act::Cut } else { Act::Answer }
        },
        |name, number| if number == 1 && name == "start" { Act::Silence } else { Act::Answer },
        |name, number| if number == 1 && name == "tune" { Act::Silence } else { Act::Answer },
        |name, number| if number == 1 && name == "start" { Act::Nonsense } else { Act::Answer },
        |name, number| {
            if number == 1 && name == "connection.open" { Act::Nonsense } else { Act::Answer }
        },
        |name, number| {
            if number == 1 && name == "connection.open" {
                Act::Close(320, "CONNECTION_FORCED - shutting down")
            } else {
                Act::Answer
            }
        },
    ];
    for script in scripts {
        let began = Instant::now();
        let (_fake, session, seen) = first_goes_wrong(script).await;
        assert!(seen.contains("cannot connect") || seen.contains("did not answer"), "{seen}");
        assert!(began.elapsed() < Duration::from_secs(4), "{seen}: {:?}", began.elapsed());
        session.end().await;
    }
}

#[tokio::test]
async fn whatever_goes_wrong_while_declaring_it_connects_again() {
    let scripts: [(Script, &str); 6] = [
        (
            |name, number| match (name, number) {
                ("channel.open", 1) => Act::Silence,
                _ => Act::Answer,
            },
            "did not answer",
        ),
        (
            |name, number| match (name, number) {
                ("queue.declare", 1) => Act::Silence,
                _ => Act::Answer,
            },
            "did not answer",
        ),
        (
            |name, number| match (name, number) {
                ("queue.bind", 1) => Act::Cut,
                _ => Act::Answer,
            },
            "the connection ended",
        ),
        (
            |name, number| match (name, number) {
                ("consume work", 1) => Act::Nonsense,
                _ => Act::Answer,
            },
            "",
        ),
        (
            |name, number| match (name, number) {
                ("queue.declare", 1) => Act::Close(
                    541,
                    "INTERNAL_ERROR - Feature `transient_nonexcl_queues` is deprecated",
                ),
                _ => Act::Answer,
            },
            "deprecated_features.permit.transient_nonexcl_queues = true",
        ),
        (
            |name, number| match (name, number) {
                ("queue.declare", 1) => Act::CloseChannel(
                    403,
                    "ACCESS_REFUSED - configure access to queue refused for user",
                ),
                _ => Act::Answer,
            },
            "set_permissions",
        ),
    ];
    for (script, words) in scripts {
        let (_fake, session, seen) = first_goes_wrong(script).await;
        assert!(seen.contains(words), "{words}: {seen}");
        session.end().await;
    }
}

#[tokio::test]
async fn a_cancelled_consumer_rebuilds_the_session() {
    let fake = Fake::serve(|name, number| match (name, number) {
        ("consume work", 1) => Act::Cancel,
        _ => Act::Answer,
    })
    .await;
    let mut session = Session::start(config(&[&fake.uri()], &topology()));
    let reason = session.disconnected().await;
    assert!(matches!(reason, EndReason::ConsumerEnded { .. }), "{reason:?}");
    session.connected().await;
    session.end().await;
}

#[tokio::test]
async fn a_broker_short_of_memory_shows_in_the_state_until_it_is_over() {
    let fake = Fake::serve(|name, _| match name {
        "consume work" => Act::Block(Duration::from_millis(300)),
        _ => Act::Answer,
    })
    .await;
    let mut config = config(&[&fake.uri()], &topology());
    config.timing.stalled_after = Duration::from_secs(60);
    let session = Session::start(config);
    let blocked = session.until(|state| matches!(state, SessionState::Blocked { .. })).await;
    assert!(blocked.to_string().contains("low on memory"), "{blocked}");
    assert!(!blocked.is_up());
    session.until(SessionState::is_up).await;
    assert_eq!(fake.connections(), 1, "the session was given up");
    session.end().await;
}
