//! Telling KAZOO which documents changed.
//!
//! KAZOO keeps `system_config` in memory without end, and forgets it when it hears a notice that
//! the document changed. It sends such notices for its own writes only; for ours we send them.
//!
//! Source: `kzs_publish.erl`, `kz_cache_conf_change.erl`.

use super::{Change, Done, Item};
use crate::amqp::{Broker, Outgoing, SendError, Tls, send_once};
use crate::directory::Database;
use crate::kapi::inbound::Change as Event;
use crate::kapi::{Identity, Message, conf};

/// The notice for one document, where KAZOO gives one.
pub fn notice(item: &Item, done: &Done, identity: &Identity) -> Option<Message> {
    let revision = done.revision.as_deref()?;
    let event = match &done.edit.change {
        Change::Created => Event::DocCreated,
        Change::Removed => Event::DocDeleted,
        _ => Event::DocEdited,
    };
    let database = item.database.encoded();
    let changed = conf::Changed {
        event,
        database: &database,
        doc_type: item.notice_type()?,
        id: &item.id,
        revision,
    };
    Some(changed.message(identity))
}

/// Publishes notices over the first of the brokers that can be reached, and waits until it has
/// them.
///
/// # Errors
///
/// Where no broker can be reached, or none takes them.
pub async fn send(
    brokers: &[Broker],
    tls: &Tls,
    node: &str,
    notices: &[Message],
) -> Result<(), SendError> {
    // Nobody needs to listen.
    let outgoing = notices.iter().map(Outgoing::from).collect();
    send_once(brokers, tls, node, outgoing).await
}

/// What to type on each KAZOO server instead.
pub fn commands<'a>(changed: impl Iterator<Item = &'a Item>) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    for item in changed.filter(|item| item.notice_type().is_some()) {
        let command = if item.database == Database::system_config() {
            format!("sup kapps_config flush {}", item.id)
        } else {
            format!("sup kz_datamgr flush_cache_docs {}", item.database.encoded())
        };
        if !commands.contains(&command) {
            commands.push(command);
        }
    }
    commands
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{change, material};
    use super::*;

    #[test]
    fn a_notice_is_kazoos_own() {
        let item = material::shared().remove(0);
        let edit = change::install(&item, None, 1);
        let done = Done { edit, before: None, revision: Some("1-a".to_owned()) };
        let message = notice(&item, &done, &Identity::new("n@h", "")).unwrap();
        assert_eq!(message.exchange.name(), "configuration");
        assert_eq!(message.routing_key, "doc_created.system_config.config.callflow%2Edynamic_cid");
        for (key, value) in [
            ("Event-Category", json!("configuration")),
            ("Event-Name", json!("doc_created")),
            ("Database", json!("system_config")),
            ("ID", json!("callflow.dynamic_cid")),
            ("Type", json!("config")),
            ("Rev", json!("1-a")),
        ] {
            assert_eq!(message.body[key], value, "{key}");
        }
        let rehearsed = Done { revision: None, ..done };
        assert_eq!(notice(&item, &rehearsed, &Identity::new("n@h", "")), None);
    }

    #[test]
    fn each_command_is_said_once() {
        let items = material::shared();
        assert_eq!(
            commands(items.iter()),
            [
                "sup kapps_config flush callflow.dynamic_cid",
                "sup kz_datamgr flush_cache_docs system_schemas"
            ]
        );
    }
}
