//! Random calls under the preset `kazoo` and under `recommended`: every difference has a departure
//! that makes it, and shows what that departure is there for.
//!
//! `KAZOO_TEST_DIFFERENTIAL_CASES` says how many, `KAZOO_TEST_DIFFERENTIAL_SEED` where they begin;
//! each case has a seed of its own, so that one alone can be run again. `docs/testing.md` has the
//! table of a long run.

// What cannot fail in a test may be unwrapped, and what it found is printed.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod case;
mod generator;
mod named;

use std::collections::BTreeMap;

use kazoo_dynamic_cid::dynamic_cid::{Departures, Outcome, Preset, Reason};
use kazoo_dynamic_cid::simulation::{Run, Stuck};

use case::Prepared;
use named::Named;

/// Cases of a run where nothing else is said.
const CASES: u64 = 2_000;
/// The seed of the first.
const SEED: u64 = 1;

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no whole number")),
        Err(_) => default,
    }
}

/// What was found, by the departures that explain it.
#[derive(Debug, Default)]
struct Found {
    /// Cases by the smallest set of departures that makes the difference.
    differences: BTreeMap<Vec<Named>, u64>,
    /// How many cases are decided alike, by KAZOO's outcome.
    alike: BTreeMap<&'static str, u64>,
}

#[test]
fn every_difference_between_the_presets_has_a_name() {
    let cases = number("KAZOO_TEST_DIFFERENTIAL_CASES", CASES);
    let first = number("KAZOO_TEST_DIFFERENTIAL_SEED", SEED);
    let mut found = Found::default();
    for seed in first..first + cases {
        let case = generator::case(seed);
        match judge(&case.prepare()) {
            Ok(Judgement::Alike(outcome)) => *found.alike.entry(outcome).or_default() += 1,
            Ok(Judgement::Explained(set)) => *found.differences.entry(set).or_default() += 1,
            Err(unexplained) => panic!(
                "{unexplained}\nthe case, again with KAZOO_TEST_DIFFERENTIAL_SEED={seed} \
                 KAZOO_TEST_DIFFERENTIAL_CASES=1:\n{case:#?}"
            ),
        }
    }
    println!("{}", found.table(cases));
    // A run of single cases looks at these alone.
    if cases >= CASES {
        for departure in Named::ALL {
            assert!(
                found.differences.contains_key(&vec![departure]),
                "{} never made a difference alone: the cases do not reach it",
                departure.key()
            );
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Judgement {
    /// Both presets do the same; KAZOO's outcome.
    Alike(&'static str),
    /// The smallest set of departures that leads from one to the other.
    Explained(Vec<Named>),
}

/// Compares everything: commands and when they are sent, changes of the call, what was asked, the
/// outcome with its reason, the entry.
fn judge(call: &Prepared<'_>) -> Result<Judgement, String> {
    let kazoo = call.run(Preset::Kazoo.into());
    let recommended = call.run(Preset::Recommended.into());
    sound(&recommended).map_err(|reason| format!("recommended {reason}: {recommended:#?}"))?;
    if kazoo == recommended {
        return Ok(Judgement::Alike(outcome(&kazoo)));
    }
    let difference = || format!("kazoo: {kazoo:#?}\nrecommended: {recommended:#?}");
    let set = Named::sets()
        .find(|set| call.run(named::switched(set)) == recommended)
        .ok_or_else(|| format!("no departure leads from one to the other\n{}", difference()))?;
    // Switching all of them always does; so each one must also be seen at its work. Where the rest
    // of the set is switched and it is not, KAZOO's behaviour shows the defect it is named for.
    for departure in &set {
        let others: Vec<_> = set.iter().copied().filter(|other| other != departure).collect();
        let without = call.run(named::switched(&others));
        if !departure.shows(call, &without, &recommended) {
            return Err(format!(
                "{} makes the difference, but not by what it is named for: {without:#?}\n{}",
                departure.key(),
                difference()
            ));
        }
    }
    Ok(Judgement::Explained(set))
}

/// What `recommended` promises: the action ends, and dies of nothing but a key that is in no list,
/// which is KAZOO's way out (D1).
fn sound(run: &Result<Run, Stuck>) -> Result<(), &'static str> {
    match run {
        Err(Stuck) => Err("never ends"),
        Ok(Run { outcome: Outcome::Died(reason), .. }) if *reason != Reason::NotInList => {
            Err("dies")
        }
        Ok(_) => Ok(()),
    }
}

fn outcome(run: &Result<Run, Stuck>) -> &'static str {
    run.as_ref().map_or("never ends", |run| run.outcome.as_str())
}

impl Found {
    /// The table of `docs/testing.md`.
    fn table(&self, cases: u64) -> String {
        let mut lines =
            vec![format!("| Departures ({cases} cases) | Differences |"), "|---|---|".into()];
        for (set, count) in &self.differences {
            let keys: Vec<_> = set.iter().map(|it| format!("`{}`", it.key())).collect();
            lines.push(format!("| {} | {count} |", keys.join(" and ")));
        }
        let alike: Vec<_> =
            self.alike.iter().map(|(name, count)| format!("{name} {count}")).collect();
        lines.push(format!(
            "| none: both do the same ({}) | {} |",
            alike.join(", "),
            self.alike.values().sum::<u64>()
        ));
        lines.join("\n")
    }
}

#[test]
fn each_departure_between_the_presets_has_a_name_here() {
    assert_eq!(named::switched(&Named::ALL), Departures::from(Preset::Recommended));
    assert_eq!(named::switched(&[]), Departures::from(Preset::Kazoo));
    // These two decide alike in both presets, so no case can tell the presets apart by them.
    let (kazoo, recommended) = (Departures::from(Preset::Kazoo), Departures::default());
    assert_eq!(kazoo.timer_arithmetic, recommended.timer_arithmetic);
    assert_eq!(kazoo.list_answer, recommended.list_answer);
}

#[test]
fn a_seed_gives_the_same_case_again() {
    for seed in 0..50 {
        assert_eq!(format!("{:?}", generator::case(seed)), format!("{:?}", generator::case(seed)));
    }
}

#[test]
fn a_difference_without_a_departure_is_not_passed_over() {
    // A case in which `idx_name` differs must not be taken for one of another departure.
    let seeds = 1..CASES;
    let case = seeds
        .map(generator::case)
        .find(|case| judge(&case.prepare()) == Ok(Judgement::Explained(vec![Named::IdxName])))
        .unwrap();
    let call = case.prepare();
    let kazoo = call.run(Preset::Kazoo.into());
    let recommended = call.run(Preset::Recommended.into());
    for other in Named::ALL.into_iter().filter(|it| *it != Named::IdxName) {
        assert!(!other.shows(&call, &kazoo, &recommended), "{}", other.key());
    }
}
