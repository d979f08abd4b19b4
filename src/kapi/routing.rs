//! Routing keys and binding keys.
//!
//! Source: `kz_amqp_util.erl` (`encode/1`), `kapi_callflow.erl` (`action_routing_key`),
//! `kapi_call.erl` (`call_routing_key`), `kapi_route.erl`.

/// The longest routing key and queue name AMQP can carry, in bytes.
pub const MAX_KEY_BYTES: usize = 255;

/// One word of a routing key, encoded byte by byte as KAZOO does.
///
/// Letters, digits, `-`, `~` and `_` stay, a blank becomes `+`, everything else `%` and two
/// upper-case hex digits. The empty text and the wildcards `*` and `#` stay as they are, so what is
/// used for a binding must be checked with [`is_call_id`] first.
pub fn encode(text: &str) -> String {
    const HEX: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    if matches!(text, "*" | "#") {
        return text.to_owned();
    }
    let mut encoded = String::with_capacity(text.len() + text.len() / 4);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'~' | b'_' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            _ => {
                encoded.push('%');
                encoded.push(HEX[usize::from(byte >> 4)]);
                encoded.push(HEX[usize::from(byte & 0x0f)]);
            }
        }
    }
    encoded
}

/// Whether a text can be a call id we bind by: not empty, no wildcard (which would bind every
/// call's events), and short enough for a routing key.
pub fn is_call_id(text: &str) -> bool {
    !matches!(text, "" | "*" | "#") && status_request_key(text).len() <= MAX_KEY_BYTES
}

/// Key of `action.execute` for a callflow module; the name is not encoded.
pub fn action_key(module: &str) -> String {
    format!("callflow.action.{module}")
}

/// Key of `resume` on `kapps`.
pub const RESUME_KEY: &str = "callflow.resume";

/// Key of a route request on `callmgr` whose account is known; both words may be the wildcard `*`.
///
/// Source: `kapi_route.erl` (`get_route_req_account_routing/2`).
pub fn route_request_key(resource_type: &str, account_id: &str) -> String {
    format!("route.req.{}.{}", encode(resource_type), encode(account_id))
}

/// Binding key for every event of a call on `callevt`: call events, `usurp_control`, dialplan
/// errors, and status requests (which are none of ours).
pub fn call_events_key(call_id: &str) -> String {
    format!("call.*.{}", encode(call_id))
}

/// Key one event of a call is published with on `callevt`; the event's name is not encoded.
pub fn call_event_key(event_name: &str, call_id: &str) -> String {
    format!("call.{event_name}.{}", encode(call_id))
}

/// Key of a channel status request on `callevt`.
pub fn status_request_key(call_id: &str) -> String {
    call_event_key("status_req", call_id)
}

/// Key of a document change on `configuration`; only the id is encoded, the database stands in its
/// encoded form already (`account%2Fab%2Fcd%2F…`) and the type is raw. `*` and `#` are wildcards.
///
/// Source: `kz_amqp_util.erl` (`document_routing_key/4`).
pub fn document_key(change: &str, database: &str, doc_type: &str, id: &str) -> String {
    format!("{change}.{database}.{doc_type}.{}", encode(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_encoded_as_kazoo_encodes_them() {
        for (text, encoded) in [
            ("", ""),
            ("*", "*"),
            ("#", "#"),
            ("a.b@c", "a%2Eb%40c"),
            ("0d9f-1@10.0.0.5", "0d9f-1%4010%2E0%2E0%2E5"),
            ("+15550100", "%2B15550100"),
            ("a b", "a+b"),
            ("Az09-~_", "Az09-~_"),
            ("**", "%2A%2A"),
            ("é", "%C3%A9"),
            ("/%\n", "%2F%25%0A"),
            ("callflow.dynamic_cid", "callflow%2Edynamic_cid"),
        ] {
            assert_eq!(encode(text), encoded, "{text}");
        }
    }

    #[test]
    fn keys_have_kazoos_form() {
        assert_eq!(action_key("dynamic_cid"), "callflow.action.dynamic_cid");
        assert_eq!(call_events_key("7c1e-1@10.0.0.5"), "call.*.7c1e-1%4010%2E0%2E0%2E5");
        assert_eq!(call_event_key("CHANNEL_DESTROY", "a@b"), "call.CHANNEL_DESTROY.a%40b");
        assert_eq!(route_request_key("audio", "*"), "route.req.audio.*");
        assert_eq!(route_request_key("video", "a.b"), "route.req.video.a%2Eb");
        assert_eq!(status_request_key("a@b"), "call.status_req.a%40b");
        assert_eq!(
            document_key("doc_edited", "account%2Fab%2Fcd%2Fef", "callflow", "x.y"),
            "doc_edited.account%2Fab%2Fcd%2Fef.callflow.x%2Ey"
        );
    }

    #[test]
    fn a_call_id_is_no_wildcard_and_fits_a_key() {
        for (text, ok) in [
            ("7c1e-1@10.0.0.5", true),
            ("", false),
            ("*", false),
            ("#", false),
            (&"x".repeat(239), true),
            (&"x".repeat(240), false),
            (&"@".repeat(80), false),
        ] {
            assert_eq!(is_call_id(text), ok, "{text}");
        }
    }
}
