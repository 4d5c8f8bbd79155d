//! Connections: few at a time, one request each, and none for long, so that slow clients cannot pile
//! up beside the daemon's work. The newest always gets a place: where there is none left, the oldest
//! that has not asked for anything is hung up on, so that no crowd of idle connections keeps a
//! monitor from its answer.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::seats::{Seat, Seats};
use crate::failpoint;

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
    let seats = Seats::new(&stop);
    let accept = async {
        loop {
            match socket.accept().await {
                Ok((stream, _)) => {
                    failpoint::panic("listener");
                    let seat = seats.take();
                    tokio::spawn(answer(stream, routes.clone(), seat));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    sleep(AFTER_FAULT).await;
                }
            }
        }
    };
    tokio::select! {
        () = accept => {}
        () = shutdown => {}
    }
}

/// Answers one request, unless the seat is needed for another before it is asked.
async fn answer(stream: TcpStream, routes: Router, seat: Seat) {
    let seat = Arc::new(seat);
    let routes = TowerToHyperService::new(routes);
    let asking = Arc::clone(&seat);
    let service = service_fn(move |request| {
        asking.has_asked();
        routes.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LARGEST_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(LONGEST, seat.while_kept(connection)).await {
        Ok(Some(Err(error))) => tracing::debug!(%error, "a connection ended early"),
        Ok(None) => tracing::debug!("a connection was hung up on, for another to take its place"),
        Ok(Some(Ok(()))) | Err(_) => {}
    }
}
