//! A real S3 server, versitygw, on a folder of the test's own.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use storekeeper::backup::document::{Location, S3};
use tempfile::TempDir;
use testkit::{Authority, eventually};

pub(super) const BUCKET: &str = "backups";

pub(super) struct Bucket {
    server: Child,
    folder: TempDir,
    port: u16,
    tls: bool,
}

impl Bucket {
    pub(super) async fn new() -> Bucket {
        Self::start(None).await
    }

    /// One that speaks TLS only, with a certificate for `localhost`.
    pub(super) async fn of(authority: &Authority) -> Bucket {
        Self::start(Some(authority)).await
    }

    async fn start(authority: Option<&Authority>) -> Bucket {
        let program = tokio::task::spawn_blocking(|| cluster::part_binary("versitygw"));
        let program = program.await.unwrap().expect("the S3 server is built (with Go)");
        let folder = TempDir::new().unwrap();
        for part in ["data/backups", "about"] {
            std::fs::create_dir_all(folder.path().join(part)).unwrap();
        }
        std::fs::write(folder.path().join("id"), "an-id").unwrap();
        std::fs::write(folder.path().join("key"), "a-key\n").unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // Whatever way the test ends, the kernel ends what it has started.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(program);
        if let Some(authority) = authority {
            let (certificate, key) = authority.server("localhost");
            for (option, file, text) in [("--cert", "tls.crt", certificate), ("--key", "tls.key", key)] {
                let file = folder.path().join(file);
                std::fs::write(&file, text).unwrap();
                command.arg(option).arg(file);
            }
            authority.write(folder.path());
        }
        command.args([
            "--access",
            "an-id",
            "--secret",
            "a-key",
            "--quiet",
            "--port",
            &format!("127.0.0.1:{port}"),
        ]);
        command.args(["posix", "--sidecar"]).args([folder.path().join("about"), folder.path().join("data")]);
        let server =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        eventually("the S3 server answers", || async {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()
        })
        .await;
        Bucket { server, folder, port, tls: authority.is_some() }
    }

    /// Where it is; over TLS with the authority that has signed its certificate.
    pub(super) fn location(&self) -> Location {
        let server = if self.tls { "https://localhost" } else { "http://127.0.0.1" };
        let s3 = S3 {
            endpoint: format!("{server}:{}", self.port),
            bucket: BUCKET.to_owned(),
            region: "us-east-1".to_owned(),
            path_style: true,
            access_key_id_file: self.folder.path().join("id"),
            secret_access_key_file: self.folder.path().join("key"),
            ca_file: self.tls.then(|| self.folder.path().join("ca.crt")),
        };
        Location { prefix: "shop/orion".to_owned(), volume: None, s3: Some(s3) }
    }

    pub(super) fn set_key(&self, key: &str) {
        std::fs::write(self.folder.path().join("key"), key).unwrap();
    }

    /// Where the server keeps the objects.
    pub(super) fn objects(&self) -> PathBuf {
        self.folder.path().join("data").join(BUCKET).join("shop/orion")
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
