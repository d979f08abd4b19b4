//! The schemas of the folder `schemas/`, as part of the binary.

/// Pairs each named schema with the text of its file.
macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../schemas/", $name, ".json")))),+]
    };
}

/// Name and JSON text of each schema.
const DOCUMENTS: &[(&str, &str)] = files![
    "callflows",
    "callflows.action",
    "callflows.dynamic_cid",
    "contacts",
    "dynamic_cid.held",
    "dynamic_cid.job",
    "dynamic_cid.offer",
    "dynamic_cid.worker",
    "kapi.call.channel_status_req",
    "kapi.call.channel_status_resp",
    "kapi.call.event",
    "kapi.call.usurp_control",
    "kapi.callflow.action.accepted",
    "kapi.callflow.action.execute",
    "kapi.callflow.action.result",
    "kapi.callflow.resume",
    "kapi.conf.doc_update",
    "kapi.dialplan.answer",
    "kapi.dialplan.error",
    "kapi.dialplan.hangup",
    "kapi.dialplan.noop",
    "kapi.dialplan.play",
    "kapi.dialplan.queue",
    "kapi.dialplan.set",
    "kapi.headers",
    "kapi.nodes.advertise",
    "kapi.route.req",
    "kapi.route.resp",
    "kapi.route.win",
    "list_entries",
    "lists",
    "metaflow",
    "metaflows",
    "profile",
    "system_config.callflow.dynamic_cid",
];

/// Name and JSON text of every schema that comes with this program, in the order of their names:
/// what is installed into a cluster's `system_schemas` where it is missing there.
pub fn documents() -> impl Iterator<Item = (&'static str, &'static str)> {
    DOCUMENTS.iter().copied()
}

/// Names of the schemas that a cluster's own may replace: the documents worth reading from its
/// `system_schemas`. What KAZOO's published ones refer to is among them.
pub fn replaceable() -> impl Iterator<Item = &'static str> {
    documents().map(|(name, _)| name).filter(|name| !is_ours_alone(name))
}

/// Whether only our schema of this name counts: KAZOO publishes its `kapi` schemas with wrong
/// types (`Data` of an execute is said to be text), and what `dynamic_cid.*` describes is ours
/// alone.
pub(super) fn is_ours_alone(name: &str) -> bool {
    name.starts_with("kapi.") || name.starts_with("dynamic_cid.")
}

/// The member that only we put into documents of this schema, so that KAZOO's own schemas do not
/// mention it.
pub(super) fn own_member(name: &str) -> Option<&'static str> {
    match name {
        "callflows" => Some("kazoo_dynamic_cid"),
        "callflows.dynamic_cid" | "system_config.callflow.dynamic_cid" => Some("worker"),
        _ => None,
    }
}
