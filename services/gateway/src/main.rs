//! The gateway's process.

fn main() -> std::process::ExitCode {
    chassis::main::<gateway::Gateway>()
}
