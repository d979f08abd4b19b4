//! Which KAZOO we are among.
//!
//! The route seam hands calls back with `callflow/resume`, which KAZOO master and 5 drop without a
//! word: a call taken there would be silent for ever. So nothing is taken where a request shows a
//! newer KAZOO, and operators are told once.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::kapi::inbound::{NewerSender, NodeAdvertisement, RouteReq};

/// The application whose nodes run callflows.
const CALLFLOW: &str = "callflow";

/// What was seen of the cluster.
#[derive(Debug)]
pub(super) struct Neighbours {
    /// Whether the execute seam is on: then operators know what they are doing.
    execute: bool,
    told_of_request: AtomicBool,
    told_of_node: AtomicBool,
}

impl Neighbours {
    pub(super) fn new(execute: bool) -> Self {
        Self {
            execute,
            told_of_request: AtomicBool::new(false),
            told_of_node: AtomicBool::new(false),
        }
    }

    /// Whether the sender of a request is newer than KAZOO 4.3.
    pub(super) fn are_newer(&self, request: &RouteReq) -> bool {
        let Some(sign) = request.newer_sender() else {
            return false;
        };
        if !self.told_of_request.swap(true, Ordering::Relaxed) {
            let sign = match sign {
                NewerSender::ProcessAddress(address) => format!("answers go to {address}"),
                NewerSender::MediaServer { app_name } => format!("{app_name} itself asks"),
            };
            tracing::warn!(
                sign,
                "route requests of a KAZOO newer than 4.3 are left alone: it drops \
                 callflow/resume, so a call taken there could not be handed back. For KAZOO master \
                 and 5 use --seams execute"
            );
        }
        true
    }

    /// Looks at a node's version.
    pub(super) fn node(&self, node: &NodeAdvertisement) {
        if self.execute || !node.apps.iter().any(|app| app == CALLFLOW) {
            return;
        }
        let Some(version) = node.version.as_deref().filter(|version| is_newer(version)) else {
            return;
        };
        if !self.told_of_node.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                node = node.node,
                version,
                "this node runs a KAZOO newer than 4.3, where callflow/resume does nothing; the \
                 route seam alone serves no calls there. Use --seams execute"
            );
        }
    }
}

/// Whether a version is that of KAZOO master or 5: `5.0-…`, `5.3.7`; 4.3 says `4.3.142`, and
/// applications say `4.0.0` where a node has no version.
fn is_newer(version: &str) -> bool {
    let major: String = version.chars().take_while(char::is_ascii_digit).collect();
    major.parse::<u32>().is_ok_and(|major| major >= 5) || version.starts_with("master")
}

#[cfg(test)]
mod tests {
    use super::is_newer;

    #[test]
    fn versions_from_5_on_are_newer() {
        for (version, newer) in [
            ("5.0-dev", true),
            ("5.3.7", true),
            ("10.1", true),
            ("master", true),
            ("4.3.142", false),
            ("4.0.0", false),
            ("", false),
            ("v5", false),
        ] {
            assert_eq!(is_newer(version), newer, "{version}");
        }
    }
}
