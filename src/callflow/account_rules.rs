//! An account's number rules: its dial plan, and the converters it has of its own.
//!
//! Source: `knm_converter_regex.erl` (`normalize/2`, `get_e164_converters/1`),
//! `kapps_account_config.erl` (`get_global/4`). Converters of a reseller are not looked for.

use serde_json::Value;

use super::{AccountId, Documents};
use crate::json::Object;
use crate::numbers::{AccountRules, Plan};

/// The document of an account's own number rules.
pub const NUMBER_MANAGER: &str = "configs_number_manager";

/// Reads an account's number rules. Absence is no error.
pub async fn account_rules<D: Documents>(
    documents: &D,
    account: &AccountId,
) -> Result<AccountRules, D::Error> {
    let (document, own) =
        tokio::join!(documents.account(account), documents.document(account, NUMBER_MANAGER));
    Ok(rules(document?.as_deref(), own?.as_deref()))
}

fn rules(account: Option<&Value>, own: Option<&Value>) -> AccountRules {
    let none = Value::Object(Object::new());
    let converters = own
        .and_then(|document| document.get("e164_converters")?.as_object())
        .map(|converters| Plan::from_object("e164_converters", converters));
    AccountRules { converters, ..AccountRules::from_account(account.unwrap_or(&none)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::numbers::{OnBadRule, Rules};

    #[test]
    fn an_accounts_own_converters_stand_in_for_the_systems() {
        let account = json!({"dial_plan": {"^(\\d{4})$": {"prefix": "555"}}});
        let own = json!({"e164_converters": {"^(\\d{7})$": {"prefix": "+49"}}});
        for (own, normalised) in [(Some(&own), "+495551234"), (None, "5551234")] {
            let rules = rules(Some(&account), own);
            let number = Rules::default().normalise_for_account("1234", &rules, OnBadRule::Raise);
            assert_eq!(number.as_deref(), Ok(normalised));
        }
    }
}
