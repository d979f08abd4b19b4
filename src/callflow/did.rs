//! The number an off-net node dials.
//!
//! Without `to_did`, `resources` takes it from the call, and which form depends on the endpoint
//! the call came from and on two flags of the node:
//!
//! | | the call has an endpoint | it has none |
//! |---|---|---|
//! | `do_not_normalize` | the user part of Request | the user part of Request |
//! | `bypass_e164` | Request's user part through the endpoint's dial plan | the user part of Request |
//! | neither | the same | Request-User: normalised by the account's rules |
//!
//! The endpoint is that of the key-value store's `Restricted-Endpoint-ID`, else Authorizing-ID,
//! and its `dial_plan` is the merged one, which always exists, if empty. (KAZOO means to treat an
//! absent plan as no endpoint, but that never happens.) With `to_did` none of this is done, so what
//! the node would have dialled is worked out here. stepswitch normalises the number once more,
//! either way, unless the node bypasses it.
//!
//! Source: `cf_resources.erl` (`get_to_did`, `get_request_did`, `maybe_apply_dialplan`,
//! `maybe_bypass_e164`, `get_endpoint`), `kapps_call.erl` (`to_e164/2`).

use super::dial_plan::{self, DialPlanError};
use crate::json::{self, Object};

/// A destination in the forms that off-net nodes ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Did {
    /// For nodes with `do_not_normalize`.
    pub verbatim: String,
    /// For nodes with `bypass_e164`.
    pub bypassing: String,
    /// For all others.
    pub usual: String,
}

impl Did {
    /// The form that a node with this data dials.
    pub fn for_data(&self, data: &Object) -> &str {
        if json::is_true(data, "do_not_normalize", false) {
            &self.verbatim
        } else if json::is_true(data, "bypass_e164", false) {
            &self.bypassing
        } else {
            &self.usual
        }
    }
}

impl From<&str> for Did {
    /// The same number for every node.
    fn from(number: &str) -> Self {
        let number = number.to_owned();
        Self { verbatim: number.clone(), bypassing: number.clone(), usual: number }
    }
}

/// What off-net nodes dial when KAZOO's own action has put `destination` into Request.
///
/// `destination` is the action's: normalised by the system's rules. `dial_plan` is that of the
/// call's merged endpoint, `None` where the call has no usable endpoint. `system_dial_plans` is the
/// node's section of `system_config/dialplans`, or its default section where the node has none.
/// `request_user` normalises by the account's rules; numbers that begin with `*` are not given to
/// it, as KAZOO leaves them alone.
pub fn did_for(
    destination: &str,
    dial_plan: Option<&Object>,
    system_dial_plans: &Object,
    request_user: impl FnOnce(&str) -> String,
) -> Result<Did, DialPlanError> {
    let verbatim = destination.to_owned();
    let Some(plan) = dial_plan else {
        let usual =
            if destination.starts_with('*') { verbatim.clone() } else { request_user(destination) };
        return Ok(Did { bypassing: verbatim.clone(), verbatim, usual });
    };
    let planned = dial_plan::apply(destination, plan, system_dial_plans)?;
    Ok(Did { verbatim, bypassing: planned.clone(), usual: planned })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn did(destination: &str, plan: Option<serde_json::Value>) -> Did {
        let plan = plan.map(|plan| plan.as_object().cloned().unwrap());
        let account_rules = |number: &str| format!("+1514{number}");
        did_for(destination, plan.as_ref(), &Object::new(), account_rules).unwrap()
    }

    #[test]
    fn the_form_depends_on_endpoint_and_flags() {
        let plan = json!({"^(\\d{7})$": {"prefix": "450"}});
        for (destination, plan, verbatim, bypassing, usual) in [
            ("5551234", Some(plan.clone()), "5551234", "4505551234", "4505551234"),
            ("+15149072508", Some(plan), "+15149072508", "+15149072508", "+15149072508"),
            ("5551234", Some(json!({})), "5551234", "5551234", "5551234"),
            ("5551234", None, "5551234", "5551234", "+15145551234"),
            ("*98", None, "*98", "*98", "*98"),
        ] {
            let expected =
                Did { verbatim: verbatim.into(), bypassing: bypassing.into(), usual: usual.into() };
            assert_eq!(did(destination, plan.clone()), expected, "{destination} {plan:?}");
        }
    }
}
