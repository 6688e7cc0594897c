//! Between an operator and the API server: it keeps a record of every call, and makes happen what may go wrong.
//!
//! Plain HTTP on this machine's own address to the one side, an administrator's client to the other. Each operator that
//! is started has a line of its own: once that is dead, nothing of a killed operator gets through any more.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use futures::StreamExt;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::call::Call;
use super::fault::{Fault, Script};

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub struct Proxy {
    upstream: Client,
    began: Instant,
    calls: Mutex<Vec<Call>>,
    script: Mutex<Option<Script>>,
    delay: Mutex<Duration>,
    /// Counts how often all watches were cut.
    cuts: watch::Sender<u64>,
}

impl Proxy {
    pub(crate) fn new(upstream: Client) -> Arc<Proxy> {
        Arc::new(Proxy {
            upstream,
            began: Instant::now(),
            calls: Mutex::default(),
            script: Mutex::default(),
            delay: Mutex::default(),
            cuts: watch::Sender::new(0),
        })
    }

    /// Every call so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The time as calls have it.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// From now on, this happens to calls; None for nothing.
    pub fn play(&self, script: Option<Script>) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = script;
    }

    /// From now on, what watches bring is this late.
    pub fn delay_watches(&self, delay: Duration) {
        *self.delay.lock().unwrap_or_else(PoisonError::into_inner) = delay;
    }

    /// Ends every watch that is open, in the middle of whatever it is sending.
    pub fn cut_watches(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    fn note(&self, call: Call) -> (usize, Fault) {
        let script = self.script.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = script.map_or(Fault::None, |script| script(&call));
        calls.push(call);
        (calls.len() - 1, fault)
    }

    fn answered(&self, index: usize, code: u16) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(call) = calls.get_mut(index) {
            call.code = Some(code);
        }
    }

    async fn pass_on(&self, request: &Request<()>, body: Bytes) -> Result<Response<Body>, BoxError> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let mut onward = Request::builder().method(request.method()).uri(path);
        for name in [ACCEPT, CONTENT_TYPE] {
            if let Some(value) = request.headers().get(&name) {
                onward = onward.header(name, value);
            }
        }
        Ok(self.upstream.send(onward.body(Body::from(body))?).await?)
    }

    /// A watch as it comes, late by what is asked for, and cut when that is asked for.
    fn stream(self: &Arc<Self>, answer: Body, dead: CancellationToken) -> UnsyncBoxBody<Bytes, BoxError> {
        let proxy = Arc::clone(self);
        let mut cuts = self.cuts.subscribe();
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut frames = BodyStream::new(answer);
            loop {
                let frame = tokio::select! {
                    frame = frames.next() => frame.map(|frame| frame.map_err(BoxError::from)),
                    _ = cuts.changed() => Some(Err(BoxError::from("cut"))),
                    () = dead.cancelled() => return,
                };
                let Some(frame) = frame else { return };
                let last = frame.is_err();
                let delay = *proxy.delay.lock().unwrap_or_else(PoisonError::into_inner);
                let due = tokio::time::Instant::now() + if last { Duration::ZERO } else { delay };
                if sender.send((due, frame)).is_err() || last {
                    return;
                }
            }
        });
        let late = futures::stream::unfold(receiver, |mut receiver| async move {
            let (due, frame): (_, Result<Frame<Bytes>, BoxError>) = receiver.recv().await?;
            sleep_until(due).await;
            Some((frame, receiver))
        });
        BodyExt::boxed_unsync(StreamBody::new(late))
    }
}

/// One operator's way to the API server.
pub(crate) struct Line {
    proxy: Arc<Proxy>,
    /// The operator at its end is to be taken for dead.
    pub(crate) dead: CancellationToken,
}

impl Line {
    /// Opens one; it is served until it is dead.
    pub(crate) async fn open(proxy: Arc<Proxy>) -> Result<(Arc<Line>, SocketAddr)> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen for an operator")?;
        let address = listener.local_addr()?;
        let line = Arc::new(Line { proxy, dead: CancellationToken::new() });
        let served = Arc::clone(&line);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => drop(tokio::spawn(Arc::clone(&served).serve(stream))),
                        Err(_) => return,
                    },
                    () = served.dead.cancelled() => return,
                }
            }
        });
        Ok((line, address))
    }

    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let line = Arc::clone(&self);
        let service = service_fn(move |request| Arc::clone(&line).answer(request));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            // The operator's end of it is gone, or was made to break.
            _ = connection => {}
            () = self.dead.cancelled() => {}
        }
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Answer, BoxError> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let request = Request::from_parts(head, ());
        let call = Call::of(&request, &body, self.proxy.began.elapsed());
        let watches = call.verb == "watch";
        let (index, fault) = self.proxy.note(call);
        match fault {
            Fault::None | Fault::CrashAfter | Fault::BreakAfter => {}
            Fault::CrashBefore => return self.kill().await,
            Fault::Hang => std::future::pending::<()>().await,
            Fault::BreakBefore => return Err("the connection is made to break".into()),
            Fault::Expire => return Ok(self.expired(index)),
            Fault::Answer(code) => return Ok(self.refusal(index, code, None)),
            Fault::AnswerLater(code, seconds) => return Ok(self.refusal(index, code, Some(seconds))),
        }
        let (mut head, answer) = self.proxy.pass_on(&request, body).await?.into_parts();
        // Each hop has its own.
        head.headers.remove("transfer-encoding");
        head.headers.remove("content-length");
        if watches && fault == Fault::CrashAfter {
            return self.kill().await;
        }
        if watches && head.status.is_success() {
            self.proxy.answered(index, head.status.as_u16());
            return Ok(Response::from_parts(head, self.proxy.stream(answer, self.dead.clone())));
        }
        let answer = answer.collect_bytes().await?;
        match fault {
            Fault::CrashAfter => return self.kill().await,
            Fault::BreakAfter => return Err("the connection is made to break".into()),
            _ => {}
        }
        self.proxy.answered(index, head.status.as_u16());
        Ok(Response::from_parts(head, whole(answer)))
    }

    async fn kill(&self) -> Result<Answer, BoxError> {
        self.dead.cancel();
        std::future::pending().await
    }

    /// As the API server says it: in the stream, not in its head.
    fn expired(&self, index: usize) -> Answer {
        self.proxy.answered(index, 200);
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 410,
            "message": "too old resource version", "reason": "Expired",
        });
        Response::new(whole(format!("{}\n", json!({"type": "ERROR", "object": status})).into()))
    }

    fn refusal(&self, index: usize, code: u16, retry_after: Option<u32>) -> Answer {
        self.proxy.answered(index, code);
        let reason = http::StatusCode::from_u16(code).ok().and_then(|code| code.canonical_reason());
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
            "message": "made up by the test", "reason": reason.unwrap_or_default().replace(' ', ""),
        });
        let mut answer = Response::builder().status(code).header(CONTENT_TYPE, "application/json");
        if let Some(seconds) = retry_after {
            answer = answer.header(RETRY_AFTER, seconds);
        }
        answer.body(whole(status.to_string().into())).unwrap_or_default()
    }
}

fn whole(bytes: Bytes) -> UnsyncBoxBody<Bytes, BoxError> {
    BodyExt::boxed_unsync(Full::new(bytes).map_err(|never: Infallible| match never {}))
}
