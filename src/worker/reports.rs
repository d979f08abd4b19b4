//! What operators are told once, however many calls it concerns.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::callflow::Following;
use crate::callflow::bootstrap::Remark;
use crate::directory::ReadError;
use crate::dynamic_cid::{BadDeparture, SystemConfig};
use crate::operations::records::Masking;

/// Texts that are remembered; then the oldest knowledge is dropped and things are said again.
const REMEMBERED: usize = 4_096;

/// Remembers what was said.
#[derive(Debug)]
pub(super) struct Reports {
    said: Mutex<HashSet<String>>,
    masking: Masking,
}

impl Reports {
    /// Nothing was said yet; numbers are shown so.
    pub(super) fn new(masking: Masking) -> Self {
        Self { said: Mutex::default(), masking }
    }

    /// Departure settings that cannot be used.
    pub(super) fn departures(&self, bad: &[BadDeparture]) {
        for departure in bad {
            if self.is_new(format!("departure {departure}")) {
                tracing::warn!(
                    document = "system_config/callflow.dynamic_cid or the callflow node",
                    problem = %departure,
                    "a setting of this worker cannot be used; the preset's value holds"
                );
            }
        }
    }

    /// Settings of KAZOO that cannot be used.
    pub(super) fn settings(&self, config: &SystemConfig) {
        for (document, key, error) in config.bad_settings() {
            if self.is_new(format!("setting {document} {key} {error}")) {
                tracing::warn!(
                    document = format!("system_config/{document}"),
                    key,
                    problem = %error,
                    "a setting cannot be used; KAZOO's default holds"
                );
            }
        }
    }

    /// What KAZOO 4.3 would have died of before a call's first node.
    pub(super) fn remarks(&self, remarks: &[Remark<ReadError>]) {
        for remark in remarks {
            if self.is_new(format!("remark {remark}")) {
                let problem = self.masking.show_in(&remark.to_string());
                tracing::warn!(problem, "a document of the caller cannot be used as it is");
            }
        }
    }

    /// The search for the flow behind a node; the answer is its name for metrics.
    pub(super) fn following(
        &self,
        following: &Following<ReadError>,
        flow_id: Option<&str>,
    ) -> &'static str {
        let (outcome, problem) = match following {
            Following::Found { .. } => return "found",
            Following::Edited { place, .. } => {
                let flow = flow_id.unwrap_or("none");
                if self.is_new(format!("edited {place}")) {
                    tracing::warn!(
                        callflow = flow,
                        %place,
                        "the callflow was saved while a call was in it: what follows the node now \
                         is used"
                    );
                }
                return "edited";
            }
            Following::NotFound(reason) => ("not_found", reason.to_string()),
            Following::Ambiguous { candidates } => {
                let places: Vec<_> = candidates.iter().map(ToString::to_string).collect();
                ("ambiguous", format!("it may be any of {}", places.join("; ")))
            }
            Following::Unreadable { document_id, error } => {
                ("unreadable", format!("callflow `{document_id}`: {error}"))
            }
        };
        let flow = flow_id.unwrap_or("none");
        if self.is_new(format!("following {flow} {problem}")) {
            let cure = match outcome {
                "unreadable" => "Look at CouchDB",
                _ => {
                    "Put the node alone in a callflow of its own and enter it through a callflow node"
                }
            };
            tracing::warn!(
                callflow = flow,
                problem,
                cure,
                "the executed node cannot be located, so the chosen caller ID cannot be handed \
                 back; the call goes on with its own"
            );
        }
        outcome
    }

    fn is_new(&self, text: String) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() >= REMEMBERED {
            said.clear();
        }
        said.insert(text)
    }
}
