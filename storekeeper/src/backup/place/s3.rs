//! Backups in a bucket. A file goes up in parts while it is made: no more than one part is ever in memory, and nothing
//! on a disk. The object appears when its last part is there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Body, Client, Response};
use rusty_s3::actions::{CreateMultipartUpload, ListObjectsV2, ListObjectsV2Response};
use rusty_s3::{Credentials, Method, S3Action, UrlStyle};
use tokio::time::sleep;

use super::Contents;
use crate::backup::document::S3;
use crate::backup::manifest::MANIFEST;
use crate::backup::retention::begun;
use crate::failure::{Failure, Place, read_secret};

/// S3 takes 10,000 parts: files of up to 160 GB.
const PART: usize = 16 << 20;
/// How long a signed request is good for.
const SIGNED: Duration = Duration::from_secs(900);
const TRIES: u32 = 4;

pub(crate) struct Bucket {
    client: Client,
    bucket: rusty_s3::Bucket,
    credentials: Credentials,
    prefix: String,
    pub(super) place: Place,
}

pub(crate) struct Sink<'a> {
    bucket: &'a Bucket,
    key: String,
    part: Vec<u8>,
    /// The upload's id and the tags of its parts, once one part is not enough.
    upload: Option<(String, Vec<String>)>,
}

impl Bucket {
    pub(super) fn new(s3: &S3, prefix: &str) -> Result<Bucket, Failure> {
        let place = Place::named(format!("s3 {}, bucket {}", s3.endpoint, s3.bucket));
        let endpoint =
            s3.endpoint.parse().map_err(|error| place.refused(format!("the endpoint is no URL: {error}")))?;
        let style = if s3.path_style { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let bucket = rusty_s3::Bucket::new(endpoint, style, s3.bucket.clone(), s3.region.clone());
        let bucket = bucket.map_err(|error| place.refused(format!("the endpoint can't be used: {error}")))?;
        let credentials =
            Credentials::new(read_secret(&s3.access_key_id_file)?, read_secret(&s3.secret_access_key_file)?);
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(10))
            // A part may take its time on a slow line.
            .read_timeout(Duration::from_secs(300))
            .redirect(Policy::none())
            .no_proxy()
            .tls_backend_preconfigured(crate::tls::trusting(s3.ca_file.as_deref())?)
            .build()
            .map_err(|error| place.refused(chain(&error)))?;
        Ok(Bucket { client, bucket, credentials, prefix: prefix.to_owned(), place })
    }

    fn key(&self, backup: &str, path: &str) -> String {
        format!("{}/{backup}/{path}", self.prefix)
    }

    pub(super) fn create(&self, backup: &str, path: &str) -> Sink<'_> {
        Sink { bucket: self, key: self.key(backup, path), part: Vec::new(), upload: None }
    }

    pub(super) async fn open(&self, backup: &str, path: &str) -> Result<Response, Failure> {
        let key = self.key(backup, path);
        let get = self.bucket.get_object(Some(&self.credentials), &key);
        self.send(&get, bytes::Bytes::new()).await
    }

    /// Everything below the prefix and `below`, with sizes.
    async fn keys(&self, below: &str) -> Result<BTreeMap<String, u64>, Failure> {
        let prefix = format!("{}/{below}", self.prefix);
        let (mut keys, mut next) = (BTreeMap::new(), None);
        loop {
            let mut list = self.bucket.list_objects_v2(Some(&self.credentials));
            list.with_prefix(prefix.clone());
            if let Some(token) = next.take() {
                list.with_continuation_token(token);
            }
            let page: ListObjectsV2Response =
                ListObjectsV2::parse_response(&self.ask(&list, String::new()).await?)
                    .map_err(|error| self.place.refused(format!("its list can't be read: {error}")))?;
            for object in page.contents {
                let key = object.key.strip_prefix(&prefix).unwrap_or(&object.key).to_owned();
                keys.insert(key, object.size.unwrap_or(0));
            }
            next = page.next_continuation_token;
            if next.is_none() {
                return Ok(keys);
            }
        }
    }

    pub(super) async fn sizes(&self, backup: &str) -> Result<BTreeMap<String, u64>, Failure> {
        self.keys(&format!("{backup}/")).await
    }

    pub(super) async fn list(&self) -> Result<Contents, Failure> {
        let keys = self.keys("").await?;
        let files: Vec<(&str, &str)> = keys.keys().filter_map(|key| key.split_once('/')).collect();
        let names: BTreeSet<&str> =
            files.iter().map(|(name, _)| *name).filter(|n| begun(n).is_some()).collect();
        let (complete, incomplete) = names.into_iter().partition(|name| files.contains(&(name, MANIFEST)));
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        Ok(Contents { complete: owned(complete), incomplete: owned(incomplete) })
    }

    pub(super) async fn remove(&self, backup: &str) -> Result<(), Failure> {
        let files = self.sizes(backup).await?;
        // Without its manifest it no longer counts: that goes first.
        let rest = files.keys().map(String::as_str).filter(|path| *path != MANIFEST);
        for path in files.contains_key(MANIFEST).then_some(MANIFEST).into_iter().chain(rest) {
            let key = self.key(backup, path);
            self.ask(&self.bucket.delete_object(Some(&self.credentials), &key), String::new()).await?;
        }
        Ok(())
    }

    async fn ask<'a, A: S3Action<'a>>(&self, action: &A, body: String) -> Result<String, Failure> {
        let response = self.send(action, body.into()).await?;
        response.text().await.map_err(|error| self.place.passing(chain(&error)))
    }

    /// Once more where the answer may be another the next time.
    async fn send<'a, A: S3Action<'a>>(&self, action: &A, body: bytes::Bytes) -> Result<Response, Failure> {
        let mut pause = Duration::from_millis(500);
        for _ in 1..TRIES {
            match self.send_once(action, body.clone()).await {
                Err(failure) if failure.passing => sleep(pause).await,
                outcome => return outcome,
            }
            pause *= 4;
        }
        self.send_once(action, body).await
    }

    async fn send_once<'a, A: S3Action<'a>>(
        &self,
        action: &A,
        body: bytes::Bytes,
    ) -> Result<Response, Failure> {
        let url = action.sign(SIGNED);
        let request = match A::METHOD {
            Method::Get => self.client.get(url),
            Method::Put => self.client.put(url),
            Method::Post => self.client.post(url),
            Method::Delete => self.client.delete(url),
            Method::Head => self.client.head(url),
        };
        // Its URL is in an error's text, and the signature in that.
        let sent =
            request.body(Body::from(body)).send().await.map_err(|error| self.place.passing(chain(&error)))?;
        let status = sent.status();
        if status.is_success() {
            return Ok(sent);
        }
        let text = sent.text().await.unwrap_or_default();
        let said = match (field(&text, "Code"), field(&text, "Message")) {
            (Some(code), message) => format!("{code}: {}", message.unwrap_or_default()),
            (None, _) => status.to_string(),
        };
        let advice = match status.as_u16() {
            401 | 403 => {
                ". Look at access-key-id and secret-access-key in the Secret, and at what they may do"
            }
            404 if said.starts_with("NoSuchBucket") => ". Make the bucket: backups never do",
            301 | 307 => ". Look at the endpoint and the region",
            _ => "",
        };
        Err(match status.is_server_error() || status.as_u16() == 429 {
            true => self.place.passing(said),
            false => self.place.refused(format!("{said}{advice}")),
        })
    }
}

impl Sink<'_> {
    pub(super) async fn write(&mut self, mut data: &[u8]) -> Result<(), Failure> {
        while self.part.len() + data.len() > PART {
            let (now, later) = data.split_at(PART - self.part.len());
            self.part.extend_from_slice(now);
            self.send_part().await?;
            data = later;
        }
        self.part.extend_from_slice(data);
        Ok(())
    }

    async fn send_part(&mut self) -> Result<(), Failure> {
        let Bucket { bucket, credentials, place, .. } = self.bucket;
        if self.upload.is_none() {
            let create = bucket.create_multipart_upload(Some(credentials), &self.key);
            let begun =
                CreateMultipartUpload::parse_response(&self.bucket.ask(&create, String::new()).await?)
                    .map_err(|error| place.refused(format!("its answer can't be read: {error}")))?;
            self.upload = Some((begun.upload_id().to_owned(), Vec::new()));
        }
        let Some((id, tags)) = &mut self.upload else { return Ok(()) };
        let number = u16::try_from(tags.len() + 1).unwrap_or(u16::MAX);
        if number > 10_000 {
            return Err(
                place.refused(format!("{} is larger than the 160 GB that one file may have", self.key))
            );
        }
        let put = bucket.upload_part(Some(credentials), &self.key, number, id);
        let part = std::mem::take(&mut self.part);
        let response = self.bucket.send(&put, part.into()).await?;
        let tag = response.headers().get("etag").and_then(|tag| tag.to_str().ok());
        tags.push(tag.ok_or_else(|| place.refused("gave a part no ETag"))?.to_owned());
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<(), Failure> {
        let Bucket { bucket, credentials, place, .. } = self.bucket;
        if self.upload.is_none() {
            let put = bucket.put_object(Some(credentials), &self.key);
            return self.bucket.send(&put, std::mem::take(&mut self.part).into()).await.map(drop);
        }
        self.send_part().await?;
        let Some((id, tags)) = &self.upload else { return Ok(()) };
        let complete = bucket.complete_multipart_upload(
            Some(credentials),
            &self.key,
            id,
            tags.iter().map(String::as_str),
        );
        let body = complete.clone().body();
        let answer = self.bucket.ask(&complete, body).await?;
        // S3 may say 200 first and find out later that it can't.
        match field(&answer, "Code") {
            Some(code) => {
                Err(place.passing(format!("{code}: {}", field(&answer, "Message").unwrap_or_default())))
            }
            None => Ok(()),
        }
    }

    pub(super) async fn abandon(self) {
        if let Some((id, _)) = &self.upload {
            let abort =
                self.bucket.bucket.abort_multipart_upload(Some(&self.bucket.credentials), &self.key, id);
            // Parts that stay cost space until the bucket's own rule for unfinished uploads removes them.
            let _ = self.bucket.send_once(&abort, bytes::Bytes::new()).await;
        }
    }
}

/// A field of an error's XML, which is flat.
fn field<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once("</")?.0)
}

/// reqwest says what it was doing, with a signed URL in it; the reason is at the end of the chain.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    match cause.is::<reqwest::Error>() {
        true => "no answer".to_owned(),
        false => cause.to_string(),
    }
}
