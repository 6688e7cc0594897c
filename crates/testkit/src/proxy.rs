//! A network that breaks when told to: between a service and a real store.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub struct Proxy {
    url: String,
    whole: watch::Sender<bool>,
}

impl Proxy {
    /// Stands in for the server that `url` names.
    pub async fn to(url: &str) -> Self {
        let mut parsed = reqwest::Url::parse(url).expect("it is a URL");
        let target = format!(
            "{}:{}",
            parsed.host_str().expect("it names a host"),
            parsed.port_or_known_default().expect("it names a port")
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let SocketAddr::V4(address) = listener.local_addr().expect("it is bound") else { unreachable!() };
        parsed.set_host(Some("127.0.0.1")).expect("a host can be set");
        parsed.set_port(Some(address.port())).expect("a port can be set");
        let (whole, watched) = watch::channel(true);
        tokio::spawn(accept(listener, target, watched));
        Self { url: parsed.to_string(), whole }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every connection ends, and new ones end at once.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub fn restore(&self) {
        self.whole.send_replace(true);
    }
}

async fn accept(listener: TcpListener, target: String, whole: watch::Receiver<bool>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let (target, mut whole) = (target.clone(), whole.clone());
        tokio::spawn(async move {
            if !*whole.borrow() {
                return;
            }
            let Ok(mut server) = TcpStream::connect(target).await else { return };
            tokio::select! {
                _ = copy_bidirectional(&mut client, &mut server) => {}
                _ = whole.wait_for(|whole| !whole) => {}
            }
        });
    }
}
