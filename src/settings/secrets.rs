//! Credentials in files, as Docker, Kubernetes and systemd hand them over.
//!
//! Where a setting may hold a password, its variable's name with `_FILE` behind it names a file; the
//! first line of the file is the value.

use std::collections::HashMap;
use std::path::Path;

use super::reference::{self, SettingDoc};
use super::resolver::Resolver;
use super::{Origin, Sourced};

/// What stands behind a variable's name.
const SUFFIX: &str = "_FILE";
/// A longer first line is no credential.
const LONGEST: u64 = 64 * 1024;

/// The variable that names a file with the setting's value; `None` where there is no such variable.
pub fn file_variable(setting: &SettingDoc) -> Option<String> {
    setting.variable.filter(|_| setting.secret).map(|variable| format!("{variable}{SUFFIX}"))
}

/// The values from files, by the settings' names.
#[derive(Default)]
pub(super) struct Secrets(HashMap<&'static str, Sourced<String>>);

impl Secrets {
    pub(super) fn get(&self, setting: &str) -> Option<&Sourced<String>> {
        self.0.get(setting)
    }

    /// Reads every file that is named where no flag is given, which would win.
    pub(super) fn load(resolver: &mut Resolver<'_>) -> Self {
        let mut found = HashMap::new();
        for setting in reference::reference() {
            let Some(variable) = file_variable(&setting) else { continue };
            let Some(Sourced { value: path, origin }) = resolver.variable(&variable) else {
                continue;
            };
            match resolver.given(&setting) {
                Some(Sourced { origin: Origin::Flag(_), .. }) => {}
                Some(Sourced { origin: Origin::Environment(other), .. }) => {
                    let reason = format!("{other} is set, too; set one of the two");
                    resolver.problem(&setting, &origin, &path, reason);
                }
                _ => match first_line(Path::new(path.trim())) {
                    Ok(line) => {
                        let origin = Origin::File(variable);
                        found.insert(setting.name, Sourced::new(line, origin));
                    }
                    Err(reason) => resolver.problem(&setting, &origin, &path, reason),
                },
            }
        }
        Self(found)
    }
}

/// The first line, without its end. Blanks may belong to a password, so they stay.
fn first_line(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| {
        format!(
            "the file cannot be read ({error}); correct the path, or let this worker's user read it"
        )
    };
    if std::fs::metadata(path).map_err(unreadable)?.len() > LONGEST {
        return Err(format!("the file is larger than {LONGEST} bytes; it is no credential"));
    }
    let content = std::fs::read(path).map_err(unreadable)?;
    // The content is not repeated: it is a secret even where it is not text.
    let text = String::from_utf8(content).map_err(|_| "the file is not UTF-8 text".to_owned())?;
    let line = text.lines().next().unwrap_or_default();
    if line.trim().is_empty() {
        return Err("the first line of the file is empty; write the value there".to_owned());
    }
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests;
