//! What several targets make: values of the bytes of an input, which are as small as it gets once
//! these are used up, and number rules.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use kazoo_dynamic_cid::json::Object;
use kazoo_dynamic_cid::numbers::Rules;

/// The number rules of a configuration; KAZOO's own, which take long to compile, only once.
pub(crate) fn rules(converters: Option<&Value>, classifiers: Option<&Value>) -> Arc<Rules> {
    static DEFAULT: LazyLock<Arc<Rules>> = LazyLock::new(Arc::default);
    if converters.or(classifiers).is_none() {
        return Arc::clone(&DEFAULT);
    }
    Arc::new(Rules::from_config(converters, classifiers))
}

pub(crate) struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    /// One of several; the first where the bytes are used up.
    pub(crate) fn pick<T: Clone>(&mut self, among: &[T]) -> T {
        among[usize::from(self.byte()) % among.len()].clone()
    }

    /// A text of up to 15 bytes.
    pub(crate) fn text(&mut self) -> String {
        let length = usize::from(self.byte() % 16).min(self.0.len());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8_lossy(text).into_owned()
    }

    /// Small JSON, with the values that documents of operators have among them.
    pub(crate) fn value(&mut self, depth: u8) -> Value {
        const WORDS: [&str; 14] = [
            "",
            "0",
            "true",
            "deny",
            "list",
            "cid",
            "(",
            r"\d+",
            "^1",
            "(a+)+$",
            "NULL",
            "undefined",
            "10",
            "-1",
        ];
        const NUMBERS: [i64; 10] = [0, 1, 2, 3, 10, -1, 1000, 86_400_001, i64::MAX, i64::MIN];
        match self.byte() % 8 {
            0 => Value::Null,
            1 => self.flag().into(),
            2 => self.pick(&NUMBERS).into(),
            3 => (f64::from(self.byte()) - 100.5).into(),
            4 => self.pick(&WORDS).into(),
            5 => self.text().into(),
            _ if depth == 0 => self.text().into(),
            6 => (0..self.byte() % 4).map(|_| self.value(depth - 1)).collect(),
            _ => {
                let members = (0..self.byte() % 4).map(|_| (self.text(), self.value(depth - 1)));
                Value::Object(members.collect())
            }
        }
    }

    /// An object with some of these members.
    pub(crate) fn object(&mut self, keys: &[&str]) -> Object {
        let members = (0..usize::from(self.byte()) % (keys.len() + 1))
            .map(|_| (self.pick(keys).to_owned(), self.value(2)));
        members.collect()
    }

    /// Something, or not.
    pub(crate) fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| make(self))
    }
}
