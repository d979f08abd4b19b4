//! Layouts of callflows that were not recorded: compared with the model of KAZOO's own module, which
//! was held to the recordings.

// So that `json!` can stand where a document is asked for.
#![allow(clippy::needless_pass_by_value)]

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::account::Account;
use crate::harness::{World, tests};
use crate::replay::{self, Course, UNEVENTFUL};
use crate::scene::Scene;
use crate::term::Told;
use crate::transcript::{Offnet, Seen};

tests![
    a_list_without_a_child_dials_the_exact_number,
    a_list_answered_natively_is_exact_in_everything,
    a_key_without_destination_goes_on_as_with_kazoo,
    named_groups_are_exact_with_and_without_a_child,
    equal_nodes_are_one_and_the_same,
    nodes_that_differ_in_what_follows_let_the_call_go_on_unchanged,
    a_document_of_its_own_is_found_through_a_callflow_node,
    a_node_behind_the_accounts_preflow_is_found,
    whatever_json_follows_the_node_arrives_unharmed,
];

fn callflow(id: &str, pattern: &str, flow: Value) -> Value {
    json!({
        "_id": id, "name": id, "pvt_type": "callflow", "numbers": [], "patterns": [pattern],
        "flow": flow,
    })
}

fn remote(data: Value, children: Value) -> Value {
    json!({
        "module": "dynamic_cid", "remote_execution": true, "data": data, "children": children,
    })
}

fn lists() -> Value {
    json!({"action": "lists", "id": "list1"})
}

fn fixed(number: &str) -> Value {
    json!({"action": "static", "caller_id": {"name": "Layout", "number": number}})
}

/// A probe, then the carrier.
fn rest() -> Value {
    json!({
        "module": "probe", "remote_execution": true, "data": {"at": "rest"},
        "children": {"_": {"module": "resources", "data": {}, "children": {}}},
    })
}

fn exact(destination: &str) -> (Seen, Offnet) {
    let address = format!("{destination}@kzref.example.com");
    let (name, number) = ("Entry One".to_owned(), "+14155550201".to_owned());
    (
        Seen {
            caller_name: name.clone(),
            caller_number: number.clone(),
            callee_number: destination.to_owned(),
            request: address.clone(),
            to: address,
        },
        Offnet { to_did: destination.to_owned(), caller_name: name, caller_number: number },
    )
}

async fn scene(world: &World, documents: impl IntoIterator<Item = Value>) -> Result<Scene<'_>> {
    Scene::set(world, world.account.with(documents)).await
}

fn same(expected: &Course, came: &Course) -> Result<()> {
    let differences = replay::differences(expected, came);
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}

async fn a_list_without_a_child_dials_the_exact_number(world: &World) -> Result<()> {
    let scene = scene(world, [callflow("cf_alone", r"^\*70(\d+)$", remote(lists(), json!({})))]);
    let scene = scene.await?;
    let call = scene.call("*70014155551234")?;
    let (expected, came) = (scene.native(&call)?, scene.run(&call, UNEVENTFUL).await?);
    ensure!(came.offnets == expected.offnets, "{:#?} {:#?}", expected.offnets, came.offnets);
    ensure!(came.offnets == [exact("+14155551234").1], "{:#?}", came.offnets);
    let (seen, native) = (&came.seen, &expected.seen);
    ensure!(seen.len() == 1 && native.len() == 1, "{seen:#?} {native:#?}");
    ensure!(seen[0].caller_name == native[0].caller_name, "{seen:#?}");
    ensure!(seen[0].caller_number == native[0].caller_number, "{seen:#?}");
    // What this answer cannot give: the static node takes the key along.
    ensure!(seen[0].request == "014155551234@kzref.example.com", "{seen:#?}");
    let nodes = came.answered_with()?;
    let modules: Vec<_> = nodes.iter().map(|(module, _)| module.as_str()).collect();
    ensure!(modules == ["dynamic_cid", "probe", "resources"], "{nodes:#?}");
    ensure!(nodes[0].1["action"] == "static", "{nodes:#?}");
    ensure!(nodes[2].1["to_did"] == "+14155551234", "{nodes:#?}");
    ensure!(nodes[2].1["bypass_e911"] == true, "the node's own data is lost: {nodes:#?}");
    scene.end().await
}

async fn a_list_answered_natively_is_exact_in_everything(world: &World) -> Result<()> {
    let document = callflow("cf_alone", r"^\*70(\d+)$", remote(lists(), json!({})));
    let account = world
        .account
        .with([document])
        .with_configuration("callflow.dynamic_cid", &json!({"worker": {"list_answer": "native"}}));
    let scene = Scene::set(world, account).await?;
    let call = scene.call("*70014155551234")?;
    let came = scene.run(&call, UNEVENTFUL).await?;
    same(&scene.native(&call)?, &came)?;
    let (seen, offnet) = exact("+14155551234");
    ensure!(came.seen == [seen] && came.offnets == [offnet], "{came:#?}");
    let nodes = came.answered_with()?;
    ensure!(nodes.len() == 1 && nodes[0].1 == lists(), "{nodes:#?}");
    scene.end().await
}

async fn a_key_without_destination_goes_on_as_with_kazoo(world: &World) -> Result<()> {
    for children in [json!({}), json!({"_": rest()})] {
        let document = callflow("cf_key", r"^\*70(\d+)$", remote(lists(), children.clone()));
        let scene = scene(world, [document]).await?;
        let call = scene.call("*7001")?;
        let (expected, came) = (scene.native(&call)?, scene.run(&call, UNEVENTFUL).await?);
        same(&expected, &came)?;
        let with_child = children != json!({});
        ensure!(came.offnets.len() == usize::from(with_child), "{came:#?}");
        scene.end().await?;
    }
    Ok(())
}

async fn named_groups_are_exact_with_and_without_a_child(world: &World) -> Result<()> {
    let data = json!({"action": "list", "id": "list1", "idx_name": "cid"});
    for (children, times) in [(json!({}), 1), (json!({"_": rest()}), 2)] {
        let pattern = r"^\*71(?<cid>[0-9]{2})(?<dest>[0-9]+)$";
        let document = callflow("cf_named", pattern, remote(data.clone(), children));
        let scene = scene(world, [document]).await?;
        let came = scene.run(&scene.call("*71014155551234")?, UNEVENTFUL).await?;
        let (seen, offnet) = exact("+14155551234");
        ensure!(came.seen == vec![seen; times], "{came:#?}");
        ensure!(came.offnets == vec![offnet; times], "{came:#?}");
        scene.end().await?;
    }
    Ok(())
}

/// The node stands under two keys of a node that the model takes for unknown: it goes on with `_`.
fn twice(one: &Value, other: &Value) -> Value {
    json!({
        "module": "temporal_route", "data": {},
        "children": {"holiday": one, "_": other},
    })
}

async fn equal_nodes_are_one_and_the_same(world: &World) -> Result<()> {
    let node = remote(fixed("+14155550911"), json!({"_": rest()}));
    let document = callflow("cf_twice", r"^\*72(\d+)$", twice(&node, &node));
    let scene = scene(world, [document]).await?;
    let call = scene.call("*724158867900")?;
    let came = scene.run(&call, UNEVENTFUL).await?;
    same(&scene.native(&call)?, &came)?;
    ensure!(came.offnets.len() == 1 && came.offnets[0].caller_number == "+14155550911");
    scene.end().await
}

async fn nodes_that_differ_in_what_follows_let_the_call_go_on_unchanged(
    world: &World,
) -> Result<()> {
    let other = json!({"module": "play", "data": {"id": "x"}, "children": {"_": rest()}});
    let flow = twice(
        &remote(fixed("+14155550911"), json!({"_": other})),
        &remote(fixed("+14155550911"), json!({"_": rest()})),
    );
    let scene = scene(world, [callflow("cf_differ", r"^\*72(\d+)$", flow)]).await?;
    let came = scene.run(&scene.call("*724158867900")?, UNEVENTFUL).await?;
    ensure!(*came.told()? == Told::Continue("_".to_owned()), "{came:#?}");
    ensure!(came.offnets.len() == 1, "the call is lost: {came:#?}");
    ensure!(came.offnets[0].caller_number == "+14155559999", "{came:#?}");
    ensure!(scene.worker.said("cf_differ"), "no word of it:\n{}", scene.worker.last_lines());
    scene.end().await
}

fn entered(id: &str, pattern: &str, target: &str) -> Value {
    let node = json!({"module": "callflow", "data": {"id": target}, "children": {"_": rest()}});
    callflow(id, pattern, node)
}

async fn a_document_of_its_own_is_found_through_a_callflow_node(world: &World) -> Result<()> {
    for data in [fixed("+14155550911"), lists()] {
        let documents = [
            entered("cf_enter", r"^\*73(\d+)$", "cf_single"),
            callflow("cf_single", r"^never$", remote(data, json!({}))),
        ];
        let scene = scene(world, documents).await?;
        let call = scene.call("*73014155551234")?;
        let (expected, came) = (scene.native(&call)?, scene.run(&call, UNEVENTFUL).await?);
        ensure!(!came.offnets.is_empty(), "{came:#?}");
        ensure!(expected.offnets[0] == came.offnets[0], "{expected:#?} {came:#?}");
        scene.end().await?;
    }
    Ok(())
}

async fn a_node_behind_the_accounts_preflow_is_found(world: &World) -> Result<()> {
    let mut document = world.account.document(world.account.id()).cloned().unwrap_or_default();
    document["preflow"] = json!({"always": "cf_preflow"});
    let preflow = callflow("cf_preflow", r"^never$", remote(fixed("+14155550922"), json!({})));
    let plain = callflow("cf_plain", r"^\*74(\d+)$", rest());
    let account: Account = world.account.with([document, preflow, plain]);
    let scene = Scene::set(world, account).await?;
    // KAZOO wraps the found flow into a callflow node of the preflow; the call's flow id stays.
    let mut call = scene.call("*744158867900")?;
    let mut line = scene.line().await?;
    call["Key-Value-Store"]["cf_flow_id"] = json!("cf_plain");
    let served =
        line.serve(&call, Some(&fixed("+14155550922")), &[], crate::line::Until::Answered).await?;
    let flow = served.told.as_ref().and_then(Told::flow).cloned().unwrap_or_default();
    ensure!(flow.get("module") == Some(&json!("dynamic_cid")), "{served:#?}");
    ensure!(flow["data"]["caller_id"]["number"] == "+14155550922", "{served:#?}");
    line.close().await?;
    scene.end().await
}

async fn whatever_json_follows_the_node_arrives_unharmed(world: &World) -> Result<()> {
    let data = json!({
        "text": "Zoë \u{1F4DE} \"quoted\"\n\u{0}", "empty": "", "null": null, "yes": true, "no": false,
        // As far as a CouchDB written in JavaScript keeps them.
        "numbers": [0, 1, 255, 256, -1, i32::MAX, i32::MIN, 1_i64 << 31, (1_i64 << 53) - 1,
                    1 - (1_i64 << 53)],
        "floats": [0.5, -1.25e300, 1e-300], "bytes": [104, 105], "nothing": [], "none": {},
        "deep": [[[{"a.b": {"": [{}]}}]]], "long": "x".repeat(70_000),
        "many": (0..300).collect::<Vec<_>>(),
    });
    let mut child = rest();
    child["data"] = data;
    child["pvt_odd"] = json!([null]);
    let node = remote(fixed("+14155550911"), json!({"_": child}));
    let scene = scene(world, [callflow("cf_odd", r"^\*76(\d+)$", node)]).await?;
    let came = scene.run(&scene.call("*764158867900")?, UNEVENTFUL).await?;
    let flow = came.told()?.flow().cloned().unwrap_or_default();
    ensure!(flow["children"]["_"] == child, "{:#}", flow["children"]["_"]);
    ensure!(came.offnets.len() == 1, "{came:#?}");
    scene.end().await
}
