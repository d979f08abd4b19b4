//! Messages: what KAZOO and other workers send.

use serde_json::Value;

use kazoo_dynamic_cid::json::Object;
use kazoo_dynamic_cid::kapi::inbound::{DecodeLimits, Waiting, decode_within};
use kazoo_dynamic_cid::kapi::{
    Delivered, Identity, Inbound, Message, RejectReason, Rejection, decode, held, routing,
};

/// One payload, as it stands.
pub fn run(data: &[u8]) {
    let found = decode(&delivered(data));
    match &found {
        Ok(message) => {
            understood(data, message);
            sent_again(message);
        }
        Err(rejection) => refused(rejection),
    }
    narrower(data, &found);
}

fn delivered(payload: &[u8]) -> Delivered<'_> {
    let content_type = Some("application/json");
    Delivered { exchange: "kapps", routing_key: "key", content_type, payload }
}

fn identity() -> Identity {
    Identity::new("worker@host", "replies")
}

/// What was understood is what was sent, whole.
fn understood(data: &[u8], message: &Inbound) {
    let sent: Object = serde_json::from_slice(data).expect("what is understood is an object");
    match message {
        Inbound::Execute(execute) => {
            assert!(routing::is_call_id(&execute.call_id));
            assert_eq!(sent.get("Call"), Some(&Value::Object(execute.call.clone().into_object())));
            let mut whole = sent;
            // An absent `Data` and a `null` one come back as the empty object that they are to KAZOO.
            if whole.get("Data").is_none_or(Value::is_null) {
                whole.insert("Data".to_owned(), Value::Object(Object::new()));
            }
            assert_eq!(execute.body(), whole);
            let _ = (execute.control_queue(), execute.fetch_id(), execute.account_id());
        }
        Inbound::RouteReq(request) => {
            assert_eq!(request.body, sent);
            let _ = request.newer_sender();
        }
        Inbound::Unworkable(unworkable) => assert_eq!(unworkable.body, sent),
        Inbound::Ignored { category, name } => {
            assert_eq!(sent.get("Event-Category"), Some(&Value::from(category.as_str())));
            assert_eq!(sent.get("Event-Name"), Some(&Value::from(name.as_str())));
        }
        _ => {}
    }
}

/// What goes from worker to worker arrives as it was.
fn sent_again(message: &Inbound) {
    let arrived = |message: &Message| decode(&delivered(&message.payload()));
    match message {
        Inbound::Execute(execute) => {
            let expected = Inbound::HeldExecute(Box::new(execute.clone()));
            assert_eq!(arrived(&held::message(execute, &identity(), "queue")), Ok(expected));
        }
        Inbound::Offer(offer) => {
            let expected = Inbound::Offer(offer.clone());
            assert_eq!(arrived(&offer.message(&identity(), "queue")), Ok(expected));
        }
        Inbound::Job(job) => {
            let expected = Inbound::Job(job.clone());
            assert_eq!(arrived(&job.message(&identity(), "queue")), Ok(expected));
        }
        _ => {}
    }
}

/// A refusal says why; a caller who waits can be told.
fn refused(rejection: &Rejection) {
    assert!(!rejection.detail.is_empty());
    match rejection.waiting.as_deref() {
        Some(Waiting::Flow(flow)) => assert!(!flow.server_id.queue.is_empty()),
        Some(Waiting::Caller(caller)) => {
            assert!(routing::is_call_id(&caller.call_id) && !caller.control_queue.queue.is_empty());
        }
        None => {}
    }
}

/// Narrower limits refuse more, and read what they do not refuse in the same way.
fn narrower(data: &[u8], found: &Result<Inbound, Rejection>) {
    let limits = DecodeLimits { max_bytes: 512, max_depth: 3 };
    let narrow = decode_within(&delivered(data), limits);
    match &narrow {
        Err(Rejection { reason: RejectReason::TooLarge | RejectReason::TooDeep, .. }) => {}
        other => assert_eq!(other, found),
    }
}
