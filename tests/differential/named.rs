//! The departures by which the presets differ, and how each is recognised in a call.

use kazoo_dynamic_cid::dynamic_cid::{Departures, ListRead, Outcome, Preset, Reason};
use kazoo_dynamic_cid::simulation::{Run, Stuck};

use crate::case::Prepared;

/// One departure in which `recommended` differs from `kazoo`; a row of `docs/departures.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Named {
    IdxName,
    InvalidRegex,
    InvalidRow,
    InvalidDocument,
    OptionalGroups,
    SingleDocumentLists,
    OverallLimit,
}

impl Named {
    pub(crate) const ALL: [Self; 7] = [
        Self::IdxName,
        Self::InvalidRegex,
        Self::InvalidRow,
        Self::InvalidDocument,
        Self::OptionalGroups,
        Self::SingleDocumentLists,
        Self::OverallLimit,
    ];

    /// Its key in the object `worker`.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::IdxName => "idx_name",
            Self::InvalidRegex => "invalid_regex",
            Self::InvalidRow => "invalid_row",
            Self::InvalidDocument => "invalid_document",
            Self::OptionalGroups => "optional_groups",
            Self::SingleDocumentLists => "single_document_lists",
            Self::OverallLimit => "overall_limit_ms",
        }
    }

    /// All sets of departures, the small ones first.
    pub(crate) fn sets() -> impl Iterator<Item = Vec<Self>> {
        let members = |bits: u32| -> Vec<Self> {
            let chosen = Self::ALL.into_iter().enumerate();
            chosen.filter(|(place, _)| bits & (1 << place) != 0).map(|(_, named)| named).collect()
        };
        let mut sets: Vec<_> = (1..1u32 << Self::ALL.len()).map(members).collect();
        sets.sort_by_key(Vec::len);
        sets.into_iter()
    }

    /// Whether a call without the departure shows the behaviour of KAZOO's that it does away with.
    /// Nothing here looks at the departures: only at the documents and what became of the call.
    pub(crate) fn shows(
        self,
        call: &Prepared<'_>,
        without: &Result<Run, Stuck>,
        recommended: &Result<Run, Stuck>,
    ) -> bool {
        let reason = without.as_ref().ok().map(|run| run.outcome.reason());
        let died = matches!(without, Ok(Run { outcome: Outcome::Died(_), .. }));
        match self {
            // Refused although the group is filled, and the entry has nothing to do with it.
            Self::IdxName => {
                !died
                    && reason == Some(Reason::IdxNameInverted)
                    && call.case.named_group().is_some_and(|group| !group.is_empty())
            }
            Self::InvalidRegex => died && reason == Some(Reason::InvalidRegex),
            Self::InvalidRow => died && reason == Some(Reason::InvalidRow),
            Self::InvalidDocument => {
                let documents =
                    [Reason::InvalidSetting, Reason::InvalidNumberRule, Reason::InvalidRestriction];
                died && reason.is_some_and(|reason| documents.contains(&reason))
            }
            Self::OptionalGroups => died && reason == Some(Reason::OptionalGroups),
            // A list without any row, whose document brings entries in the old manner.
            Self::SingleDocumentLists => {
                matches!(call.list(), ListRead::Read(list) if list.is_empty())
                    && call.case.has_entries_inside()
            }
            // KAZOO still waits where `recommended` has given up.
            Self::OverallLimit => {
                let limit = Departures::from(Preset::Recommended).overall_limit_ms;
                let ended = |run: &Result<Run, Stuck>| run.as_ref().ok().map(|run| run.ended_at);
                let later = |run| ended(run).is_none_or(|at| at > limit);
                later(without) && ended(recommended).is_some_and(|at| at >= limit)
            }
        }
    }
}

/// The preset `kazoo` with some departures as `recommended` has them.
pub(crate) fn switched(set: &[Named]) -> Departures {
    let recommended = Departures::from(Preset::Recommended);
    let mut departures = Departures::from(Preset::Kazoo);
    for named in set {
        match named {
            Named::IdxName => departures.idx_name = recommended.idx_name,
            Named::InvalidRegex => departures.invalid_regex = recommended.invalid_regex,
            Named::InvalidRow => departures.invalid_row = recommended.invalid_row,
            Named::InvalidDocument => departures.invalid_document = recommended.invalid_document,
            Named::OptionalGroups => departures.optional_groups = recommended.optional_groups,
            Named::SingleDocumentLists => {
                departures.single_document_lists = recommended.single_document_lists;
            }
            Named::OverallLimit => departures.overall_limit_ms = recommended.overall_limit_ms,
        }
    }
    departures
}
