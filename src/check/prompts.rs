//! Prompts and other media: whether there is something to play.

use std::collections::BTreeSet;

use super::finding::Findings;
use super::snapshot::{ACTION, MEDIA};
use super::ways::{Action, Ways};
use super::{Code, Snapshot, System};
use crate::dynamic_cid::{BAD_DESTINATION, Mode, Prompts, UNAUTHORIZED};
use crate::json;

/// Played where no callflow may serve the destination.
const INVALID_EXTENSION: &str = "disa-invalid_extension";

/// Whether media that is not resolved can be played: an address or a path.
pub(super) fn is_played_as_it_stands(media: &str) -> bool {
    media.contains("://") || media.starts_with('/') || media == "silence"
}

/// Checks the prompts that every account may be played.
pub(super) fn check_system(system: &System, findings: &mut Findings) {
    let Some(media) = &system.media else { return };
    let settings = &system.settings;
    let configured = [
        ("default_prompt", settings.default_prompt.as_str()),
        ("reject_prompt", settings.reject_prompt.as_str()),
    ];
    let fixed = [BAD_DESTINATION, INVALID_EXTENSION, UNAUTHORIZED].map(|name| ("", name));
    for (key, name) in configured.into_iter().chain(fixed) {
        let overrides = BTreeSet::new();
        let language = &settings.default_language;
        let prompts = Prompts { config: settings, account_id: "", language, overrides: &overrides };
        let resolved = prompts.system(name);
        let Some(prompt) = resolved.strip_prefix("prompt://system_media/") else { continue };
        let Some((prompt, language)) = prompt.rsplit_once('/') else { continue };
        if has_prompt(media, prompt, language) {
            continue;
        }
        let problem = format!("`system_media` has no prompt `{prompt}` in `{language}`");
        let category = system.categories.get(ACTION);
        let section = category.and_then(|category| category.origin(key));
        match section {
            Some(section) => {
                let path = format!("/{}/{key}", super::unknown::step(section));
                findings.add(Code::PromptMissing, ACTION, path, problem);
            }
            None => findings.add(Code::PromptMissing, MEDIA, "", problem),
        }
    }
}

/// Prompts are documents `language/name`; of `fr-ca`, KAZOO takes `fr`, too, and those of the time
/// before languages have the name alone.
fn has_prompt(media: &BTreeSet<String>, prompt: &str, language: &str) -> bool {
    let general = language.split('-').next().unwrap_or(language);
    media.contains(prompt)
        || [language, general].iter().any(|it| media.contains(&format!("{it}/{prompt}")))
}

/// Checks what the account's actions play.
pub(super) fn check_account(
    system: &System,
    snapshot: &Snapshot,
    ways: &Ways<'_>,
    findings: &mut Findings,
) {
    for action in &ways.actions {
        if action.mode() == Mode::Manual {
            check_media(snapshot, action, findings);
        }
    }
    let language = snapshot.account_document().and_then(|it| json::text(it, "language"));
    let default = &system.settings.default_language;
    let Some(language) = language.filter(|it| !it.eq_ignore_ascii_case(default)) else { return };
    let asks = |action: &&Action<'_>| {
        action.mode() == Mode::Manual && json::text(&action.data, "media_id").is_none()
    };
    if let Some(action) = ways.actions.iter().find(asks) {
        let problem = format!("the account speaks `{language}`, the system `{default}`");
        findings.add(Code::PromptLanguage, action.document, action.path.clone(), problem);
    }
}

fn check_media(snapshot: &Snapshot, action: &Action<'_>, findings: &mut Findings) {
    let Some(media) = json::text(&action.data, "media_id") else { return };
    if !is_played_as_it_stands(&media) {
        let problem = format!("`{media}` is sent as it stands");
        findings.add(Code::MediaCannotPlay, action.document, action.at("media_id"), problem);
        return;
    }
    let own = format!("/{}/", snapshot.account);
    let id = media.strip_prefix(&own);
    if let Some(id) = id.filter(|id| !snapshot.media.contains(*id)) {
        let problem = format!("the account has no media `{id}`");
        findings.add(Code::MediaMissing, action.document, action.at("media_id"), problem);
    }
}
