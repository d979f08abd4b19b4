//! How an endpoint writes its numbers: `caller_id_options.format`.
//!
//! The rule of the number's class counts, or the one under `all`: the first group that its `regex`
//! finds in the normalised number, with `prefix` and `suffix`. A number without rule, match or group
//! stays as it is.
//!
//! Source: `kapps_call.erl` (`maybe_format_caller_id_str`).

use serde_json::Value;

use super::refusal::whose;
use super::scene::Scene;
use super::{MergedEndpoint, Remark};
use crate::callflow::Documents;
use crate::callflow::kz_json::NoMembers;
use crate::json;
use crate::pattern::Pattern;

const FORMAT: [&str; 2] = ["caller_id_options", "format"];

impl<D: Documents> Scene<'_, D> {
    pub(super) fn formatted(&mut self, number: String, endpoint: &MergedEndpoint) -> String {
        self.reformatted(&number, endpoint).unwrap_or(number)
    }

    fn reformatted(&mut self, number: &str, endpoint: &MergedEndpoint) -> Option<String> {
        let rules = self.rules;
        let whose = &whose(endpoint);
        self.present(whose, endpoint, &FORMAT)?;
        if number.is_empty() {
            self.remarks.push(Remark::NoNumber);
            return None;
        }
        let class = self.apply(|on_bad| rules.classify(number, on_bad)).flatten();
        let of_class = class.filter(|class| {
            self.present(whose, endpoint, &[FORMAT[0], FORMAT[1], class]).is_some()
        });
        let rule = [FORMAT[0], FORMAT[1], of_class.unwrap_or("all")];
        self.present(whose, endpoint, &rule)?;
        let mut part = |key| self.present(whose, endpoint, &[rule[0], rule[1], rule[2], key]);
        let regex = part("regex")?;
        let affix = |value: Option<&Value>| value.and_then(json::to_text).unwrap_or_default();
        let (prefix, suffix) = (affix(part("prefix")), affix(part("suffix")));
        let pattern = regex.as_str().and_then(|regex| Pattern::new(regex).ok());
        let Some(pattern) = pattern else {
            let path = [rule[0], rule[1], rule[2], "regex"];
            self.unusable(whose, &NoMembers::new(&path, regex), "write a regular expression");
            return None;
        };
        let normalised = self.apply(|on_bad| rules.normalise(number, on_bad))?;
        let group = pattern.captures(&normalised)?.groups.into_iter().next()?;
        Some(format!("{prefix}{group}{suffix}"))
    }

    /// The value under a path unless it is empty.
    fn present<'e>(
        &mut self,
        whose: &str,
        endpoint: &'e MergedEndpoint,
        path: &[&str],
    ) -> Option<&'e Value> {
        let value = self.value(whose, endpoint.members(), path);
        value.filter(|value| !json::is_empty(value))
    }
}
