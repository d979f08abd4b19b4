//! Messages that no KAZOO sends.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use lapin::BasicProperties;
use serde_json::{Value, json};

use crate::events::{Cue, hung_up, key_pressed};
use crate::faults;
use crate::harness::{PATIENCE, World, tests};
use crate::kazoo::{self, REJECTED, header};
use crate::line::{Line, Until};
use crate::scene::Scene;
use crate::term::Told;

tests![
    work_that_cannot_be_read_is_kept_and_kazoo_goes_on_where_it_can_be_told,
    replies_that_cannot_be_read_are_kept,
    a_call_without_a_usable_control_queue_goes_on_unchanged,
    odd_but_legal_work_is_served,
    an_execute_that_comes_twice_is_served_once,
    an_answer_nobody_takes_is_not_repeated,
];

/// What is wrong with a message.
pub(crate) struct Bad {
    pub(crate) what: &'static str,
    pub(crate) body: Vec<u8>,
    content_type: Option<&'static str>,
    reason: &'static str,
    /// Whether it says whom to answer.
    answerable: bool,
}

pub(crate) fn bad(what: &'static str, body: impl Into<Vec<u8>>, reason: &'static str) -> Bad {
    let content_type = Some("application/json");
    Bad { what, body: body.into(), content_type, reason, answerable: false }
}

/// A good message with one member removed or replaced.
pub(crate) fn changed(
    good: &Value,
    what: &'static str,
    member: &str,
    to: Option<Value>,
) -> Vec<u8> {
    let mut body = good.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove(member).with_context(|| what).ok();
        members.extend(to.map(|value| (member.to_owned(), value)));
    }
    body.to_string().into_bytes()
}

/// What is wrong whatever the type of the message.
pub(crate) fn junk(good: &Value) -> Vec<Bad> {
    let nested = |depth: usize| {
        let open = "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
        good.to_string().replacen('{', &format!("{{\"Deep\":{open},"), 1)
    };
    let padded = |bytes: usize| {
        good.to_string().replacen('{', &format!("{{\"Padding\":\"{}\",", "x".repeat(bytes)), 1)
    };
    // KAZOO knows whole numbers of any size.
    let vast = good.to_string().replacen('{', &format!("{{\"Vast\":{},", "9".repeat(400)), 1);
    let mut bad = vec![
        bad("nothing", "", "not_json"),
        bad("no JSON", "pid://<0.1.0>/x", "not_json"),
        bad("half a message", &good.to_string().as_bytes()[..100], "not_json"),
        bad("bytes", [0x83, 0x68, 0x02, 0xff, 0x00], "not_json"),
        bad("bad UTF-8", b"{\"Event-Name\":\"\xc3\x28\"}".as_slice(), "not_json"),
        bad("a list", "[1, 2]", "not_an_object"),
        bad("a text", "\"action.execute\"", "not_an_object"),
        bad("an empty object", "{}", "missing_header"),
        Bad { answerable: true, ..bad("10 000 levels", nested(10_000), "too_deep") },
        Bad { answerable: true, ..bad("2 MiB", padded(2 * 1024 * 1024), "too_large") },
        Bad { answerable: true, ..bad("400 digits", vast, "not_json") },
        bad("no category", changed(good, "", "Event-Category", None), "missing_header"),
        bad("a number for a name", changed(good, "", "Event-Name", Some(json!(7))), "wrong_type"),
    ];
    for (what, content_type) in
        [("another content type", Some("text/plain")), ("no content type", None)]
    {
        bad.push(Bad { content_type, ..self::bad(what, good.to_string(), "wrong_content_type") });
    }
    bad
}

/// What is wrong with work only.
fn bad_work(good: &Value) -> Vec<Bad> {
    let one = |what, member, to, reason, answerable| Bad {
        answerable,
        ..bad(what, changed(good, what, member, to), reason)
    };
    vec![
        one("no App-Name", "App-Name", None, "missing_header", true),
        one("no Call", "Call", None, "missing_header", true),
        one("a text for a Call", "Call", Some(json!("call")), "wrong_type", true),
        one("a list for Data", "Data", Some(json!([])), "wrong_type", true),
        one("a wildcard for a Call-ID", "Call-ID", Some(json!("#")), "bad_value", true),
        one("a star for a Call-ID", "Call-ID", Some(json!("*")), "bad_value", true),
        one("a Call-ID of 1000 bytes", "Call-ID", Some(json!("i".repeat(1000))), "bad_value", true),
        one("no Call-ID", "Call-ID", None, "missing_header", false),
        one("no Msg-ID", "Msg-ID", None, "missing_header", false),
        one("no Server-ID", "Server-ID", None, "missing_header", false),
        one("a number for a Server-ID", "Server-ID", Some(json!(5)), "wrong_type", false),
        one("half a pid", "Server-ID", Some(json!("pid://0.1/q")), "bad_address", false),
        bad("another type", json!({
            "Event-Category": "call_event", "Event-Name": "DTMF", "Call-ID": "x", "App-Name": "a",
            "App-Version": "1", "Msg-ID": "m", "Node": "n@h", "DTMF-Digit": "1",
        }).to_string(), "bad_value"),
    ]
}

impl Bad {
    pub(crate) fn properties(&self) -> BasicProperties {
        match self.content_type {
            Some(content_type) => kazoo::properties().with_content_type(content_type.into()),
            None => BasicProperties::default(),
        }
    }
}

async fn send(scene: &Scene<'_>, bad: &Bad, to: Option<&str>) -> Result<()> {
    let properties = bad.properties();
    match to {
        None => kazoo::publish_work(&scene.kazoo.channel, &bad.body, properties).await,
        Some(queue) => {
            kazoo::publish(&scene.kazoo.channel, "targeted", queue, &bad.body, properties).await
        }
    }
}

/// The message is on the rejected queue, whole, with the reason.
pub(crate) async fn is_kept(scene: &mut Scene<'_>, bad: &Bad) -> Result<()> {
    let kept = scene.kazoo.take(REJECTED, PATIENCE).await;
    ensure!(
        scene.worker.is_running(),
        "{}: the worker died:\n{}",
        bad.what,
        scene.worker.last_lines()
    );
    let kept = kept.with_context(|| format!("{}: not kept", bad.what))?;
    ensure!(kept.data == bad.body, "{}: it was kept changed", bad.what);
    let reason = header(&kept.properties, "x-reason");
    ensure!(reason.as_deref() == Some(bad.reason), "{}: {reason:?}", bad.what);
    let detail = header(&kept.properties, "x-detail").unwrap_or_default();
    ensure!(!detail.is_empty(), "{}: no detail", bad.what);
    Ok(())
}

async fn work_that_cannot_be_read_is_kept_and_kazoo_goes_on_where_it_can_be_told(
    world: &World,
) -> Result<()> {
    let mut scene = Scene::set(world, world.account.all_remote()).await?;
    let call = scene.call("2001")?;
    let count = {
        let good = scene.line().await?.execute(&call, Some(&json!({})));
        junk(&good).len() + bad_work(&good).len()
    };
    for position in 0..count {
        let mut line = scene.line().await?;
        let good = line.execute(&call, Some(&json!({"action": "static"})));
        let bad = junk(&good).into_iter().chain(bad_work(&good)).nth(position);
        let bad = bad.context("fewer than before")?;
        send(&scene, &bad, None).await?;
        is_kept(&mut scene, &bad).await?;
        answered(line, &bad).await?;
        world.count("bad messages survived");
    }
    let counted = scene.worker.metric("kazoo_dynamic_cid_rejected_messages").await?;
    ensure!(format!("{counted:.0}") == count.to_string(), "{counted} of {count} are counted");
    scene.a_normal_call_works().await?;
    scene.end().await
}

async fn answered(mut line: Line, bad: &Bad) -> Result<()> {
    if let Ok(sent) = serde_json::from_slice::<Value>(&bad.body)
        && let Some(id) = sent["Call-ID"].as_str()
    {
        // The answer must carry whatever id was sent.
        line.call_ids.push(id.to_owned());
    }
    let until =
        if bad.answerable { Until::Answered } else { Until::Silent(Duration::from_millis(30)) };
    let served = line.follow(std::time::Instant::now(), &[], until).await;
    let served = served.with_context(|| bad.what)?;
    ensure!(served.commands.is_empty(), "{}: {:#?}", bad.what, served.commands);
    let expected = bad.answerable.then(|| Told::Continue("_".to_owned()));
    ensure!(served.told == expected, "{}: {:?}", bad.what, served.told);
    line.close().await.with_context(|| bad.what)
}

async fn replies_that_cannot_be_read_are_kept(world: &World) -> Result<()> {
    let mut scene = Scene::set(world, world.account.all_remote()).await?;
    let (line, _) = scene.serve("2001", &[], Until::Answered).await?;
    let queue = line.worker_queue()?;
    line.close().await?;
    let mut good = key_pressed('1');
    good["Call-ID"] = json!("a-call-of-nobody@x");
    for bad in junk(&good) {
        send(&scene, &bad, Some(&queue)).await?;
        is_kept(&mut scene, &bad).await?;
        world.count("bad messages survived");
    }
    // Well-formed and of no use: not worth keeping.
    for good in [good.to_string(), good.to_string().replace("DTMF", "NEW_KIND_OF_EVENT")] {
        let fine = bad("", good, "");
        send(&scene, &fine, Some(&queue)).await?;
    }
    scene.a_normal_call_works().await?;
    let kept = scene.kazoo.waiting(REJECTED).await;
    ensure!(kept == Some(0), "{kept:?} good messages were rejected");
    scene.end().await
}

async fn a_call_without_a_usable_control_queue_goes_on_unchanged(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    // Without a number one is announced, which nobody does here.
    let (asks, announces) = (json!({"action": "manual"}), json!({"action": "static"}));
    for (control, data) in [
        (json!(null), &asks),
        (json!(""), &asks),
        (json!("pid://nonsense/queue"), &asks),
        (json!("no-such-queue"), &asks),
        (json!(""), &announces),
    ] {
        let call = scene.call("2010")?;
        let mut line = scene.line().await?;
        let mut execute = line.execute(&call, Some(data));
        execute["Call"]["Control-Queue"] = control.clone();
        line.send(&execute).await?;
        let served = line.follow(std::time::Instant::now(), &[], Until::Answered).await;
        let served = served.with_context(|| format!("Control-Queue {control}"))?;
        match &served.told {
            Some(Told::Continue(_)) => {}
            other => bail!("Control-Queue {control}: {other:?}"),
        }
        line.close().await?;
    }
    // The last one was decided all the same.
    scene.worker.says("static_incomplete").await?;
    scene.end().await
}

async fn odd_but_legal_work_is_served(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let call = scene.call("2001")?;
    for (what, change) in [
        ("no Data", json!({"Data": null})),
        ("unknown members", json!({"Unknown": {"a": [1, null]}, "Defer-Response": "x"})),
        ("another node", json!({"Node": "nobody@nowhere", "App-Name": "x"})),
        ("an account that does not exist", json!({"Account-ID": "0".repeat(32)})),
    ] {
        let mut line = scene.line().await?;
        let mut execute = line.execute(&call, Some(&scene.data(&call)?));
        if let (Some(execute), Value::Object(change)) = (execute.as_object_mut(), change) {
            execute.extend(change);
        }
        if what.starts_with("an account") {
            execute["Call"]["Account-ID"] = json!("0".repeat(32));
            execute["Call"]["Account-DB"] = json!("account%2F00%2F00%2F0");
        }
        line.send(&execute).await?;
        let started = std::time::Instant::now();
        if what == "no Data" {
            // A node without data asks for digits; the caller hangs up.
            let cues = [Cue::at_once(1, hung_up())];
            let silence = Until::Silent(Duration::from_millis(100));
            let served = line.follow(started, &cues, silence).await.context(what)?;
            ensure!(served.commands.len() == 1 && served.told.is_none(), "{what}: {served:#?}");
        } else {
            let served = line.follow(started, &[], Until::Answered).await.context(what)?;
            ensure!(served.told.is_some(), "{what}");
        }
        line.close().await.context(what)?;
    }
    scene.end().await
}

async fn an_execute_that_comes_twice_is_served_once(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let call = scene.call("2010")?;
    let mut line = scene.line().await?;
    let execute = line.execute(&call, Some(&scene.data(&call)?));
    line.send(&execute).await?;
    line.send(&execute).await?;
    let started = std::time::Instant::now();
    let cues: Vec<_> = std::iter::once(Cue::done(1)).chain(Cue::keys(2, "123456")).collect();
    let served = line.follow(started, &cues, Until::Answered).await?;
    // Closing complains of anything that still comes.
    ensure!(served.commands.len() == 5, "{:#?}", served.commands);
    line.close().await?;
    scene.end().await
}

async fn an_answer_nobody_takes_is_not_repeated(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let call = scene.call("2001")?;
    let mut line = scene.line().await?;
    let mut execute = line.execute(&call, Some(&scene.data(&call)?));
    execute["Server-ID"] = json!("pid://<0.1.0>/callflow_route_of_a_node_that_died");
    let mut questions = faults::questions(&scene.kazoo).await?;
    line.send(&execute).await?;
    faults::answer(&scene.kazoo, &mut questions, line.call_id(), "terminated").await?;
    let silence = Until::Silent(Duration::from_millis(200));
    let served = line.follow(std::time::Instant::now(), &[], silence).await?;
    ensure!(served.told.is_none() && served.commands.is_empty(), "{served:#?}");
    line.close().await?;
    scene.a_normal_call_works().await?;
    scene.end().await
}
