//! Which lists and entries are used, counted by name up to a bound.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// Labels whose values come from documents.
type Names = Vec<(&'static str, String)>;

/// Stands for every list and entry beyond the bound.
const OTHER: &str = "other";

/// Counts selections. The first lists and entries that are seen keep a series each; the rest share
/// one, so that documents cannot make the metrics grow.
#[derive(Debug, Default)]
pub(super) struct Selections {
    pub(super) lists: Family<Names, Counter>,
    pub(super) entries: Family<Names, Counter>,
    pub(super) overflows: Counter,
    known: Mutex<HashSet<(String, String, Option<String>)>>,
    most: usize,
}

impl Selections {
    /// Tells so many lists and entries apart, counted together.
    pub(super) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// A call got its caller ID from an entry.
    pub(super) fn selected(&self, account: &str, list: &str, entry: &str) {
        let (account_name, list_name) =
            if self.is_known(account, list, None) { (account, list) } else { (OTHER, OTHER) };
        let labels = vec![("account", account_name.to_owned()), ("list", list_name.to_owned())];
        self.lists.get_or_create(&labels).inc();
        let [account, list, entry] = if self.is_known(account, list, Some(entry)) {
            [account, list, entry]
        } else {
            [OTHER; 3]
        };
        let labels = [("account", account), ("list", list), ("entry", entry)];
        let labels = labels.map(|(label, value)| (label, value.to_owned())).to_vec();
        self.entries.get_or_create(&labels).inc();
    }

    fn is_known(&self, account: &str, list: &str, entry: Option<&str>) -> bool {
        let name = (account.to_owned(), list.to_owned(), entry.map(str::to_owned));
        // Names are only ever put in whole.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&name) {
            return true;
        }
        if known.len() >= self.most {
            self.overflows.inc();
            return false;
        }
        known.insert(name);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_bound_is_counted_together() {
        let selections = Selections::new(3);
        let count = |labels: &[(&'static str, &str)]| {
            let labels: Names =
                labels.iter().map(|(label, value)| (*label, (*value).to_owned())).collect();
            let family = if labels.len() == 2 { &selections.lists } else { &selections.entries };
            family.get(&labels).map_or(0, |counter| counter.get())
        };
        for (list, entry) in [("l", "01"), ("l", "02"), ("l", "03"), ("m", "01"), ("l", "01")] {
            selections.selected("a", list, entry);
        }
        assert_eq!(count(&[("account", "a"), ("list", "l")]), 4);
        assert_eq!(count(&[("account", "other"), ("list", "other")]), 1);
        assert_eq!(count(&[("account", "a"), ("list", "l"), ("entry", "01")]), 2);
        assert_eq!(count(&[("account", "a"), ("list", "l"), ("entry", "03")]), 0);
        assert_eq!(count(&[("account", "other"), ("list", "other"), ("entry", "other")]), 2);
        assert_eq!(selections.overflows.get(), 3);
    }

    #[test]
    fn with_no_series_everything_is_other() {
        let selections = Selections::new(0);
        selections.selected("a", "l", "01");
        assert_eq!(selections.overflows.get(), 2);
    }
}
