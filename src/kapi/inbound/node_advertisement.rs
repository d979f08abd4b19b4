//! `nodes/advertise`: a node says that it is there.

use serde_json::Value;

use super::Rejection;
use super::headers::Headers;
use crate::json::{self, Object};
use crate::kapi::header;

/// What a node says of itself, every 5 to 15 seconds.
///
/// Source: `kapi_nodes.erl` (`advertise_v/1`), `kz_nodes.erl` (`from_json/2`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeAdvertisement {
    /// Its name; empty where it has none.
    pub node: String,
    /// Its version, else that of the application that published, as KAZOO takes it.
    pub version: Option<String>,
    /// Its zone; whoever hears it takes their own where it says none.
    pub zone: Option<String>,
    /// The applications it runs.
    pub apps: Vec<String>,
}

impl NodeAdvertisement {
    pub(super) fn read(headers: Headers<'_>, body: &Object) -> Result<Self, Rejection> {
        headers.defaults()?;
        headers.required_text(header::NODE)?;
        headers.required_text("Expires")?;
        Ok(Self::of(body))
    }

    /// What a body says, however little that is.
    pub fn of(body: &Object) -> Self {
        let headers = Headers::new(body);
        Self {
            node: headers.text(header::NODE).unwrap_or_default(),
            version: headers.text("Version").or_else(|| headers.text(header::APP_VERSION)),
            zone: headers.text("Zone"),
            apps: apps(body.get("WhApps")),
        }
    }
}

/// KAZOO writes an object by name and reads an array of names, too.
fn apps(whapps: Option<&Value>) -> Vec<String> {
    match whapps {
        Some(Value::Object(apps)) => apps.keys().cloned().collect(),
        Some(Value::Array(names)) => names.iter().filter_map(json::non_empty_text).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Inbound, RejectReason};
    use super::*;
    use crate::kapi::fixtures;
    use serde_json::json;

    fn read(changes: &Value) -> Result<NodeAdvertisement, Rejection> {
        let mut body = fixtures::object("nodes_advertise.json");
        body.extend(changes.as_object().cloned().unwrap());
        match fixtures::decode_body(&Value::Object(body))? {
            Inbound::NodeAdvertisement(node) => Ok(node),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_node_is_read_with_version_zone_and_applications() {
        let node = read(&json!({})).unwrap();
        assert_eq!(
            node,
            NodeAdvertisement {
                node: "dcid@worker1.example.com".to_owned(),
                version: Some("0.1.0".to_owned()),
                zone: Some("zone1".to_owned()),
                apps: vec!["dcid_worker".to_owned()],
            }
        );
        for version in [json!(null), json!("")] {
            let node =
                read(&json!({"Version": version, "Zone": "", "WhApps": ["a", "b"]})).unwrap();
            assert_eq!((node.version.as_deref(), node.zone), (Some("4.0.0"), None));
            assert_eq!(node.apps, ["a", "b"]);
        }
        assert!(read(&json!({"WhApps": 5})).unwrap().apps.is_empty());
    }

    #[test]
    fn an_advertisement_without_name_or_expiry_is_rejected() {
        for (header, reason) in [
            ("Node", RejectReason::MissingHeader),
            ("Expires", RejectReason::MissingHeader),
            ("App-Name", RejectReason::MissingHeader),
        ] {
            let rejection = read(&json!({header: null})).unwrap_err();
            assert_eq!(rejection.reason, reason, "{header}");
            assert!(rejection.detail.contains(header));
        }
        assert_eq!(read(&json!({"Node": {}})).unwrap_err().reason, RejectReason::WrongType);
        // KAZOO checks that it is there and converts what it is.
        assert!(read(&json!({"Expires": "15000"})).is_ok());
    }
}
