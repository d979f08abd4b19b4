//! Which message was returned.
//!
//! RabbitMQ returns an unroutable message before it confirms it, but the library only keeps
//! returned messages in a row and gives the next one to whichever confirmation is answered next:
//! with several open, seldom its own. A returned message carries its timestamp, which is unique
//! per link, so its owner is known; what has to be made sure of is that nobody is called routed
//! while his own returned message may still turn up at somebody else's confirmation.
//!
//! Why [`Returned::verdict`] is right: a message's return comes before its confirmation. Answered
//! without any returned message, the row was empty, so an own one must have been given to an
//! answer before, and is known here. Answered with a stranger's, the own one may still be in the
//! row; the row holds at most one per returned message without answer, so it is empty, and all of
//! it known here, when the owners of all returned messages are answered.

use std::collections::{HashMap, HashSet};

use super::Published;

/// How it stands with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not answered yet.
    Open,
    /// Answered; its publisher has not been told yet.
    Answered,
    /// Answered, and nobody asks any more.
    Gone,
}

/// Bookkeeping of the returned messages of one channel; messages are known by their timestamps.
#[derive(Debug, Default)]
pub(super) struct Returned {
    /// Why they were returned, by owner.
    reasons: HashMap<u64, String>,
    /// Owners of returned messages who are not answered themselves.
    unanswered: HashSet<u64>,
    /// Answered with a stranger's returned message.
    in_doubt: HashSet<u64>,
}

impl Returned {
    /// Takes the answer to `message`, and the returned message it came with: owner and reason.
    /// `standing` tells how it stands with another message.
    ///
    /// The answers must be taken in the order in which the library gives them.
    pub(super) fn answered(
        &mut self,
        message: u64,
        came_with: Option<(u64, String)>,
        standing: impl Fn(u64) -> Standing,
    ) {
        self.unanswered.remove(&message);
        let Some((owner, reason)) = came_with else { return };
        if owner == message {
            self.reasons.insert(owner, reason);
            return;
        }
        self.in_doubt.insert(message);
        let standing = standing(owner);
        if standing != Standing::Gone {
            self.reasons.insert(owner, reason);
        }
        if standing == Standing::Open {
            self.unanswered.insert(owner);
        }
    }

    /// Whether every doubt can be settled now.
    pub(super) fn is_settled(&self) -> bool {
        self.unanswered.is_empty()
    }

    /// What became of an answered message; nothing while that is not known. To be asked until it
    /// is, and not again.
    pub(super) fn verdict(&mut self, message: u64) -> Option<Published> {
        if let Some(reason) = self.reasons.remove(&message) {
            self.in_doubt.remove(&message);
            return Some(Published::Returned { reason });
        }
        if self.in_doubt.contains(&message) && !self.is_settled() {
            return None;
        }
        self.in_doubt.remove(&message);
        Some(Published::Routed)
    }

    /// Nobody asks for this message's verdict any more.
    pub(super) fn forget(&mut self, message: u64) {
        self.reasons.remove(&message);
        self.in_doubt.remove(&message);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn a_stranger_s_message_leaves_a_doubt_until_its_owner_is_answered() {
        let mut returned = Returned::default();
        let open = |_| Standing::Open;
        // 2 was returned; 1 is answered first and gets it.
        returned.answered(1, Some((2, "312 NO_ROUTE".into())), open);
        assert_eq!(returned.verdict(1), None);
        assert!(!returned.is_settled());
        returned.answered(2, None, open);
        assert!(returned.is_settled());
        assert_eq!(returned.verdict(1), Some(Published::Routed));
        assert_eq!(
            returned.verdict(2),
            Some(Published::Returned { reason: "312 NO_ROUTE".into() })
        );
        assert!(returned.reasons.is_empty() && returned.in_doubt.is_empty());
    }

    /// A model of the broker and the library: returns come before the answers of their messages,
    /// answers in groups and each group in any order, and a returned message goes to whichever
    /// answer is next.
    fn run(unroutable: &[bool], order: &[usize], asked_after: &[bool]) {
        let mut returned = Returned::default();
        let mut row = VecDeque::new();
        let mut open: HashSet<u64> = (0..unroutable.len() as u64).collect();
        let mut waiting = Vec::new();
        let mut told = HashMap::new();
        // Messages are processed in order by the broker; answers come later, shuffled in windows.
        let mut processed = 0;
        let ask =
            |returned: &mut Returned, waiting: &mut Vec<u64>, told: &mut HashMap<u64, bool>| {
                waiting.retain(|message| {
                    returned.verdict(*message).is_none_or(|verdict| {
                        told.insert(*message, verdict != Published::Routed);
                        false
                    })
                });
            };
        for (step, message) in order.iter().enumerate() {
            while processed <= *message {
                if unroutable[processed] {
                    row.push_back(processed as u64);
                }
                processed += 1;
            }
            let message = *message as u64;
            open.remove(&message);
            let came_with = row.pop_front().map(|owner| (owner, "312".to_owned()));
            let standing = |owner| match () {
                () if open.contains(&owner) => Standing::Open,
                () if told.contains_key(&owner) => Standing::Gone,
                () => Standing::Answered,
            };
            returned.answered(message, came_with, standing);
            waiting.push(message);
            if asked_after[step] {
                ask(&mut returned, &mut waiting, &mut told);
            }
        }
        ask(&mut returned, &mut waiting, &mut told);
        assert!(waiting.is_empty(), "everybody is told in the end");
        for (message, was_returned) in told {
            assert_eq!(was_returned, unroutable[usize::try_from(message).unwrap()], "{message}");
        }
        assert!(returned.reasons.is_empty() && returned.in_doubt.is_empty());
    }

    proptest! {
        #[test]
        fn everybody_learns_the_fate_of_his_own_message(
            messages in vec((any::<bool>(), any::<u8>(), any::<bool>()), 1..60),
            window in 1_usize..20,
        ) {
            let unroutable: Vec<bool> = messages.iter().map(|message| message.0).collect();
            let asked: Vec<bool> = messages.iter().map(|message| message.2).collect();
            let mut order: Vec<usize> = (0..messages.len()).collect();
            for group in order.chunks_mut(window) {
                group.sort_by_key(|message| messages[*message].1);
            }
            run(&unroutable, &order, &asked);
        }
    }
}
