//! Why a call got the caller ID it has: one code, shared by log, metrics and `simulate`.

/// The reason behind an outcome. The codes are stable; `docs/reasons.md` explains each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Static: name and number as in the node.
    Static,
    /// Static: the node lacks the number; the caller's own is used and the caller is told.
    StaticIncomplete,
    /// Manual: the number typed was accepted.
    DigitsAccepted,
    /// Manual: nothing was typed in time.
    NoDigits,
    /// Manual: fewer digits than `min_digits`.
    TooFewDigits,
    /// Manual: the digits do not match `whitelist_regex`.
    NotWhitelisted,
    /// `whitelist_regex` is not a regular expression.
    InvalidRegex,
    /// Manual: the switch reported an error while digits were collected.
    SwitchError,
    /// The switch did not report back within the overall limit.
    OverallLimit,
    /// List: an entry was selected.
    Entry,
    /// List: the entry lacks the number; the caller's own is used and the caller is told.
    EntryIncomplete,
    /// List with `idx_name`: no entry has this key; the caller's own caller ID is used.
    EntryDefault,
    /// List: no entry has the dialled key.
    NotInList,
    /// List: fewer digits than the key's length.
    TooShort,
    /// List: the node names no list.
    ListIdMissing,
    /// List: the list could not be read.
    ListUnreadable,
    /// List: an entry with a negative `capture_group_length`.
    InvalidRow,
    /// List with `idx_name`: the defect of KAZOO that refuses every filled group (D2).
    IdxNameInverted,
    /// List: no callflow serves the destination, or it may not be used.
    NoCallflow,
    /// List: the endpoint may not call the destination.
    Restricted,
    /// A setting of `system_config` has no usable value.
    InvalidSetting,
    /// A number rule cannot be used.
    InvalidNumberRule,
    /// The endpoint's restrictions cannot be read.
    InvalidRestriction,
    /// A callflow pattern whose groups all took no part (D31).
    OptionalGroups,
    /// The caller hung up.
    HungUp,
}

impl Reason {
    /// Every reason, for documentation and tests.
    pub const ALL: [Self; 25] = [
        Self::Static,
        Self::StaticIncomplete,
        Self::DigitsAccepted,
        Self::NoDigits,
        Self::TooFewDigits,
        Self::NotWhitelisted,
        Self::InvalidRegex,
        Self::SwitchError,
        Self::OverallLimit,
        Self::Entry,
        Self::EntryIncomplete,
        Self::EntryDefault,
        Self::NotInList,
        Self::TooShort,
        Self::ListIdMissing,
        Self::ListUnreadable,
        Self::InvalidRow,
        Self::IdxNameInverted,
        Self::NoCallflow,
        Self::Restricted,
        Self::InvalidSetting,
        Self::InvalidNumberRule,
        Self::InvalidRestriction,
        Self::OptionalGroups,
        Self::HungUp,
    ];

    /// The code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::StaticIncomplete => "static_incomplete",
            Self::DigitsAccepted => "digits_accepted",
            Self::NoDigits => "no_digits",
            Self::TooFewDigits => "too_few_digits",
            Self::NotWhitelisted => "not_whitelisted",
            Self::InvalidRegex => "invalid_regex",
            Self::SwitchError => "switch_error",
            Self::OverallLimit => "overall_limit",
            Self::Entry => "entry",
            Self::EntryIncomplete => "entry_incomplete",
            Self::EntryDefault => "entry_default",
            Self::NotInList => "not_in_list",
            Self::TooShort => "too_short",
            Self::ListIdMissing => "list_id_missing",
            Self::ListUnreadable => "list_unreadable",
            Self::InvalidRow => "invalid_row",
            Self::IdxNameInverted => "idx_name_inverted",
            Self::NoCallflow => "no_callflow",
            Self::Restricted => "restricted",
            Self::InvalidSetting => "invalid_setting",
            Self::InvalidNumberRule => "invalid_number_rule",
            Self::InvalidRestriction => "invalid_restriction",
            Self::OptionalGroups => "optional_groups",
            Self::HungUp => "hung_up",
        }
    }

    /// One sentence for an operator.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Static => "name and number stand in the callflow node",
            Self::StaticIncomplete => {
                "the callflow node has no number: the caller's own is used and the caller is told"
            }
            Self::DigitsAccepted => "the caller typed a number that was accepted",
            Self::NoDigits => "the caller typed nothing in time",
            Self::TooFewDigits => "the caller typed fewer digits than min_digits",
            Self::NotWhitelisted => "what the caller typed does not match whitelist_regex",
            Self::InvalidRegex => "whitelist_regex is not a regular expression",
            Self::SwitchError => "the switch reported an error while digits were collected",
            Self::OverallLimit => "the switch did not report back within the overall limit",
            Self::Entry => "an entry of the list has the dialled key",
            Self::EntryIncomplete => {
                "the entry has no number: the caller's own is used and the caller is told"
            }
            Self::EntryDefault => {
                "no entry has the key of the named group: the caller's own is used"
            }
            Self::NotInList => "no entry of the list has the dialled key: nothing is changed",
            Self::TooShort => "fewer digits were dialled than the key of a tried entry has",
            Self::ListIdMissing => "the callflow node names no list",
            Self::ListUnreadable => "the list could not be read from the database",
            Self::InvalidRow => "an entry has a negative capture_group_length",
            Self::IdxNameInverted => "KAZOO refuses every filled idx_name group (defect D2)",
            Self::NoCallflow => "no callflow may serve the destination",
            Self::Restricted => "the endpoint may not call the destination",
            Self::InvalidSetting => "a setting of system_config has no usable value",
            Self::InvalidNumberRule => "a number rule cannot be used",
            Self::InvalidRestriction => "the endpoint's call restrictions cannot be read",
            Self::OptionalGroups => {
                "a callflow pattern matched with none of its groups (defect D31)"
            }
            Self::HungUp => "the caller hung up",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn codes_are_distinct_and_so_are_their_explanations() {
        for say in [Reason::as_str, Reason::explanation] {
            let mut said: Vec<_> = Reason::ALL.iter().map(|reason| say(*reason)).collect();
            said.sort_unstable();
            said.dedup();
            assert_eq!(said.len(), Reason::ALL.len());
        }
        assert_eq!(Reason::NotInList.to_string(), "not_in_list");
    }
}
