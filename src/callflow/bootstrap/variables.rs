//! The channel variables that a call gets before its first node.
//!
//! Source: `cf_route_win.erl` (`update_ccvs`, `get_incoming_security`), `kz_attributes.erl`
//! (`moh_attributes`), `kz_media_util.erl` (`media_path`), `kz_endpoint.erl`
//! (`encryption_method_map`), `kz_privacy.erl` (`flags`).

use serde_json::Value;

use super::MergedEndpoint;
use super::refusal::whose;
use super::scene::Scene;
use crate::call::Call;
use crate::callflow::Documents;
use crate::callflow::kz_json::NoMembers;
use crate::json::{self, Object};

/// What each method of encryption sets.
const ENCRYPTION: [(&str, &[&str]); 2] =
    [("srtp", &["RTP-Secure-Media"]), ("zrtp", &["ZRTP-Secure-Media", "ZRTP-Enrollment"])];

/// Media that is not looked for among the account's.
const COMPLETE: [&str; 4] =
    ["/system_media", "system_media", "local_stream://", "silence_stream://"];

impl<D: Documents> Scene<'_, D> {
    pub(super) async fn channel_variables(
        &mut self,
        call: &Call,
        endpoint: Option<&MergedEndpoint>,
    ) -> Object {
        let caller = self.caller_id(call, endpoint).await;
        let mut variables = Object::new();
        let mut put = |key: &str, value: Value| _ = variables.insert(key.to_owned(), value);
        if let Some(music) = endpoint.and_then(|endpoint| self.music_on_hold(endpoint)) {
            put("Hold-Media", music.into());
        }
        put("Caller-ID-Name", caller.name.into());
        put("Caller-ID-Number", caller.number.into());
        for key in endpoint.map(|endpoint| self.encryption(endpoint)).unwrap_or_default() {
            put(key, "true".into());
        }
        put("Privacy-Hide-Name", call.hides_name().into());
        put("Privacy-Hide-Number", call.hides_number().into());
        variables
    }

    /// Media of the account is named with it.
    fn music_on_hold(&mut self, endpoint: &MergedEndpoint) -> Option<String> {
        let path = ["music_on_hold", "media_id"];
        let media = self.value(&whose(endpoint), endpoint.members(), &path)?;
        let media = json::config::text(media)?;
        let complete = media.contains('/') || COMPLETE.iter().any(|it| media.starts_with(it));
        Some(if complete { media } else { format!("/{}/{media}", self.account) })
    }

    fn encryption(&mut self, endpoint: &MergedEndpoint) -> Vec<&'static str> {
        let path = ["media", "encryption", "methods"];
        match self.value(&whose(endpoint), endpoint.members(), &path) {
            Some(Value::Array(methods)) => methods
                .iter()
                .flat_map(|method| ENCRYPTION.into_iter().filter(move |(name, _)| method == name))
                .flat_map(|(_, variables)| variables.iter().copied())
                .collect(),
            // Of an object KAZOO asks the same path again, and finds nothing.
            None | Some(Value::Object(_)) => Vec::new(),
            Some(other) => {
                let raised = NoMembers::new(&path, other);
                self.unusable(&whose(endpoint), &raised, "make it an array such as [\"srtp\"]");
                Vec::new()
            }
        }
    }
}
