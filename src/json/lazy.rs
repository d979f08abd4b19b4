//! Objects of which most is never looked at.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Members, Object};

/// A JSON object, each member of which is read when it is asked for, and kept then.
///
/// A call has some forty members, of which a decision looks at ten; to read them all takes longer
/// than to decide. Until it is changed the object is text. Whatever in it is no JSON is told when
/// it is deserialized, as with [`Object`], never later. It can be deserialized from text only.
#[derive(Debug, Clone, Default)]
pub struct LazyObject {
    unread: Option<Unread>,
    /// Empty as long as the other one is there.
    object: Object,
}

#[derive(Debug, Clone)]
struct Unread {
    /// The whole object.
    text: Box<str>,
    /// In the order of the text; of several with one name the last one counts.
    members: Vec<Member>,
}

/// Where a member stands in the text.
#[derive(Debug, Clone)]
struct Member {
    name: Range<usize>,
    value: Range<usize>,
    read: OnceLock<Box<Value>>,
    /// Nothing where the value is no object.
    opened: OnceLock<Option<Box<LazyObject>>>,
}

/// An object in a [`LazyObject`].
#[derive(Debug, Clone, Copy)]
pub enum Inner<'a> {
    /// It was read already.
    Read(&'a Object),
    /// Of it, too, only what is asked for is read.
    Unread(&'a LazyObject),
}

impl<'a> Inner<'a> {
    /// The value of the member with this name.
    pub fn get(self, name: &str) -> Option<&'a Value> {
        match self {
            Self::Read(object) => object.get(name),
            Self::Unread(object) => object.member(name),
        }
    }
}

impl LazyObject {
    /// The whole object.
    pub fn to_object(&self) -> Cow<'_, Object> {
        match &self.unread {
            Some(unread) => Cow::Owned(unread.read()),
            None => Cow::Borrowed(&self.object),
        }
    }

    /// The whole object, with nothing left here.
    pub fn into_object(self) -> Object {
        self.unread.map_or(self.object, |unread| unread.read())
    }

    /// The whole object, to be changed.
    pub fn as_object_mut(&mut self) -> &mut Object {
        if let Some(unread) = self.unread.take() {
            self.object = unread.read();
        }
        &mut self.object
    }

    /// The object under a name; `None` where it is absent or something else.
    pub fn inner(&self, name: &str) -> Option<Inner<'_>> {
        match &self.unread {
            Some(unread) => unread.inner(name),
            None => self.object.get(name)?.as_object().map(Inner::Read),
        }
    }

    /// The object's text.
    pub fn to_text(&self) -> Cow<'_, str> {
        match &self.unread {
            Some(unread) => Cow::Borrowed(&unread.text),
            None => Cow::Owned(text_of(&self.object)),
        }
    }
}

/// Names are texts and numbers are finite, so there is nothing that could fail.
fn text_of<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

impl From<Object> for LazyObject {
    fn from(object: Object) -> Self {
        Self { unread: None, object }
    }
}

/// As with [`Object`]s the order of members does not count.
impl PartialEq for LazyObject {
    fn eq(&self, other: &Self) -> bool {
        self.to_object() == other.to_object()
    }
}

impl Members for LazyObject {
    fn member(&self, name: &str) -> Option<&Value> {
        match &self.unread {
            Some(unread) => unread.member(name),
            None => self.object.get(name),
        }
    }
}

impl Unread {
    fn find(&self, name: &str) -> Option<&Member> {
        self.members.iter().rev().find(|member| self.part(&member.name) == name)
    }

    fn member(&self, name: &str) -> Option<&Value> {
        let member = self.find(name)?;
        Some(member.read.get_or_init(|| Box::new(self.value(member))))
    }

    fn inner(&self, name: &str) -> Option<Inner<'_>> {
        let member = self.find(name)?;
        if let Some(read) = member.read.get() {
            return read.as_object().map(Inner::Read);
        }
        let open = || {
            let text = self.part(&member.value);
            let object = Opening { bytes: text.len() }.open(text);
            object.ok().map(Box::new)
        };
        member.opened.get_or_init(open).as_deref().map(Inner::Unread)
    }

    fn read(&self) -> Object {
        let mut object = Object::with_capacity(self.members.len());
        for member in &self.members {
            object.insert(self.part(&member.name).to_owned(), self.value(member));
        }
        object
    }

    /// That a value stands there was checked when the text was taken.
    fn value(&self, member: &Member) -> Value {
        serde_json::from_str(self.part(&member.value)).unwrap_or_default()
    }

    fn part(&self, part: &Range<usize>) -> &str {
        self.text.get(part.clone()).unwrap_or_default()
    }
}

/// An object's text as it is put together.
struct Writing {
    text: String,
    members: Vec<Member>,
    /// Whether every name stands in the text as it is.
    plain: bool,
}

impl Writing {
    /// Bytes of a usual member, with its name.
    const USUAL_MEMBER: usize = 64;

    fn new(bytes: usize) -> Self {
        let mut text = String::with_capacity(bytes);
        text.push('{');
        Self { text, members: Vec::with_capacity(bytes / Self::USUAL_MEMBER), plain: true }
    }

    fn add(&mut self, name: &str, value: &str) {
        if !self.members.is_empty() {
            self.text.push(',');
        }
        let start = self.text.len() + 1;
        let name_at = start..start + name.len();
        if name.bytes().any(|byte| matches!(byte, b'"' | b'\\' | ..b' ')) {
            self.plain = false;
            self.text.push_str(&text_of(name));
        } else {
            self.text.push('"');
            self.text.push_str(name);
            self.text.push('"');
        }
        self.text.push(':');
        let start = self.text.len();
        self.text.push_str(value);
        let value_at = start..self.text.len();
        let (read, opened) = Default::default();
        self.members.push(Member { name: name_at, value: value_at, read, opened });
    }

    fn done(mut self) -> serde_json::Result<LazyObject> {
        self.text.push('}');
        if !self.plain {
            return serde_json::from_str::<Object>(&self.text).map(LazyObject::from);
        }
        let unread = Unread { text: self.text.into(), members: self.members };
        Ok(LazyObject { unread: Some(unread), object: Object::new() })
    }
}

impl<'de> Deserialize<'de> for LazyObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Opening::CALL)
    }
}

/// Takes an object.
struct Opening {
    /// About how long its text is.
    bytes: usize,
}

impl Opening {
    /// A usual call.
    const CALL: Self = Self { bytes: 4096 };

    fn open(self, text: &str) -> serde_json::Result<LazyObject> {
        serde_json::Deserializer::from_str(text).deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Opening {
    type Value = LazyObject;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LazyObject, A::Error> {
        let mut writing = Writing::new(self.bytes);
        while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
            let value = value.get();
            // What skipped the value looked at all of a text but its escapes.
            let is_plain_text = value.starts_with('"') && !value.contains('\\');
            if !is_plain_text {
                serde_json::from_str::<Checked>(value).map_err(A::Error::custom)?;
            }
            writing.add(&name, value);
        }
        writing.done().map_err(A::Error::custom)
    }
}

/// A value that is not read yet where it is an object.
#[derive(Debug, Clone, PartialEq)]
pub enum LazyValue {
    /// An object.
    Object(LazyObject),
    /// Anything else.
    Other(Value),
}

impl<'de> Deserialize<'de> for LazyValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = LazyValue;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<LazyValue, E> {
        Ok(LazyValue::Other(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<LazyValue, E> {
        Ok(LazyValue::Other(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<LazyValue, E> {
        Ok(LazyValue::Other(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<LazyValue, E> {
        Ok(LazyValue::Other(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<LazyValue, E> {
        Ok(LazyValue::Other(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<LazyValue, E> {
        Ok(LazyValue::Other(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<LazyValue, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(items)).map(LazyValue::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<LazyValue, A::Error> {
        Opening::CALL.visit_map(members).map(LazyValue::Object)
    }
}

/// A name that is only copied where it has to be.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// A value that could be read: what skips a value lets some numbers and texts pass that are none.
struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(Self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<Self, Self>()?.is_some() {}
        Ok(Self)
    }
}

#[cfg(test)]
#[path = "lazy_tests.rs"]
mod tests;
