//! Where backups are kept: a volume, or a bucket of an S3-compatible store. Both hold one folder a backup, and in both
//! the manifest comes last: a backup without one does not count, and is removed once nobody can be working on it.

mod s3;
mod volume;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::document::Location;
use super::manifest::{MANIFEST, Manifest};
use crate::failure::{Failure, Place};
use s3::Bucket;
use volume::Volume;

/// How much is read at a time.
const CHUNK: usize = 256 << 10;

pub(crate) enum Keeper {
    Volume(Volume),
    S3(Box<Bucket>),
}

/// A file that is being written. Dropped unfinished, it never appears.
pub(crate) enum Sink<'a> {
    File(volume::Sink),
    Object(s3::Sink<'a>),
}

/// A file that is being read.
pub(crate) enum Stream {
    File(tokio::fs::File),
    Object(reqwest::Response, Place),
}

/// What there is, by the names of backups.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) complete: Vec<String>,
    pub(crate) incomplete: Vec<String>,
}

/// Size and SHA-256 of what went through.
pub(crate) struct Seen {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl Keeper {
    pub(crate) fn of(location: &Location) -> Result<Keeper, Failure> {
        match (&location.volume, &location.s3) {
            (Some(root), None) => Ok(Keeper::Volume(Volume::new(root, &location.prefix))),
            (None, Some(s3)) => Ok(Keeper::S3(Box::new(Bucket::new(s3, &location.prefix)?))),
            _ => {
                Err(Place::named("backup")
                    .refused("the document names neither a volume nor a bucket, or both"))
            }
        }
    }

    /// For messages.
    pub(crate) fn place(&self) -> Place {
        match self {
            Keeper::Volume(volume) => volume.place(),
            Keeper::S3(bucket) => bucket.place.clone(),
        }
    }

    /// A new file of a backup that is being made.
    pub(crate) async fn create(&self, backup: &str, path: &str) -> Result<Sink<'_>, Failure> {
        Ok(match self {
            Keeper::Volume(volume) => Sink::File(volume.create(backup, path).await?),
            Keeper::S3(bucket) => Sink::Object(bucket.create(backup, path)),
        })
    }

    /// A file of a complete backup.
    pub(crate) async fn open(&self, backup: &str, path: &str) -> Result<Stream, Failure> {
        Ok(match self {
            Keeper::Volume(volume) => Stream::File(volume.open(backup, path).await?),
            Keeper::S3(bucket) => Stream::Object(bucket.open(backup, path).await?, bucket.place.clone()),
        })
    }

    /// The sizes of a backup's files as they are kept, whether it is complete or not.
    pub(crate) async fn sizes(&self, backup: &str) -> Result<BTreeMap<String, u64>, Failure> {
        match self {
            Keeper::Volume(volume) => volume.sizes(backup).await,
            Keeper::S3(bucket) => bucket.sizes(backup).await,
        }
    }

    /// From here on the backup counts.
    pub(crate) async fn commit(&self, manifest: &Manifest) -> Result<(), Failure> {
        let mut sink = self.create(&manifest.name, MANIFEST).await?;
        sink.write(&manifest.to_json()).await?;
        sink.finish().await?;
        match self {
            Keeper::Volume(volume) => volume.publish(&manifest.name).await,
            Keeper::S3(_) => Ok(()),
        }
    }

    pub(crate) async fn list(&self) -> Result<Contents, Failure> {
        match self {
            Keeper::Volume(volume) => volume.list().await,
            Keeper::S3(bucket) => bucket.list().await,
        }
    }

    /// Cut in the middle, what is left does not count as a backup.
    pub(crate) async fn remove(&self, backup: &str) -> Result<(), Failure> {
        match self {
            Keeper::Volume(volume) => volume.remove(backup).await,
            Keeper::S3(bucket) => bucket.remove(backup).await,
        }
    }

    /// The manifest of a complete backup, or which there are instead.
    pub(crate) async fn manifest(&self, backup: &str) -> Result<Manifest, Failure> {
        let mut contents = self.list().await?;
        if !contents.complete.iter().any(|name| name == backup) {
            contents.complete.sort();
            let there: Vec<&str> = contents.complete.iter().rev().take(5).map(String::as_str).collect();
            let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
            return Err(self
                .place()
                .refused(format!("there is no complete backup {backup}; the newest are: {there}")));
        }
        self.read_manifest(backup).await
    }

    /// The manifest of a backup that is known to be complete.
    pub(crate) async fn read_manifest(&self, backup: &str) -> Result<Manifest, Failure> {
        let mut stream = self.open(backup, MANIFEST).await?;
        let mut text = Vec::new();
        while let Some(chunk) = stream.chunk().await? {
            text.extend_from_slice(&chunk);
        }
        Manifest::parse(&text).map_err(|why| self.place().refused(format!("backup {backup} {why}")))
    }
}

impl Sink<'_> {
    pub(crate) async fn write(&mut self, data: &[u8]) -> Result<(), Failure> {
        match self {
            Sink::File(file) => file.write(data).await,
            Sink::Object(object) => object.write(data).await,
        }
    }

    /// Everything that the reader gives.
    pub(crate) async fn copy(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        what: &Place,
    ) -> Result<Seen, Failure> {
        let (mut buffer, mut hash, mut bytes) = (vec![0; CHUNK], Sha256::new(), 0);
        loop {
            let read = from.read(&mut buffer).await.map_err(|error| what.passing(error))?;
            if read == 0 {
                return Ok(Seen { bytes, sha256: hex(&hash.finalize()) });
            }
            hash.update(&buffer[..read]);
            bytes += read as u64;
            self.write(&buffer[..read]).await?;
        }
    }

    pub(crate) async fn finish(self) -> Result<(), Failure> {
        match self {
            Sink::File(file) => file.finish().await,
            Sink::Object(object) => object.finish().await,
        }
    }

    /// Gives it up: nothing of it is to stay.
    pub(crate) async fn abandon(self) {
        match self {
            Sink::File(file) => file.abandon().await,
            Sink::Object(object) => object.abandon().await,
        }
    }
}

impl Stream {
    /// None at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Stream::File(file) => {
                let mut buffer = vec![0; CHUNK];
                let read = file.read(&mut buffer).await;
                let read = read.map_err(|error| Place::named("the backup's volume").passing(error))?;
                buffer.truncate(read);
                Ok((read > 0).then_some(buffer))
            }
            Stream::Object(response, place) => {
                let chunk = response.chunk().await.map_err(|error| place.passing(s3::chain(&error)))?;
                Ok(chunk.map(|bytes| bytes.to_vec()))
            }
        }
    }

    /// Reads it to its end.
    pub(crate) async fn digest(mut self) -> Result<Seen, Failure> {
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        while let Some(chunk) = self.chunk().await? {
            hash.update(&chunk);
            bytes += chunk.len() as u64;
        }
        Ok(Seen { bytes, sha256: hex(&hash.finalize()) })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
