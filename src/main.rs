//! The program: all it does is in [`keepwell::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    keepwell::cli::run()
}
