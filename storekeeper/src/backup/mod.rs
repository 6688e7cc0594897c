//! Backs up the data stores, in steps that are containers of one pod: `begin`, then one step a store in that store's own
//! image, then `commit`. What is dumped goes straight to where it is kept, hashed on the way: nothing is stored twice.
//!
//! Only the commit makes a backup that counts, and only after it are older ones removed.

pub mod document;
pub mod manifest;
pub mod retention;

pub(crate) mod place;

mod postgres;
mod redis;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStdout, Command};

use crate::failure::{Failure, Place, unreadable};
use crate::program::{Programs, Running};
use document::BackupWork;
use manifest::{Content, Entry, Manifest};
use place::Keeper;

/// This program, for the containers of the stores' own images.
const PROGRAM: &str = "storekeeper";
/// The manifest while it grows.
const STATE: &str = "backup.json";

/// What all steps of one backup share.
pub struct Backup {
    work: BackupWork,
    /// A folder that goes with the pod.
    folder: PathBuf,
    programs: Programs,
}

impl Backup {
    pub fn new(work: BackupWork, folder: &Path, programs: Programs) -> Backup {
        Backup { work, folder: folder.to_owned(), programs }
    }

    /// Names the backup. `keys` tells the keys with which services seal what they store from others.
    pub async fn begin(&self, now: Timestamp, keys: &str) -> Result<String, Failure> {
        // Found out before anything is read: that it can be reached, and with these credentials.
        Keeper::of(&self.work.to)?.list().await?;
        let manifest = Manifest::begin(retention::name_of(now), &self.work.platform, keys.to_owned());
        manifest.save(&self.folder.join(STATE))?;
        Ok(manifest.name)
    }

    pub async fn postgres(&self) -> Result<(), Failure> {
        let Some(source) = &self.work.postgres else { return Ok(()) };
        for (database, owner) in postgres::databases(source).await? {
            let place = postgres::place(source);
            let command = postgres::dump(source, &self.programs, &database)?;
            let path = format!("postgres/{database}.dump");
            let content = Content::Postgres { database, owner };
            self.keep("pg_dump", command, &place, b"PGDMP", path, content).await?;
        }
        Ok(())
    }

    pub async fn redis(&self) -> Result<(), Failure> {
        let Some(source) = &self.work.redis else { return Ok(()) };
        let source = redis::reachable(source).await;
        let command = redis::dump(&source, &self.programs)?;
        let path = "redis/dump.rdb".to_owned();
        self.keep("redis-cli", command, &redis::place(&source), b"REDIS", path, Content::Redis).await
    }

    /// Makes it count, and then removes what has had its time.
    pub async fn commit(&self, now: Timestamp) -> Result<String, Failure> {
        let keeper = Keeper::of(&self.work.to)?;
        let mut manifest = Manifest::load(&self.folder.join(STATE))?;
        let kept = keeper.sizes(&manifest.name).await?;
        for file in &manifest.files {
            let size = kept.get(&file.path);
            if size != Some(&file.bytes) {
                let size = size.map_or_else(|| "is not there".to_owned(), |size| format!("has {size} bytes"));
                let wrong = format!("{} {size} after {} were written", file.path, file.bytes);
                return Err(keeper.place().refused(wrong));
            }
        }
        if manifest.files.is_empty() {
            return Err(keeper.place().refused("nothing was backed up: no store is managed"));
        }
        manifest.finished = Some(now.to_string());
        keeper.commit(&manifest).await?;
        let removed = self.tidy(&keeper, now).await?;
        Ok(format!(
            "{}: {} files, {} bytes; {removed} older backups removed",
            manifest.name,
            manifest.files.len(),
            manifest.bytes()
        ))
    }

    /// The complete backups, the newest first: on each line a name and how many bytes it has.
    pub async fn list(&self) -> Result<String, Failure> {
        let keeper = Keeper::of(&self.work.to)?;
        let mut names = keeper.list().await?.complete;
        names.retain(|name| retention::begun(name).is_some());
        names.sort_by(|a, b| b.cmp(a));
        let mut lines = Vec::new();
        for name in names {
            // One that can't be read is one that can't be restored.
            let bytes = keeper.read_manifest(&name).await.map(|manifest| manifest.bytes().to_string());
            lines.push(format!("{name} {}", bytes.unwrap_or_else(|_| "unreadable".to_owned())));
        }
        Ok(lines.join("\n"))
    }

    async fn tidy(&self, keeper: &Keeper, now: Timestamp) -> Result<usize, Failure> {
        let there = keeper.list().await?;
        let old = retention::superfluous(&there.complete, self.work.retention, now);
        let left = retention::abandoned(&there.incomplete, now);
        for name in old.iter().chain(&left) {
            keeper.remove(name).await?;
        }
        Ok(old.len())
    }

    /// Runs a program whose output is a file of the backup. `magic` is how such a file begins.
    async fn keep(
        &self,
        program: &'static str,
        mut command: Command,
        place: &Place,
        magic: &[u8],
        path: String,
        content: Content,
    ) -> Result<(), Failure> {
        let state = self.folder.join(STATE);
        let mut manifest = Manifest::load(&state)?;
        let keeper = Keeper::of(&self.work.to)?;
        let mut sink = keeper.create(&manifest.name, &path).await?;
        let mut running = Running::start(program, &mut command)?;
        let output = running.child.stdout.take();
        let outcome = match output {
            Some(mut output) => dumped(&mut sink, &mut output, place, magic).await,
            None => Ok(None),
        };
        let ended = running.end(place).await;
        let outcome = match (outcome, ended) {
            // What couldn't be kept broke the program's pipe, and it complains of that.
            (Err(failure), _) | (Ok(_), Err(failure)) => Err(failure),
            (Ok(None), Ok(())) => Err(place.refused(format!("{program} gave something else than its data"))),
            (Ok(Some(seen)), Ok(())) => Ok(seen),
        };
        let seen = match outcome {
            Ok(seen) => seen,
            Err(failure) => {
                sink.abandon().await;
                return Err(failure);
            }
        };
        sink.finish().await?;
        manifest.files.retain(|file| file.path != path);
        manifest.files.push(Entry { path, bytes: seen.bytes, sha256: seen.sha256, content });
        manifest.save(&state)
    }
}

/// None for an output that begins otherwise: the program will say why.
async fn dumped(
    sink: &mut place::Sink<'_>,
    output: &mut ChildStdout,
    place: &Place,
    magic: &[u8],
) -> Result<Option<place::Seen>, Failure> {
    let mut head = vec![0; magic.len()];
    if output.read_exact(&mut head).await.is_err() || head != magic {
        return Ok(None);
    }
    let mut whole = std::io::Cursor::new(head).chain(output);
    sink.copy(&mut whole, place).await.map(Some)
}

/// Puts this program where the containers of other images find it.
pub fn install(folder: &Path) -> Result<(), Failure> {
    let own = std::env::current_exe().map_err(|error| unreadable(Path::new(PROGRAM), error))?;
    let there = folder.join(PROGRAM);
    std::fs::copy(&own, &there).map(drop).map_err(|error| unreadable(&there, error))
}
