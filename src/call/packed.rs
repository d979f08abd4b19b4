//! A call put away while nobody looks at it.
//!
//! As text a call takes a few kilobytes, as an object several times that: each member has two
//! strings, a hash and a place in an index. Most of the text is names that every call has; it is
//! compressed with these as the dictionary, which leaves about a third.

use lz4_flex::block::{compress_with_dict, decompress_with_dict};

use super::Call;

/// What most calls consist of, in the order of KAZOO's members.
const COMMON: &[u8] = br#"{"context-source":"cf_","X-AUTH-IP":"","Ecallmgr-Node":"ecallmgr@","Call-Interaction-ID":"6389","App-Name":"callflow","App-Version":"4.0.0","Username":"user_","Realm":".sip.example.com","Owner-ID":"","Fetch-ID":"","CallFlow-ID":"","Authorizing-Type":"device","Authorizing-ID":"","Account-Realm":"","Account-Name":"","Account-ID":"","Caller-ID-Number":"+1","Caller-ID-Name":"","Bridge-ID":"","Callflow-ID":"","Media-Names":[],"Inception":"","Key-Value-Store":{"cf_flow_id":"","cf_flow_name":"","cf_flow":{"module":"","data":{"id":""},"children":{"_":{"module":"callflow","data":{"id":""},"children":{}}}},"cf_capture_group":"","cf_capture_groups":{},"cf_no_match":false,"cf_metaflow":false,"cf_last_action":"dynamic_cid","cf_old_action":"cf_","denied_call_restrictions":{"caller_id":{"action":"deny"},"tollfree_us":{},"toll_us":{},"emergency":{},"caribbean":{},"did_us":{},"international":{},"unknown":{"action":"inherit"}},"remote-action":"dynamic_cid","action-exit-keys":["continue","stop"],"use_local_resources":false},"Account-DB":"account%2F","Account-ID":"","Authorizing-ID":"","Authorizing-Type":"device","Call-Bridged":false,"Call-Direction":"inbound","Call-ID":"@","Callee-ID-Name":"","Callee-ID-Number":"","Caller-ID-Name":"","Caller-ID-Number":"","Control-Queue":"pid://<0.>/ecallmgr@-ecallmgr_","Controller-Queue":"pid://<0.>/callflow_route_","Custom-Application-Vars":{},"Custom-Channel-Vars":{},"Custom-SIP-Headers":{},"Fetch-ID":"","From":"@","From-Realm":"","From-User":"","Is-Recording":false,"Is-Call-Forward":false,"Language":"en-us","Message-Left":false,"Owner-ID":"","Request":"","Request-Realm":"","Request-User":"","Resource-Type":"audio","Switch-Hostname":"","Switch-Nodename":"freeswitch@","Switch-URI":"sip:","Switch-URL":"sip:mod_sofia@","To":"","To-Realm":"","To-User":""}"#;

/// A call as compressed text; what it was taken from is empty until it is restored.
#[derive(Debug)]
#[must_use = "the call is empty until it is restored"]
pub struct Packed {
    text: Box<[u8]>,
    /// Bytes of the text before it was compressed.
    length: usize,
}

impl Packed {
    /// Packs a call.
    pub fn new(call: &mut Call) -> Self {
        let call = std::mem::take(&mut call.0);
        let text = call.to_text();
        let packed = compress_with_dict(text.as_bytes(), COMMON);
        Self { text: packed.into_boxed_slice(), length: text.len() }
    }

    /// Puts the call back.
    pub fn restore(self, call: &mut Call) {
        // What was compressed here can be read here.
        let text = decompress_with_dict(&self.text, self.length, COMMON);
        if let Some(object) = text.ok().and_then(|text| serde_json::from_slice(&text).ok()) {
            call.0 = object;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::json::LazyObject;

    use super::*;

    #[test]
    fn a_call_comes_back_as_it_was() {
        let nested = (0..110).fold(json!(1), |inner, _| json!([inner]));
        let object = json!({"b": {"z": null, "a": [1, "\u{0}ü", -0.5]}, "a": nested});
        let mut call = Call::new(object.as_object().cloned().unwrap());
        let before = call.clone();
        let packed = Packed::new(&mut call);
        assert!(call.to_object().is_empty());
        packed.restore(&mut call);
        assert_eq!(call, before);
        let object = call.to_object();
        let keys: Vec<_> = object.keys().collect();
        assert_eq!(keys, ["b", "a"]);
    }

    #[test]
    fn a_call_takes_much_less_than_its_text() {
        let recorded =
            include_str!("../../tests/fixtures/kapi/examples/callflow_action_execute.json");
        let recorded: Value = serde_json::from_str(recorded).unwrap();
        let mut call = Call::new(recorded["Call"].as_object().cloned().unwrap());
        let text = call.0.to_text().into_owned();
        let packed = Packed::new(&mut call);
        assert!(packed.text.len() * 2 < text.len(), "{} of {}", packed.text.len(), text.len());
        packed.restore(&mut call);
        assert_eq!(Value::Object(call.into_object()), recorded["Call"]);
    }

    /// What the fuzz target `call` asks for: without care a reader of JSON is off by the last digit.
    #[test]
    fn numbers_with_a_fraction_come_back_exactly() {
        let texts = (-200..200).map(|exponent| format!("1.2345678901234567e{exponent}"));
        for text in texts {
            let number: f64 = text.parse().unwrap();
            let object = format!("{{\"n\":{text}}}");
            let mut call = Call::new(serde_json::from_str::<LazyObject>(&object).unwrap());
            Packed::new(&mut call).restore(&mut call);
            assert_eq!(call.to_object()["n"], json!(number), "{text}");
        }
    }
}
