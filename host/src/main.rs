//! The `llmperf` binary: everything is in the library.

fn main() -> std::process::ExitCode {
    llmperf::cli::main()
}
