//! KAZOO's published schemas beside ours.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use jsonschema::{Draft, Retrieve, Uri, Validator};
use kazoo_dynamic_cid::schema::{Origin, Schemas, replaceable};
use serde_json::Value;

use super::documents;

/// Where KAZOO's published files are; `None`, with a line of explanation, where they are not.
pub(crate) fn shared() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let named = std::env::var_os("KAZOO_SHARED").map(PathBuf::from);
    let found =
        [Some(beside), named].into_iter().flatten().find(|path| path.join("schemas").is_dir());
    if found.is_none() {
        // Not `println`: the test harness would keep it to itself.
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let _ = writeln!(
            std::io::stderr(),
            "skipped {test}: KAZOO's published schemas are neither in ../shared nor in KAZOO_SHARED"
        );
    }
    found
}

/// The schemas of one KAZOO line: its own files, else those of master.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    schemas: BTreeMap<String, Value>,
}

pub(crate) fn lines(shared: &Path) -> Vec<Line> {
    ["master", "4.3", "5"]
        .into_iter()
        .map(|name| {
            let mut schemas = BTreeMap::new();
            for folder in ["master", name] {
                for entry in std::fs::read_dir(shared.join("schemas").join(folder)).unwrap() {
                    let path = entry.unwrap().path();
                    let Some(name) =
                        path.file_name().unwrap().to_str().unwrap().strip_suffix(".json")
                    else {
                        continue;
                    };
                    let text = std::fs::read_to_string(&path).unwrap();
                    schemas.insert(name.to_owned(), serde_json::from_str(&text).unwrap());
                }
            }
            Line { name, schemas }
        })
        .collect()
}

impl Line {
    /// A validator of this line's own schema, built without any code of ours.
    pub(crate) fn validator(&self, schema: &str) -> Option<Validator> {
        let document = self.schemas.get(schema)?;
        Some(
            jsonschema::options()
                .with_draft(Draft::Draft4)
                .with_retriever(self.clone())
                .build(document)
                .unwrap_or_else(|error| panic!("{schema} of {}: {error}", self.name)),
        )
    }
}

impl Retrieve for Line {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let name = uri.path().as_str().trim_start_matches('/').to_owned();
        self.schemas.get(&name).cloned().ok_or_else(|| format!("{name} is not at hand").into())
    }
}

#[test]
fn published_schemas_say_the_same_of_every_document() {
    let Some(shared) = shared() else { return };
    let mut compared = 0;
    for line in lines(&shared) {
        for (schema, cases) in documents::all() {
            let Some(validator) = line.validator(schema) else {
                assert_eq!(
                    (schema, line.name == "5"),
                    ("contacts", false),
                    "{schema} of {}",
                    line.name
                );
                continue;
            };
            for case in cases {
                let expected = case.valid != case.otherwise_in.contains(&line.name);
                let found = validator.is_valid(&case.document);
                assert_eq!(
                    found, expected,
                    "{schema} of {}, {}: {}",
                    line.name, case.name, case.document
                );
                compared += 1;
            }
        }
    }
    println!("{compared} verdicts of published schemas agree");
}

#[test]
fn published_schemas_are_usable_as_overrides_and_then_count() {
    let Some(shared) = shared() else { return };
    for line in lines(&shared) {
        let schemas = Schemas::with_overrides(line.schemas.clone().into_iter());
        assert_eq!(schemas.refused(), [], "{}", line.name);
        for (schema, cases) in documents::all() {
            let published = line.schemas.contains_key(schema);
            let origin = if published { Origin::Cluster } else { Origin::Embedded };
            assert_eq!(schemas.origin(schema), Some(origin), "{schema} of {}", line.name);
            for case in cases.iter().filter(|_| published) {
                let expected = case.valid != case.otherwise_in.contains(&line.name);
                let violations = schemas.validate(schema, &case.document);
                assert_eq!(
                    violations.is_empty(),
                    expected,
                    "{schema} of {}, {}",
                    line.name,
                    case.name
                );
            }
        }
        assert_eq!(schemas.origin("kapi.dialplan.play"), Some(Origin::Embedded));
        // The few that are worth reading are enough.
        let few = replaceable()
            .filter_map(|name| Some((name.to_owned(), line.schemas.get(name)?.clone())));
        assert_eq!(Schemas::with_overrides(few).refused(), [], "{}", line.name);
    }
}

/// Keys, types, enums and defaults are facts; whatever text we wrote beside them is our own.
#[test]
fn no_description_is_taken_from_a_published_schema() {
    let Some(shared) = shared() else { return };
    let mut published = HashSet::new();
    for line in lines(&shared) {
        for schema in line.schemas.values() {
            texts(schema, &mut |text| {
                published.insert(text.to_owned());
            });
        }
    }
    for (name, text) in kazoo_dynamic_cid::schema::documents() {
        texts(&serde_json::from_str(text).unwrap(), &mut |text| {
            assert!(!published.contains(text.trim_end_matches('.')), "{name}: {text}");
        });
    }
}

fn texts(schema: &Value, visit: &mut impl FnMut(&str)) {
    match schema {
        Value::Object(members) => {
            for (key, member) in members {
                match member.as_str() {
                    Some(text) if key == "description" => visit(text),
                    _ => texts(member, visit),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, visit)),
        _ => {}
    }
}
