//! The operator as a process: started where it finds what a pod would find, and looked at by what the kernel knows of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use super::stage::Stage;
use crate::paths;

/// Where it says how it is.
const PORT: u16 = 18080;
const PATIENCE: Duration = Duration::from_secs(180);
/// Kernel ticks a second, as every Linux has them for user space.
const TICKS: f64 = 100.0;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Memory {
    /// With the pages of its program file.
    pub(super) resident: u64,
    /// Without.
    pub(super) own: u64,
    /// The most it ever had.
    pub(super) peak: u64,
}

pub(super) struct Operator {
    process: Child,
    started: Duration,
}

impl Operator {
    /// Starts it, and waits until it has read everything.
    pub(super) fn start(stage: &Stage, program: &Path) -> Result<Operator> {
        let account = stage.account()?;
        let log = paths::target().join("bench/operator-scale.log");
        std::fs::create_dir_all(paths::target().join("bench"))?;
        let log = std::fs::File::create(log)?;
        // A mount namespace of its own: the files of a pod, where only this process sees them. It ends with the process.
        let script = "mount -t tmpfs tmpfs /run && mkdir -p /run/secrets/kubernetes.io/serviceaccount && \
                      cp \"$1\"/* /run/secrets/kubernetes.io/serviceaccount/ && exec \"$2\" run";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, "sh"]).arg(&account.folder).arg(program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("KUBERNETES_SERVICE_HOST", &account.host).env("KUBERNETES_SERVICE_PORT", &account.port);
        command.env("HOSTNAME", "operator-scale").env("ORION_ALL_NAMESPACES", "true");
        command.env("ORION_LISTEN", format!("127.0.0.1:{PORT}"));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let start = Instant::now();
        let process = command.spawn().context("cannot start unshare")?;
        let mut operator = Operator { process, started: Duration::ZERO };
        while !ready() {
            if let Some(status) = operator.process.try_wait()? {
                bail!("the operator ended ({status}): see target/bench/operator-scale.log");
            }
            if start.elapsed() > PATIENCE {
                bail!("the operator has not read everything: see target/bench/operator-scale.log");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        operator.started = start.elapsed();
        Ok(operator)
    }

    pub(super) fn start_seconds(&self) -> f64 {
        self.started.as_secs_f64()
    }

    pub(super) fn memory(&self) -> Result<Memory> {
        let status = self.proc("status")?;
        let of = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next());
            let kilobytes: u64 = number.with_context(|| format!("no {name} in its status"))?.parse()?;
            Ok(kilobytes * 1024)
        };
        Ok(Memory { resident: of("VmRSS:")?, own: of("RssAnon:")?, peak: of("VmHWM:")? })
    }

    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        let stat = self.proc("stat")?;
        // The name in parentheses may hold anything; numbers follow it.
        let (_, numbers) = stat.rsplit_once(')').context("a strange stat")?;
        let ticks = numbers.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok());
        Ok(ticks.sum::<f64>() / TICKS)
    }

    fn proc(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.process.id());
        std::fs::read_to_string(&path).with_context(|| format!("read {path}"))
    }

    /// Tells it to end, and waits: it hands its Lease on.
    pub(super) fn stop(mut self) -> Result<()> {
        let id = self.process.id().to_string();
        crate::sh::output(Command::new("kill").arg(id))?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // It has ended by now, unless something failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn ready() -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", PORT))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.contains(" 200 "))
    };
    ask().unwrap_or(false)
}
