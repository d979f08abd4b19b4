//! The language of an account's prompts.
//!
//! Source: `kz_media_util.erl` (`prompt_language`, `default_prompt_language`).

use super::scene::Scene;
use crate::callflow::Documents;
use crate::json::{self, Object};

impl<D: Documents> Scene<'_, D> {
    /// The account's configuration of `media`, its document, the system's default; in lower case.
    pub(super) async fn prompt_language(&mut self, account: &Object) -> String {
        let default = self.settings.default_language.clone();
        if !self.settings.support_account_overrides {
            return default;
        }
        let configured = self.account_config("media", "default_language").await;
        configured
            .as_ref()
            .and_then(json::config::text)
            .or_else(|| json::text(account, "language"))
            .unwrap_or(default)
            .to_ascii_lowercase()
    }
}
