//! A whole service, as small as it gets. The chassis' own tests run it; `cargo run -p chassis --example sample -- --help`
//! shows its settings.

mod service;

fn main() -> std::process::ExitCode {
    chassis::main::<service::Sample>()
}
