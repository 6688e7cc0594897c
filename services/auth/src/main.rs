//! The auth service's process: everything is the chassis' or the library's.

fn main() -> std::process::ExitCode {
    chassis::main::<auth::Auth>()
}
