//! One setting out of its possible sources.

use super::reference::{self, SettingDoc};
use super::secrets::Secrets;
use super::values::Refusal;
use super::{Environment, GlobalArgs, Origin, Problem, Section, Sourced, redacted};

/// The section of `config.ini` that is this worker's own.
pub(super) const OWN_SECTION: &str = "dynamic_cid";

/// Flags, environment and our own sections, and what was found wrong with them so far.
pub(super) struct Resolver<'a> {
    args: &'a GlobalArgs,
    environment: &'a dyn Environment,
    secrets: Secrets,
    /// The `[dynamic_cid]` sections that hold for this machine.
    pub(super) sections: Vec<&'a Section>,
    pub(super) problems: Vec<Problem>,
    pub(super) notices: Vec<String>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(args: &'a GlobalArgs, environment: &'a dyn Environment) -> Self {
        let (sections, problems, notices) = (Vec::new(), Vec::new(), Vec::new());
        let secrets = Secrets::default();
        let mut resolver = Self { args, environment, secrets, sections, problems, notices };
        resolver.secrets = Secrets::load(&mut resolver);
        resolver
    }

    /// What the highest source that has the setting says, as written. An empty variable or key
    /// counts as absent, an empty flag does not.
    pub(super) fn given(&self, setting: &SettingDoc) -> Option<Sourced<Vec<String>>> {
        let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let flags = self.args.values(setting.name);
        if let (Some(flag), false) = (setting.flag, flags.is_empty()) {
            return Some(Sourced::new(owned(flags), Origin::Flag(flag.to_owned())));
        }
        let variable = setting.variable.and_then(|name| self.variable(name));
        if let Some(Sourced { value, origin }) = variable {
            return Some(Sourced::new(vec![value], origin));
        }
        if let Some(Sourced { value, origin }) = self.secrets.get(setting.name) {
            return Some(Sourced::new(vec![value.clone()], origin.clone()));
        }
        let key = setting.key?;
        let values: Vec<_> = self.sections.iter().flat_map(|section| section.all(key)).collect();
        (!values.is_empty()).then(|| Sourced::new(owned(values), Origin::section(OWN_SECTION)))
    }

    /// An environment variable that is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<Sourced<String>> {
        let value = self.environment.var(name).filter(|value| !value.trim().is_empty())?;
        Some(Sourced::new(value, Origin::Environment(name.to_owned())))
    }

    /// [`given`](Self::given) for a setting that has one value; more than one is a problem.
    pub(super) fn text(&mut self, setting: &SettingDoc) -> Option<Sourced<String>> {
        let Sourced { mut value, origin } = self.given(setting)?;
        if value.len() > 1 {
            let times = format!("`{}` is there {} times; leave one", setting.name, value.len());
            self.problem(setting, &origin, "…", times);
        }
        Some(Sourced::new(value.swap_remove(0), origin))
    }

    /// A setting's value, `None` where nobody gave one that can be used.
    pub(super) fn one<T>(
        &mut self,
        setting: &SettingDoc,
        parse: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<Sourced<T>> {
        let Sourced { value: text, origin } = self.text(setting)?;
        self.parsed(setting, &text, origin, parse)
    }

    /// [`one`](Self::one), or else the default of the reference, which is read the same way. Only
    /// beside a problem is the result `None`.
    pub(super) fn one_or_default<T>(
        &mut self,
        setting: &SettingDoc,
        parse: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<Sourced<T>> {
        match self.text(setting) {
            Some(given) => self.parsed(setting, &given.value, given.origin, parse),
            None => self.parsed(setting, setting.default, Origin::Default, parse),
        }
    }

    pub(super) fn parsed<T>(
        &mut self,
        setting: &SettingDoc,
        text: &str,
        origin: Origin,
        parse: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<Sourced<T>> {
        let trimmed = text.trim();
        let parsed = if trimmed.is_empty() { Err(None) } else { parse(trimmed) };
        match parsed {
            Ok(value) => Some(Sourced::new(value, origin)),
            Err(refusal) => {
                let allowed = refusal
                    .map_or_else(|| format!("allowed is {}", setting.allowed), str::to_owned);
                self.problem(setting, &origin, text, allowed);
                None
            }
        }
    }

    /// Notes a problem. What may hold a password without looking like a URI is hidden by the caller.
    pub(super) fn problem(
        &mut self,
        setting: &SettingDoc,
        origin: &Origin,
        value: &str,
        allowed: String,
    ) {
        // An address given to the wrong setting has its password all the same.
        let value = if value.contains("://") { redacted(value) } else { value.to_owned() };
        self.problems.push(Problem {
            setting: setting.name,
            origin: origin.clone(),
            value,
            allowed,
        });
    }

    /// Keys of our own sections that mean nothing: most likely mistyped. Not a problem, so that a
    /// file written for a newer version still starts an older one.
    pub(super) fn notice_unknown_keys(&mut self) {
        let known: Vec<_> =
            reference::reference().iter().filter_map(|setting| setting.key).collect();
        let mut unknown: Vec<_> = self
            .sections
            .iter()
            .flat_map(|section| section.keys())
            .filter(|key| *key != "host" && !known.contains(key))
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        for key in unknown {
            let notice =
                format!("`{key}` in [{OWN_SECTION}] of config.ini is no setting; it has no effect");
            self.notices.push(notice);
        }
    }
}
