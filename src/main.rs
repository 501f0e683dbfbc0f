//! The program `sfsync`: everything is in the library, see [`sfsync::cli`].

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sfsync::cli::main()
}
