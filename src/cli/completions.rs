//! `sfsync completions`: what a shell needs to complete the commands.

use clap_complete::Shell;

/// Print the completions of a shell
///
/// bash: sfsync completions bash > /etc/bash_completion.d/sfsync; zsh: a file `_sfsync` in a folder of $fpath; fish: a file in
/// ~/.config/fish/completions.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &Args, mut command: clap::Command) {
    clap_complete::generate(args.shell, &mut command, "sfsync", &mut std::io::stdout().lock());
}
