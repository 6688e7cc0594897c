//! What is promised, tried on a real cluster: one per run, a namespace and an operator per test. Needs root and Linux.

mod command_line;
mod crd;
mod flow_login;
mod network_policies;
mod operator_backup;
mod operator_blocked;
mod operator_delete;
mod operator_drift;
mod operator_exposure;
mod operator_handover;
mod operator_install;
mod operator_restart;
mod operator_revisions;
mod operator_rotate;
mod operator_scale;
mod operator_steady;
mod operator_stores;
mod operator_two;
mod redis_sentinel;
mod resilience_disk;
mod resilience_node;
mod resilience_stores;
mod resilience_upgrade;
