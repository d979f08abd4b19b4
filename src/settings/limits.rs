//! What bounds the worker. `docs/limits.md` has what happens at each limit.

use std::time::Duration;

use super::reference as r;
use super::resolver::Resolver;
use super::values::{self, KIB, MIB};
use super::{SettingDoc, Sourced};

const SECOND: Duration = Duration::from_secs(1);

/// The limits, checked.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many calls may be in flight.
    pub prefetch: Sourced<u16>,
    /// How many calls one account may begin in a second.
    pub account_rate: Sourced<u64>,
    /// The largest message that is read, in bytes.
    pub max_message: Sourced<u64>,
    /// How deep a message's JSON may be nested.
    pub max_depth: Sourced<u64>,
    /// How many entries a list may have.
    pub max_list_rows: Sourced<u64>,
    /// How many patterns an account's callflows may have.
    pub max_patterns: Sourced<u64>,
    /// Steps that a regular expression may take on one subject.
    pub match_limit: Sourced<u64>,
    /// How long one phase of a call may read.
    pub read_deadline: Sourced<Duration>,
    /// How long past its time a document may be used while the database cannot be read.
    pub cache_stale: Sourced<Duration>,
}

impl Limits {
    /// `None` only beside a problem. All are looked at before, so that all problems are told.
    pub(super) fn load(r: &mut Resolver<'_>) -> Option<Self> {
        let mut number = |setting: &SettingDoc, from, to| {
            r.one_or_default(setting, |text| values::whole_number(text, from..=to))
        };
        let prefetch = number(&r::PREFETCH, 1, 60_000);
        let account_rate = number(&r::ACCOUNT_RATE, 1, 1_000_000);
        let max_depth = number(&r::MAX_DEPTH, 8, 120);
        let max_list_rows = number(&r::MAX_LIST_ROWS, 1, 10_000_000);
        let max_patterns = number(&r::MAX_PATTERNS, 1, 1_000_000);
        let match_limit = number(&r::MATCH_LIMIT, 1000, 10_000_000);
        let max_message =
            r.one_or_default(&r::MAX_MESSAGE, |text| values::size(text, 64 * KIB..=64 * MIB));
        let mut time = |setting: &SettingDoc, from, to| {
            r.one_or_default(setting, |text| values::duration(text, from..=to))
        };
        let read_deadline = time(&r::READ_DEADLINE, SECOND / 5, 60 * SECOND);
        let cache_stale = time(&r::CACHE_STALE, Duration::ZERO, 24 * 3600 * SECOND);
        Some(Self {
            // The bound is below what the type holds.
            prefetch: prefetch?.map(|number| u16::try_from(number).unwrap_or(u16::MAX)),
            account_rate: account_rate?,
            max_message: max_message?,
            max_depth: max_depth?,
            max_list_rows: max_list_rows?,
            max_patterns: max_patterns?,
            match_limit: match_limit?,
            read_deadline: read_deadline?,
            cache_stale: cache_stale?,
        })
    }
}
