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

/// An Erlang term.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// An atom.
    Atom(Atom),
    /// Bytes, which is also what texts are.
    Binary(Vec<u8>),
    /// A tuple.
    Tuple(Vec<Term>),
    /// A proper list.
    List(Vec<Term>),
    /// An integer of any size that JSON brings.
    Integer(i128),
    /// A finite float.
    Float(f64),
}

const VERSION: u8 = 131;
const NEW_FLOAT_EXT: u8 = 70;
const SMALL_INTEGER_EXT: u8 = 97;
const INTEGER_EXT: u8 = 98;
/// Latin-1 atom with a length of two bytes: old, and read by every Erlang.
const ATOM_EXT: u8 = 100;
const SMALL_TUPLE_EXT: u8 = 104;
const LARGE_TUPLE_EXT: u8 = 105;
const NIL_EXT: u8 = 106;
const LIST_EXT: u8 = 108;
const BINARY_EXT: u8 = 109;
const SMALL_BIG_EXT: u8 = 110;

impl Term {
    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Binary(text.as_bytes().to_vec())
    }

    /// A JSON value in KAZOO's form: an object is a 1-tuple of a list of pairs, strings and keys
    /// are binaries, `true`, `false` and `null` atoms.
    ///
    /// Source: `kz_json.hrl` (`JSON_WRAPPER`), `kz_json.erl` (`decode/1`).
    pub fn from_json(value: &Value) -> Self {
        match value {
            Value::Null => Self::Atom(Atom::Null),
            Value::Bool(true) => Self::Atom(Atom::True),
            Value::Bool(false) => Self::Atom(Atom::False),
            Value::Number(number) => Self::from_number(number),
            Value::String(text) => Self::text(text),
            Value::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            Value::Object(members) => Self::from_object(members),
        }
    }

    /// [`from_json`](Self::from_json) of an object.
    pub fn from_object(members: &Object) -> Self {
        let pairs = members
            .iter()
            .map(|(key, value)| Self::Tuple(vec![Self::text(key), Self::from_json(value)]));
        Self::Tuple(vec![Self::List(pairs.collect())])
    }

    fn from_number(number: &Number) -> Self {
        if let Some(integer) = number.as_i128() {
            Self::Integer(integer)
        } else {
            // What is no integer is a float; JSON has no other numbers.
            Self::Float(number.as_f64().unwrap_or_default())
        }
    }

    /// The term's bytes, with the version byte in front.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        self.write(&mut bytes);
        bytes
    }

    /// The term's bytes in standard Base64 with padding, as `Result` carries them.
    pub fn encode_base64(&self) -> String {
        STANDARD.encode(self.encode())
    }

    fn write(&self, into: &mut Vec<u8>) {
        match self {
            Self::Atom(atom) => {
                into.push(ATOM_EXT);
                write_length::<2>(atom.as_str().len(), into);
                into.extend_from_slice(atom.as_str().as_bytes());
            }
            Self::Binary(bytes) => {
                into.push(BINARY_EXT);
                write_length::<4>(bytes.len(), into);
                into.extend_from_slice(bytes);
            }
            Self::Tuple(items) => {
                if let Ok(arity) = u8::try_from(items.len()) {
                    into.extend_from_slice(&[SMALL_TUPLE_EXT, arity]);
                } else {
                    into.push(LARGE_TUPLE_EXT);
                    write_length::<4>(items.len(), into);
                }
                for item in items {
                    item.write(into);
                }
            }
            Self::List(items) => {
                if !items.is_empty() {
                    into.push(LIST_EXT);
                    write_length::<4>(items.len(), into);
                    for item in items {
                        item.write(into);
                    }
                }
                into.push(NIL_EXT);
            }
            Self::Integer(integer) => write_integer(*integer, into),
            Self::Float(float) => {
                into.push(NEW_FLOAT_EXT);
                into.extend_from_slice(&float.to_be_bytes());
            }
        }
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

    /// Bytes of a term without the version byte.
    fn bytes(term: &Term) -> Vec<u8> {
        term.encode()[1..].to_vec()
    }

    #[test]
    fn terms_have_erlangs_bytes() {
        for (term, expected) in [
            (Term::Atom(Atom::True), b"\x64\x00\x04true".to_vec()),
            (Term::text("ab"), b"\x6d\x00\x00\x00\x02ab".to_vec()),
            (Term::text(""), b"\x6d\x00\x00\x00\x00".to_vec()),
            (Term::List(vec![]), b"\x6a".to_vec()),
            (Term::List(vec![Term::Integer(1)]), b"\x6c\x00\x00\x00\x01\x61\x01\x6a".to_vec()),
            (Term::Tuple(vec![]), b"\x68\x00".to_vec()),
            (Term::Tuple(vec![Term::Integer(1)]), b"\x68\x01\x61\x01".to_vec()),
            (Term::Integer(0), b"\x61\x00".to_vec()),
            (Term::Integer(255), b"\x61\xff".to_vec()),
            (Term::Integer(256), b"\x62\x00\x00\x01\x00".to_vec()),
            (Term::Integer(-1), b"\x62\xff\xff\xff\xff".to_vec()),
            (Term::Integer(i128::from(i32::MIN)), b"\x62\x80\x00\x00\x00".to_vec()),
            (Term::Integer(2_147_483_648), b"\x6e\x04\x00\x00\x00\x00\x80".to_vec()),
            (Term::Integer(-2_147_483_649), b"\x6e\x04\x01\x01\x00\x00\x80".to_vec()),
            (
                Term::Integer(i128::from(u64::MAX)),
                b"\x6e\x08\x00\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
            ),
            (Term::Float(1.5), b"\x46\x3f\xf8\x00\x00\x00\x00\x00\x00".to_vec()),
            (Term::from_json(&json!({})), b"\x68\x01\x6a".to_vec()),
            (Term::from_json(&json!([])), b"\x6a".to_vec()),
            (Term::from_json(&json!(null)), b"\x64\x00\x04null".to_vec()),
        ] {
            assert_eq!(bytes(&term), expected, "{term:?}");
        }
    }

    #[test]
    fn a_tuple_of_many_has_the_long_form() {
        let term = Term::Tuple(vec![Term::List(vec![]); 256]);
        assert_eq!(bytes(&term)[..5], [105, 0, 0, 1, 0]);
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
            let encoded = Term::from_json(&value).encode();
            let decoded = eetf::Term::decode(std::io::Cursor::new(&encoded)).unwrap();
            prop_assert_eq!(to_json(&decoded), value);
        }
    }
}
