//! Which media file a prompt's name stands for.
//!
//! Source: `kz_media_util.erl` (`get_prompt/1,3`, `is_not_prompt/1`; on 4.3 also
//! `maybe_prompt_path/4`), `kapps_call.erl` (`get_prompt/2`).

use std::collections::BTreeSet;

use super::SystemConfig;

/// Played where a list leads nowhere.
pub const BAD_DESTINATION: &str = "fault-can_not_be_completed_as_dialed";
/// Played where no callflow may serve the destination.
pub(super) const INVALID_EXTENSION: &str = "disa-invalid_extension";
/// Played where the endpoint may not call the destination.
pub const UNAUTHORIZED: &str = "cf-unauthorized_call";

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
    /// Prompts that KAZOO 4.3 finds a document of the account for: it plays that one, whatever the
    /// language. Empty for later KAZOOs, which leave the choice to whoever plays.
    pub overrides: &'a BTreeSet<String>,
}

/// The prompts that may come in the account's own version: KAZOO 4.3 looks for a document of this
/// name in the account's database.
pub fn account_prompts(config: &SystemConfig) -> Vec<&str> {
    if !config.support_account_overrides {
        return Vec::new();
    }
    [&*config.reject_prompt, BAD_DESTINATION, INVALID_EXTENSION, UNAUTHORIZED]
        .into_iter()
        .filter_map(|name| match inner_name(name) {
            Named::Prompt(name) => Some(name),
            Named::AsItStands(_) => None,
        })
        .collect()
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
        match inner_name(name) {
            Named::Prompt(name) if self.overrides.contains(name) => format!("/{owner}/{name}"),
            _ => resolve(name, owner, self.language),
        }
    }
}

/// What a configured name is.
enum Named<'a> {
    /// The name of a prompt.
    Prompt(&'a str),
    /// Media that is sent as it stands.
    AsItStands(&'a str),
}

fn inner_name(name: &str) -> Named<'_> {
    if name.starts_with("prompt://") {
        return Named::AsItStands(name);
    }
    if let Some(inner) = name.strip_prefix("/system_media/") {
        return inner_name(inner);
    }
    let stream = STREAMS.iter().any(|stream| name.starts_with(stream));
    if stream || name.is_empty() || name == "silence" {
        return Named::AsItStands(name);
    }
    Named::Prompt(name)
}

fn resolve(name: &str, owner: &str, language: &str) -> String {
    match inner_name(name) {
        Named::AsItStands(media) => media.to_owned(),
        Named::Prompt(name) => format!("prompt://{owner}/{name}/{language}"),
    }
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
            assert_eq!(prompts(&config, &BTreeSet::new()).system(name), system);
            assert_eq!(prompts(&config, &BTreeSet::new()).account(name), account);
        }
        config.support_account_overrides = false;
        assert_eq!(
            prompts(&config, &BTreeSet::new()).account("p"),
            "prompt://system_media/p/de-de"
        );
    }

    #[test]
    fn an_accounts_own_prompt_has_no_language() {
        let config = SystemConfig::default();
        let overrides = BTreeSet::from(["p".to_owned()]);
        for (name, account) in [
            ("p", "/ACC/p"),
            ("/system_media/p", "/ACC/p"),
            ("q", "prompt://ACC/q/de-de"),
            ("prompt://ACC/p/de-de", "prompt://ACC/p/de-de"),
        ] {
            assert_eq!(prompts(&config, &overrides).account(name), account);
        }
        assert_eq!(prompts(&config, &overrides).system("p"), "prompt://system_media/p/en-us");
    }

    #[test]
    fn only_what_is_a_prompt_can_be_the_accounts_own() {
        let mut config = SystemConfig::default();
        assert_eq!(account_prompts(&config).first(), Some(&"dynamic-cid-invalid_using_default"));
        config.reject_prompt = "/system_media/mine".to_owned();
        assert_eq!(account_prompts(&config).first(), Some(&"mine"));
        config.reject_prompt = "tone_stream://%(1,1,1)".to_owned();
        assert_eq!(account_prompts(&config), [BAD_DESTINATION, INVALID_EXTENSION, UNAUTHORIZED]);
        config.support_account_overrides = false;
        assert!(account_prompts(&config).is_empty());
    }

    fn prompts<'a>(config: &'a SystemConfig, overrides: &'a BTreeSet<String>) -> Prompts<'a> {
        Prompts { config, account_id: "ACC", language: "de-de", overrides }
    }
}
