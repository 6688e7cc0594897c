//! Backups on a mounted volume. One that is being made is in a folder of another name, and gets its own by a rename.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use super::Contents;
use crate::backup::manifest::MANIFEST;
use crate::backup::retention::begun;
use crate::failure::{Failure, Place};

const UNFINISHED: &str = ".unfinished";

pub(crate) struct Volume {
    folder: PathBuf,
}

pub(crate) struct Sink {
    file: File,
    path: PathBuf,
}

impl Volume {
    pub(super) fn new(root: &Path, prefix: &str) -> Volume {
        Volume { folder: root.join(prefix) }
    }

    pub(super) fn place(&self) -> Place {
        Place::named(format!("backup volume, {}", self.folder.display()))
    }

    fn complete(&self, backup: &str) -> PathBuf {
        self.folder.join(backup)
    }

    fn unfinished(&self, backup: &str) -> PathBuf {
        self.folder.join(format!("{backup}{UNFINISHED}"))
    }

    fn explain(&self, error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::StorageFull => self
                .place()
                .refused("is full: give backup.to.volume more storage, or let backup.retention keep less"),
            _ => self.place().refused(error),
        }
    }

    pub(super) async fn create(&self, backup: &str, path: &str) -> Result<Sink, Failure> {
        let path = self.unfinished(backup).join(path);
        let make = async {
            fs::create_dir_all(path.parent().unwrap_or(&self.folder)).await?;
            File::create(&path).await
        };
        let file = make.await.map_err(|error| self.explain(error))?;
        Ok(Sink { file, path })
    }

    pub(super) async fn open(&self, backup: &str, path: &str) -> Result<File, Failure> {
        let opened = File::open(self.complete(backup).join(path)).await;
        opened.map_err(|error| self.place().refused(format!("backup {backup}, {path}: {error}")))
    }

    pub(super) async fn publish(&self, backup: &str) -> Result<(), Failure> {
        let publish = async {
            fs::rename(self.unfinished(backup), self.complete(backup)).await?;
            // The name is on the disk when its folder is.
            File::open(&self.folder).await?.sync_all().await
        };
        publish.await.map_err(|error| self.explain(error))
    }

    pub(super) async fn sizes(&self, backup: &str) -> Result<BTreeMap<String, u64>, Failure> {
        let (complete, unfinished) = (self.complete(backup), self.unfinished(backup));
        let folder = if complete.exists() { complete } else { unfinished };
        let mut sizes = BTreeMap::new();
        let mut open = vec![folder.clone()];
        while let Some(next) = open.pop() {
            let mut entries = fs::read_dir(&next).await.map_err(|error| self.explain(error))?;
            while let Some(entry) = entries.next_entry().await.map_err(|error| self.explain(error))? {
                let data = entry.metadata().await.map_err(|error| self.explain(error))?;
                match (data.is_dir(), entry.path().strip_prefix(&folder)) {
                    (true, _) => open.push(entry.path()),
                    (false, Ok(path)) => drop(sizes.insert(path.display().to_string(), data.len())),
                    (false, Err(_)) => {}
                }
            }
        }
        Ok(sizes)
    }

    pub(super) async fn list(&self) -> Result<Contents, Failure> {
        let mut contents = Contents::default();
        let mut entries = match fs::read_dir(&self.folder).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(contents),
            other => other.map_err(|error| self.explain(error))?,
        };
        while let Some(entry) = entries.next_entry().await.map_err(|error| self.explain(error))? {
            let name = entry.file_name().to_string_lossy().into_owned();
            if begun(&name).is_some() && entry.path().join(MANIFEST).is_file() {
                contents.complete.push(name);
            } else if let Some(name) = name.strip_suffix(UNFINISHED).filter(|name| begun(name).is_some()) {
                contents.incomplete.push(name.to_owned());
            }
        }
        Ok(contents)
    }

    pub(super) async fn remove(&self, backup: &str) -> Result<(), Failure> {
        let (complete, unfinished) = (self.complete(backup), self.unfinished(backup));
        let remove = async {
            // It no longer counts from the first moment on.
            match fs::rename(&complete, &unfinished).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            match fs::remove_dir_all(&unfinished).await {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                other => other,
            }
        };
        remove.await.map_err(|error| self.explain(error))
    }
}

impl Sink {
    fn explain(&self, error: io::Error) -> Failure {
        Place::named(self.path.display()).refused(match error.kind() {
            io::ErrorKind::StorageFull => {
                "the volume is full: give backup.to.volume more storage, or let backup.retention keep less"
                    .to_owned()
            }
            _ => error.to_string(),
        })
    }

    pub(super) async fn write(&mut self, data: &[u8]) -> Result<(), Failure> {
        let written = self.file.write_all(data).await;
        written.map_err(|error| self.explain(error))
    }

    pub(super) async fn finish(mut self) -> Result<(), Failure> {
        let finish = async {
            self.file.flush().await?;
            self.file.sync_all().await
        };
        let finished = finish.await;
        finished.map_err(|error| self.explain(error))
    }

    pub(super) async fn abandon(self) {
        // What can't be removed now is removed as incomplete by a later backup.
        let _ = fs::remove_file(&self.path).await;
    }
}
