//! `explain`: what became of a call, from the worker that had it.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use url::Url;

use super::{CliError, OutputFormat};
use crate::operations::ends;
use crate::operations::records::Record;
use crate::settings::{Listen, Settings};

/// How long the worker may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Id of the call, as in KAZOO's log
    #[arg(value_name = "CALL-ID")]
    pub call_id: String,

    /// Address of the worker; without it, the one that --listen names
    #[arg(long, value_name = "URL")]
    pub worker: Option<Url>,

    /// Form of the explanation
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: OutputFormat,
}

/// What a worker answers.
#[derive(Debug, Deserialize)]
struct Calls {
    calls: Vec<Record>,
}

/// A worker's complaint.
#[derive(Debug, Deserialize)]
struct Complaint {
    error: String,
}

/// Asks the worker and prints what it says.
pub async fn run(args: ExplainArgs, settings: Settings) -> Result<ExitCode, CliError> {
    let url = address(&args, &settings)?;
    let failed = |error: reqwest::Error| {
        // Without the URL, which says nothing new and is long.
        let error = error.without_url();
        CliError::Failed(format!(
            "no answer from the worker at {}: {error}; is it running there? --worker names \
             another",
            url.origin().ascii_serialization()
        ))
    };
    let client = reqwest::Client::builder().timeout(PATIENCE).build().map_err(failed)?;
    let response = client.get(url.clone()).send().await.map_err(failed)?;
    let status = response.status();
    let body = response.bytes().await.map_err(failed)?;
    if !status.is_success() {
        let said = serde_json::from_slice::<Complaint>(&body)
            .map_or_else(|_| format!("the worker answers {status}"), |complaint| complaint.error);
        return Err(CliError::Failed(said));
    }
    let Calls { calls } = serde_json::from_slice(&body).map_err(|error| {
        CliError::Failed(format!("the answer is not that of a worker of this version: {error}"))
    })?;
    let text = match args.format {
        OutputFormat::Json => {
            format!("{:#}\n", serde_json::json!({ "calls": calls }))
        }
        OutputFormat::Text => calls.iter().map(words).collect::<Vec<_>>().join("\n"),
    };
    // A closed pipe is no reason to fail.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn address(args: &ExplainArgs, settings: &Settings) -> Result<Url, CliError> {
    let mut url = match (&args.worker, settings.listen.value) {
        (Some(url), _) => url.clone(),
        (None, Listen::On(address)) => {
            let host = if address.ip().is_unspecified() {
                format!("127.0.0.1:{}", address.port())
            } else {
                address.to_string()
            };
            format!("http://{host}/")
                .parse()
                .map_err(|error| CliError::Failed(format!("--listen {address}: {error}")))?
        }
        (None, Listen::Off) => {
            let reason = "the worker of these settings listens nowhere; name one with --worker";
            return Err(CliError::Usage(reason.to_owned()));
        }
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        let reason = format!("--worker {url}: an address such as http://127.0.0.1:8090 is wanted");
        return Err(CliError::Usage(reason));
    }
    let call_id = utf8_percent_encode(&args.call_id, NON_ALPHANUMERIC);
    url.set_path(&format!("{}/calls/{call_id}", url.path().trim_end_matches('/')));
    Ok(url)
}

/// One record for people.
fn words(record: &Record) -> String {
    let text = |value: &Option<String>| value.clone();
    let reason = record.reason.as_deref().map(|reason| match explanation(reason) {
        Some(explanation) => format!("{reason}: {explanation}"),
        None => reason.to_owned(),
    });
    let end = match ends::meaning(&record.end) {
        Some(meaning) => format!("{}: {meaning}", record.end),
        None => record.end.clone(),
    };
    let lines = [
        ("call", Some(record.call_id.clone())),
        ("account", text(&record.account)),
        ("callflow", text(&record.callflow)),
        ("action", text(&record.mode)),
        ("list", text(&record.list)),
        ("entry", text(&record.entry)),
        ("reason", reason),
        ("caller number", text(&record.number)),
        ("caller name", text(&record.name)),
        ("destination", text(&record.destination)),
        ("end", Some(end)),
        ("took", Some(format!("{} ms, over the {} seam", record.took_ms, record.seam))),
    ];
    lines
        .into_iter()
        .filter_map(|(title, value)| Some(format!("{title:<14} {}\n", value?)))
        .collect()
}

fn explanation(code: &str) -> Option<&'static str> {
    crate::dynamic_cid::Reason::ALL
        .into_iter()
        .find(|reason| reason.as_str() == code)
        .map(crate::dynamic_cid::Reason::explanation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_as_an_explanation() {
        let record = Record {
            call_id: "c@1".into(),
            took_ms: 3,
            seam: "execute".into(),
            mode: Some("list".into()),
            entry: Some("01".into()),
            reason: Some("entry".into()),
            number: Some("+15145550101".into()),
            end: "static_inline".into(),
            ..Record::default()
        };
        let text = words(&record);
        for line in [
            "call           c@1\n",
            "reason         entry: an entry of the list has the dialled key\n",
            "caller number  +15145550101\n",
            "took           3 ms, over the execute seam\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(text.contains("static_inline: handed back"), "{text}");
        assert!(!text.contains("caller name"), "{text}");
    }
}
