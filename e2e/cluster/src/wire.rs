//! What the library and the supervisor tell each other: options and state as files, orders over a socket, progress as
//! lines. Both are built from this crate, so the format needs no version.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::Lifetime;

/// The first line that a supervisor reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Launch {
    pub(crate) nodes: usize,
    pub(crate) lifetime: Lifetime,
    pub(crate) audit_log: bool,
    pub(crate) enforce_policies: bool,
    /// PATH of everything in the cluster: it begins with the parts' folders.
    pub(crate) search_path: String,
}

/// What a running cluster tells of itself, in state.json.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    /// The cluster's LAN is 198.18.<index>.0/24.
    pub(crate) index: u8,
    pub(crate) link: u32,
    pub(crate) supervisor: u32,
    pub(crate) lifetime: Lifetime,
    pub(crate) audit_log: bool,
    pub(crate) nodes: Vec<NodeState>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NodeState {
    pub(crate) name: String,
    pub(crate) ip: Ipv4Addr,
}

impl State {
    pub(crate) fn read(state: &crate::paths::StateDir) -> Option<State> {
        serde_json::from_slice(&std::fs::read(state.state()).ok()?).ok()
    }

    pub(crate) fn node_ips(&self) -> Vec<IpAddr> {
        self.nodes.iter().map(|node| IpAddr::V4(node.ip)).collect()
    }
}

/// One order on the control socket: one line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(crate) enum Order {
    AddNode {
        name: String,
    },
    LoseNode {
        name: String,
    },
    /// The archive has been put into the cluster's folder of images under this name.
    LoadImage {
        file: String,
    },
    Stop,
}

/// The answer to it: nothing, or why not.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) error: Option<String>,
}

/// A line of the supervisor's standard output.
pub(crate) enum Report {
    Progress(String),
    Ready,
    Failed(String),
}

impl Report {
    pub(crate) fn parse(line: &str) -> Report {
        match line.split_once(' ') {
            _ if line == "ready" => Report::Ready,
            Some(("failed", why)) => Report::Failed(why.replace("\\n", "\n")),
            Some(("progress", what)) => Report::Progress(what.to_owned()),
            _ => Report::Progress(line.to_owned()),
        }
    }

    pub(crate) fn line(&self) -> String {
        match self {
            Report::Progress(what) => format!("progress {what}\n"),
            Report::Ready => "ready\n".to_owned(),
            Report::Failed(why) => format!("failed {}\n", why.replace('\n', "\\n")),
        }
    }

    /// Nobody may be listening any more: a cluster outlives the command that started it.
    pub(crate) fn send(&self) {
        use std::io::Write;
        let mut out = std::io::stdout();
        let _ = out.write_all(self.line().as_bytes()).and_then(|()| out.flush());
    }
}
