//! How fast calls of KAZOO 4.3 are taken: printed beside what that KAZOO needed, never judged.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use super::scenarios::opted_in;
use super::switchboard::{RecordedCall, Switchboard};
use crate::harness::{World, tests};
use crate::kazoo::Kazoo;
use crate::line::Until;
use crate::worker::Worker;

tests![from_request_to_answer_and_from_win_to_command];

const CALLS: usize = 200;
/// The first ones fill the cache.
const WARMING: usize = 20;

/// What KAZOO 4.3 needed, p50 and p95 as recorded, in milliseconds: the answer, and its first
/// command, which is the `set` before the action there as it is here.
const RECORDED: [(&str, &str, [f64; 2], [f64; 2]); 2] = [
    ("static", "2001", [1.3, 1.8], [1.1, 1.9]),
    ("lists of 10", "*75034155551234", [3.9, 5.2], [1.1, 2.4]),
];

async fn from_request_to_answer_and_from_win_to_command(world: &World) -> Result<()> {
    let entries = (0..10).map(|number| {
        json!({
            "_id": format!("ten{number}"), "pvt_type": "list_entry", "list_id": "list_of_ten",
            "capture_group_key": format!("{number:02}"), "capture_group_length": 2,
            "name": format!("Entry {number}"), "number": format!("+1415555{number:04}"),
        })
    });
    let documents = [
        json!({"_id": "list_of_ten", "pvt_type": "list", "name": "list_of_ten", "length": 2}),
        json!({
            "_id": "cf_ten", "name": "cf_ten", "pvt_type": "callflow", "numbers": [],
            "patterns": [r"^\*75(\d+)$"],
            "flow": {
                "module": "dynamic_cid", "children": {},
                "data": {"action": "lists", "id": "list_of_ten", "permit_custom_callflow": true},
            },
        }),
    ];
    let account = opted_in(&world.kazoo_4_3.account).with(documents.into_iter().chain(entries));
    world.load(&account).await?;
    let servers = &world.servers;
    let worker =
        Worker::launch_with(&servers.amqp, &servers.couchdb, "warn", crate::worker::ROUTE)?;
    worker.ready(crate::harness::PATIENCE).await?;
    let kazoo = Kazoo::connect(&world.servers.amqp).await?;
    let transcript = world.kazoo_4_3.transcript("static_nocg")?;
    println!("        one call at a time, {}:", crate::worker::binary().display());
    for (what, number, answer, command) in RECORDED {
        let (mut answers, mut commands) = (Vec::new(), Vec::new());
        for position in 0..CALLS + WARMING {
            let recorded = RecordedCall::of(transcript)?.dialling(number);
            let mut call = Switchboard::open(&kazoo, recorded).await?;
            let answered = call.is_answered().await?;
            let won = call.wins().await?;
            let taken = call.follow(won, &[], Until::Answered).await?;
            ensure!(taken.resume.is_some(), "{:#?}", taken.words());
            call.hangs_up().await?;
            call.close().await?;
            if position >= WARMING {
                answers.push(answered);
                commands.push(taken.first);
            }
        }
        for (step, times, [p50, p95]) in [
            ("route_req to route_resp", &mut answers, answer),
            ("route_win to first command", &mut commands, command),
        ] {
            times.sort();
            println!(
                "        {what:<12} {step:<27} p50 {:>5.2}  p95 {:>5.2}  p99 {:>5.2} ms  \
                 (KAZOO 4.3: p50 {p50}, p95 {p95})",
                at(times, 50),
                at(times, 95),
                at(times, 99),
            );
        }
    }
    let status = worker.stop().await?;
    ensure!(status.success(), "{status}");
    kazoo.close().await;
    Ok(())
}

/// A percentile, in milliseconds.
fn at(sorted: &[Duration], part: usize) -> f64 {
    sorted[(sorted.len() * part / 100).min(sorted.len() - 1)].as_secs_f64() * 1e3
}
