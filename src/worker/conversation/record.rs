//! What is told of a call that was served: one line, the metrics, one record.

use super::{Conversation, Decided};
use crate::call::Call;
use crate::dynamic_cid::Reason;
use crate::operations::records::Record;

impl Conversation<'_> {
    /// Counts a decision that counts, and writes the one line that says why the call has the
    /// caller ID it has.
    pub(in crate::worker) fn log(&mut self, decided: &Decided, answer: &'static str) {
        let Decided { action, outcome, .. } = decided;
        let (outcome_name, reason) = (outcome.as_str(), outcome.reason().as_str());
        self.shared.metrics.decided(action.mode().as_str(), outcome_name, reason);
        let (list, entry) = (action.job().list_id(), action.selected_key());
        let selected = matches!(outcome.reason(), Reason::Entry | Reason::EntryIncomplete);
        if let (Some(account), Some(list), Some(entry), true) =
            (&self.account, &list, entry, selected)
        {
            self.shared.metrics.selected(account.as_str(), list, entry);
        }
        let shown = |number: Option<&str>| Some(self.shared.records.masking().show(number?));
        tracing::info!(
            account = action.job().account_id,
            mode = action.mode().as_str(),
            outcome = outcome_name,
            reason,
            number = shown(self.changes.number.as_deref()),
            name = self.changes.name,
            destination = shown(self.changes.destination_number()),
            list,
            entry,
            answer,
            "decided"
        );
        let owned = |text: &str| Some(text.to_owned());
        self.decided = Some(Box::new(Record {
            mode: owned(action.mode().as_str()),
            outcome: owned(outcome_name),
            reason: owned(reason),
            number: self.changes.number.clone(),
            name: self.changes.name.clone(),
            destination: self.changes.destination_number().map(str::to_owned),
            list,
            entry: entry.map(Into::into),
            ..Record::default()
        }));
    }

    /// Keeps what became of the call.
    pub(in crate::worker) fn ended(&mut self, seam: &str, end: &'static str) {
        let decided = self.decided.take().map(|decided| *decided).unwrap_or_default();
        self.shared.records.add(Record {
            call_id: self.call_id.clone(),
            began_at_ms: self.began_at_ms,
            callflow: self.callflow.take(),
            took_ms: self.now(),
            seam: seam.to_owned(),
            account: self.account.as_ref().map(|account| account.as_str().to_owned()),
            end: end.to_owned(),
            ..decided
        });
    }
}

/// The document whose flow the call is in.
pub(super) fn callflow(call: &Call) -> Option<String> {
    call.kvs("cf_flow_id").and_then(serde_json::Value::as_str).map(str::to_owned)
}
