//! `orion`: the command-line client.

fn main() -> std::process::ExitCode {
    cli::main()
}
