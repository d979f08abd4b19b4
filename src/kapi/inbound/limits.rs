//! How large and how deep a message may be, and whom a refused one leaves waiting.

use std::borrow::Cow;

use serde::Deserialize;

use super::rejection::{Waiting, WaitingCaller, WaitingFlow};
use super::{RejectReason, Rejection};
use crate::kapi::handover::{CATEGORY, Kind};
use crate::kapi::{Address, routing};

/// What a worker puts around a call that KAZOO described to it, in bytes and in levels: its own
/// messages may be so much larger than KAZOO's.
const AROUND_BYTES: usize = 64 * 1024;
const AROUND_LEVELS: usize = 4;

/// Of messages larger than this it is not even looked up who waits; that takes about ten
/// milliseconds.
const LARGEST_OUTLINE: usize = 16 * 1024 * 1024;

/// The limits of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// The largest payload, in bytes.
    pub max_bytes: usize,
    /// The deepest nesting: 1 for an object of plain values. JSON's own reader allows 127.
    pub max_depth: usize,
}

impl Default for DecodeLimits {
    /// The largest messages KAZOO sends are Call objects of some ten kilobytes and levels.
    fn default() -> Self {
        Self { max_bytes: 1024 * 1024, max_depth: 100 }
    }
}

impl DecodeLimits {
    /// The limits of what workers send each other, KAZOO's messages inside.
    pub(super) fn of_workers(self) -> Self {
        Self {
            // A call is in an offer twice: as KAZOO described it, and as it begins.
            max_bytes: self.max_bytes.saturating_mul(2).saturating_add(AROUND_BYTES),
            max_depth: self.max_depth.saturating_add(AROUND_LEVELS),
        }
    }

    /// Refuses a payload that exceeds a limit, these being [those of workers](Self::of_workers);
    /// how deep it is at most, where it does not.
    pub(super) fn check(self, payload: &[u8]) -> Result<usize, Rejection> {
        self.check_size(payload)?;
        // Brackets are counted faster than they are matched, and hardly a message has too many.
        let brackets = brackets(payload);
        if brackets <= self.max_depth.saturating_sub(AROUND_LEVELS) {
            return Ok(brackets);
        }
        let depth = depth(payload, self.max_depth);
        self.check_depth(depth)?;
        Ok(depth)
    }

    pub(super) fn check_size(self, payload: &[u8]) -> Result<(), Rejection> {
        let (bytes, limit) = (payload.len(), self.max_bytes);
        if bytes <= limit {
            return Ok(());
        }
        let detail = format!("the payload has {bytes} bytes, the limit is {limit}");
        Err(Rejection::new(RejectReason::TooLarge, detail))
    }

    pub(super) fn check_depth(self, depth: usize) -> Result<(), Rejection> {
        let limit = self.max_depth;
        if depth <= limit {
            return Ok(());
        }
        let detail = format!("the payload is nested deeper than the limit of {limit}");
        Err(Rejection::new(RejectReason::TooDeep, detail))
    }
}

/// How often something is opened, texts included.
fn brackets(payload: &[u8]) -> usize {
    // By chunks in which a byte can count them: the processor takes many at once then.
    let count =
        |chunk: &[u8]| chunk.iter().map(|byte| u8::from(matches!(byte, b'{' | b'['))).sum::<u8>();
    payload.chunks(usize::from(u8::MAX)).map(|chunk| usize::from(count(chunk))).sum()
}

/// How deep JSON is nested, counted to one more than a limit. Of anything but JSON the answer means
/// nothing.
fn depth(payload: &[u8], limit: usize) -> usize {
    let (mut depth, mut deepest, mut text, mut escaped) = (0_usize, 0, false, false);
    for byte in payload {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if text => escaped = true,
            b'"' => text = !text,
            _ if text => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
                if depth > limit {
                    break;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The few plain members by which one sees who waits. The reader skips everything else without
/// recursion, however deep it is.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow, rename = "Event-Category")]
    category: Cow<'a, str>,
    #[serde(borrow, rename = "Event-Name")]
    name: Cow<'a, str>,
    #[serde(borrow, default, rename = "Call-ID")]
    call_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "Msg-ID")]
    msg_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "Server-ID")]
    server_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "Control-Queue")]
    control_queue: Option<Cow<'a, str>>,
}

/// Who waits for what became of a message that is refused unread.
pub(super) fn waiting(payload: &[u8]) -> Option<Waiting> {
    if payload.len() > LARGEST_OUTLINE {
        return None;
    }
    let outline: Outline<'_> = serde_json::from_slice(payload).ok()?;
    let Outline { category, name, call_id, msg_id, server_id, control_queue } = outline;
    let call_id = call_id?.into_owned();
    match (category.as_ref(), name.as_ref()) {
        ("callflow", "action.execute") => Some(Waiting::Flow(WaitingFlow {
            server_id: Address::parse(&server_id?).ok()?,
            msg_id: msg_id?.into_owned(),
            call_id,
        })),
        ("dialplan", "route_win") => caller(call_id, &control_queue?),
        (CATEGORY, name) if name == Kind::Job.as_str() => caller(call_id, &control_queue?),
        _ => None,
    }
}

fn caller(call_id: String, control_queue: &str) -> Option<Waiting> {
    let control_queue = Address::parse(control_queue).ok()?;
    if !routing::is_call_id(&call_id) {
        return None;
    }
    Some(Waiting::Caller(WaitingCaller { call_id, control_queue }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kapi::fixtures;
    use crate::kapi::inbound::{Delivered, Inbound, decode_within};

    fn nested(levels: usize) -> String {
        format!("{}{}", "[".repeat(levels), "]".repeat(levels))
    }

    fn decode(body: &str, limits: DecodeLimits) -> Result<Inbound, Rejection> {
        decode_within(
            &Delivered {
                exchange: "kapps",
                routing_key: "key",
                content_type: Some("application/json"),
                payload: body.as_bytes(),
            },
            limits,
        )
    }

    /// A message of the fixtures with a member nested so deep, and one of so many bytes.
    fn swollen(fixture: &str, levels: usize, bytes: usize) -> String {
        let body = Value::Object(fixtures::object(fixture)).to_string();
        let body = body.strip_suffix('}').unwrap();
        format!("{body},\"Deep\":{},\"Long\":\"{}\"}}", nested(levels), "x".repeat(bytes))
    }

    #[test]
    fn depth_is_counted_outside_of_texts() {
        for (text, expected) in [
            ("1", 0),
            ("{}", 1),
            (r#"{"a":[{"b":[]}]}"#, 4),
            (r#"{"[[[":"{{{"}"#, 1),
            (r#"["\"[[[","\\",[]]"#, 2),
            ("[][][]", 1),
            ("]]][", 1),
        ] {
            assert_eq!(depth(text.as_bytes(), 100), expected, "{text}");
            assert_eq!(depth(text.as_bytes(), 1), expected.min(2), "{text}");
        }
    }

    #[test]
    fn an_execute_beyond_a_limit_says_who_waits() {
        let limits = DecodeLimits { max_bytes: 64 * 1024, max_depth: 20 };
        let fixture = "callflow_action_execute.json";
        assert!(decode(&swollen(fixture, 10, 100), limits).is_ok());
        for (levels, bytes, reason) in [
            (20, 0, RejectReason::TooDeep),
            (50, 0, RejectReason::TooDeep),
            (30_000, 0, RejectReason::TooDeep),
            (1, 64 * 1024, RejectReason::TooLarge),
            (1, 1024 * 1024, RejectReason::TooLarge),
        ] {
            let rejection = decode(&swollen(fixture, levels, bytes), limits).unwrap_err();
            assert_eq!(rejection.reason, reason, "{levels} {bytes}: {rejection}");
            let Some(Waiting::Flow(flow)) = rejection.waiting.as_deref() else { panic!() };
            assert_eq!(flow.call_id, "7c1e9f02-1@10.0.0.5");
            assert_eq!(flow.msg_id, "4f1d2c3b5a69788796a5b4c3d2e1f001");
            assert_eq!(flow.server_id.pid.as_deref(), Some("<0.9876.0>"));
        }
    }

    #[test]
    fn an_execute_with_a_number_that_no_double_holds_says_who_waits() {
        let body = Value::Object(fixtures::object("callflow_action_execute.json")).to_string();
        let body = body.replacen('{', &format!("{{\"Vast\":{},", "9".repeat(400)), 1);
        let rejection = decode(&body, DecodeLimits::default()).unwrap_err();
        assert_eq!(rejection.reason, RejectReason::NotJson);
        assert!(matches!(rejection.waiting.as_deref(), Some(Waiting::Flow(_))), "{rejection}");
    }

    #[test]
    fn a_win_beyond_a_limit_says_whose_caller_waits() {
        let limits = DecodeLimits { max_bytes: 64 * 1024, max_depth: 20 };
        for (levels, bytes) in [(20, 0), (2000, 0), (1, 64 * 1024), (1, 1024 * 1024)] {
            let rejection = decode(&swollen("route_win.json", levels, bytes), limits).unwrap_err();
            let Some(Waiting::Caller(caller)) = rejection.waiting.as_deref() else { panic!() };
            assert_eq!(caller.control_queue.pid.as_deref(), Some("<0.5432.0>"));
        }
    }

    #[test]
    fn nobody_is_told_who_cannot_be_read() {
        for body in [
            json!({"Event-Category": "callflow", "Event-Name": "action.execute"}),
            json!({"Event-Category": "callflow", "Event-Name": "action.execute", "Call-ID": "c",
                   "Msg-ID": {"a": 1}, "Server-ID": "q"}),
            json!({"Event-Category": "dialplan", "Event-Name": "route_win", "Call-ID": "#",
                   "Control-Queue": "q"}),
            json!({"Event-Category": "dialplan", "Event-Name": "route_req", "Call-ID": "c"}),
            json!({"Event-Category": 1}),
        ] {
            assert_eq!(waiting(body.to_string().as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn nobody_is_looked_for_in_a_message_larger_than_the_outlines_limit() {
        let of_bytes = |bytes: usize| {
            let without = swollen("callflow_action_execute.json", 1, 0).len();
            swollen("callflow_action_execute.json", 1, bytes - without)
        };
        assert!(waiting(of_bytes(LARGEST_OUTLINE).as_bytes()).is_some());
        assert_eq!(waiting(of_bytes(LARGEST_OUTLINE + 1).as_bytes()), None);
    }

    #[test]
    fn of_what_workers_send_each_other_only_a_job_has_a_caller_who_waits() {
        let said = |name: &str| {
            let body = json!({
                "Event-Category": CATEGORY, "Event-Name": name, "Call-ID": "c",
                "Control-Queue": "q",
            });
            waiting(body.to_string().as_bytes())
        };
        let control_queue = Address::queue("q");
        let caller = WaitingCaller { call_id: "c".to_owned(), control_queue };
        assert_eq!(said("route_job"), Some(Waiting::Caller(caller)));
        assert_eq!(said("route_offer"), None);
    }

    #[test]
    fn what_workers_send_each_other_may_hold_the_largest_message() {
        let limits = DecodeLimits { max_bytes: 100, max_depth: 5 };
        let own = limits.of_workers();
        assert!(own.max_bytes >= 2 * 100 && own.max_depth > 5);
        let body = json!({
            "Event-Category": CATEGORY, "Event-Name": "route_other", "Call": "x".repeat(150),
        });
        assert!(decode(&body.to_string(), limits).is_ok());
        let mut kazoo = body;
        kazoo["Event-Category"] = "other".into();
        let rejection = decode(&kazoo.to_string(), limits).unwrap_err();
        assert_eq!(rejection.reason, RejectReason::TooLarge);
    }
}
