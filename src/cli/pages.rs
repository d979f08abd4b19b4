//! `completions` and `man`: what packages contain beside the program, made of the command line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, CliError};

/// The program's name, as it is typed.
const NAME: &str = "kazoo-dynamic-cid";

/// The arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// The arguments of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Existing folder to write the page of the program and those of all subcommands to
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// Prints the completions.
pub fn completions(args: &CompletionsArgs) -> Result<ExitCode, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), NAME, &mut text);
    print(&text)
}

/// Prints the page, or writes all of them.
pub fn man(args: &ManArgs) -> Result<ExitCode, CliError> {
    let command = Cli::command().name(NAME);
    if let Some(folder) = &args.folder {
        clap_mangen::generate_to(command, folder)
            .map_err(|error| CliError::Failed(format!("{}: {error}", folder.display())))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = Vec::new();
    let page = clap_mangen::Man::new(command);
    page.render(&mut text).map_err(|error| CliError::Failed(error.to_string()))?;
    print(&text)
}

fn print(text: &[u8]) -> Result<ExitCode, CliError> {
    std::io::stdout().write_all(text).map_err(|error| CliError::Failed(error.to_string()))?;
    Ok(ExitCode::SUCCESS)
}
