//! Every document of the tables with every one of its values changed, put to both sets of schemas.

use kazoo_dynamic_cid::schema::Schemas;
use serde_json::{Value, json};

use super::{documents, published, text};

/// JSON pointers to all values inside a document.
fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(member, &format!("{at}/{key}"), into);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{index}"), into);
            }
        }
        _ => {}
    }
}

fn without(document: &Value, pointer: &str) -> Option<Value> {
    let (parent, key) = pointer.rsplit_once('/')?;
    let mut copy = document.clone();
    match copy.pointer_mut(parent)? {
        Value::Object(members) => members.remove(&key.replace("~1", "/").replace("~0", "~")),
        Value::Array(items) => Some(items.remove(key.parse().ok()?)),
        _ => None,
    }?;
    Some(copy)
}

fn changed(document: &Value) -> Vec<Value> {
    let replacements = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(2.0),
        json!(2.5),
        json!(1e300),
        json!(""),
        json!("7"),
        json!("work"),
        json!(text(37)),
        json!(text(65)),
        json!(text(129)),
        json!([]),
        json!([[]]),
        json!(["a", "a"]),
        json!({}),
        json!({"module": "menu", "data": {}}),
        json!({"": 5, "a": {}}),
    ];
    let mut places = Vec::new();
    pointers(document, "", &mut places);
    let mut changed = Vec::new();
    for place in places {
        changed.extend(without(document, &place));
        for replacement in &replacements {
            let mut copy = document.clone();
            *copy.pointer_mut(&place).unwrap() = replacement.clone();
            changed.push(copy);
        }
    }
    changed
}

/// Master is the reference. Of what only one other line knows it has no opinion: our
/// `worker`, 5's `owner_id`, and 5's contacts.
#[test]
fn published_schemas_say_the_same_of_documents_changed_anywhere() {
    let Some(shared) = published::shared() else { return };
    let ours = Schemas::embedded();
    let lines = published::lines(&shared);
    let mut compared = 0;
    for (schema, cases) in documents::all() {
        let line = if schema == "contacts" { "5" } else { "master" };
        let line = lines.iter().find(|candidate| candidate.name == line).unwrap();
        let theirs = line.validator(schema).unwrap();
        for case in cases {
            for document in changed(&case.document) {
                if ["worker", "owner_id"].iter().any(|key| document.get(key).is_some()) {
                    continue;
                }
                let violations = ours.validate(schema, &document);
                assert_eq!(
                    violations.is_empty(),
                    theirs.is_valid(&document),
                    "{schema}: {document} {violations:?}"
                );
                compared += 1;
            }
        }
    }
    println!("{compared} verdicts agree");
}
