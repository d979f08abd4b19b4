//! Whether an endpoint may call a number of a class.
//!
//! Source: `cf_dynamic_cid.erl` (`should_restrict_call`), behaviour of `kz_json:get_ne_binary_value`
//! on a path through values that are no objects.

use serde_json::Value;

use crate::json;

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The call may go.
    Allowed,
    /// The class is denied.
    Denied,
    /// The restrictions are of a shape that KAZOO dies of; the path that is wrong.
    Broken(String),
}

/// Looks a class up in a merged endpoint; only the action `deny` denies.
pub fn verdict(endpoint: &Value, classification: Option<&str>) -> Verdict {
    let Some(classification) = classification else {
        return Verdict::Allowed;
    };
    let restrictions = match endpoint.get("call_restriction") {
        // An array has no members for KAZOO, of which it does not die.
        None | Some(Value::Array(_)) => return Verdict::Allowed,
        Some(Value::Object(restrictions)) => restrictions,
        Some(_) => return Verdict::Broken("call_restriction".to_owned()),
    };
    match restrictions.get(classification) {
        None | Some(Value::Array(_)) => Verdict::Allowed,
        Some(Value::Object(class)) => {
            let denied = json::text(class, "action").as_deref() == Some("deny");
            if denied { Verdict::Denied } else { Verdict::Allowed }
        }
        Some(_) => Verdict::Broken(format!("call_restriction.{classification}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_deny_denies() {
        for (endpoint, expected) in [
            (json!({}), Verdict::Allowed),
            (json!({"call_restriction": {}}), Verdict::Allowed),
            (json!({"call_restriction": {"did_us": {}}}), Verdict::Allowed),
            (json!({"call_restriction": {"did_us": {"action": "inherit"}}}), Verdict::Allowed),
            (json!({"call_restriction": {"did_us": {"action": "deny"}}}), Verdict::Denied),
            (json!({"call_restriction": {"other": {"action": "deny"}}}), Verdict::Allowed),
            (json!({"call_restriction": []}), Verdict::Allowed),
            (json!({"call_restriction": {"did_us": ["deny"]}}), Verdict::Allowed),
            (json!({"call_restriction": "deny"}), Verdict::Broken("call_restriction".into())),
            (json!({"call_restriction": null}), Verdict::Broken("call_restriction".into())),
            (
                json!({"call_restriction": {"did_us": "deny"}}),
                Verdict::Broken("call_restriction.did_us".into()),
            ),
        ] {
            assert_eq!(verdict(&endpoint, Some("did_us")), expected, "{endpoint}");
        }
        let denies_all = json!({"call_restriction": {"did_us": {"action": "deny"}}});
        assert_eq!(verdict(&denies_all, None), Verdict::Allowed);
    }
}
