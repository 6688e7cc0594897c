//! RabbitMQ 4 with its management API.

use super::{Defaults, Ids, Kind};
use serde_json::json;

pub(super) const DEFAULTS: Defaults = Defaults { cpu: "100m", memory: "256Mi", memory_limit: "768Mi" };

const HOME: &str = "/var/lib/rabbitmq";
/// One node talks to nobody: its own tools reach it on the loopback.
const LOOPBACK: &str = "-kernel inet_dist_use_interface {127,0,0,1}";

pub(super) fn kind(memory_limit: u64, _: Ids) -> Kind {
    let files = [
        ("start.sh", include_str!("rabbitmq.sh").to_owned()),
        ("enabled_plugins", "[rabbitmq_management].\n".to_owned()),
        ("rabbitmq.conf", configuration(memory_limit)),
    ];
    let config = |file: &str| format!("{}/{file}", super::CONFIG);
    Kind {
        data: HOME,
        env: vec![
            ("HOME", HOME.to_owned()),
            // The name is part of where the data is: it must not be the pod's.
            ("RABBITMQ_NODENAME", "rabbit@localhost".to_owned()),
            ("RABBITMQ_MNESIA_BASE", format!("{HOME}/mnesia")),
            ("RABBITMQ_CONFIG_FILE", config("rabbitmq.conf")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", config("enabled_plugins")),
            ("RABBITMQ_LOGS", "-".to_owned()),
            ("RABBITMQ_LOG_BASE", "/tmp".to_owned()),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", LOOPBACK.to_owned()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            // A dump is as big as the memory and would fill the volume.
            ("ERL_CRASH_DUMP_SECONDS", "0".to_owned()),
        ],
        scratch: &[("tmp", "/tmp")],
        files: files.into_iter().collect(),
        ready: json!({"tcpSocket": {"port": "rabbitmq"}}),
    }
}

/// At six tenths of the memory publishers are held back until consumers have caught up.
fn configuration(memory_limit: u64) -> String {
    let watermark = memory_limit / 10 * 6;
    format!(
        "{}total_memory_available_override_value = {memory_limit}\nvm_memory_high_watermark.absolute = {watermark}\n",
        include_str!("rabbitmq.conf")
    )
}
