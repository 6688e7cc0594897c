//! What a service says about itself while it runs: JSON logs, metrics and, for whoever wants them, traces.

mod logs;
mod metrics;
mod traces;

pub(crate) use logs::start as start_logs;
pub(crate) use metrics::{method_name, recorder, request, set_build_info};
pub use traces::Call;
pub(crate) use traces::Traces;
