//! Restores a backup, in steps that are containers of one pod: `begin` looks, `postgres` and `redis` load beside what
//! is there, and `swap` puts the loaded in its place at once. Up to the swap nothing that runs is touched, and after it
//! what ran before is still there, under another name.
//!
//! Each store notes what was restored in it: a Job that runs again, for whatever reason, does nothing.

mod postgres;
mod rdb;
mod redis;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::backup::document::{RestoreWork, read};
use crate::backup::manifest::{Content, Entry, Manifest};
use crate::backup::place::Keeper;
use crate::failure::{Failure, unreadable};
use crate::program::Programs;
use crate::provision::Say;

const STATE: &str = "restore.json";

/// What all steps of one restore share.
pub struct Restore {
    work: RestoreWork,
    /// A folder that goes with the pod.
    folder: PathBuf,
    programs: Programs,
}

/// What the steps tell each other.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    manifest: Option<Manifest>,
    /// The stores in which it is not done yet.
    postgres: bool,
    redis: bool,
    /// Redis' database with what was loaded.
    redis_database: Option<u32>,
}

impl Restore {
    pub fn new(work: RestoreWork, folder: &Path, programs: Programs) -> Restore {
        Restore { work, folder: folder.to_owned(), programs }
    }

    /// Finds out what there is to do, and that the backup is good: every file of it is read and compared. `keys` tells
    /// the keys with which services here seal what they store.
    pub async fn begin(&self, keys: &str, say: Say<'_>) -> Result<(), Failure> {
        let request = self.work.request();
        let mut state = State { manifest: None, postgres: false, redis: false, redis_database: None };
        if let Some(server) = &self.work.postgres {
            state.postgres = !postgres::is_done(server, &request).await?;
        }
        if let Some(server) = &self.work.redis {
            state.redis = !redis::is_done(server, &request).await?;
        }
        if !state.postgres && !state.redis {
            say(format!("backup {request} was restored before: nothing to do"));
            return self.save(&state);
        }
        let keeper = Keeper::of(&self.work.from)?;
        let manifest = keeper.manifest(&self.work.backup).await?;
        self.check_keys(&keeper, &manifest, keys)?;
        for file in &manifest.files {
            check(&keeper, &self.work.backup, file).await?;
            say(format!("{}: {} bytes, as they were written", file.path, file.bytes));
        }
        let has = |redis: bool| manifest.files.iter().any(|f| redis == (f.content == Content::Redis));
        state.postgres &= has(false);
        state.redis &= has(true);
        state.manifest = Some(manifest);
        self.save(&state)
    }

    /// Without the keys that a service sealed with, what it sealed is lost to it: better said before than after.
    fn check_keys(&self, keeper: &Keeper, manifest: &Manifest, keys: &str) -> Result<(), Failure> {
        if self.work.ignore_keys || manifest.keys == keys {
            return Ok(());
        }
        Err(keeper.place().refused(format!(
            "backup {} was made with other keys ({}) than the platform has now ({}): apply the Secrets that you saved \
             when you set up backups, or write restore.ignoreKeys: true to go on without what they open",
            manifest.name,
            or_none(&manifest.keys),
            or_none(keys),
        )))
    }

    /// Loads each dump into a database of its own.
    pub async fn postgres(&self, say: Say<'_>) -> Result<(), Failure> {
        let state = self.state()?;
        let (Some(server), Some(manifest), true) = (&self.work.postgres, &state.manifest, state.postgres)
        else {
            return Ok(());
        };
        let keeper = Keeper::of(&self.work.from)?;
        for file in &manifest.files {
            if let Content::Postgres { database, owner } = &file.content {
                let stream = keeper.open(&manifest.name, &file.path).await?;
                let request = &self.work.request();
                let loading = postgres::Loading { server, request, database, owner };
                loading.load(stream, &self.programs).await?;
                say(format!("postgres: {database} is loaded"));
            }
        }
        Ok(())
    }

    /// Loads the snapshot into a free database.
    pub async fn redis(&self, say: Say<'_>) -> Result<(), Failure> {
        let mut state = self.state()?;
        let (Some(server), Some(manifest), true) = (&self.work.redis, &state.manifest, state.redis) else {
            return Ok(());
        };
        let keeper = Keeper::of(&self.work.from)?;
        let Some(file) = manifest.files.iter().find(|file| file.content == Content::Redis) else {
            return Ok(());
        };
        let stream = keeper.open(&manifest.name, &file.path).await?;
        let snapshot = rdb::Snapshot::load(stream, &self.folder, &self.programs).await?;
        let (database, keys) = redis::load(server, &snapshot).await?;
        snapshot.close().await;
        say(format!("redis: {keys} keys are loaded"));
        state.redis_database = Some(database);
        self.save(&state)
    }

    /// From here on what was loaded is what there is.
    pub async fn swap(&self, say: Say<'_>) -> Result<(), Failure> {
        let state = self.state()?;
        let request = self.work.request();
        if let (Some(server), Some(manifest), true) = (&self.work.postgres, &state.manifest, state.postgres) {
            let databases = manifest.files.iter().filter_map(|file| match &file.content {
                Content::Postgres { database, .. } => Some(database.as_str()),
                Content::Redis => None,
            });
            let swap = postgres::Swap {
                platform: &self.work.platform,
                request: &request,
                backup: &self.work.backup,
                attempt: self.work.attempt,
            };
            for line in swap.run(server, &databases.collect::<Vec<_>>()).await? {
                say(line);
            }
        }
        if let (Some(server), Some(database), true) = (&self.work.redis, state.redis_database, state.redis) {
            redis::swap(server, database, &request).await?;
            say(format!("redis: the snapshot is in place; what was there before is in database {database}"));
        }
        Ok(())
    }

    fn state(&self) -> Result<State, Failure> {
        read(&self.folder.join(STATE))
    }

    fn save(&self, state: &State) -> Result<(), Failure> {
        let path = self.folder.join(STATE);
        let text = serde_json::to_vec(state).expect("plain data");
        std::fs::write(&path, text).map_err(|error| unreadable(&path, error))
    }
}

/// Read to its end, before anything is loaded anywhere.
async fn check(keeper: &Keeper, backup: &str, file: &Entry) -> Result<(), Failure> {
    let seen = keeper.open(backup, &file.path).await?.digest().await?;
    if seen.bytes == file.bytes && seen.sha256 == file.sha256 {
        return Ok(());
    }
    Err(keeper.place().refused(format!(
        "backup {backup} is damaged: {} has {} bytes with SHA-256 {}, and {} with {} were written. Take another one",
        file.path, seen.bytes, seen.sha256, file.bytes, file.sha256
    )))
}

fn or_none(keys: &str) -> &str {
    if keys.is_empty() { "none" } else { keys }
}
