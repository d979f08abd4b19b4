//! Erlang terms, written only.
//!
//! A result travels as an Erlang term in the External Term Format. Nothing here reads one: no
//! message to us carries any, and decoders of hostile terms are a risk of their own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

use crate::json::Object;

/// The atoms we write. Atoms are never freed in an Erlang VM, so the set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each is the atom of that name
pub enum Atom {
    Continue,
    ContinueWithFlow,
    Stop,
    Transfer,
    Usurp,
    True,
    False,
    Null,
}

impl Atom {
    /// The atom's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::ContinueWithFlow => "continue_with_flow",
            Self::Stop => "stop",
            Self::Transfer => "transfer",
            Self::Usurp => "usurp",
            Self::True => "true",
            Self::False => "false",
            Self::Null => "null",
        }
    }
}

const VERSION: u8 = 131;
const NEW_FLOAT_EXT: u8 = 70;
const SMALL_INTEGER_EXT: u8 = 97;
const INTEGER_EXT: u8 = 98;
/// Latin-1 atom with a length of two bytes: old, and read by every Erlang.
const ATOM_EXT: u8 = 100;
const SMALL_TUPLE_EXT: u8 = 104;
const NIL_EXT: u8 = 106;
const LIST_EXT: u8 = 108;
const BINARY_EXT: u8 = 109;
const SMALL_BIG_EXT: u8 = 110;

/// An Erlang term, written: its bytes with the version byte in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term(Vec<u8>);

impl Term {
    /// An atom.
    pub fn atom(atom: Atom) -> Self {
        Self::of(|into| write_atom(atom, into))
    }

    /// `{Atom, Text}`.
    pub fn atom_and_text(atom: Atom, text: &str) -> Self {
        Self::of_pair(atom, |into| write_text(text, into))
    }

    /// `{Atom, Object}`.
    pub fn atom_and_object(atom: Atom, object: &Object) -> Self {
        Self::of_pair(atom, |into| write_object(object, into))
    }

    /// A JSON value in KAZOO's form: an object is a 1-tuple of a list of pairs, strings and keys
    /// are binaries, `true`, `false` and `null` atoms.
    ///
    /// Source: `kz_json.hrl` (`JSON_WRAPPER`), `kz_json.erl` (`decode/1`).
    pub fn from_json(value: &Value) -> Self {
        Self::of(|into| write_json(value, into))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes in standard Base64 with padding, as `Result` carries them.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }

    fn of_pair(atom: Atom, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        Self::of(|into| {
            into.extend_from_slice(&[SMALL_TUPLE_EXT, 2]);
            write_atom(atom, into);
            write(into);
        })
    }

    fn of(write: impl FnOnce(&mut Vec<u8>)) -> Self {
        /// Bytes of most answers.
        const USUAL: usize = 512;
        let mut bytes = Vec::with_capacity(USUAL);
        bytes.push(VERSION);
        write(&mut bytes);
        Self(bytes)
    }
}

fn write_json(value: &Value, into: &mut Vec<u8>) {
    match value {
        Value::Null => write_atom(Atom::Null, into),
        Value::Bool(true) => write_atom(Atom::True, into),
        Value::Bool(false) => write_atom(Atom::False, into),
        Value::Number(number) => write_number(number, into),
        Value::String(text) => write_text(text, into),
        Value::Array(items) => write_list(items, into, write_json),
        Value::Object(members) => write_object(members, into),
    }
}

fn write_object(members: &Object, into: &mut Vec<u8>) {
    into.extend_from_slice(&[SMALL_TUPLE_EXT, 1]);
    write_list(members, into, |(key, value), into| {
        into.extend_from_slice(&[SMALL_TUPLE_EXT, 2]);
        write_text(key, into);
        write_json(value, into);
    });
}

/// A proper list.
fn write_list<I: IntoIterator<IntoIter: ExactSizeIterator>>(
    items: I,
    into: &mut Vec<u8>,
    write: impl Fn(I::Item, &mut Vec<u8>),
) {
    let items = items.into_iter();
    if items.len() > 0 {
        into.push(LIST_EXT);
        write_length::<4>(items.len(), into);
        items.for_each(|item| write(item, into));
    }
    into.push(NIL_EXT);
}

fn write_atom(atom: Atom, into: &mut Vec<u8>) {
    into.push(ATOM_EXT);
    write_length::<2>(atom.as_str().len(), into);
    into.extend_from_slice(atom.as_str().as_bytes());
}

fn write_text(text: &str, into: &mut Vec<u8>) {
    into.push(BINARY_EXT);
    write_length::<4>(text.len(), into);
    into.extend_from_slice(text.as_bytes());
}

fn write_number(number: &Number, into: &mut Vec<u8>) {
    if let Some(integer) = number.as_i128() {
        write_integer(integer, into);
    } else {
        // What is no integer is a float; JSON has no other numbers.
        into.push(NEW_FLOAT_EXT);
        into.extend_from_slice(&number.as_f64().unwrap_or_default().to_be_bytes());
    }
}

/// The lowest `BYTES` bytes of a length, highest first. Nothing we hold is longer than they tell.
fn write_length<const BYTES: usize>(length: usize, into: &mut Vec<u8>) {
    let bytes = length.to_be_bytes();
    into.extend_from_slice(&bytes[bytes.len() - BYTES..]);
}

fn write_integer(integer: i128, into: &mut Vec<u8>) {
    if let Ok(small) = u8::try_from(integer) {
        into.extend_from_slice(&[SMALL_INTEGER_EXT, small]);
    } else if let Ok(medium) = i32::try_from(integer) {
        into.push(INTEGER_EXT);
        into.extend_from_slice(&medium.to_be_bytes());
    } else {
        let magnitude = integer.unsigned_abs().to_le_bytes();
        let used = magnitude.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        into.push(SMALL_BIG_EXT);
        write_length::<1>(used, into);
        into.push(u8::from(integer.is_negative()));
        into.extend_from_slice(&magnitude[..used]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn terms_have_erlangs_bytes() {
        for (value, expected) in [
            (json!("ab"), b"\x6d\x00\x00\x00\x02ab".to_vec()),
            (json!(""), b"\x6d\x00\x00\x00\x00".to_vec()),
            (json!([]), b"\x6a".to_vec()),
            (json!([1]), b"\x6c\x00\x00\x00\x01\x61\x01\x6a".to_vec()),
            (json!({}), b"\x68\x01\x6a".to_vec()),
            (
                json!({"a": 1}),
                b"\x68\x01\x6c\x00\x00\x00\x01\x68\x02\x6d\x00\x00\x00\x01a\x61\x01\x6a".to_vec(),
            ),
            (json!(null), b"\x64\x00\x04null".to_vec()),
            (json!(true), b"\x64\x00\x04true".to_vec()),
            (json!(false), b"\x64\x00\x05false".to_vec()),
            (json!(0), b"\x61\x00".to_vec()),
            (json!(255), b"\x61\xff".to_vec()),
            (json!(256), b"\x62\x00\x00\x01\x00".to_vec()),
            (json!(-1), b"\x62\xff\xff\xff\xff".to_vec()),
            (json!(i32::MIN), b"\x62\x80\x00\x00\x00".to_vec()),
            (json!(2_147_483_648_i64), b"\x6e\x04\x00\x00\x00\x00\x80".to_vec()),
            (json!(-2_147_483_649_i64), b"\x6e\x04\x01\x01\x00\x00\x80".to_vec()),
            (json!(u64::MAX), b"\x6e\x08\x00\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()),
            (json!(1.5), b"\x46\x3f\xf8\x00\x00\x00\x00\x00\x00".to_vec()),
        ] {
            let term = Term::from_json(&value);
            let (version, bytes) = term.as_bytes().split_first().unwrap();
            assert_eq!((*version, bytes), (131, &*expected), "{value}");
        }
    }

    #[test]
    fn pairs_have_an_atom_in_front() {
        let object = json!({}).as_object().cloned().unwrap();
        for (term, expected) in [
            (Term::atom(Atom::Stop), b"\x83\x64\x00\x04stop".to_vec()),
            (
                Term::atom_and_text(Atom::Stop, "a"),
                b"\x83\x68\x02\x64\x00\x04stop\x6d\x00\x00\x00\x01a".to_vec(),
            ),
            (
                Term::atom_and_object(Atom::Stop, &object),
                b"\x83\x68\x02\x64\x00\x04stop\x68\x01\x6a".to_vec(),
            ),
        ] {
            assert_eq!(term.as_bytes(), expected);
        }
    }

    /// Reads KAZOO's JSON form back, with the independent decoder's types.
    fn to_json(term: &eetf::Term) -> Value {
        match term {
            eetf::Term::Atom(atom) => match atom.name.as_str() {
                "true" => json!(true),
                "false" => json!(false),
                "null" => json!(null),
                other => panic!("{other}"),
            },
            eetf::Term::FixInteger(integer) => json!(integer.value),
            eetf::Term::BigInteger(integer) => {
                serde_json::from_str(&integer.value.to_string()).unwrap()
            }
            eetf::Term::Float(float) => json!(float.value),
            eetf::Term::Binary(binary) => json!(std::str::from_utf8(&binary.bytes).unwrap()),
            eetf::Term::List(list) => list.elements.iter().map(to_json).collect(),
            eetf::Term::Tuple(tuple) => {
                let [eetf::Term::List(pairs)] = tuple.elements.as_slice() else { panic!() };
                let members = pairs.elements.iter().map(|pair| {
                    let eetf::Term::Tuple(pair) = pair else { panic!() };
                    let [eetf::Term::Binary(key), value] = pair.elements.as_slice() else {
                        panic!()
                    };
                    (String::from_utf8(key.bytes.clone()).unwrap(), to_json(value))
                });
                Value::Object(members.collect())
            }
            other => panic!("{other:?}"),
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-300_i64..300).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::hash_map(".*", inner, 0..8)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_independent_decoder_reads_every_json_back(value in any_json()) {
            let term = Term::from_json(&value);
            let decoded = eetf::Term::decode(std::io::Cursor::new(term.as_bytes())).unwrap();
            prop_assert_eq!(to_json(&decoded), value);
        }
    }
}
