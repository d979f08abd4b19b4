//! `/calls` and `/calls/<call id>`: what became of the last calls, as JSON.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::{answer, refusal};
use crate::operations::records::{Record, Records};

/// The most records in one answer.
const MOST: usize = 1000;
/// The most where nothing else is asked for.
const USUAL: usize = 100;
/// A call id is no longer; routing keys hold 255 bytes.
const LONGEST_ID: usize = 255;

/// What can be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    limit: Option<usize>,
}

/// The latest records, the last one first: `{"calls": […]}`.
pub(super) async fn list(
    State(kept): State<Arc<Records>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    match asked {
        Ok(Query(Asked { limit: None })) => records(&kept.latest(USUAL)),
        Ok(Query(Asked { limit: Some(limit @ 1..=MOST) })) => records(&kept.latest(limit)),
        _ => refusal(
            StatusCode::BAD_REQUEST,
            &format!("only `limit` can be asked for, a whole number from 1 to {MOST}"),
        ),
    }
}

/// The records of one call in their order: `{"calls": […]}`.
pub(super) async fn one(State(kept): State<Arc<Records>>, Path(call_id): Path<String>) -> Response {
    if call_id.len() > LONGEST_ID {
        return refusal(StatusCode::BAD_REQUEST, "a call id has at most 255 bytes");
    }
    let found = kept.of_call(&call_id);
    if found.is_empty() {
        let sentence = "no such call is remembered: it was another worker's, is too long ago, or \
                        has not ended";
        return refusal(StatusCode::NOT_FOUND, sentence);
    }
    records(&found)
}

fn records(records: &[Arc<Record>]) -> Response {
    let records: Vec<&Record> = records.iter().map(|record| &**record).collect();
    answer(StatusCode::OK, &json!({ "calls": records }))
}
