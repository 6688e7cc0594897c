//! `kubectl orion`: the same client, found by kubectl under this name.

fn main() -> std::process::ExitCode {
    cli::main()
}
