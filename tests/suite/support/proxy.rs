//! What proxies of tests share: they stand before the real server, in a thread
//! of their own, and need no rights.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::oneshot;

/// The real server.
#[derive(Clone, Debug)]
pub enum Behind {
    Unix(PathBuf),
}

/// Both halves of a stream.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

impl Behind {
    pub async fn reach(&self) -> io::Result<Box<dyn Duplex>> {
        Ok(match self {
            Behind::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
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
