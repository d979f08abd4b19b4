//! How fast, and how much memory: printed, never judged, for this machine does other things, too.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::harness::{World, tests};
use crate::kazoo::Kazoo;
use crate::line::{Control, Line, Until};
use crate::worker::Worker;

tests![from_execute_to_result_and_memory];

/// Entries of the list.
const ENTRIES: u32 = 10;
const CALLS: usize = 300;
const UNCACHED_CALLS: usize = 100;

async fn from_execute_to_result_and_memory(world: &World) -> Result<()> {
    let list = "list_of_ten";
    let entries = (0..ENTRIES).map(|number| {
        json!({
            "_id": format!("ten{number}"), "pvt_type": "list_entry", "list_id": list,
            "capture_group_key": format!("{number:02}"), "capture_group_length": 2,
            "name": format!("Entry {number}"), "number": format!("+1415555{number:04}"),
        })
    });
    let documents = [
        json!({"_id": list, "pvt_type": "list", "name": list, "length": 2}),
        json!({
            "_id": "cf_ten", "name": "cf_ten", "pvt_type": "callflow", "numbers": [],
            "patterns": [r"^\*75(\d+)$"],
            "flow": {
                "module": "dynamic_cid", "remote_execution": true, "children": {},
                "data": {"action": "lists", "id": list},
            },
        }),
    ];
    let account = world.account.all_remote().with(documents.into_iter().chain(entries));
    world.load(&account).await?;
    let worker = Worker::start_quiet(world).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let idle = worker.resident_kib()?;
    let kazoo = Kazoo::connect(&world.servers.amqp).await?;
    let database = account.database();
    let binary = crate::worker::binary();
    println!("        one call at a time, from execute to result, {}:", binary.display());
    for (what, number, callflow, changed) in [
        ("static", "2001", "cf_static_nocg", None),
        ("lists of 10, cached", "*75034155551234", "cf_ten", None),
        ("lists of 10, list changed", "*75034155551234", "cf_ten", Some("list_entry")),
    ] {
        let call = account.call_to(world.transcript("static_nocg")?, number)?;
        let data: Value = account.data_of(callflow);
        let calls = if changed.is_some() { UNCACHED_CALLS } else { CALLS };
        let mut times = Vec::new();
        let mut line = Line::open(&kazoo, Control::Process, "figures@test").await?;
        for position in 0..calls + 20 {
            if let Some(kind) = changed {
                kazoo.document_changed(&database, kind, "ten3").await?;
                // It comes on another queue than the call.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let served = line.serve(&call, Some(&data), &[], Until::Answered).await?;
            ensure!(served.told.as_ref().is_some_and(|told| told.flow().is_some()), "{served:#?}");
            // The first ones fill the cache.
            if position >= 20 {
                times.push(served.took);
            }
        }
        line.close().await?;
        times.sort();
        let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
        println!(
            "        {what:<26} p50 {:>6.2} ms  p99 {:>6.2} ms  ({calls} calls)",
            at(50).as_secs_f64() * 1e3,
            at(99).as_secs_f64() * 1e3
        );
    }
    println!(
        "        resident memory: {:.1} MiB idle, {:.1} MiB after the calls",
        mebibytes(idle),
        mebibytes(worker.resident_kib()?)
    );
    let started = Instant::now();
    let status = worker.stop().await?;
    ensure!(status.success(), "{status}");
    println!("        SIGTERM to exit: {:?}", started.elapsed());
    kazoo.close().await;
    Ok(())
}

fn mebibytes(kibibytes: u64) -> f64 {
    // A worker of more than 2^52 KiB would be another kind of news.
    #[allow(clippy::cast_precision_loss)]
    let kibibytes = kibibytes as f64;
    kibibytes / 1024.0
}
