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
    use crate::callflow::test_documents::{ACCOUNT, Map, account};
    use crate::numbers::{OnBadRule, Rules};

    #[tokio::test]
    async fn an_account_may_have_a_dial_plan_and_converters_of_its_own() {
        let plan = json!({"_id": ACCOUNT, "dial_plan": {r"^9(\d+)$": {}}});
        let converters =
            json!({"_id": NUMBER_MANAGER, "e164_converters": {r"^\d{4}$": {"prefix": "+49"}}});
        for (documents, nine, four) in [
            (vec![], "91234", "1234"),
            (vec![plan.clone()], "1234", "1234"),
            (vec![converters.clone()], "91234", "+491234"),
            (vec![plan, converters], "+491234", "+491234"),
        ] {
            let own = account_rules(&Map::of(documents), &account()).await.unwrap();
            let normalised = |number| {
                Rules::default().normalise_for_account(number, &own, OnBadRule::Raise).unwrap()
            };
            assert_eq!((&*normalised("91234"), &*normalised("1234")), (nine, four));
        }
    }

    #[tokio::test]
    async fn rules_that_cannot_be_read_are_not_taken_for_none() {
        for document in [ACCOUNT, NUMBER_MANAGER] {
            let documents = Map::of([]).unreadable(document);
            assert!(account_rules(&documents, &account()).await.is_err(), "{document}");
        }
    }
}
