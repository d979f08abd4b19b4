//! An execute that was put on the workers' own queue.

use super::execute::Execute;
use super::handover::version;
use super::headers::Headers;
use super::{RejectReason, Rejection, Waiting, take_object};
use crate::json::Object;
use crate::kapi::handover::VERSION;
use crate::kapi::held::EXECUTE;

/// Reads the execute inside. Where only that cannot be followed, the rejection says who waits.
pub(super) fn read(mut body: Object) -> Result<Execute, Rejection> {
    let headers = Headers::new(&body);
    headers.defaults()?;
    let version = version(headers)?;
    headers.required_object(EXECUTE)?;
    let execute = Execute::read(take_object(&mut body, EXECUTE).into())?;
    if version > VERSION {
        let detail = format!("a newer worker wrote this (`Version` {version})");
        let mut rejection = Rejection::new(RejectReason::BadValue, detail);
        rejection.waiting = Some(Box::new(Waiting::Flow(execute.flow())));
        return Err(rejection);
    }
    Ok(execute)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Inbound;
    use super::*;
    use crate::kapi::{Identity, fixtures, held};

    fn execute() -> Execute {
        let body = Value::Object(fixtures::object("callflow_action_execute.json"));
        match fixtures::decode_body(&body) {
            Ok(Inbound::Execute(execute)) => execute,
            other => panic!("{other:?}"),
        }
    }

    fn message() -> Object {
        held::message(&execute(), &Identity::new("w@h", "reply"), "queue").body
    }

    #[test]
    fn what_is_held_comes_back_whole() {
        let message = Value::Object(message());
        match fixtures::decode_body(&message) {
            Ok(Inbound::HeldExecute(found)) => assert_eq!(*found, execute()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_cannot_be_followed_says_who_waits() {
        for (member, value, waits) in [
            ("Version", json!(VERSION + 1), true),
            ("Version", json!(0), false),
            ("Version", Value::Null, false),
            ("Execute", json!("text"), false),
            ("App-Name", Value::Null, false),
        ] {
            let mut body = message();
            body.insert(member.to_owned(), value.clone());
            let rejection = fixtures::decode_body(&Value::Object(body)).unwrap_err();
            assert_eq!(
                matches!(rejection.waiting.as_deref(), Some(Waiting::Flow(_))),
                waits,
                "{member} {value}: {rejection}"
            );
        }
        let mut body = message();
        body["Execute"]["Call"] = json!("text");
        let rejection = fixtures::decode_body(&Value::Object(body)).unwrap_err();
        assert!(matches!(rejection.waiting.as_deref(), Some(Waiting::Flow(_))), "{rejection}");
    }
}
