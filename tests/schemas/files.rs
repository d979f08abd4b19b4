//! The files of `schemas/`.

use std::collections::BTreeSet;
use std::path::Path;

use jsonschema::Draft;
use kazoo_dynamic_cid::schema;
use serde_json::Value;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas")
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap().to_str().unwrap();
    name.strip_suffix(".json").unwrap_or_else(|| panic!("{name} is no JSON file")).to_owned()
}

#[test]
fn every_file_is_part_of_the_program_and_nothing_else_is() {
    let files: BTreeSet<String> =
        std::fs::read_dir(folder()).unwrap().map(|entry| name_of(&entry.unwrap().path())).collect();
    let embedded: BTreeSet<String> = schema::documents().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(files, embedded);
}

#[test]
fn every_schema_is_draft_04_carries_its_name_and_explains_itself() {
    for (name, text) in schema::documents() {
        let schema: Value =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-04/schema#", "{name}");
        assert_eq!(schema["_id"], name);
        assert!(schema.get("id").is_none(), "{name}: KAZOO sets id itself");
        assert!(jsonschema::draft4::meta::is_valid(&schema), "{name} is not draft 4");
        for text in ["title", "description"] {
            assert!(schema[text].as_str().is_some_and(|text| text.len() > 3), "{name}: {text}");
        }
        properties_are_described(&schema, name);
        references_are_bare_names(&schema, name);
    }
}

fn properties_are_described(schema: &Value, place: &str) {
    match schema {
        Value::Object(members) => {
            for (key, member) in members {
                let place = format!("{place}/{key}");
                // Inside `anyOf` the same property is described beside it.
                let named =
                    member.as_object().filter(|_| key == "properties" && !place.contains("anyOf"));
                for (property, schema) in named.into_iter().flatten() {
                    let described =
                        schema["description"].as_str().is_some_and(|text| text.ends_with('.'));
                    assert!(described, "{place}/{property} has no description");
                }
                properties_are_described(member, &place);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| properties_are_described(item, place)),
        _ => {}
    }
}

fn references_are_bare_names(schema: &Value, place: &str) {
    match schema {
        Value::Object(members) => {
            for (key, member) in members {
                if let Some(name) = member.as_str().filter(|_| key == "$ref") {
                    let known = schema::documents().any(|(known, _)| known == name);
                    assert!(known, "{place} refers to {name}");
                }
                references_are_bare_names(member, &format!("{place}/{key}"));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references_are_bare_names(item, place)),
        _ => {}
    }
}

#[test]
fn every_schema_compiles() {
    let schemas = schema::Schemas::embedded();
    assert_eq!(schemas.refused(), []);
    for (name, text) in schema::documents() {
        assert_eq!(schemas.origin(name), Some(schema::Origin::Embedded), "{name}");
        assert_eq!(Draft::default().detect(&serde_json::from_str(text).unwrap()), Draft::Draft4);
    }
}
