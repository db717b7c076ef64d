//! A small SMTP server that does as it is told: refuses, hangs or cuts the
//! connection at a chosen phase, and keeps what it accepted. It is strict about
//! what the bytes of a message may be, so that every test is about that too.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// Where the server can misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum At {
    Greeting,
    Hello,
    Tls,
    Login,
    Sender,
    Recipient,
    Data,
    /// After the first line of the body.
    Body,
    /// After the final dot, before the reply.
    Dot,
}

/// What it does there.
#[derive(Clone, Debug)]
pub enum Do {
    /// Answers with this line instead.
    Reply(String),
    /// Says nothing more and keeps the connection.
    Hang,
    /// Closes the connection. At [`At::Dot`] the message counts as accepted.
    Cut,
}

/// Called before and after each answer; the session waits for it.
#[derive(Clone)]
pub struct Hook(pub Arc<dyn Fn(At, Moment) + Send + Sync>);

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hook")
    }
}

/// Of an answer. Before the one to the final dot the message is taken already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Moment {
    Before,
    After,
}

/// How the server behaves; the default accepts everything.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub at: HashMap<At, Do>,
    /// Instead of the usual answer to RCPT TO, for this address.
    pub recipients: HashMap<String, Do>,
    /// Misbehave only on messages after the first of a connection.
    pub later_only: bool,
    /// Offers that commands may be sent before those ahead are answered.
    pub pipelining: bool,
    /// Says "go ahead" to DATA although it refused every recipient.
    pub careless: bool,
    /// Offers STARTTLS (or speaks TLS at once) with a certificate for
    /// `localhost`.
    pub tls: Option<TlsMode>,
    /// Sends these bytes right behind its answer to STARTTLS, in the clear.
    pub inject: Option<String>,
    /// Wants AUTH PLAIN with this user and password.
    pub login: Option<(String, String)>,
    /// Each accepted message appends a line here, its Message-ID and recipient,
    /// synced before the reply.
    pub ledger: Option<PathBuf>,
    /// Whoever wants to know how far a session is.
    pub hook: Option<Hook>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    Offered,
    Implicit,
}

impl Script {
    pub fn at(at: At, what: Do) -> Script {
        Script { at: HashMap::from([(at, what)]), ..Script::default() }
    }

    pub fn reply(at: At, line: &str) -> Script {
        Script::at(at, Do::Reply(line.to_owned()))
    }
}

/// A message that the server took.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub from: String,
    pub to: Vec<String>,
    pub bytes: Vec<u8>,
    pub encrypted: bool,
    pub login: bool,
}

impl Accepted {
    /// The Message-ID header; empty without one.
    pub fn id(&self) -> &str {
        let text = std::str::from_utf8(&self.bytes).unwrap_or_default();
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        let mut lines = head.split("\r\n");
        lines.find_map(|line| line.strip_prefix("Message-ID: ")).unwrap_or_default()
    }
}

#[derive(Default)]
struct Record {
    accepted: Vec<Accepted>,
    connections: usize,
    /// How many of them are still open.
    open: usize,
    /// Every command line, over all connections.
    commands: Vec<String>,
    /// Bodies that ended without the final dot.
    fragments: usize,
    /// Envelopes that came at once.
    ahead: usize,
}

/// A running server; it stops when this is dropped.
pub struct Server {
    pub address: SocketAddr,
    /// The PEM certificate that a client has to trust.
    pub certificate: String,
    script: Arc<Mutex<Script>>,
    record: Arc<Mutex<Record>>,
    _stop: oneshot::Sender<()>,
}

impl Server {
    /// Starts on a free port of 127.0.0.1, in a thread of its own.
    pub fn start(script: Script) -> Server {
        let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let certificate = key.cert.pem();
        let acceptor = acceptor(&key);
        let script = Arc::new(Mutex::new(script));
        let record = Arc::new(Mutex::new(Record::default()));
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, address) = std::sync::mpsc::channel();
        let state = (Arc::clone(&script), Arc::clone(&record));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                let serve = async {
                    loop {
                        let (stream, _) = listener.accept().await.unwrap();
                        stream.set_nodelay(true).unwrap();
                        {
                            let mut record = state.1.lock().unwrap();
                            record.connections += 1;
                            record.open += 1;
                        }
                        let record = Arc::clone(&state.1);
                        let script = state.0.lock().unwrap().clone();
                        let session = Session {
                            script,
                            record: Arc::clone(&state.1),
                            encrypted: false,
                            login: false,
                            messages: 0,
                        };
                        let acceptor = acceptor.clone();
                        tokio::spawn(async move {
                            let _ = session.run(stream, acceptor).await;
                            record.lock().unwrap().open -= 1;
                        });
                    }
                };
                tokio::select! { _ = serve => {}, _ = stopped => {} }
            });
        });
        Server {
            address: address.recv_timeout(Duration::from_secs(10)).unwrap(),
            certificate,
            script,
            record,
            _stop: stop,
        }
    }

    /// What KEEPWELL_SMTP_URL says to reach it.
    pub fn url(&self) -> String {
        format!("smtp://{}?tls=none", self.address)
    }

    /// Behaviour of the connections from now on.
    pub fn set(&self, script: Script) {
        *self.script.lock().unwrap() = script;
    }

    pub fn accepted(&self) -> Vec<Accepted> {
        self.record.lock().unwrap().accepted.clone()
    }

    /// All it has taken, once its clients are gone and everything they have
    /// sent has been read.
    pub fn end(self) -> Vec<Accepted> {
        let asked = Instant::now();
        while self.record.lock().unwrap().open > 0 {
            assert!(asked.elapsed() < Duration::from_secs(60), "a client is still there");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.accepted()
    }

    pub fn connections(&self) -> usize {
        self.record.lock().unwrap().connections
    }

    pub fn commands(&self) -> Vec<String> {
        self.record.lock().unwrap().commands.clone()
    }

    /// How many envelopes came in one write.
    pub fn ahead(&self) -> usize {
        self.record.lock().unwrap().ahead
    }

    /// Waits until this many bodies were cut off before their dot.
    pub fn wait_for_fragments(&self, count: usize) {
        for _ in 0..500 {
            if self.record.lock().unwrap().fragments >= count {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the server saw no {count} fragments");
    }
}

fn acceptor(key: &rcgen::CertifiedKey<rcgen::KeyPair>) -> TlsAcceptor {
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Whether a line of a message is as every relay takes it: CRLF at its end and
/// nowhere else, at most 998 characters of ASCII before it (and one dot more).
fn is_strict(line: &[u8]) -> bool {
    line.strip_suffix(b"\r\n").is_some_and(|line| {
        line.len() <= 999 && line.iter().all(|byte| byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | 0))
    })
}

/// Why a session ends.
enum End {
    Closed,
    StartTls,
}

struct Session {
    script: Script,
    record: Arc<Mutex<Record>>,
    encrypted: bool,
    login: bool,
    messages: usize,
}

impl Session {
    async fn run(mut self, mut stream: TcpStream, acceptor: TlsAcceptor) -> std::io::Result<()> {
        if self.script.tls == Some(TlsMode::Implicit) {
            self.encrypted = true;
            let stream = acceptor.accept(stream).await?;
            self.speak(BufReader::new(stream), true).await?;
            return Ok(());
        }
        if let End::StartTls = self.speak(BufReader::new(&mut stream), true).await? {
            if !self.step(At::Tls, &mut stream, "220 go on").await? {
                return Ok(());
            }
            if let Some(inject) = &self.script.inject {
                stream.write_all(inject.as_bytes()).await?;
            }
            self.encrypted = true;
            let stream = acceptor.accept(stream).await?;
            self.speak(BufReader::new(stream), false).await?;
        }
        Ok(())
    }

    async fn speak<S>(&mut self, mut stream: BufReader<S>, greet: bool) -> std::io::Result<End>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if greet && !self.step(At::Greeting, &mut stream, "220 test ready").await? {
            return Ok(End::Closed);
        }
        let (mut from, mut to) = (String::new(), Vec::new());
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(End::Closed);
            }
            let command = line.trim_end().to_owned();
            self.record.lock().unwrap().commands.push(command.clone());
            let upper = command.to_ascii_uppercase();
            let go_on = if upper.starts_with("EHLO") {
                let offer = self.offer();
                self.step(At::Hello, &mut stream, &offer).await?
            } else if upper == "STARTTLS" {
                return Ok(End::StartTls);
            } else if let Some(secret) = command.strip_prefix("AUTH PLAIN ") {
                self.login = Some(secret) == self.secret().as_deref();
                let answer = if self.login { "235 welcome" } else { "535 5.7.8 who are you" };
                self.step(At::Login, &mut stream, answer).await?
            } else if self.script.login.is_some() && !self.login && upper != "QUIT" {
                let what = Some(Do::Reply("530 5.7.0 log in first".to_owned()));
                act(what, &mut stream, "").await?
            } else if upper.starts_with("MAIL FROM:") {
                if stream.buffer().ends_with(b"DATA\r\n") {
                    self.record.lock().unwrap().ahead += 1;
                }
                from = between(&command);
                to.clear();
                self.step(At::Sender, &mut stream, "250 sender").await?
            } else if upper.starts_with("RCPT TO:") {
                let recipient = between(&command);
                let what = self.script.recipients.get(&recipient).cloned().or_else(|| self.what(At::Recipient));
                if what.is_none() || self.script.careless {
                    to.push(recipient);
                }
                self.answer(At::Recipient, what, &mut stream, "250 recipient").await?
            } else if upper == "DATA" && to.is_empty() {
                act(None, &mut stream, "503 5.5.1 nobody to send it to").await?
            } else if upper == "DATA" {
                let what = self.what(At::Data);
                let refused = matches!(what, Some(Do::Reply(_)));
                let go_on = self.answer(At::Data, what, &mut stream, "354 end with a dot").await?;
                if go_on && !refused {
                    let (from, to) = (from.clone(), to.clone());
                    self.body(&mut stream, from, to).await?
                } else {
                    go_on
                }
            } else if upper == "QUIT" {
                act(None, &mut stream, "221 bye").await?;
                false
            } else {
                act(None, &mut stream, "250 fine").await?
            };
            if !go_on {
                return Ok(End::Closed);
            }
        }
    }

    async fn body<S>(&mut self, stream: &mut BufReader<S>, from: String, to: Vec<String>) -> std::io::Result<bool>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut bytes = Vec::new();
        let (mut first, mut strict) = (true, true);
        loop {
            let start = bytes.len();
            if !matches!(stream.read_until(b'\n', &mut bytes).await, Ok(1..)) {
                self.record.lock().unwrap().fragments += 1;
                return Ok(false);
            }
            if std::mem::take(&mut first) {
                self.tell(At::Body, Moment::Before);
                if let Some(what) = self.what(At::Body) {
                    return act(Some(what), stream, "").await;
                }
            }
            let line = &bytes[start..];
            strict &= is_strict(line);
            if line == b".\r\n" {
                bytes.truncate(start);
                break;
            }
            if line.starts_with(b".") {
                bytes.remove(start);
            }
        }
        if !strict {
            let refusal = Do::Reply("554 5.6.0 not as RFC 5321 has it".to_owned());
            return act(Some(refusal), stream, "").await;
        }
        let what = self.what(At::Dot);
        self.messages += 1;
        if !matches!(what, Some(Do::Reply(ref line)) if !line.starts_with('2')) {
            self.accept(Accepted { from, to, bytes, encrypted: self.encrypted, login: self.login });
        }
        self.answer(At::Dot, what, stream, "250 2.0.0 queued").await
    }

    fn accept(&self, message: Accepted) {
        if let Some(path) = &self.script.ledger {
            let mut file = File::options().create(true).append(true).open(path).unwrap();
            writeln!(file, "{} {}", message.id(), message.to.join(",")).unwrap();
            file.sync_all().unwrap();
        }
        self.record.lock().unwrap().accepted.push(message);
    }

    fn offer(&self) -> String {
        let mut offer = "250-test\r\n250-8BITMIME\r\n".to_owned();
        if self.script.tls == Some(TlsMode::Offered) && !self.encrypted {
            offer.push_str("250-STARTTLS\r\n");
        }
        if self.script.login.is_some() {
            offer.push_str("250-AUTH PLAIN\r\n");
        }
        if self.script.pipelining {
            offer.push_str("250-PIPELINING\r\n");
        }
        offer + "250 SIZE 10000000"
    }

    fn secret(&self) -> Option<String> {
        let (user, password) = self.script.login.as_ref()?;
        Some(super::mime::base64(format!("\0{user}\0{password}").as_bytes()))
    }

    fn what(&self, at: At) -> Option<Do> {
        let usual = self.script.later_only && self.messages == 0;
        self.script.at.get(&at).filter(|_| !usual).cloned()
    }

    async fn step<S>(&self, at: At, stream: &mut S, usual: &str) -> std::io::Result<bool>
    where
        S: AsyncWrite + Unpin,
    {
        self.answer(at, self.what(at), stream, usual).await
    }

    async fn answer<S>(&self, at: At, what: Option<Do>, stream: &mut S, usual: &str) -> std::io::Result<bool>
    where
        S: AsyncWrite + Unpin,
    {
        self.tell(at, Moment::Before);
        let go_on = act(what, stream, usual).await?;
        self.tell(at, Moment::After);
        Ok(go_on)
    }

    fn tell(&self, at: At, moment: Moment) {
        if let Some(hook) = &self.script.hook {
            (hook.0)(at, moment);
        }
    }
}

/// True: the session goes on.
async fn act<S>(what: Option<Do>, stream: &mut S, usual: &str) -> std::io::Result<bool>
where
    S: AsyncWrite + Unpin,
{
    let line = match &what {
        None => usual,
        Some(Do::Reply(line)) => line,
        Some(Do::Cut) => return Ok(false),
        Some(Do::Hang) => std::future::pending().await,
    };
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    stream.flush().await?;
    Ok(!line.starts_with("421"))
}

fn between(command: &str) -> String {
    let start = command.find('<').map_or(0, |at| at + 1);
    let end = command.find('>').unwrap_or(command.len());
    command[start..end].to_owned()
}
