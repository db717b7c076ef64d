//! Connections, on real sockets: who is slow, who never ends, and the end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use keepwell::web::serve;

use super::*;

struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Served {
    async fn start(store: &Store) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = WebState::new(shared(store, &Config::default()), Clock::System);
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve(listener, Audience::Colleagues, state, async move {
            let _ = stopped.await;
        }));
        Served { address, stop, task }
    }

    /// A connection on which this much was sent.
    async fn connect(&self, sent: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("it accepts");
        stream.write_all(sent.as_bytes()).await.expect("it reads");
        stream
    }

    fn request(&self) -> String {
        format!("GET /health/live HTTP/1.1\r\nHost: {}\r\n\r\n", self.address)
    }

    async fn end(self) -> Duration {
        let asked = Instant::now();
        self.stop.send(()).expect("it still runs");
        self.task.await.expect("no panic");
        asked.elapsed()
    }
}

/// The first line of an answer; empty when the connection ended without one.
async fn status(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    while !answer.contains(&b'\n') {
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(length) => answer.extend_from_slice(&piece[..length]),
        }
    }
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

async fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 1024]).await, Ok(0) | Err(_))
}

#[tokio::test]
async fn serving_ends_when_it_is_told_to() {
    let site = Site::empty().await;
    let served = Served::start(&site.store).await;
    // Neither a connection that stays open nor one in the middle of a request keeps it from ending.
    let mut idle = served.connect(&served.request()).await;
    assert_eq!(status(&mut idle).await, "HTTP/1.1 200 OK");
    let mut half = served.connect("GET / HT").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let address = served.address;
    assert!(served.end().await < Duration::from_secs(5));
    assert!(is_closed(&mut idle).await && is_closed(&mut half).await);
    assert!(TcpStream::connect(address).await.is_err(), "nobody is accepted any more");
}

#[tokio::test]
async fn who_is_slow_is_not_waited_for() {
    let site = Site::filled().await;
    let served = Served::start(&site.store).await;
    let mut head = served.connect("GET / HT").await;
    let mut idle = served.connect(&served.request()).await;
    assert_eq!(status(&mut idle).await, "HTTP/1.1 200 OK");
    let path = format!("/tasks/{TASK}/done");
    let mut body = served
        .connect(&format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: 15\r\n\r\noutcome=",
            served.address
        ))
        .await;
    let asked = Instant::now();
    assert_eq!(status(&mut body).await, "HTTP/1.1 408 Request Timeout");
    assert!(is_closed(&mut head).await && is_closed(&mut idle).await && is_closed(&mut body).await);
    assert!((5..30).contains(&asked.elapsed().as_secs()), "{:?}", asked.elapsed());
    assert_eq!(site.task(TASK).await.0, "open", "half a form does nothing");
    served.end().await;
}

#[tokio::test]
async fn as_many_as_may_be_make_room_for_one_more() {
    let site = Site::empty().await;
    let served = Served::start(&site.store).await;
    let mut crowd = Vec::new();
    for number in 0..450 {
        crowd.push(served.connect("GET / HT").await);
        if number % 50 == 0 {
            let mut reader = served.connect(&served.request()).await;
            assert_eq!(status(&mut reader).await, "HTTP/1.1 200 OK", "{number}");
        }
    }
    let asked = Instant::now();
    let mut reader = served.connect(&served.request()).await;
    assert_eq!(status(&mut reader).await, "HTTP/1.1 200 OK");
    // The oldest have gone, and the newest are still there.
    for old in &mut crowd[..200] {
        assert!(is_closed(old).await);
    }
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    let newest = crowd.last_mut().expect("a crowd");
    newest.write_all(format!("TP/1.1\r\nHost: {}\r\n\r\n", served.address).as_bytes()).await.expect("it reads");
    assert_eq!(status(newest).await, "HTTP/1.1 200 OK");
    served.end().await;
}

/// While the database is slow, requests at work fill a listener; they are
/// answered all the same, and give their places back.
#[tokio::test]
async fn a_request_at_work_makes_no_room() {
    let site = Site::empty().await;
    let served = Served::start(&site.store).await;
    let mut lock = site.pool.begin().await.expect("a transaction");
    sqlx::raw_sql("lock table keepwell.tasks in access exclusive mode").execute(&mut *lock).await.expect("a lock");
    let page = format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", served.address);
    let mut at_work = Vec::new();
    for _ in 0..200 {
        at_work.push(served.connect(&page).await);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut late = served.connect(&served.request()).await;
    let waited = tokio::time::timeout(Duration::from_millis(300), status(&mut late)).await;
    assert!(waited.is_err(), "there is no place for it: {waited:?}");
    lock.rollback().await.expect("the lock is gone");
    for reader in &mut at_work {
        assert!(status(reader).await.starts_with("HTTP/1.1 "), "none is cut off");
    }
    assert_eq!(status(&mut late).await, "HTTP/1.1 200 OK");
    served.end().await;
}
