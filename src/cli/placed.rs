//! Which call is meant, on the command line.

use clap::{Args, ValueEnum};

use super::{account_id, dialled, key_presses};
use crate::explain::input;
use crate::peer;
use crate::settings::Settings;

/// A call that is placed or simulated.
#[derive(Debug, Args)]
pub struct Placed {
    /// Account in which the call is placed
    #[arg(long, value_name = "ID", value_parser = account_id)]
    pub account: String,

    /// What the caller dials
    #[arg(long, value_name = "NUMBER", value_parser = dialled)]
    pub dial: String,

    /// Id of the device or user who calls; without it, no call restrictions apply
    #[arg(long, value_name = "ENDPOINT")]
    pub from: Option<String>,

    /// Keys the caller presses when asked for digits
    #[arg(long, value_name = "DIGITS", value_parser = key_presses, allow_hyphen_values = true)]
    pub dtmf: Option<String>,

    /// How KAZOO hands the call over [default: as --seams says]
    #[arg(long, value_enum, value_name = "SEAM")]
    pub seam: Option<Seam>,
}

/// How a call is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Seam {
    /// By a callflow node for remote execution, as KAZOO master and 5 do
    #[default]
    Execute,
    /// By a route request, as KAZOO 4.3 does
    Route,
}

impl From<Seam> for peer::Seam {
    fn from(seam: Seam) -> Self {
        match seam {
            Seam::Execute => Self::Execute,
            Seam::Route => Self::Route,
        }
    }
}

impl Placed {
    /// The seam that was given, else the one that a worker with these settings serves.
    pub(super) fn seam(&self, settings: &Settings) -> peer::Seam {
        self.seam.map_or_else(|| input::seam(settings.seams.value), Into::into)
    }

    /// The keys that the caller presses.
    pub(super) fn keys(&self) -> &str {
        self.dtmf.as_deref().unwrap_or_default()
    }
}
