//! The format of `cases.json`.

use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) data: Map<String, Value>,
    pub(crate) capture_group: Option<String>,
    #[serde(default)]
    pub(crate) capture_groups: Option<Map<String, Value>>,
    pub(crate) call: CaseCall,
    #[serde(default)]
    pub(crate) system_config: Map<String, Value>,
    pub(crate) entries: Option<Vec<Value>>,
    pub(crate) list_doc: Option<Value>,
    #[serde(default)]
    pub(crate) callflows: Vec<Value>,
    #[serde(default)]
    pub(crate) dtmf_script: Vec<CaseStep>,
    #[serde(default = "yes")]
    pub(crate) has_default_child: bool,
    pub(crate) account_id: String,
    pub(crate) endpoint: Option<Value>,
    pub(crate) account_doc: Option<Value>,
    pub(crate) view_error: Option<Value>,
    #[serde(default = "yes")]
    pub(crate) tokens_available: bool,
    #[serde(default)]
    pub(crate) branch_flow_stops: bool,
    pub(crate) expected: Expected,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CaseCall {
    pub(crate) caller_id_name: Option<String>,
    pub(crate) caller_id_number: Option<String>,
    pub(crate) request: String,
    pub(crate) to: String,
    pub(crate) language: Option<String>,
    pub(crate) ccvs: Option<Map<String, Value>>,
    pub(crate) inception: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CaseStep {
    pub(crate) after_event: String,
    #[serde(default)]
    pub(crate) after_ms: u64,
    pub(crate) digit: Option<String>,
    #[serde(default)]
    pub(crate) hangup: Option<bool>,
    #[serde(default)]
    pub(crate) error_noop: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Expected {
    pub(crate) commands: Vec<Value>,
    pub(crate) caller_id_name: Value,
    pub(crate) caller_id_number: Value,
    pub(crate) request: Value,
    pub(crate) to: Value,
    pub(crate) outcome: String,
    pub(crate) request_user: Value,
    pub(crate) callee_id_number: Value,
    pub(crate) dynamic_cid: Value,
    pub(crate) hangup_sent: bool,
    pub(crate) hangup_cause: Value,
    pub(crate) module_crash: Value,
    pub(crate) timeline: Vec<TimelineEntry>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct TimelineEntry {
    pub(crate) at_ms: u64,
    pub(crate) send: Option<usize>,
    pub(crate) event: Option<String>,
}

fn yes() -> bool {
    true
}
