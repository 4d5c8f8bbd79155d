//! Starts the program and maps its result to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    lapsed::cli::main()
}
