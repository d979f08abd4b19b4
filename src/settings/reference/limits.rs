//! The settings that bound what the worker takes on. `docs/limits.md` says what happens at each.

use super::{SettingDoc, doc};

setting!(
    PREFETCH,
    "prefetch",
    "prefetch",
    "PREFETCH",
    doc(
        "10000",
        "a whole number from 1 to 60000",
        "How many calls may be in flight at once; others go on unchanged after a second",
        None,
    )
);
setting!(
    ACCOUNT_RATE,
    "account-rate",
    "account_rate",
    "ACCOUNT_RATE",
    doc(
        "10000",
        "a whole number from 1 to 1000000",
        "How many calls one account may begin in a second; others go on unchanged",
        None,
    )
);
setting!(
    MAX_MESSAGE,
    "max-message",
    "max_message",
    "MAX_MESSAGE",
    doc(
        "1MiB",
        "a size from 64KiB to 64MiB",
        "The largest message of KAZOO's that is read; a larger one is rejected",
        None,
    )
);
setting!(
    MAX_DEPTH,
    "max-depth",
    "max_depth",
    "MAX_DEPTH",
    doc(
        "100",
        "a whole number from 8 to 120",
        "How deep the JSON of a message may be nested; a deeper one is rejected",
        None,
    )
);
setting!(
    MAX_LIST_ROWS,
    "max-list-rows",
    "max_list_rows",
    "MAX_LIST_ROWS",
    doc(
        "100000",
        "a whole number from 1 to 10000000",
        "How many entries a list may have; a longer one cannot be read",
        None,
    )
);
setting!(
    MAX_PATTERNS,
    "max-patterns",
    "max_patterns",
    "MAX_PATTERNS",
    doc(
        "10000",
        "a whole number from 1 to 1000000",
        "How many patterns the callflows of an account may have; with more they cannot be read",
        None,
    )
);
setting!(
    MATCH_LIMIT,
    "match-limit",
    "match_limit",
    "MATCH_LIMIT",
    doc(
        "1000000",
        "a whole number from 1000 to 10000000",
        "Steps that a regular expression may take on a number; beyond, it does not match",
        None,
    )
);
setting!(
    READ_DEADLINE,
    "read-deadline",
    "read_deadline",
    "READ_DEADLINE",
    doc(
        "4s",
        "a time from 200ms to 60s",
        "How long a caller may wait for all that is read between two things the caller hears",
        None,
    )
);
setting!(
    CACHE_STALE,
    "cache-stale",
    "cache_stale",
    "CACHE_STALE",
    doc(
        "600s",
        "a time from 0s to 24h",
        "How long past its time a document is still used while CouchDB cannot be read",
        None,
    )
);
