//! How a call is handed over, on the command line.

use clap::ValueEnum;

use crate::explain::input;
use crate::peer;
use crate::settings::Settings;

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

/// The seam that was given, else the one that a worker with these settings serves.
pub(super) fn of(given: Option<Seam>, settings: &Settings) -> peer::Seam {
    given.map_or_else(|| input::seam(settings.seams.value), Into::into)
}
