//! The private server as its owner or a client has it.

use std::path::Path;
use std::thread;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection};

use super::cluster::{self, Durability, NAME};
use super::error::PrivateError;
use super::identity::Identity;
use super::layout::{Layout, PORT};
use super::operator;
use super::programs::Programs;
use super::server::Server;

/// How many pauses crash recovery, or another's shutdown, may take: ten minutes.
const PATIENCE: u32 = 40_000;
/// How long a clean stop may take before it is cut short; nothing committed is lost.
const STOP_PATIENCE: Duration = Duration::from_secs(60);
/// How long a server that accepts a connection may take to answer.
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(15);

/// A running private Postgres, as its owner or as a client.
///
/// Dropping the owner stops the server.
#[derive(Debug)]
pub struct PrivatePostgres {
    layout: Layout,
    server: Option<Server>,
}

impl PrivatePostgres {
    /// Whether `directory` holds a complete cluster.
    pub fn exists(directory: &Path) -> bool {
        Layout::holds_cluster(directory)
    }

    /// A server for `directory` that accepts connections and has the database
    /// `keepwell`: the one that runs already, or one started now.
    ///
    /// Blocks, usually for 0.1 s, 2 s when the cluster is new, and as long as
    /// recovery takes after a crash; among several callers one starts it and
    /// the others wait. `durability` has no effect on a server that runs.
    pub fn ensure(directory: &Path, durability: Durability) -> Result<PrivatePostgres, PrivateError> {
        let identity = Identity::choose()?;
        let layout = Layout::of(directory)?;
        operator::refuse_foreign(&layout.directory)?;
        let _lock = layout.lock()?;
        layout.prepare_sockets(&identity)?;
        let mut postgres = PrivatePostgres { layout, server: None };
        if !postgres.adopt()? {
            let programs = Programs::find(postgres.layout.version())?;
            postgres.admit(&identity)?;
            cluster::create(&postgres.layout, &programs, &identity, durability)?;
            postgres.start(&programs, &identity, durability)?;
        }
        Ok(postgres)
    }

    /// How to connect to one of its databases, over the unix socket. Of the
    /// environment only `PGOPTIONS` has a say, which cannot be taken back here;
    /// see [`super::VARIABLES`].
    pub fn options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.layout.sockets)
            .port(PORT)
            .username(NAME)
            .database(database)
            .ssl_mode(PgSslMode::Disable)
    }

    /// The same as a URL, which `psql` understands too.
    pub fn url(&self, database: &str) -> String {
        let socket = percent_encoded(self.layout.sockets.as_os_str().as_encoded_bytes());
        let database = percent_encoded(database.as_bytes());
        format!("postgres:///{database}?host={socket}&user={NAME}")
    }

    /// Whether this process started the server and it still runs.
    pub fn is_owner(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.ended().is_none())
    }

    /// The owner stops the server: open connections are cut, what was
    /// committed is kept. Blocks until it is gone. A client does nothing.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.signal(libc::SIGINT);
            if !server.wait(STOP_PATIENCE) {
                server.signal(libc::SIGQUIT);
                server.wait(STOP_PATIENCE);
            }
        }
    }

    /// Becomes a client of a live server; `false` when there is none. One that
    /// is shutting down is waited for.
    fn adopt(&self) -> Result<bool, PrivateError> {
        let mut patience = PATIENCE;
        loop {
            patience = patience.saturating_sub(1);
            let answers = self.layout.answers();
            if !answers && self.layout.running().is_none() {
                return Ok(false);
            }
            if answers {
                match self.create_database() {
                    Ok(()) => return Ok(true),
                    // It went away just now, or is starting up or shutting down.
                    Err(error) if is_passing(&error) && patience > 0 => {}
                    Err(error) => return Err(error.into()),
                }
            } else if patience == 0 {
                return Err(self.not_started("a server runs and does not answer".to_owned()));
            }
            thread::sleep(PAUSE);
        }
    }

    /// Lets the server's account reach the directory.
    fn admit(&self, identity: &Identity) -> Result<(), PrivateError> {
        let Identity::Other { name, .. } = identity else {
            return Ok(());
        };
        let directory = &self.layout.directory;
        cluster::set_mode(directory, 0o711)?;
        if !identity.can_enter(directory) {
            return Err(PrivateError::Unreachable { account: name.clone(), directory: directory.clone() });
        }
        Ok(())
    }

    /// Starts the server and waits until it accepts connections.
    fn start(&mut self, programs: &Programs, identity: &Identity, durability: Durability) -> Result<(), PrivateError> {
        let mut patience = PATIENCE;
        loop {
            self.layout.clear_stale()?;
            let log = self.layout.open_log()?;
            let said_before = log.metadata().map_or(0, |log| log.len());
            let command = cluster::command(&self.layout, programs, identity, durability, log);
            let server = Server::start(command).map_err(PrivateError::at(&programs.postgres))?;
            while !self.layout.ready(server.pid()) && server.ended().is_none() {
                patience = patience.saturating_sub(1);
                if patience == 0 {
                    server.signal(libc::SIGQUIT);
                    server.wait(STOP_PATIENCE);
                }
                thread::sleep(PAUSE);
            }
            if server.ended().is_none() {
                self.server = Some(server);
                return Ok(self.create_database()?);
            }
            let said = self.layout.log_since(said_before);
            // The last processes of a server that was killed are still ending.
            if !said.contains("shared memory block") || patience == 0 {
                return Err(self.not_started(said));
            }
            thread::sleep(PAUSE);
        }
    }

    /// Creates the database when it is missing, which also shows that the
    /// server answers. On a thread of its own: the caller may be asynchronous.
    fn create_database(&self) -> Result<(), sqlx::Error> {
        let options = self.options("postgres").disable_statement_logging();
        let create = async move {
            let mut connection = options.connect().await?;
            let there: bool = sqlx::query_scalar("select exists (select from pg_database where datname = 'keepwell')")
                .fetch_one(&mut connection)
                .await?;
            if !there {
                sqlx::query("create database keepwell").execute(&mut connection).await?;
            }
            connection.close().await
        };
        let ask = move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(sqlx::Error::Io)?
                .block_on(async { tokio::time::timeout(ANSWER_PATIENCE, create).await })
                .unwrap_or(Err(sqlx::Error::PoolTimedOut))
        };
        thread::spawn(ask).join().unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed))
    }

    fn not_started(&self, said: String) -> PrivateError {
        PrivateError::Start { log: self.layout.log.clone(), said }
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether asking again may help: nobody listens any more, or the server is
/// starting up or shutting down (57P01 to 57P03).
fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P")),
        _ => false,
    }
}

fn percent_encoded(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(*byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
