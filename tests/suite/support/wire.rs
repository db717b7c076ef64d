//! A proxy before Postgres that knows where each statement ends. Whoever
//! watches it decides when a statement is carried out, and whether the client
//! ever hears of it: a connection can be cut before a statement, or after it
//! and before its answer, which is when nobody knows whether it was committed.
//!
//! So no source needs a hook: between two of its statements a process changes
//! nothing that outlives it.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::proxy::{Behind, Duplex, listen};

/// Something that a client wants carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its words with single spaces; `commit of …` names the last change of
    /// the transaction.
    pub text: String,
    /// Whether what follows from it outlives the connection: a change outside
    /// of a transaction, or a commit.
    pub lasts: bool,
}

/// What becomes of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Passes,
    /// The connection ends before it.
    Before,
    /// It is carried out; the connection ends before the answer.
    After,
}

pub type Deciding<'a> = Pin<Box<dyn Future<Output = Fate> + Send + 'a>>;

pub trait Watcher: Send + Sync + 'static {
    /// Asked before each statement; it waits as long as this does.
    fn asked<'a>(&'a self, statement: &'a Statement) -> Deciding<'a>;

    /// The server has answered it; the client has not heard of it yet if its
    /// fate is `After`.
    fn answered(&self, _statement: &Statement, _fate: Fate) {}
}

/// A running proxy; it stops when this is dropped.
pub struct Wire {
    address: SocketAddr,
    options: PgConnectOptions,
    _stop: oneshot::Sender<()>,
}

impl Wire {
    /// Before the database that `options` lead to.
    pub fn before(options: &PgConnectOptions, watcher: Arc<dyn Watcher>) -> Wire {
        let behind = behind(options);
        let (address, stop) = listen(move |client| {
            let (behind, watcher) = (behind.clone(), watcher.clone());
            async move {
                let _ = serve(client, behind, watcher).await;
            }
        });
        Wire { address, options: options.clone(), _stop: stop }
    }

    /// How to connect through it.
    pub fn options(&self) -> PgConnectOptions {
        through(&self.options, self.address)
    }
}

/// Where the server of these options listens.
pub fn behind(options: &PgConnectOptions) -> Behind {
    let folder = options.get_socket().expect("the tests' Postgres has a socket");
    Behind::Unix(folder.join(format!(".s.PGSQL.{}", options.get_port())))
}

/// The same database, reached over TCP.
pub fn through(options: &PgConnectOptions, address: SocketAddr) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host(&address.ip().to_string())
        .port(address.port())
        .username(options.get_username())
        .database(options.get_database().expect("a database"))
        .ssl_mode(PgSslMode::Disable)
}

/// What a connection knows of its statements.
#[derive(Default)]
struct Session {
    prepared: HashMap<Vec<u8>, String>,
    in_transaction: bool,
    /// The last change of the open transaction.
    change: Option<String>,
}

/// Read in larger pieces than messages are.
type Client = BufReader<TcpStream>;
type Server = BufReader<Box<dyn Duplex>>;

async fn serve(client: TcpStream, behind: Behind, watcher: Arc<dyn Watcher>) -> io::Result<()> {
    let (mut client, mut server) = (BufReader::new(client), BufReader::new(behind.reach().await?));
    begin(&mut client, &mut server).await?;
    let mut session = Session::default();
    session.relay(&mut server, Some(&mut client)).await?;
    loop {
        let (request, text) = session.request(&mut client).await?;
        let statement = text.map(|text| session.statement(&text));
        let fate = match &statement {
            Some(statement) => watcher.asked(statement).await,
            None => Fate::Passes,
        };
        if fate == Fate::Before {
            return Ok(());
        }
        server.write_all(&request).await?;
        server.flush().await?;
        session.relay(&mut server, (fate == Fate::Passes).then_some(&mut client)).await?;
        if let Some(statement) = &statement {
            watcher.answered(statement, fate);
        }
        if fate == Fate::After {
            return Ok(());
        }
    }
}

/// Passes the first words on, which have no kind.
async fn begin(client: &mut Client, server: &mut Server) -> io::Result<()> {
    const TLS: u32 = 80_877_103;
    loop {
        let (length, code) = (client.read_u32().await?, client.read_u32().await?);
        let mut rest = vec![0; (length as usize).saturating_sub(8)];
        client.read_exact(&mut rest).await?;
        server.write_u32(length).await?;
        server.write_u32(code).await?;
        server.write_all(&rest).await?;
        server.flush().await?;
        if code != TLS {
            return Ok(());
        }
        let answer = server.read_u8().await?;
        client.write_u8(answer).await?;
    }
}

impl Session {
    /// The bytes up to the end of the next request, and its text if it has
    /// something carried out.
    async fn request(&mut self, client: &mut Client) -> io::Result<(Vec<u8>, Option<String>)> {
        let (mut bytes, mut bound, mut text) = (Vec::new(), None, None);
        loop {
            let (kind, body) = message(client, &mut bytes).await?;
            match kind {
                // Parse: the name, then the words.
                b'P' => {
                    let (name, rest) = word(&body);
                    self.prepared.insert(name.to_vec(), String::from_utf8_lossy(word(rest).0).into_owned());
                }
                // Bind: the portal, then the name.
                b'B' => bound = self.prepared.get(word(word(&body).1).0).cloned(),
                b'E' => text = bound.clone(),
                b'Q' => return Ok((bytes, Some(String::from_utf8_lossy(word(&body).0).into_owned()))),
                b'S' => return Ok((bytes, text)),
                // Goodbye.
                b'X' => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => {}
            }
        }
    }

    fn statement(&mut self, text: &str) -> Statement {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let lower = text.to_lowercase();
        if self.in_transaction && lower.starts_with("commit") {
            return match self.change.take() {
                Some(change) => Statement { text: format!("commit of {change}"), lasts: true },
                None => Statement { text, lasts: false },
            };
        }
        // A change may follow on what it needs: `with … update …`.
        let words = ["insert into ", "update ", "delete from "];
        let change = match lower.starts_with("with ") {
            true => words.iter().filter_map(|word| lower.find(&format!("( {word}"))).min().map(|at| at + 2),
            false => words.iter().any(|word| lower.starts_with(word)).then_some(0),
        };
        let text = text[change.unwrap_or_default()..].to_owned();
        if change.is_some() && self.in_transaction {
            self.change = Some(text.clone());
        }
        Statement { text, lasts: change.is_some() && !self.in_transaction }
    }

    /// Passes the server's messages on until it is ready for the next request.
    async fn relay(&mut self, server: &mut Server, client: Option<&mut Client>) -> io::Result<()> {
        let mut client = client;
        let mut bytes = Vec::new();
        loop {
            let (kind, body) = message(server, &mut bytes).await?;
            let ready = kind == b'Z';
            if let Some(client) = &mut client
                && (ready || bytes.len() > 64 * 1024)
            {
                client.write_all(&bytes).await?;
                bytes.clear();
            }
            if ready {
                self.in_transaction = body != b"I";
                if !self.in_transaction {
                    self.change = None;
                }
                return Ok(());
            }
        }
    }
}

/// Reads one message, and appends it to `bytes` as it came.
async fn message<S: AsyncReadExt + Unpin>(from: &mut S, bytes: &mut Vec<u8>) -> io::Result<(u8, Vec<u8>)> {
    let kind = from.read_u8().await?;
    let length = from.read_u32().await?;
    let mut body = vec![0; (length as usize).saturating_sub(4)];
    from.read_exact(&mut body).await?;
    bytes.push(kind);
    bytes.extend(length.to_be_bytes());
    bytes.extend(&body);
    Ok((kind, body))
}

/// The bytes before the next zero, and those behind it.
fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == 0) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

/// Counts the walks over accounts that a client begins.
#[derive(Default)]
pub struct Walks(AtomicUsize);

impl Walks {
    /// How many there were since this was asked last.
    pub fn count(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

impl Watcher for Walks {
    fn asked<'a>(&'a self, statement: &'a Statement) -> Deciding<'a> {
        if statement.text.starts_with("declare facts") {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        Box::pin(async { Fate::Passes })
    }
}
