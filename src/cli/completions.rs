//! `sfsync completions`: what a shell needs to complete the commands.

use clap_complete::Shell;
use serde::Serialize;

use super::Screen;

/// Print the completions of a shell
///
/// bash: sfsync completions bash > /etc/bash_completion.d/sfsync; zsh: a file `_sfsync` in a folder of $fpath; fish: a file in
/// ~/.config/fish/completions.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

/// The JSON form.
#[derive(Debug, Serialize)]
struct Completions {
    shell: String,
    script: String,
}

pub(super) fn run(args: &Args, mut command: clap::Command, screen: Screen) {
    // By way of a buffer: a reader that goes away (`| head`) is no error.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "sfsync", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let made = Completions { shell: args.shell.to_string(), script };
    screen.show(&made, || made.script.clone());
}
