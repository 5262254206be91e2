//! TCP connections: how many there are, how long they may idle, and how they end.
//!
//! Axum's own server has no time limits. So this file accepts connections and gives them to hyper.

mod stream;

use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::closing::Closing;
use super::limits::{HEADER_BYTES, HttpLimits};
use stream::LimitedStream;

/// Connections that are refused at a time; more are closed without a word.
const REFUSALS: usize = 16;
/// Time for a refusal.
const REFUSAL: Duration = Duration::from_secs(1);
/// Pause after an error of the system, such as too many open files.
const PAUSE: Duration = Duration::from_millis(200);

const FULL: &str = r#"{"error": "the server has too many connections; close pages, or wait"}"#;

/// Accepts connections until the server stops, and waits until they are closed.
pub async fn accept(
    listener: TcpListener,
    routes: Router,
    limits: &HttpLimits,
    mut closing: Closing,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing.wait() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                sleep(PAUSE).await;
                continue;
            }
        };
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            // Frames are small and urgent.
            let _ = stream.set_nodelay(true);
            let stream = LimitedStream::new(stream, limits.write, place);
            tokio::spawn(serve(stream, routes.clone(), limits.headers, closing.clone()));
        } else if let Ok(refusal) = Arc::clone(&refusals).try_acquire_owned() {
            tokio::spawn(async move {
                let _ = timeout(REFUSAL, refuse(stream)).await;
                drop(refusal);
            });
        }
    }
    drop(listener);
    // A connection holds its place until its socket is closed, also as a WebSocket.
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    if timeout(limits.closing, places.acquire_many(all)).await.is_err() {
        tracing::debug!("connections are still open at the end");
    }
}

/// Serves the requests of a connection, one after the other.
async fn serve(stream: LimitedStream, routes: Router, headers: Duration, mut closing: Closing) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(headers).max_buf_size(HEADER_BYTES);
    let service = TowerToHyperService::new(routes);
    let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = closing.wait() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!("a connection ended: {error}");
    }
}

/// Answers 503 to the first request of a connection.
async fn refuse(mut stream: TcpStream) -> std::io::Result<()> {
    // Unread bytes would reset the connection, and the client would not see the answer.
    let _ = stream.read(&mut [0; 4096]).await?;
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nretry-after: 5\r\nconnection: close\r\n\r\n{FULL}",
        FULL.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
