//! Schemas by name: choosing between ours and the cluster's, and compiling them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jsonschema::{Draft, Retrieve, Uri, Validator};
use serde_json::Value;

use super::embedded::{documents, is_ours_alone, own_member};

/// Where a schema comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is part of this program.
    Embedded,
    /// It was read from the cluster's `system_schemas`.
    Cluster,
}

/// A schema that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Name of the schema.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A schema ready for use.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) validator: Validator,
    pub(super) origin: Origin,
    /// What only we say of these documents, where it says nothing of it.
    pub(super) own: Option<Own>,
}

/// What our schema says of a member that the cluster's does not know.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) member: &'static str,
    pub(super) validator: Validator,
}

type Documents = BTreeMap<String, Arc<Value>>;

/// Compiles all of our schemas, each replaced by the cluster's where that one is usable.
///
/// Of the cluster's other schemas only those are kept that a used one refers to.
pub(super) fn compile(
    cluster: impl Iterator<Item = (String, Value)>,
) -> (HashMap<&'static str, Compiled>, Vec<Refused>) {
    let mut refused = Vec::new();
    let ours = parse(&mut refused);
    let theirs = usable(cluster, &ours, &mut refused);
    let mut merged = ours.clone();
    merged.extend(theirs.iter().map(|(name, schema)| (name.clone(), Arc::clone(schema))));
    let (ours, merged) = (Arc::new(ours), Arc::new(merged));

    let mut compiled = HashMap::new();
    for (name, _) in documents() {
        let mut outcome = None;
        if theirs.contains_key(name) {
            outcome = accept(name, Origin::Cluster, &merged, &mut refused);
            if let Some(schema) = &mut outcome {
                schema.own = own(name, &merged, &ours);
            }
        } else if !is_ours_alone(name) {
            // Ours may refer to one of the cluster's, and that one may not fit.
            outcome = accept(name, Origin::Embedded, &merged, &mut refused);
        }
        let outcome = outcome.or_else(|| accept(name, Origin::Embedded, &ours, &mut refused));
        if let Some(schema) = outcome {
            compiled.insert(name, schema);
        }
    }
    (compiled, refused)
}

fn parse(refused: &mut Vec<Refused>) -> Documents {
    let mut parsed = Documents::new();
    for (name, text) in documents() {
        match serde_json::from_str(text) {
            Ok(schema) => {
                parsed.insert(name.to_owned(), Arc::new(schema));
            }
            Err(error) => {
                refused.push(Refused { name: name.to_owned(), reason: error.to_string() });
            }
        }
    }
    parsed
}

fn accept(
    name: &str,
    origin: Origin,
    documents: &Arc<Documents>,
    refused: &mut Vec<Refused>,
) -> Option<Compiled> {
    let schema = documents.get(name)?;
    match build(schema, Names { known: Arc::clone(documents), shallow: false }) {
        Ok(validator) => Some(Compiled { validator, origin, own: None }),
        Err(reason) => {
            refused.push(Refused { name: name.to_owned(), reason });
            None
        }
    }
}

/// What ours says of the member that only we know, unless the schema in use says something of it.
fn own(name: &str, used: &Documents, ours: &Arc<Documents>) -> Option<Own> {
    let member = own_member(name)?;
    let place = format!("/properties/{member}");
    if used.get(name)?.pointer(&place).is_some() {
        return None;
    }
    let schema = ours.get(name)?.pointer(&place)?;
    let names = Names { known: Arc::clone(ours), shallow: false };
    Some(Own { member, validator: build(schema, names).ok()? })
}

/// The cluster's schemas that stand in for ours or are referred to by such a one, without those
/// that cannot be compiled and those that refer to nothing.
fn usable(
    cluster: impl Iterator<Item = (String, Value)>,
    ours: &Documents,
    refused: &mut Vec<Refused>,
) -> Documents {
    let mut offered: HashMap<String, Value> =
        cluster.filter(|(name, _)| !is_ours_alone(name)).collect();
    let mut taken = Documents::new();
    let mut wanted: Vec<String> =
        ours.keys().filter(|name| !is_ours_alone(name)).cloned().collect();
    while let Some(name) = wanted.pop() {
        let Some(schema) = offered.remove(&name) else { continue };
        match readable(schema) {
            Ok(schema) => {
                references(&schema, &mut wanted);
                taken.insert(name, Arc::new(schema));
            }
            Err(reason) => refused.push(Refused { name, reason }),
        }
    }
    // A schema that falls out may leave others without what they refer to.
    loop {
        let mut known = ours.clone();
        known.extend(taken.iter().map(|(name, schema)| (name.clone(), Arc::clone(schema))));
        let known = Arc::new(known);
        let broken: Vec<Refused> = taken
            .iter()
            .filter_map(|(name, schema)| {
                let names = Names { known: Arc::clone(&known), shallow: true };
                let reason = build(schema, names).err()?;
                Some(Refused { name: name.clone(), reason })
            })
            .collect();
        if broken.is_empty() {
            return taken;
        }
        for one in broken {
            taken.remove(&one.name);
            refused.push(one);
        }
    }
}

/// A stored document as a draft-04 schema.
fn readable(mut document: Value) -> Result<Value, String> {
    let Some(schema) = document.as_object_mut() else {
        return Err("is not an object".to_owned());
    };
    if schema.get("pvt_deleted").is_some_and(crate::json::value_is_true) {
        return Err("is deleted".to_owned());
    }
    if let Some(draft) = schema.get("$schema")
        && !draft.as_str().is_some_and(|draft| draft.contains("draft-04"))
    {
        return Err(format!("$schema is {draft}, only draft-04 is understood"));
    }
    // KAZOO names its schemas by `_id` and sets `id` itself; a stored one would become the base
    // that references are resolved against.
    if schema.get("id").is_some_and(Value::is_string) {
        schema.remove("id");
    }
    Ok(document)
}

/// Adds the names a schema refers to.
fn references(schema: &Value, into: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            for (key, value) in members {
                match value.as_str() {
                    Some(name) if key == "$ref" => into.push(bare(name).to_owned()),
                    _ => references(value, into),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, into)),
        _ => {}
    }
}

/// `profile`, `./profile`, `file://profile` and `profile#` all name the schema `profile`.
fn bare(reference: &str) -> &str {
    let name = reference.split_once('#').map_or(reference, |(name, _)| name);
    name.rsplit('/').next().unwrap_or(name)
}

/// Resolves references by schema name; nothing is ever fetched.
struct Names {
    known: Arc<Documents>,
    /// Answer every known name with a schema that accepts everything, so that only the faults
    /// of the schema being compiled come to light.
    shallow: bool,
}

impl Retrieve for Names {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let name = bare(uri.as_str());
        let schema = self.known.get(name).ok_or_else(|| format!("there is no schema {name}"))?;
        Ok(if self.shallow {
            Value::Object(serde_json::Map::new())
        } else {
            schema.as_ref().clone()
        })
    }
}

fn build(schema: &Value, names: Names) -> Result<Validator, String> {
    jsonschema::options()
        .with_draft(Draft::Draft4)
        // As KAZOO's validator, which knows no formats.
        .should_validate_formats(false)
        .with_retriever(names)
        .build(schema)
        .map_err(|error| {
            let place = error.instance_path().as_str();
            let place = if place.is_empty() { "/" } else { place };
            format!("{place}: {}", error.masked())
        })
}
