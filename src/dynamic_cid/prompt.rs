//! Which media file a prompt's name stands for.
//!
//! Source: `kz_media_util.erl` (`get_prompt/1,3`, `is_not_prompt/1`), `kapps_call.erl`
//! (`get_prompt/2`).

use super::SystemConfig;

/// Media that are no prompts and are sent as they stand.
const STREAMS: [&str; 6] =
    ["silence_stream://", "tone_stream://", "shout://", "local_stream://", "http://", "https://"];

/// Resolves prompt names for one call.
#[derive(Debug, Clone, Copy)]
pub struct Prompts<'a> {
    /// The settings.
    pub config: &'a SystemConfig,
    /// The call's account.
    pub account_id: &'a str,
    /// The call's language.
    pub language: &'a str,
}

impl Prompts<'_> {
    /// A prompt in the system's language, without the account: what digit collection plays (D9).
    pub fn system(&self, name: &str) -> String {
        resolve(name, "system_media", &self.config.default_language)
    }

    /// A prompt in the call's language, the account's own where accounts may have some.
    pub fn account(&self, name: &str) -> String {
        let owner =
            if self.config.support_account_overrides { self.account_id } else { "system_media" };
        resolve(name, owner, self.language)
    }
}

fn resolve(name: &str, owner: &str, language: &str) -> String {
    if name.starts_with("prompt://") {
        return name.to_owned();
    }
    if let Some(inner) = name.strip_prefix("/system_media/") {
        return resolve(inner, owner, language);
    }
    let stream = STREAMS.iter().any(|stream| name.starts_with(stream));
    if stream || name.is_empty() || name == "silence" {
        return name.to_owned();
    }
    format!("prompt://{owner}/{name}/{language}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_prompts_and_streams_stay() {
        let mut config =
            SystemConfig { default_language: "fr-fr".into(), ..SystemConfig::default() };
        for (name, system, account) in [
            ("p", "prompt://system_media/p/fr-fr", "prompt://ACC/p/de-de"),
            ("/system_media/p", "prompt://system_media/p/fr-fr", "prompt://ACC/p/de-de"),
            ("prompt://a/b/c", "prompt://a/b/c", "prompt://a/b/c"),
            ("tone_stream://%(1,1,1)", "tone_stream://%(1,1,1)", "tone_stream://%(1,1,1)"),
            ("silence", "silence", "silence"),
            ("/system_media/http://x", "http://x", "http://x"),
        ] {
            let prompts = Prompts { config: &config, account_id: "ACC", language: "de-de" };
            assert_eq!(prompts.system(name), system);
            assert_eq!(prompts.account(name), account);
        }
        config.support_account_overrides = false;
        let prompts = Prompts { config: &config, account_id: "ACC", language: "de-de" };
        assert_eq!(prompts.account("p"), "prompt://system_media/p/de-de");
    }
}
