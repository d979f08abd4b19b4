//! `call`: a test call through a running worker.

mod print;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use self::print::{Line, Transcript};
use super::placed::Placed;
use super::run::{brokers, directory_options, tls};
use super::{CliError, OutputFormat};
use crate::amqp::{EXECUTE_QUEUE, ROUTE_QUEUE};
use crate::directory::{AccountId, CouchDb, Database, Directory};
use crate::json;
use crate::numbers::Rules;
use crate::peer::{
    self, Checker, Company, LISTENING, Narrator, Pace, Peer, Placing, Play, Scenario, Workers,
    drive,
};
use crate::settings::Settings;

/// How long the transcript goes on after the answer, for what must not come then.
const LINGER: Duration = Duration::from_millis(300);

/// The arguments of `call`.
#[derive(Debug, Args)]
pub struct CallArgs {
    /// The call.
    #[command(flatten)]
    pub placed: Placed,

    /// Place the call although other nodes of a cluster would hear it
    #[arg(long)]
    pub on_live_cluster: bool,

    /// How long to wait for the worker
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    pub timeout: u64,

    /// Form of the transcript
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: OutputFormat,
}

/// Places the call and prints its transcript on standard output.
pub async fn run(args: CallArgs, settings: Settings) -> Result<ExitCode, CliError> {
    let seam = args.placed.seam(&settings);
    if seam == peer::Seam::Route && args.on_live_cluster {
        let reason = "--seam route does not go with --on-live-cluster: the callflow of a living \
                      KAZOO would take the call that is handed back, too, and run what follows. \
                      Use a broker of its own for tests";
        return Err(CliError::Usage(reason.to_owned()));
    }
    let (scenario, rules) = scenario(&args, seam, &settings).await?;
    let mut printer = Printer { format: args.format };
    printer.text(|| print::introduction(&scenario))?;
    let peer = connect(&settings).await?;
    let placed =
        Box::pin(place(&args, seam, &settings, &peer, &scenario, &rules, &mut printer)).await;
    peer.close().await;
    placed
}

/// What KAZOO would hand over for the number.
async fn scenario(
    args: &CallArgs,
    seam: peer::Seam,
    settings: &Settings,
) -> Result<(Scenario, Arc<Rules>), CliError> {
    let account = AccountId::new(&args.placed.account).ok_or_else(|| {
        CliError::Usage(format!("--account {}: no account id", args.placed.account))
    })?;
    let couchdb =
        CouchDb::new(settings.couchdb.expose(), settings.couchdb_timeout.value).map_err(failed)?;
    let directory = Directory::new(Arc::new(couchdb), directory_options(settings));
    let rules = directory.number_rules().await;
    let media = directory.config("media").await.map_err(failed)?;
    let language = media.get("default_language").and_then(json::non_empty_text);
    let placing = Placing {
        account: &account,
        database: Database::account(&account).encoded(),
        dialled: &args.placed.dial,
        from: args.placed.from.as_deref(),
        rules: &rules,
        language: language.as_deref().unwrap_or("en-us"),
        host: settings.node.value.split_once('@').map_or("localhost", |(_, host)| host),
    };
    let scenario = match seam {
        peer::Seam::Execute => peer::scenario(&directory, &placing).await,
        peer::Seam::Route => peer::route_scenario(&directory, &placing).await,
    };
    let scenario = scenario.map_err(failed)?;
    Ok((scenario, rules))
}

/// Connects to the first broker that lets us in.
async fn connect(settings: &Settings) -> Result<Peer, CliError> {
    let mut reasons = Vec::new();
    for broker in brokers(settings)? {
        match Peer::connect(&broker, &settings.node.value, tls(settings)).await {
            Ok(peer) => return Ok(peer),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    Err(CliError::Failed(reasons.join("\n")))
}

async fn place(
    args: &CallArgs,
    seam: peer::Seam,
    settings: &Settings,
    peer: &Peer,
    scenario: &Scenario,
    rules: &Rules,
    printer: &mut Printer,
) -> Result<ExitCode, CliError> {
    if !args.on_live_cluster {
        let tell = |text| {
            // Where nobody reads, nobody needs to be told.
            let _ = printer.text(|| text);
        };
        alone(peer, &settings.node.value, tell).await?;
    }
    working(peer, seam).await?;
    let checker = Checker::default();
    let play = Play {
        seam,
        pace: Pace::BRISK,
        keys: args.placed.keys(),
        patience: Duration::from_secs(args.timeout),
        linger: LINGER,
        checker: Some(&checker),
    };
    let mut link = match seam {
        peer::Seam::Execute => peer.call(),
        peer::Seam::Route => {
            peer.play_callflow().await.map_err(failed)?;
            peer.route_call()
        }
    };
    let call_id = link.ids().call_id.clone();
    printer.text(|| format!("\nThe call is {call_id}.\n\n"))?;
    let mut narrator = Narrator::new(scenario, rules);
    let mut lines: Vec<Line> = Vec::new();
    let driven = drive(&mut link, scenario, play, |message| {
        let told = narrator.tell(&message);
        let line = Line { number: lines.len() + 1, message, told };
        // Where nobody reads any more, the end says so.
        let _ = printer.text(|| line.to_string());
        lines.push(line);
    })
    .await
    .map_err(failed)?;
    let transcript = Transcript::new(scenario, rules, &call_id, &lines, &driven, play);
    match args.format {
        OutputFormat::Text => printer.text(|| transcript.conclusion())?,
        OutputFormat::Json => Printer::json(&transcript.json())?,
    }
    Ok(if transcript.problem.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Refuses where other nodes would hear the call.
pub(super) async fn alone(
    peer: &Peer,
    own_node: &str,
    tell: impl FnOnce(String),
) -> Result<(), CliError> {
    let seconds = LISTENING.as_secs();
    let company = peer
        .company(own_node, LISTENING, || {
            tell(format!(
                "\nKAZOO has been on this broker. Listening {seconds} s for nodes that would \
                 hear a synthetic call (call records, webhooks) …\n"
            ));
        })
        .await
        .map_err(failed)?;
    let Company::Node(node) = company else { return Ok(()) };
    let zone = node.zone.map(|zone| format!(" in zone {zone}")).unwrap_or_default();
    let applications = match node.apps.as_slice() {
        [] => String::new(),
        some => format!(" ({})", some.join(", ")),
    };
    Err(CliError::Failed(format!(
        "node {}{zone}{applications} is on this broker, so this is a living cluster: its call \
         records and webhooks would hear the events of a synthetic call. Use a broker of its own \
         for tests, or add --on-live-cluster to place the call nevertheless",
        node.node
    )))
}

/// Refuses where the call would only wait: the workers' queues outlive them.
async fn working(peer: &Peer, seam: peer::Seam) -> Result<(), CliError> {
    let queue = match seam {
        peer::Seam::Execute => EXECUTE_QUEUE,
        peer::Seam::Route => ROUTE_QUEUE,
    };
    let found = peer.workers(queue).await.map_err(failed)?;
    if let Workers::Queue { workers: 0, waiting } = found {
        return Err(CliError::Failed(format!(
            "no worker is running: nobody takes calls from queue `{queue}`, in which {waiting} \
             wait. {}",
            print::start_a_worker(seam)
        )));
    }
    Ok(())
}

fn failed(error: impl std::error::Error) -> CliError {
    CliError::Failed(error.to_string())
}

/// Standard output.
struct Printer {
    format: OutputFormat,
}

impl Printer {
    /// Prints for people, at once; programs get everything at the end.
    fn text(&mut self, text: impl FnOnce() -> String) -> Result<(), CliError> {
        match self.format {
            OutputFormat::Text => Self::write(&text()),
            OutputFormat::Json => Ok(()),
        }
    }

    fn json(value: &Value) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(value).map_err(failed)?;
        Self::write(&(text + "\n"))
    }

    fn write(text: &str) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(CliError::Failed(format!("standard output: {error}")))
            }
            // Whoever read it has seen enough.
            _ => Ok(()),
        }
    }
}
