//! Telling KAZOO's nodes that we are there.

use serde_json::{Value, json};

use super::{Exchange, Identity, Message, header};
use crate::json::Object;

/// How long KAZOO is told to wait for the next advertisement, in milliseconds. It keeps a node for
/// a quarter more than that.
///
/// Source: `kz_nodes.erl` (`advertise_payload`, `from_json/2`).
pub const EXPIRES_MS: u64 = 15_000;

/// What `kz_nodes` publishes as, which its listeners expect.
const APP: (&str, &str) = ("kz_nodes", "4.0.0");

/// One advertisement for `kz_nodes status`. `began` is when the worker started and `memory` what it
/// holds, in seconds since 1970 and in bytes.
///
/// The application has a name of its own: KAZOO counts the nodes that run `callflow` or `ecallmgr`
/// to know how many answers to wait for. `Globals`, `Media-Servers` and `Node-Info` are left out:
/// the status command dies of shapes it does not expect.
///
/// Source: `kapi_nodes.erl` (`advertise_definition`), `kz_nodes.erl` (`whapp_count/2`).
pub fn advertisement(identity: &Identity, zone: &str, began: u64, memory: Option<u64>) -> Message {
    /// From year 0, in which KAZOO counts, to 1970.
    const EPOCH: u64 = super::message::GREGORIAN_EPOCH / 1_000_000;
    let startup = began.saturating_add(EPOCH);
    let mut members = Object::new();
    for (key, value) in [
        ("Expires", json!(EXPIRES_MS)),
        ("Version", json!(identity.app_version)),
        ("Zone", json!(zone)),
        ("WhApps", json!({ &identity.app_name: {"Startup": startup, "Roles": []} })),
    ] {
        members.insert(key.to_owned(), value);
    }
    if let Some(memory) = memory {
        members.insert("Used-Memory".to_owned(), Value::from(memory));
    }
    let (app_name, app_version) = APP;
    let (app_name, app_version) = (app_name.to_owned(), app_version.to_owned());
    let identity = Identity { app_name, app_version, ..identity.clone() };
    let mut message = Message::new(("nodes", "advertise"), members, &identity, Exchange::Nodes, "");
    // Nobody answers, and KAZOO's own have none.
    message.body.remove(header::SERVER_ID);
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kapi::fixtures;

    #[test]
    fn an_advertisement_has_what_the_status_shows_and_nothing_it_could_die_of() {
        let identity = Identity::new("dcid@worker1.example.com", "replies");
        let message = advertisement(&identity, "zone1", 1_726_233_989, Some(48_234_496));
        assert_eq!((message.exchange, message.routing_key.as_str()), (Exchange::Nodes, ""));
        let mut expected = fixtures::object("nodes_advertise.json");
        for key in ["Processes", "Ports", "md5"] {
            expected.remove(key);
        }
        expected["Msg-ID"] = message.body["Msg-ID"].clone();
        expected["Version"] = json!(env!("CARGO_PKG_VERSION"));
        expected["WhApps"] =
            json!({"kazoo_dynamic_cid": {"Startup": 63_893_453_189_u64, "Roles": []}});
        assert_eq!(Value::Object(message.body), Value::Object(expected));
        let unmeasured = advertisement(&identity, "zone1", 0, None);
        assert!(!unmeasured.body.contains_key("Used-Memory"));
    }
}
