//! A store's container without a cluster: its command, variables, files and mounts are the plan's. Only ports differ,
//! since tests share the machine's.

use std::cell::RefCell;
use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;

use serde_json::Value;
use tempfile::TempDir;

use crate::plan::planned;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/operator/stores/container.sh");
/// The user of the official images and of ours.
const STORE: u32 = 999;

pub(super) struct Container {
    store: &'static str,
    folder: TempDir,
    /// What the containers of one pod share.
    volumes: Rc<TempDir>,
    container: Value,
    /// Variables beside the plan's.
    env: Vec<(&'static str, String)>,
    running: RefCell<Option<Child>>,
}

impl Container {
    /// `ports`: lines of the plan's configuration, with what they are to be here.
    pub(super) fn of(store: &'static str, ports: &[(&str, String)]) -> Container {
        let volumes = Rc::new(TempDir::new().expect("a folder"));
        Self::in_pod("{}", store, 0, &volumes, ports)
    }

    /// The container with this number, of the pod that has these volumes.
    pub(super) fn in_pod(
        spec: &str,
        store: &'static str,
        number: usize,
        volumes: &Rc<TempDir>,
        ports: &[(&str, String)],
    ) -> Container {
        let plan = planned(spec);
        let unit = plan.unit(store).expect("a store of the catalog");
        let object =
            |kind: &str| unit.objects.iter().find(|o| o["kind"] == kind).expect("it has one").clone();
        let container = object("StatefulSet")["spec"]["template"]["spec"]["containers"][number].take();
        let made = Container {
            store,
            folder: TempDir::new().expect("a folder"),
            volumes: Rc::clone(volumes),
            container,
            env: Vec::new(),
            running: RefCell::new(None),
        };
        for (_, folder) in made.mounts() {
            fs::create_dir_all(&folder).expect("a folder");
            chown(&folder, Some(STORE), Some(STORE)).expect("tests with stores run as root");
        }
        for (name, text) in object("ConfigMap")["data"].as_object().expect("files") {
            let mut text = text.as_str().expect("text").to_owned();
            for (line, here) in ports {
                text = text.replace(&format!("{line}\n"), &format!("{here}\n"));
            }
            made.write("config", name, &text);
        }
        made
    }

    pub(super) fn variable(mut self, name: &'static str, value: impl ToString) -> Container {
        self.env.push((name, value.to_string()));
        self
    }

    /// A key of the administrator's Secret.
    pub(super) fn secret(&self, key: &str, value: &str) {
        self.write("admin", key, value);
    }

    fn write(&self, volume: &str, name: &str, text: &str) {
        let path = self.volumes.path().join(volume).join(name);
        fs::write(&path, text).expect("write a file");
        chown(&path, Some(STORE), Some(STORE)).expect("tests with stores run as root");
    }

    /// Where in the container, and which folder of the test.
    fn mounts(&self) -> Vec<(String, PathBuf)> {
        let mounts = self.container["volumeMounts"].as_array().expect("mounts");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        mounts.iter().map(|m| (text(&m["mountPath"]), self.volumes.path().join(text(&m["name"])))).collect()
    }

    pub(super) fn start(&self) {
        let log = File::options().create(true).append(true).open(self.log_file()).expect("a log");
        let mut command = self.command(&self.container["command"]);
        let output = (log.try_clone().expect("a file can be cloned"), log);
        command.stdin(Stdio::null()).stdout(output.0).stderr(output.1);
        let started = command.spawn().expect("setpriv and unshare are there (package util-linux)");
        self.running.replace(Some(started));
    }

    /// Whether a probe of the plan says yes.
    pub(super) fn passes(&self, probe: &str) -> bool {
        let mut command = self.command(&self.container[probe]["exec"]["command"]);
        let asked = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.expect("setpriv and unshare are there (package util-linux)").success()
    }

    fn command(&self, words: &Value) -> Command {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        // Whatever way the test ends, the kernel ends what it has started.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child"]);
        command.args(["--propagation", "private", "sh", SCRIPT]);
        command.arg(testkit::root_file_system(self.store)).arg(self.folder.path());
        command.args(self.mounts().iter().map(|(path, folder)| format!("{path}={}", folder.display())));
        command.arg("--");
        let planned = list(&self.container["env"]);
        // What only a cluster knows is among the test's own.
        let planned = planned.iter().filter(|variable| variable["value"].is_string());
        command.args(planned.map(|v| format!("{}={}", text(&v["name"]), text(&v["value"]))));
        command.args(self.env.iter().map(|(name, value)| format!("{name}={value}")));
        command.args(list(words).iter().map(text));
        command
    }

    /// As the kubelet does it.
    pub(super) fn stop(&self) {
        let mut running = self.running.borrow_mut().take().expect("it was started");
        assert!(signalled("TERM", &running), "{} has not begun", self.store);
        let ended = running.wait().expect("it can be waited for");
        assert!(ended.success(), "{}: {ended}\n{}", self.store, self.log());
    }

    /// As a node does it that is lost.
    pub(super) fn kill(&self) {
        if let Some(mut running) = self.running.borrow_mut().take() {
            if !signalled("KILL", &running) {
                let _ = running.kill();
            }
            let _ = running.wait();
        }
    }

    /// All that it has said since it was first started.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Panics with what it has said if it has ended by itself.
    pub(super) fn assert_runs(&self) {
        let ended =
            self.running.borrow_mut().as_mut().and_then(|child| child.try_wait().expect("it can be asked"));
        assert!(ended.is_none(), "{} ended by itself: {ended:?}\n{}", self.store, self.log());
    }

    /// Waits until it ends by itself, and returns the last line that it has said.
    pub(super) fn refuses(&self) -> String {
        let mut running = self.running.borrow_mut().take().expect("it was started");
        let ended = running.wait().expect("it can be waited for");
        assert!(!ended.success(), "{} has ended well", self.store);
        self.log().lines().last().unwrap_or_default().to_owned()
    }

    /// Every file on the volume, with its content.
    pub(super) fn volume(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        read(&self.volumes.path().join("data"), &mut found);
        found
    }
}

/// Sends it to the container's first process, with which all others end.
fn signalled(signal: &str, running: &Child) -> bool {
    let children = format!("/proc/{0}/task/{0}/children", running.id());
    let first = fs::read_to_string(children).unwrap_or_default();
    let sent = Command::new("kill").args(["-s", signal]).args(first.split_whitespace()).status();
    !first.trim().is_empty() && sent.is_ok_and(|sent| sent.success())
}

fn read(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => read(&entry.path(), found),
            Ok(kind) if kind.is_file() => {
                found.push((entry.path(), fs::read(entry.path()).unwrap_or_default()))
            }
            _ => {}
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.kill();
    }
}
