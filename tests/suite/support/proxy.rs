//! A proxy that fails as networks do. It stands before a mail server or before
//! Postgres, in a thread of its own, and needs no rights.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{oneshot, watch};

/// What is wrong with the network. A change is felt at once, by open
/// connections too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Every piece of at most 16 KiB takes so much longer, each way.
    Delay(Duration),
    /// One byte at a time, each way, with so long between two.
    Trickle(Duration),
    /// Nothing passes, and nobody is told. What was on its way passes when
    /// this is over.
    Stall,
    /// What is asked passes; no answer does.
    HalfOpen,
    /// Every connection ends when so many more bytes were asked of the server.
    CutAfter(usize),
    /// Open connections are reset and new ones end at once.
    Reset,
}

/// The real server.
#[derive(Clone, Debug)]
pub enum Behind {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// Both halves of a stream.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

impl Behind {
    pub async fn reach(&self) -> io::Result<Box<dyn Duplex>> {
        Ok(match self {
            Behind::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Behind::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    }
}

/// A running proxy; it stops when this is dropped.
pub struct Proxy {
    pub address: SocketAddr,
    #[allow(dead_code)]
    behind: watch::Sender<Behind>,
    fault: watch::Sender<Fault>,
    passed: Arc<AtomicUsize>,
    _stop: oneshot::Sender<()>,
}

impl Proxy {
    pub fn before(behind: Behind) -> Proxy {
        let (fault, faults) = watch::channel(Fault::None);
        let (behind, behinds) = watch::channel(behind);
        let passed = Arc::new(AtomicUsize::new(0));
        let count = passed.clone();
        let (address, stop) = listen(move |client| {
            let (behind, faults, passed) = (behinds.borrow().clone(), faults.clone(), count.clone());
            async move {
                let _ = connect(client, behind, faults, passed).await;
            }
        });
        Proxy { address, behind, fault, passed, _stop: stop }
    }

    /// Connections from now on reach another server, as the faults of `cargo
    /// bench` want it.
    #[allow(dead_code)]
    pub fn lead_to(&self, behind: Behind) {
        self.behind.send_replace(behind);
    }

    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Bytes asked of the server so far.
    pub fn passed(&self) -> usize {
        self.passed.load(Ordering::SeqCst)
    }
}

/// Serves each connection on a free port of 127.0.0.1 until the sender is
/// dropped.
pub fn listen<F, Fut>(mut serve: F) -> (SocketAddr, oneshot::Sender<()>)
where
    F: FnMut(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let (stop, mut stopped) = oneshot::channel::<()>();
    let (ready, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            ready.send(listener.local_addr().unwrap()).unwrap();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let (client, _) = accepted.unwrap();
                        let _ = client.set_nodelay(true);
                        tokio::spawn(serve(client));
                    }
                    _ = &mut stopped => return,
                }
            }
        });
    });
    (address.recv().unwrap(), stop)
}

async fn connect(
    client: TcpStream,
    behind: Behind,
    mut faults: watch::Receiver<Fault>,
    passed: Arc<AtomicUsize>,
) -> io::Result<()> {
    if *faults.borrow() == Fault::Reset {
        return Ok(());
    }
    let server = behind.reach().await?;
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let mut seen = faults.clone();
    tokio::select! {
        () = forth(&mut from_client, &mut to_server, faults.clone(), &passed) => {}
        () = back(&mut from_server, &mut to_client, faults.clone()) => {}
        // With bytes of the server's unread, closing is a reset.
        _ = seen.wait_for(|fault| *fault == Fault::Reset) => {}
    }
    // Whoever closed first, the other end is not told while nothing passes.
    let _ = faults.wait_for(|fault| !matches!(fault, Fault::Stall | Fault::HalfOpen)).await;
    Ok(())
}

async fn forth(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mut faults: watch::Receiver<Fault>,
    passed: &AtomicUsize,
) {
    let (mut piece, mut since) = (vec![0; 16 * 1024], None);
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let mut length = length;
        if faults.wait_for(|fault| *fault != Fault::Stall).await.is_err() {
            return;
        }
        let fault = *faults.borrow();
        let mut ends = false;
        if let Fault::CutAfter(most) = fault {
            let so_far = since.get_or_insert(0);
            ends = *so_far + length >= most;
            length = length.min(most - *so_far);
            *so_far += length;
        }
        if write(to, &piece[..length], fault).await.is_err() {
            return;
        }
        passed.fetch_add(length, Ordering::SeqCst);
        if ends {
            return;
        }
    }
}

async fn back(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mut faults: watch::Receiver<Fault>,
) {
    let mut piece = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let passes = |fault: &Fault| !matches!(fault, Fault::Stall | Fault::HalfOpen);
        if faults.wait_for(passes).await.is_err() {
            return;
        }
        let fault = *faults.borrow();
        if write(to, &piece[..length], fault).await.is_err() {
            return;
        }
    }
}

async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8], fault: Fault) -> io::Result<()> {
    match fault {
        Fault::Trickle(pause) => {
            for byte in bytes {
                tokio::time::sleep(pause).await;
                to.write_all(&[*byte]).await?;
                to.flush().await?;
            }
        }
        Fault::Delay(span) => {
            tokio::time::sleep(span).await;
            to.write_all(bytes).await?;
        }
        _ => to.write_all(bytes).await?,
    }
    to.flush().await
}
