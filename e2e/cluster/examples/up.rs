//! Starts a cluster and leaves it running, or stops it: for trying things by hand.
use std::path::Path;
use std::time::Instant;

use cluster::{Cluster, Lifetime, Options};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let name = words.get(1).cloned().unwrap_or_else(|| "try".into());
    let started = Instant::now();
    let say = |line: &str| println!("{:6.1} {line}", started.elapsed().as_secs_f32());
    match words.first().map(String::as_str) {
        Some("down") => match Cluster::find(&name) {
            Some(cluster) => cluster.stop().await?,
            None => println!("no cluster {name}"),
        },
        Some("busybox") => {
            let cluster = Cluster::find(&name).expect("no such cluster");
            let content = std::fs::read("/bin/busybox")?;
            let file = cluster::ImageFile { path: "bin/busybox", content: &content, executable: true };
            cluster::write_image(
                Path::new("/tmp/busybox.tar"),
                "orion.test/busybox:1",
                &[file],
                &["/bin/busybox"],
            )?;
            cluster.load_image(Path::new("/tmp/busybox.tar")).await?;
        }
        Some("add") => Cluster::find(&name).expect("no such cluster").add_node(&words[2]).await?,
        Some("lose") => Cluster::find(&name).expect("no such cluster").lose_node(&words[2]).await?,
        nodes => {
            let nodes = nodes.and_then(|nodes| nodes.parse().ok()).unwrap_or(1);
            let options = Options { name, nodes, lifetime: Lifetime::Detached, audit_log: true };
            let cluster = Cluster::start(options, say).await?;
            println!("export KUBECONFIG={}", cluster.kubeconfig().display());
            println!("{}", cluster::part_binary("kubectl")?.display());
        }
    }
    say("done");
    Ok(())
}
