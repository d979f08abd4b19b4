use tokio::time::Instant;

use super::*;
use crate::json::Object;
use crate::kapi::handover::Way;

fn offer(call_id: &str, fetch_id: Option<&str>) -> Offer {
    Offer {
        call_id: call_id.to_owned(),
        fetch_id: fetch_id.map(str::to_owned),
        call: Object::new(),
        data: Object::new(),
        child: None,
        flow_id: "flow".to_owned(),
        way: Way::Shared,
        offered_at: 1,
        other: Object::new(),
    }
}

fn a() -> Offer {
    offer("a", Some("f1"))
}

/// Offers with one that was made, and kept.
fn standing(now: Instant) -> Offers {
    let mut offers = Offers::default();
    assert_eq!(offers.make(a(), now), None);
    assert_eq!(offers.came(a(), Receipt::mock(1), now), None);
    offers
}

#[test]
fn a_win_finds_its_offer_and_what_is_kept_of_it() {
    let now = Instant::now();
    let mut offers = standing(now);
    let ours = Win::Ours { offer: Box::new(a()), kept: Some(Receipt::mock(1)) };
    assert_eq!(offers.win("a", Some("f1")), ours);
    assert_eq!(offers.win("a", Some("f1")), Win::Again);
    assert_eq!(offers.passed_on("a", now), None);
    assert_eq!(offers.win("a", Some("f1")), Win::Again);
    assert_eq!(offers.win("a", Some("f2")), Win::Unknown);
    assert_eq!(offers.win("b", None), Win::Unknown);
}

#[test]
fn a_win_that_names_no_fetch_is_that_of_the_call() {
    let mut offers = standing(Instant::now());
    assert!(matches!(offers.win("a", None), Win::Ours { .. }));
}

#[test]
fn a_win_of_another_fetch_is_not_ours() {
    let mut offers = standing(Instant::now());
    assert_eq!(offers.win("a", Some("f2")), Win::Unknown);
}

#[test]
fn what_is_kept_may_come_after_the_win() {
    let now = Instant::now();
    let mut offers = Offers::default();
    assert_eq!(offers.make(a(), now), None);
    assert!(matches!(offers.win("a", Some("f1")), Win::Ours { kept: None, .. }));
    assert_eq!(offers.came(a(), Receipt::mock(1), now), None);
    assert_eq!(offers.passed_on("a", now), Some(Receipt::mock(1)));
    assert_eq!(offers.came(a(), Receipt::mock(2), now), Some(Receipt::mock(2)));
}

#[test]
fn a_win_that_was_not_passed_on_is_taken_again() {
    let now = Instant::now();
    let mut offers = standing(now);
    assert!(matches!(offers.win("a", Some("f1")), Win::Ours { .. }));
    offers.still_open("a");
    assert_eq!(offers.came(a(), Receipt::mock(3), now), None);
    let ours = Win::Ours { offer: Box::new(a()), kept: Some(Receipt::mock(3)) };
    assert_eq!(offers.win("a", Some("f1")), ours);
}

#[test]
fn a_dead_workers_offer_waits_for_its_win() {
    let now = Instant::now();
    let mut offers = Offers::default();
    assert_eq!(offers.came(a(), Receipt::mock(1), now), None);
    assert_eq!(offers.expire(now + STANDS), []);
    assert!(matches!(offers.win("a", Some("f1")), Win::Ours { kept: Some(_), .. }));
}

#[test]
fn offers_nobody_wins_are_let_go() {
    let now = Instant::now();
    let mut offers = standing(now);
    assert_eq!(offers.expire(now), []);
    assert_eq!(offers.expire(now + STANDS), [Receipt::mock(1)]);
    assert_eq!(offers.win("a", Some("f1")), Win::Unknown);
}

#[test]
fn a_newer_request_of_a_call_supersedes_the_older() {
    let now = Instant::now();
    let mut offers = standing(now);
    assert_eq!(offers.make(offer("a", Some("f2")), now), Some(Receipt::mock(1)));
    assert_eq!(offers.came(a(), Receipt::mock(2), now), Some(Receipt::mock(2)));
    assert_eq!(offers.win("a", Some("f1")), Win::Unknown);
    assert!(matches!(offers.win("a", Some("f2")), Win::Ours { .. }));
}

#[test]
fn an_offer_that_was_not_made_is_forgotten() {
    let mut offers = standing(Instant::now());
    assert_eq!(offers.withdraw("a"), Some(Receipt::mock(1)));
    assert_eq!(offers.win("a", Some("f1")), Win::Unknown);
}

#[test]
fn receipts_do_not_outlive_their_session_but_offers_do() {
    let now = Instant::now();
    let mut offers = standing(now);
    offers.session_ended();
    assert_eq!(offers.give_back(), []);
    assert!(matches!(offers.win("a", Some("f1")), Win::Ours { kept: None, .. }));
}

#[test]
fn all_that_is_kept_can_be_given_back() {
    let now = Instant::now();
    let mut offers = standing(now);
    assert_eq!(offers.give_back(), [Receipt::mock(1)]);
    assert_eq!(offers.expire(now + STANDS), []);
}

#[test]
fn only_so_many_won_calls_are_remembered() {
    let now = Instant::now();
    let mut offers = standing(now);
    assert!(matches!(offers.win("a", None), Win::Ours { .. }));
    assert_eq!(offers.passed_on("a", now), None);
    assert_eq!(offers.expire(now + REMEMBERED), []);
    assert_eq!(offers.win("a", Some("f1")), Win::Unknown);
}
