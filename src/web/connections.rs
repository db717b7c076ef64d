//! The connections of a listener. Who is slow, or many, takes neither the other
//! readers' turn nor the files that the engine needs.
//!
//! A connection either waits for its client, who sends a request, reads an
//! answer or is idle, or has a request at work. Waiting is bounded in time. When
//! there are as many connections as there may be, the oldest of those that wait
//! makes room for a new one; a request at work is never cut off.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

use super::warning_limit::WarningLimit;

/// The most connections of a listener at the same time. Three listeners with
/// all of theirs leave room for the engine where 1,024 files may be open.
const MOST: usize = 200;

/// How long a client may take for the head of a request, or leave a connection
/// idle.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection may wait for its client at all, which is also how long
/// reading an answer may take.
const CLIENT_PATIENCE: Duration = Duration::from_secs(60);

/// How long requests at work are waited for once it is to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// How long clients are waited for then, who may be reading their answer.
const PARTING: Duration = Duration::from_millis(500);

/// How long nobody is accepted after that has failed.
const BACK_OFF: Duration = Duration::from_secs(1);

/// Answers requests with `router` until `stop` is ready; then accepts nobody
/// any more and gives the requests at work ten seconds.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()> + Send) {
    let table = Arc::new(Table::default());
    let (stopping, stopped) = watch::channel(false);
    let failures = WarningLimit::default();
    let accept = async {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    table.make_room().await;
                    let connection = table.enter();
                    tokio::spawn(converse(stream, peer, router.clone(), connection, stopped.clone()));
                }
                Err(error) => {
                    let error = error.to_string();
                    failures.warn(move |count| tracing::error!(count, "a connection was not accepted: {error}"));
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        }
    };
    tokio::select! {
        () = accept => {}
        () = stop => {}
    }
    drop(listener);
    let _ = stopping.send(true);
    let _ = tokio::time::timeout(STOP_PATIENCE, table.wait_until_empty()).await;
}

/// Answers the requests of one client.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    connection: Connection,
    mut stopping: watch::Receiver<bool>,
) {
    let (activity, close) = (connection.activity.clone(), connection.close.clone());
    let working = activity.is_working();
    let pages = TowerToHyperService::new(router);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(activity.clone());
        request.extensions_mut().insert(ConnectInfo(peer));
        pages.call(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
    let mut conversation = pin!(builder.serve_connection(TokioIo::new(stream), answer));
    let silence = client_is_silent(working.clone(), CLIENT_PATIENCE);
    let end = pin!(async {
        tokio::select! {
            () = silence => {}
            () = close.notified() => {}
        }
    });
    tokio::select! {
        // It has ended, or was broken off by the client.
        _ = conversation.as_mut() => return,
        () = end => return,
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    conversation.as_mut().graceful_shutdown();
    tokio::select! {
        _ = conversation => {}
        () = client_is_silent(working, PARTING) => {}
    }
}

/// Ends when a connection has waited for its client for too long.
async fn client_is_silent(mut working: watch::Receiver<bool>, patience: Duration) {
    loop {
        let is_working = *working.borrow_and_update();
        let silence = async {
            match is_working {
                true => std::future::pending().await,
                false => tokio::time::sleep(patience).await,
            }
        };
        tokio::select! {
            () = silence => return,
            changed = working.changed() => if changed.is_err() { return },
        }
    }
}

/// Whether a connection has a request at work. Requests bring it with them.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    working: Arc<watch::Sender<bool>>,
    table: Arc<Table>,
}

impl Activity {
    /// A request has come as a whole and is worked on until this is dropped.
    pub fn begin(&self) -> Work {
        self.working.send_replace(true);
        Work(self.clone())
    }

    fn is_working(&self) -> watch::Receiver<bool> {
        self.working.subscribe()
    }
}

/// A request at work.
#[derive(Debug)]
pub(super) struct Work(Activity);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.working.send_replace(false);
        self.0.table.change.notify_one();
    }
}

/// The connections that are open, by the order in which they came.
#[derive(Debug, Default)]
struct Table {
    open: Mutex<Open>,
    /// One has closed, or waits for its client again.
    change: Notify,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    connections: BTreeMap<u64, Listed>,
}

#[derive(Debug)]
struct Listed {
    working: watch::Receiver<bool>,
    close: Arc<Notify>,
    /// Whether it makes room.
    is_closing: bool,
}

/// A connection's place in the table, which it leaves when this is dropped.
struct Connection {
    number: u64,
    activity: Activity,
    /// It has to make room.
    close: Arc<Notify>,
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one more may come, and has the oldest that waits for its
    /// client close for that.
    async fn make_room(&self) {
        while !self.lock().has_room() {
            self.change.notified().await;
        }
    }

    fn enter(self: &Arc<Table>) -> Connection {
        let activity = Activity { working: Arc::new(watch::Sender::new(false)), table: self.clone() };
        let close = Arc::new(Notify::new());
        let mut open = self.lock();
        let number = open.next;
        open.next += 1;
        let listed = Listed { working: activity.is_working(), close: close.clone(), is_closing: false };
        open.connections.insert(number, listed);
        Connection { number, activity, close }
    }

    async fn wait_until_empty(&self) {
        while !self.lock().connections.is_empty() {
            self.change.notified().await;
        }
    }
}

impl Open {
    fn has_room(&mut self) -> bool {
        if self.connections.len() < MOST {
            return true;
        }
        // One at a time: its leaving is waited for.
        if !self.connections.values().any(|listed| listed.is_closing)
            && let Some(oldest) = self.connections.values_mut().find(|listed| !*listed.working.borrow())
        {
            oldest.is_closing = true;
            oldest.close.notify_one();
        }
        false
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let table = &self.activity.table;
        table.lock().connections.remove(&self.number);
        table.change.notify_one();
    }
}
