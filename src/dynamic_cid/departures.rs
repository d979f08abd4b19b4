//! Where we answer differently from KAZOO, and the settings that choose.
//!
//! Each field is one defect of KAZOO's module that the product decides differently. The preset
//! `kazoo` is KAZOO bug for bug; `recommended`, the default, differs only where KAZOO's behaviour
//! cannot have worked for anyone. Single keys override the preset. `docs/departures.md` has the
//! table.

use crate::json::Object;

/// A set of decisions that operators choose by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preset {
    /// As KAZOO's own module, defects included.
    Kazoo,
    /// KAZOO where it works, the documented intent where it cannot have worked.
    #[default]
    Recommended,
}

/// Declares an enum with the words it has in documents.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$meaning:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$meaning])* $variant,)+
        }

        impl $name {
            /// The words a document may use.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word this choice has in documents.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

words! {
    /// D2: what `idx_name` does with a filled named group.
    IdxName {
        /// Refuse the call: KAZOO's test is inverted.
        Inverted = "inverted",
        /// Select the entry whose key is the group.
        Documented = "documented",
    }
}
words! {
    /// D15: a `whitelist_regex` that is not a regular expression.
    InvalidRegex {
        /// The action dies and the flow goes on unchanged.
        Crash = "crash",
        /// The typed number is rejected.
        Reject = "reject",
    }
}
words! {
    /// D15: an entry with a negative `capture_group_length`.
    InvalidRow {
        /// The action dies and the flow goes on unchanged.
        Crash = "crash",
        /// The entry is skipped.
        Skip = "skip",
    }
}
words! {
    /// D15: settings, number rules and restrictions that cannot be read.
    InvalidDocument {
        /// The action dies and the flow goes on.
        Crash = "crash",
        /// KAZOO's default is used, the rule skipped, the restriction taken as no opinion.
        Default = "default",
    }
}
words! {
    /// D31: a callflow pattern that matches with none of its groups.
    OptionalGroups {
        /// The lookup dies.
        Crash = "crash",
        /// The pattern matches without a capture group.
        NoCapture = "no_capture",
    }
}
words! {
    /// D12: how an unrelated event shortens a running timer.
    TimerArithmetic {
        /// Elapsed seconds are taken off as milliseconds: the timer all but restarts.
        SecondsAsMilliseconds = "seconds_as_milliseconds",
        /// Elapsed time is taken off.
        Milliseconds = "milliseconds",
    }
}
words! {
    /// Lists of KAZOO 4.0, with `entries` inside the list document and no `pvt_type`.
    SingleDocumentLists {
        /// They have no entries.
        Ignored = "ignored",
        /// Their `entries` are read where the list has no entry documents.
        Read = "read",
    }
}
words! {
    /// How the execute seam answers for lists without named groups.
    ListAnswer {
        /// With a static node and the found flow inlined, wherever that is exact.
        Inline = "inline",
        /// With KAZOO's own module.
        Native = "native",
    }
}

/// The decisions in force for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departures {
    /// D2.
    pub idx_name: IdxName,
    /// D15, the regular expression.
    pub invalid_regex: InvalidRegex,
    /// D15, the entry.
    pub invalid_row: InvalidRow,
    /// D15, other documents.
    pub invalid_document: InvalidDocument,
    /// D31.
    pub optional_groups: OptionalGroups,
    /// D12.
    pub timer_arithmetic: TimerArithmetic,
    /// D13, D14: how long the whole action may wait for the switch and the caller, milliseconds;
    /// 0 is without limit.
    pub overall_limit_ms: u64,
    /// Lists of KAZOO 4.0.
    pub single_document_lists: SingleDocumentLists,
    /// How lists are answered over the execute seam.
    pub list_answer: ListAnswer,
}

/// A departure setting that cannot be used; the preset's value holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("worker.{key}: {value} is not allowed; use {allowed}")]
pub struct BadDeparture {
    /// The key within `worker`.
    pub key: String,
    /// The value as JSON.
    pub value: String,
    /// What may stand there.
    pub allowed: String,
}

/// The overall limit of the preset `recommended`: nobody listens to silence for longer.
const RECOMMENDED_LIMIT_MS: u64 = 300_000;

impl From<Preset> for Departures {
    fn from(preset: Preset) -> Self {
        match preset {
            Preset::Kazoo => Self {
                idx_name: IdxName::Inverted,
                invalid_regex: InvalidRegex::Crash,
                invalid_row: InvalidRow::Crash,
                invalid_document: InvalidDocument::Crash,
                optional_groups: OptionalGroups::Crash,
                timer_arithmetic: TimerArithmetic::SecondsAsMilliseconds,
                overall_limit_ms: 0,
                single_document_lists: SingleDocumentLists::Ignored,
                list_answer: ListAnswer::Inline,
            },
            Preset::Recommended => Self {
                idx_name: IdxName::Documented,
                invalid_regex: InvalidRegex::Reject,
                invalid_row: InvalidRow::Skip,
                invalid_document: InvalidDocument::Default,
                optional_groups: OptionalGroups::NoCapture,
                timer_arithmetic: TimerArithmetic::SecondsAsMilliseconds,
                overall_limit_ms: RECOMMENDED_LIMIT_MS,
                single_document_lists: SingleDocumentLists::Read,
                list_answer: ListAnswer::Inline,
            },
        }
    }
}

impl Default for Departures {
    fn default() -> Self {
        Preset::default().into()
    }
}

impl Departures {
    /// Reads the `worker` objects that apply, the most specific first: the node's data, then the
    /// node, zone and default sections of `system_config/callflow.dynamic_cid`. Each key is looked
    /// up on its own; `preset` likewise.
    pub fn read(layers: &[&Object]) -> (Self, Vec<BadDeparture>) {
        let mut reader = Reader { layers, bad: Vec::new() };
        let preset = |word: &str| match word {
            "kazoo" => Some(Preset::Kazoo),
            "recommended" => Some(Preset::Recommended),
            _ => None,
        };
        let preset = reader.word("preset", preset, &["recommended", "kazoo"]).unwrap_or_default();
        let mut departures = Self::from(preset);
        macro_rules! choose {
            ($($field:ident: $kind:ident),+ $(,)?) => {
                $(if let Some(choice) = reader.word(stringify!($field), $kind::parse, $kind::WORDS) {
                    departures.$field = choice;
                })+
            };
        }
        choose! {
            idx_name: IdxName,
            invalid_regex: InvalidRegex,
            invalid_row: InvalidRow,
            invalid_document: InvalidDocument,
            optional_groups: OptionalGroups,
            timer_arithmetic: TimerArithmetic,
            single_document_lists: SingleDocumentLists,
            list_answer: ListAnswer,
        }
        if let Some(limit) = reader.milliseconds("overall_limit_ms") {
            departures.overall_limit_ms = limit;
        }
        (departures, reader.bad)
    }
}

struct Reader<'a> {
    layers: &'a [&'a Object],
    bad: Vec<BadDeparture>,
}

impl Reader<'_> {
    fn word<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Option<T>,
        words: &[&str],
    ) -> Option<T> {
        let value = self.layers.iter().find_map(|layer| layer.get(key))?;
        let choice = value.as_str().and_then(parse);
        if choice.is_none() {
            self.refuse(key, value, words.join(" or "));
        }
        choice
    }

    fn milliseconds(&mut self, key: &str) -> Option<u64> {
        let value = self.layers.iter().find_map(|layer| layer.get(key))?;
        let limit = crate::json::to_integer(value).and_then(|limit| u64::try_from(limit).ok());
        if limit.is_none() {
            self.refuse(key, value, "milliseconds from 0 on".to_owned());
        }
        limit
    }

    fn refuse(&mut self, key: &str, value: &serde_json::Value, allowed: String) {
        self.bad.push(BadDeparture { key: key.to_owned(), value: value.to_string(), allowed });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(layers: &[Value]) -> (Departures, Vec<String>) {
        let layers: Vec<_> = layers.iter().map(|layer| layer.as_object().unwrap()).collect();
        let (departures, bad) = Departures::read(&layers);
        (departures, bad.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn nothing_said_is_the_preset_recommended() {
        assert_eq!(read(&[]), (Preset::Recommended.into(), vec![]));
    }

    #[test]
    fn a_node_chooses_its_preset_before_the_sections() {
        for (node, section, preset) in
            [("recommended", "kazoo", Preset::Recommended), ("kazoo", "recommended", Preset::Kazoo)]
        {
            let layers = [json!({"preset": node}), json!({"preset": section})];
            assert_eq!(read(&layers), (preset.into(), vec![]));
        }
    }

    #[test]
    fn single_keys_override_the_preset_each_on_its_own() {
        let node = json!({"invalid_row": "skip"});
        let section =
            json!({"preset": "kazoo", "invalid_row": "crash", "overall_limit_ms": "1000"});
        let (departures, bad) = read(&[node, section]);
        let expected = Departures {
            invalid_row: InvalidRow::Skip,
            overall_limit_ms: 1000,
            ..Preset::Kazoo.into()
        };
        assert_eq!((departures, bad), (expected, vec![]));
    }

    #[test]
    fn an_unusable_key_is_named_and_the_preset_holds() {
        let (departures, bad) = read(&[json!({"idx_name": "yes", "overall_limit_ms": -1})]);
        assert_eq!(departures, Preset::Recommended.into());
        assert_eq!(
            bad,
            [
                "worker.idx_name: \"yes\" is not allowed; use inverted or documented",
                "worker.overall_limit_ms: -1 is not allowed; use milliseconds from 0 on",
            ]
        );
    }
}
