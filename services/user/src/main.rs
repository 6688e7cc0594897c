//! The user service's process.

fn main() -> std::process::ExitCode {
    chassis::main::<user::User>()
}
