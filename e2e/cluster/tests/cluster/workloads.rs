//! What a platform needs of a cluster: pods, names, Services, ports, volumes, and nodes that come and go.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod, Service};
use kube::api::{Api, DeleteParams, LogParams};
use serde_json::json;

use crate::support::{busybox_image, client, create, eventually, gone, phase, pod, start};

#[tokio::test(flavor = "multi_thread")]
async fn pods_on_two_nodes_reach_each_other_and_the_machine_reaches_them() -> Result<()> {
    let cluster = start("two-nodes", 2).await?;
    cluster.load_image(busybox_image()?).await?;
    let client = client(&cluster).await?;
    let pods = Api::<Pod>::default_namespaced(client.clone());
    let services = Api::<Service>::default_namespaced(client.clone());

    create(&pods, pod("web", Some("n1"), "exec probe serve :8080 hello")).await?;
    let ports = json!([{"port": 80, "targetPort": 8080}]);
    let spec = json!({"type": "NodePort", "selector": {"app": "web"}, "ports": ports});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec});
    let service = create(&services, service).await?.spec.context("a Service without a spec")?;
    phase(&pods, "web", "Running").await?;

    // By name, through the Service, from the other node: by the short name, and by the whole one.
    let ask = "probe get http://web/ && probe get http://web.default.svc.cluster.local./";
    create(&pods, pod("ask", Some("n2"), ask)).await?;
    phase(&pods, "ask", "Succeeded").await?;
    let said = pods.logs("ask", &LogParams::default()).await?;
    ensure!(said.contains("hello"), "the pod said: {said}");

    // From the machine, at each node, also where the pod isn't.
    let port = service.ports.iter().flatten().find_map(|port| port.node_port).context("no node port")?;
    ensure!(cluster.node_ips().len() == 2);
    for ip in cluster.node_ips() {
        let page =
            eventually("the NodePort answers", async || Ok(get(ip, port)?.contains("hello").then_some(())));
        page.await.with_context(|| format!("{ip}:{port}"))?;
    }

    // There is no way out.
    create(
        &pods,
        pod(
            "out",
            None,
            "probe get http://web/ && ! probe connect 1.1.1.1:80 && ! probe connect example.com:80",
        ),
    )
    .await?;
    phase(&pods, "out", "Succeeded").await?;
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_outlives_its_pod_and_goes_with_its_claim() -> Result<()> {
    let cluster = start("volumes", 1).await?;
    cluster.load_image(busybox_image()?).await?;
    let client = client(&cluster).await?;
    let pods = Api::<Pod>::default_namespaced(client.clone());
    let claims = Api::<PersistentVolumeClaim>::default_namespaced(client.clone());
    let volumes = Api::<PersistentVolume>::all(client.clone());
    let resources = json!({"requests": {"storage": "1Gi"}});
    let spec = json!({"accessModes": ["ReadWriteOnce"], "resources": resources});
    let kind = "PersistentVolumeClaim";
    create(&claims, json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "data"}, "spec": spec}))
        .await?;

    // Neither root nor the folder's owner: the group is what lets them in.
    let with_volume = |name: &str, line: &str| {
        let mut pod = pod(name, None, line);
        pod["spec"]["securityContext"] = json!({"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 2000});
        pod["spec"]["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
        pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
        pod
    };
    create(&pods, with_volume("writer", "umask 077; echo kept > /data/file; busybox stat -c %g /data/file"))
        .await?;
    phase(&pods, "writer", "Succeeded").await?;
    let group = pods.logs("writer", &LogParams::default()).await?;
    ensure!(group.trim() == "2000", "the file's group is {group}");
    gone(&pods, "writer").await?;
    create(&pods, with_volume("reader", "busybox cat /data/file")).await?;
    phase(&pods, "reader", "Succeeded").await?;
    ensure!(pods.logs("reader", &LogParams::default()).await?.trim() == "kept");
    gone(&pods, "reader").await?;

    let grown = json!({"spec": {"resources": {"requests": {"storage": "2Gi"}}}});
    claims.patch("data", &Default::default(), &kube::api::Patch::Merge(grown)).await?;
    eventually("the claim has grown", async || {
        let status = claims.get("data").await?.status.unwrap_or_default();
        Ok(status.capacity.is_some_and(|capacity| capacity["storage"].0 == "2Gi").then_some(()))
    })
    .await?;

    let folders = || anyhow::Ok(std::fs::read_dir(cluster.state_dir().join("volumes"))?.count());
    ensure!(folders()? == 1);
    claims.delete("data", &DeleteParams::default()).await?;
    eventually("the volume is gone", async || {
        let none = volumes.list(&Default::default()).await?.items.is_empty() && folders()? == 0;
        Ok(none.then_some(()))
    })
    .await?;
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_added_with_its_images_and_lost_without_a_word() -> Result<()> {
    let cluster = start("comings", 1).await?;
    cluster.load_image(busybox_image()?).await?;
    let client = client(&cluster).await?;
    let pods = Api::<Pod>::default_namespaced(client.clone());
    let nodes = Api::<Node>::all(client.clone());

    cluster.add_node("extra").await?;
    ensure!(cluster.node_ips().len() == 2);
    create(&pods, pod("guest", Some("extra"), "exec busybox sleep 3600")).await?;
    phase(&pods, "guest", "Running").await?;

    cluster.lose_node("extra").await?;
    ensure!(cluster.node_ips().len() == 1);
    eventually("the lost node isn't Ready", async || {
        let conditions =
            nodes.get("extra").await?.status.and_then(|status| status.conditions).unwrap_or_default();
        let ready = conditions.iter().any(|one| one.type_ == "Ready" && one.status == "True");
        Ok((!ready).then_some(()))
    })
    .await?;
    eventually("its pod is told to go", async || {
        Ok(pods
            .get_opt("guest")
            .await?
            .is_none_or(|pod| pod.metadata.deletion_timestamp.is_some())
            .then_some(()))
    })
    .await?;

    // A new machine of the same name takes its place.
    cluster.add_node("extra").await?;
    eventually("the pod of the lost node is gone", async || {
        Ok(pods.get_opt("guest").await?.is_none().then_some(()))
    })
    .await?;
    create(&pods, pod("guest", Some("extra"), "exec busybox sleep 3600")).await?;
    phase(&pods, "guest", "Running").await?;
    cluster.stop().await
}

/// A page by the plainest of means: no library's retries hide what the network does.
fn get(ip: IpAddr, port: i32) -> Result<String> {
    let address = SocketAddr::new(ip, u16::try_from(port)?);
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}
