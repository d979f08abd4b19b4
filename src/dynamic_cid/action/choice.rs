//! A caller ID from the node itself, or from an entry of a list.

use super::super::prompt::BAD_DESTINATION;
use super::super::{IdxName, ListRead, Reason, Row, Selection};
use super::{Action, Death, Progression, Selected};
use crate::dynamic_cid::{Effect, Next, Outcome};
use crate::json;

impl Action {
    pub(super) fn fixed(&mut self, effects: &mut Vec<Effect>) -> Progression {
        let caller_id = json::object(&self.job.data, "caller_id");
        let member = |key| caller_id.and_then(|caller_id| json::text(caller_id, key));
        let (name, number) = (member("name"), member("number"));
        self.reason = if number.is_some() { Reason::Static } else { Reason::StaticIncomplete };
        let (name, number) = self.fill_in(name, number, effects);
        self.change(number, Some(name), self.job.capture_group.clone(), effects)?;
        Ok(Next::Done(Outcome::Continue(self.reason)))
    }

    /// What is missing comes from the caller; a missing number is announced.
    pub(super) fn fill_in(
        &mut self,
        name: Option<String>,
        number: Option<String>,
        effects: &mut Vec<Effect>,
    ) -> (String, String) {
        if number.is_none() {
            self.play(self.prompts().account(&self.context.config.reject_prompt), effects);
        }
        (
            name.unwrap_or_else(|| self.job.caller_name.clone()),
            number.unwrap_or_else(|| self.job.caller_number.clone()),
        )
    }

    pub(super) fn list(&mut self, effects: &mut Vec<Effect>) -> Progression {
        let Some(name) = json::text(&self.job.data, "idx_name") else {
            return self.lists(effects);
        };
        if self.job.list_id().is_none() {
            return Ok(self.bad_destination(Reason::ListIdMissing, effects));
        }
        let ListRead::Read(list) = self.context.list.clone() else {
            return Ok(self.bad_destination(Reason::ListUnreadable, effects));
        };
        let inside = self.context.departures.single_document_lists;
        let group = json::text(&self.job.capture_groups, &name);
        let filled = group.as_deref().is_some_and(|group| !json::text_is_empty(group));
        let inverted = self.context.departures.idx_name == IdxName::Inverted;
        if filled && inverted && !list.rows(inside).is_empty() {
            return Ok(self.bad_destination(Reason::IdxNameInverted, effects));
        }
        let destination = self.job.capture_group.clone();
        if let Some(row) = list.by_key(group.as_deref(), inside) {
            self.entry(row, destination, effects)
        } else {
            self.reason = Reason::EntryDefault;
            let (name, number) = self.fill_in(None, None, effects);
            self.route(name, number, destination, effects)
        }
    }

    pub(super) fn lists(&mut self, effects: &mut Vec<Effect>) -> Progression {
        if self.job.list_id().is_none() {
            return Ok(self.bad_destination(Reason::ListIdMissing, effects));
        }
        let ListRead::Read(list) = self.context.list.clone() else {
            return Ok(self.bad_destination(Reason::ListUnreadable, effects));
        };
        let departures = &self.context.departures;
        let dialled = self.job.capture_group.clone().unwrap_or_default();
        let selection = list.by_first_digits(
            &dialled,
            departures.invalid_row,
            departures.single_document_lists,
        );
        match selection {
            Selection::Row(row, rest) => {
                self.entry(row, Some(rest).filter(|rest| !rest.is_empty()), effects)
            }
            Selection::TooShort => Ok(self.bad_destination(Reason::TooShort, effects)),
            Selection::InvalidRow => Err(Death(Reason::InvalidRow)),
            Selection::NotFound if dialled.len() < list.document_length() => {
                Ok(self.bad_destination(Reason::TooShort, effects))
            }
            // KAZOO's process dies here, and its executor goes on with `_`: flows rely on it as
            // the way out for keys that are not in the list (D1).
            Selection::NotFound => Err(Death(Reason::NotInList)),
        }
    }

    pub(super) fn entry(
        &mut self,
        row: &Row,
        rest: Option<String>,
        effects: &mut Vec<Effect>,
    ) -> Progression {
        self.selected = Some(Selected { key: row.key.clone() });
        self.reason = if row.number.is_some() { Reason::Entry } else { Reason::EntryIncomplete };
        let (name, number) = self.fill_in(row.name.clone(), row.number.clone(), effects);
        self.route(name, number, rest, effects)
    }

    pub(super) fn bad_destination(&mut self, reason: Reason, effects: &mut Vec<Effect>) -> Next {
        self.play(self.prompts().account(BAD_DESTINATION), effects);
        Next::Done(Outcome::Stop(reason))
    }
}
