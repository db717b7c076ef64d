//! The byte stream below an SMTP connection.
//!
//! It adds three things to a socket: no delay for small writes, knowledge of
//! whether anything of the final dot has left, and a guard against words that
//! somebody put between STARTTLS and the encryption.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Whether the final dot of the current message has begun to leave.
///
/// Set by the sender before it hands the dot over; the wire notes the first
/// bytes it takes afterwards. Encrypted or not, no byte taken means no dot
/// sent.
#[derive(Default, Debug)]
pub(super) struct Dot {
    due: AtomicBool,
    begun: AtomicBool,
}

impl Dot {
    /// The message body is out; what is written next is the dot.
    pub(super) fn expect(&self) {
        self.due.store(true, Ordering::SeqCst);
    }

    /// A new message starts.
    pub(super) fn reset(&self) {
        self.due.store(false, Ordering::SeqCst);
        self.begun.store(false, Ordering::SeqCst);
    }

    /// At least one byte of the dot may have left.
    pub(super) fn begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }
}

pub(super) struct Wire {
    stream: TcpStream,
    /// Before STARTTLS: take single bytes from the socket, so that nothing
    /// sent in the clear can wait in a buffer and be taken for an encrypted
    /// reply.
    in_the_clear: bool,
    dot: Arc<Dot>,
}

impl Wire {
    /// `starttls`: the stream begins in the clear and will be encrypted above
    /// this one.
    pub(super) fn new(stream: TcpStream, starttls: bool, dot: Arc<Dot>) -> Wire {
        Wire { stream, in_the_clear: starttls, dot }
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.in_the_clear || buffer.remaining() <= 1 {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let mut byte = [0u8; 1];
        let mut one = ReadBuf::new(&mut byte);
        let polled = Pin::new(&mut self.stream).poll_read(context, &mut one);
        buffer.put_slice(one.filled());
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // A TLS handshake record begins with 22, which begins no command.
        if bytes.first() == Some(&22) {
            self.in_the_clear = false;
        }
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        if matches!(polled, Poll::Ready(Ok(1..))) && self.dot.due.load(Ordering::SeqCst) {
            self.dot.begun.store(true, Ordering::SeqCst);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

/// A wire that was encrypted from its first byte.
pub(super) struct Encrypted(pub Box<TlsStream<Wire>>);

impl AsyncTokioStream for Encrypted {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encrypted")
    }
}
