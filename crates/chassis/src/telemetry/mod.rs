//! What a service says about itself while it runs: JSON logs and metrics.

mod logs;
mod metrics;

pub(crate) use logs::start as start_logs;
pub(crate) use metrics::{recorder, request, set_build_info};
