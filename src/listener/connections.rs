//! Connections: few at a time, one request each, and none for long, so that slow clients cannot pile
//! up beside the daemon's work.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Connections at once; who comes then waits in the system's queue. Some monitors, some people.
const MOST: usize = 32;
/// How long a client may take for its request: it fits into one packet.
const HEAD: Duration = Duration::from_secs(5);
/// How large the request may be: a line, and the headers that browsers send.
const LARGEST_HEAD: usize = 16 * 1024;
/// How long a connection may last, answer and all, at a slow reader's.
const LONGEST: Duration = Duration::from_secs(30);
/// The wait after a connection could not be taken: there are too many open files.
const AFTER_FAULT: Duration = Duration::from_secs(1);

pub(super) async fn serve(
    socket: &TcpListener,
    routes: Router,
    shutdown: impl Future<Output = ()>,
) {
    let stop = CancellationToken::new();
    let _all_end = stop.clone().drop_guard();
    let places = Arc::new(Semaphore::new(MOST));
    let accept = async {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let stream = match socket.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    sleep(AFTER_FAULT).await;
                    continue;
                }
            };
            let connection = answer(stream, routes.clone());
            let stop = stop.clone();
            tokio::spawn(async move {
                let _place = place;
                let _ = timeout(LONGEST, stop.run_until_cancelled(connection)).await;
            });
        }
    };
    tokio::select! {
        () = accept => {}
        () = shutdown => {}
    }
}

async fn answer(stream: TcpStream, routes: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LARGEST_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended early");
    }
}
