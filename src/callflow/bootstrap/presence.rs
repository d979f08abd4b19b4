//! Presence ids: who is seen to be on the telephone.
//!
//! Source: `kzd_devices.erl` (`calculate_presence_id`), `cf_route_req.erl` (`response_ccvs`),
//! `kz_attributes.erl` (`maybe_get_presence_number`).

use super::scene::Scene;
use super::{MergedEndpoint, Remark};
use crate::call::Call;
use crate::callflow::endpoint::{account_of, hotdesk_users};
use crate::callflow::{AccountId, Documents};
use crate::json::{self, Object};

/// The channel variable `Presence-ID` of the answer to a route request; only calls of a device
/// have one, and only where it can be told.
pub async fn presence_id<D: Documents>(
    documents: &D,
    account: &AccountId,
    call: &Call,
) -> Option<String> {
    if call.authorizing_type().as_deref() != Some("device") {
        return None;
    }
    let document = documents.document(account, &call.authorizing_id()?).await.ok()??;
    let device = document.as_object()?;
    let username = json::object(device, "sip").and_then(|sip| json::text(sip, "username"));
    let presence = calculated(documents, account, device, username).await?;
    if presence.contains('@') {
        return Some(presence);
    }
    let realm = realm_of(documents, account, device).await?;
    Some(format!("{presence}@{realm}"))
}

/// The presence id of a device without a realm that is not written: its owner's, else that of the
/// first user logged on who has another, else the device's own.
async fn calculated<D: Documents>(
    documents: &D,
    account: &AccountId,
    device: &Object,
    default: Option<String>,
) -> Option<String> {
    let own = json::text(device, "presence_id").or(default);
    // Without the name of its database KAZOO finds none of a device's users.
    if json::text(device, "pvt_account_db").is_none() {
        return own;
    }
    if let Some(owner) = json::text(device, "owner_id") {
        return of_user(documents, account, &owner).await.or(own);
    }
    for user in hotdesk_users(device).unwrap_or_default() {
        let found = of_user(documents, account, user).await;
        if found.is_some() && found != own {
            return found;
        }
    }
    own
}

async fn of_user<D: Documents>(documents: &D, account: &AccountId, id: &str) -> Option<String> {
    let document = documents.document(account, id).await.ok()??;
    json::text(document.as_object()?, "presence_id")
}

async fn realm_of<D: Documents>(
    documents: &D,
    account: &AccountId,
    endpoint: &Object,
) -> Option<String> {
    let account = account_of(documents, account, endpoint).await?;
    json::text(account.as_object()?, "realm")
}

impl<D: Documents> Scene<'_, D> {
    /// The user part of an endpoint's presence id.
    pub(super) async fn presence_number(&mut self, endpoint: &MergedEndpoint) -> Option<String> {
        let members = endpoint.members();
        let presence = calculated(self.documents, self.account, members, None).await?;
        if let Some((number, _)) = presence.split_once('@') {
            return Some(number.to_owned());
        }
        if realm_of(self.documents, self.account, members).await.is_none() {
            self.remarks.push(Remark::NoRealm(presence.clone()));
        }
        Some(presence)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{call, document};
    use super::*;
    use crate::callflow::test_documents::{ACCOUNT, Map, account};

    #[tokio::test]
    async fn a_device_is_present_as_its_owner_itself_or_its_sip_username() {
        let user =
            |id: &str, presence: &str| document(id, "user", json!({"presence_id": presence}));
        let documents = |device| {
            Map::of([
                document("dev", "device", device),
                document(ACCOUNT, "account", json!({"realm": "a.b"})),
                user("usr", "2002"),
                user("u1", "2001"),
                user("u2", "bob@c.d"),
            ])
        };
        let sip = || json!({"username": "dev1"});
        for (device, presence) in [
            (json!({}), None),
            (json!({"sip": sip()}), Some("dev1@a.b")),
            (json!({"sip": sip(), "presence_id": "2001"}), Some("2001@a.b")),
            (json!({"sip": sip(), "presence_id": "x@y"}), Some("x@y")),
            (json!({"sip": sip(), "owner_id": "usr"}), Some("2002@a.b")),
            (json!({"sip": sip(), "owner_id": "gone"}), Some("dev1@a.b")),
            (json!({"sip": sip(), "hotdesk": {"users": {"u1": {}, "u2": {}}}}), Some("2001@a.b")),
            (
                json!({"presence_id": "2001", "hotdesk": {"users": {"u1": {}, "u2": {}}}}),
                Some("bob@c.d"),
            ),
            (json!({"sip": sip(), "owner_id": "usr", "pvt_account_db": ""}), Some("dev1@a.b")),
            (json!({"sip": sip(), "pvt_account_id": ""}), None),
        ] {
            let call = call(json!({"Authorizing-Type": "device"}));
            let found = presence_id(&documents(device.clone()), &account(), &call).await;
            assert_eq!(found.as_deref(), presence, "{device}");
        }
        let device = json!({"sip": sip()});
        for members in [json!({}), json!({"Authorizing-Type": "user"})] {
            let found = presence_id(&documents(device.clone()), &account(), &call(members)).await;
            assert_eq!(found, None);
        }
    }
}
