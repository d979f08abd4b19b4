//! Calls that somebody transferred, and calls that `no_match` may take.
//!
//! Source: `cf_route_req.erl` (`maybe_referred_call`, `maybe_device_redirected`, `allow_no_match`,
//! `extract_sip_username`).

use serde_json::Value;

use super::BootstrapSettings;
use crate::call::Call;
use crate::callflow::{AccountId, Documents};

const RESTRICTED_ENDPOINT: &str = "Restricted-Endpoint-ID";

/// Who transferred a call: by REFER, and by a redirecting device.
const BY: [&str; 2] = ["Referred-By", "Redirected-By"];

/// Makes whoever transferred a call the endpoint that restricts it; a call transferred by somebody
/// unknown has no endpoint any more.
///
/// KAZOO takes a lookup that fails as somebody unknown; here it is an error.
pub async fn transferred<D: Documents>(
    documents: &D,
    account: &AccountId,
    call: &mut Call,
) -> Result<(), D::Error> {
    for key in BY {
        let Some(username) = sip_username(call, key) else { continue };
        match documents.endpoint_by_sip_username(account, &username).await? {
            Some(endpoint) => call.set_kvs(RESTRICTED_ENDPOINT, Value::from(endpoint)),
            None => call.remove_channel_variable("Authorizing-ID"),
        }
    }
    Ok(())
}

/// Whether somebody transferred the call; KAZOO runs no preflow then.
pub fn is_transferred(call: &Call) -> bool {
    let variables = call.channel_variables();
    variables.is_some_and(|variables| BY.iter().any(|key| variables.get(*key).is_some()))
}

/// Whether a callflow that takes `no_match` may have the call: one that an endpoint of the account
/// made or transferred, or that comes from a context which may.
pub async fn allow_no_match<D: Documents>(
    documents: &D,
    account: &AccountId,
    call: &Call,
    settings: &BootstrapSettings,
) -> Result<bool, D::Error> {
    let own = call.authorizing_type().is_some_and(|it| it != "resource" && it != "sys_info");
    let context = call.text("Context");
    if own || context.is_some_and(|context| settings.authz_contexts.contains(&context)) {
        return Ok(true);
    }
    for key in BY {
        let Some(username) = sip_username(call, key) else { continue };
        if documents.endpoint_by_sip_username(account, &username).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The username of a contact such as `<sip:dev1@example.com>`: from the last `sip:` to the last `@`.
fn sip_username(call: &Call, variable: &str) -> Option<String> {
    let contact = call.channel_variables()?.get(variable)?.as_str()?;
    let (address, _) = contact.rsplit_once('@')?;
    let (_, username) = address.rsplit_once("sip:")?;
    Some(username.to_owned())
}

#[cfg(test)]
#[path = "transfer_tests.rs"]
mod tests;
