//! Which calls are placed: actions with their list sizes and weights.

use std::fmt;
use std::str::FromStr;

/// Entries of a list where nobody says how many.
const LIST_SIZE: usize = 10;
/// The longest list; its keys have five digits.
pub(super) const LONGEST_LIST: usize = 99_999;
/// The heaviest weight.
const HEAVIEST: usize = 1000;

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Action {
    /// The caller ID stands in the callflow.
    Static,
    /// The caller types it.
    Manual,
    /// An entry of a list of this size, the key in a named group.
    List(usize),
    /// An entry of a list of this size, the key in front of the number.
    Lists(usize),
}

impl Action {
    /// The action's name in callflows.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Manual => "manual",
            Self::List(_) => "list",
            Self::Lists(_) => "lists",
        }
    }

    /// How many entries its list has.
    pub(super) fn list_size(self) -> Option<usize> {
        match self {
            Self::List(size) | Self::Lists(size) => Some(size),
            Self::Static | Self::Manual => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())?;
        self.list_size().map_or(Ok(()), |size| write!(out, ":{size}"))
    }
}

/// Actions and how often each comes, as `lists:100*3,static`: of four calls three are lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix(Vec<(Action, usize)>);

/// Why a text is no mix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MixError {
    /// No such action.
    #[error("`{0}` is no action; they are static, manual, list, lists, list:SIZE and lists:SIZE")]
    Action(String),
    /// No such size.
    #[error("`{0}` is no size of a list, which is 1 to {LONGEST_LIST}")]
    Size(String),
    /// No such weight.
    #[error("`{0}` is no weight, which is 1 to {HEAVIEST}")]
    Weight(String),
}

impl Mix {
    /// Nothing but `manual`.
    pub(super) fn manual() -> Self {
        Self::from(Action::Manual)
    }

    /// The actions in it, each once.
    pub(super) fn actions(&self) -> impl Iterator<Item = Action> {
        self.0.iter().map(|(action, _)| *action)
    }

    /// The action of a call: every round has each as often as it weighs, in turn.
    pub(super) fn action(&self, call: u64) -> Action {
        let round: usize = self.0.iter().map(|(_, weight)| weight).sum();
        let mut turn = usize::try_from(call % round.max(1) as u64).unwrap_or_default();
        for (action, weight) in &self.0 {
            if turn < *weight {
                return *action;
            }
            turn -= weight;
        }
        // A mix has at least one action, and the turn is below the sum of the weights.
        Action::Static
    }

    /// The name of what is measured: the action's where there is but one.
    pub(super) fn name(&self) -> String {
        match self.0.as_slice() {
            [(only, _)] => only.name().to_owned(),
            _ => self.to_string(),
        }
    }

    /// The size of the only list in it; `None` where there is none, or several.
    pub(super) fn list_size(&self) -> Option<usize> {
        match self.0.as_slice() {
            [(only, _)] => only.list_size(),
            _ => None,
        }
    }
}

impl From<Action> for Mix {
    fn from(action: Action) -> Self {
        Self(vec![(action, 1)])
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (turn, (action, weight)) in self.0.iter().enumerate() {
            let comma = if turn == 0 { "" } else { "," };
            write!(out, "{comma}{action}")?;
            if *weight != 1 {
                write!(out, "*{weight}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Mix {
    type Err = MixError;

    fn from_str(text: &str) -> Result<Self, MixError> {
        let mut mix: Vec<(Action, usize)> = Vec::new();
        for part in text.split(',').map(str::trim) {
            let (action, weight) = match part.split_once('*') {
                Some((action, weight)) => {
                    let number = number(weight, HEAVIEST);
                    (action, number.ok_or_else(|| MixError::Weight(weight.to_owned()))?)
                }
                None => (part, 1),
            };
            let action = action_of(action)?;
            match mix.iter_mut().find(|(known, _)| *known == action) {
                Some((_, known)) => *known += weight,
                None => mix.push((action, weight)),
            }
        }
        Ok(Self(mix))
    }
}

fn action_of(text: &str) -> Result<Action, MixError> {
    let (name, size) = match text.split_once(':') {
        Some((name, size)) => {
            let number = number(size, LONGEST_LIST);
            (name, Some(number.ok_or_else(|| MixError::Size(size.to_owned()))?))
        }
        None => (text, None),
    };
    match (name, size) {
        ("static", None) => Ok(Action::Static),
        ("manual", None) => Ok(Action::Manual),
        ("list", size) => Ok(Action::List(size.unwrap_or(LIST_SIZE))),
        ("lists", size) => Ok(Action::Lists(size.unwrap_or(LIST_SIZE))),
        _ => Err(MixError::Action(text.to_owned())),
    }
}

fn number(text: &str, most: usize) -> Option<usize> {
    text.parse().ok().filter(|number| (1..=most).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_read_and_written() {
        for (text, written, name, size) in [
            ("static", "static", "static", None),
            ("lists", "lists:10", "lists", Some(10)),
            ("list:7*1", "list:7", "list", Some(7)),
            ("lists:100*3, manual", "lists:100*3,manual", "lists:100*3,manual", None),
            ("static,static*2", "static*3", "static", None),
        ] {
            let mix: Mix = text.parse().unwrap();
            assert_eq!((mix.to_string().as_str(), mix.name().as_str()), (written, name));
            assert_eq!(mix.list_size(), size, "{text}");
        }
    }

    #[test]
    fn what_is_no_mix_is_refused() {
        for text in ["", "walk", "static:3", "manual:1", "static,", "LISTS"] {
            assert!(matches!(text.parse::<Mix>(), Err(MixError::Action(_))), "{text}");
        }
        for text in ["lists:0", "lists:100000", "list:-1", "list:"] {
            assert!(matches!(text.parse::<Mix>(), Err(MixError::Size(_))), "{text}");
        }
        for text in ["static*0", "static*1001", "static*", "static*a"] {
            assert!(matches!(text.parse::<Mix>(), Err(MixError::Weight(_))), "{text}");
        }
    }

    #[test]
    fn weights_are_kept_in_every_round() {
        let mix: Mix = "lists:100*3,static".parse().unwrap();
        let drawn: Vec<Action> = (0..8).map(|call| mix.action(call)).collect();
        let lists = Action::Lists(100);
        let round = [lists, lists, lists, Action::Static];
        assert_eq!(drawn, [round, round].concat());
    }
}
