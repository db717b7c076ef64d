//! Opening the database a command works on: DATABASE_URL, else a private
//! Postgres, which is started when none runs and then stopped again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;

use super::refusal::refuse;
use super::{Global, reader_login};
use crate::config::{Config, StoreMap};
use crate::diagnostic::Diagnostic;
use crate::playbook::Guardrails;
use crate::playbook::guardrails::FirstRun;
use crate::postgres::{Durability, PrivatePostgres};
use crate::store::customers::mapping::{self, CustomerStore};
use crate::store::customers::reader_login::ReaderLogin;
use crate::store::customers::reader_role::READER;
use crate::store::{self, Incompatible, MigrationError, ReadAs, Relations, Store};

/// An open database.
pub struct Database {
    pub store: Store,
    private: Option<Private>,
}

#[derive(Clone)]
struct Private {
    dir: PathBuf,
    server: Arc<Mutex<PrivatePostgres>>,
}

impl Database {
    /// Opens the database that the options and the environment name.
    pub async fn open(global: &Global, connections: u32) -> anyhow::Result<Database> {
        if global.demo {
            return Database::private_of(global, &global.data.join("demo"), connections).await;
        }
        match std::env::var("DATABASE_URL") {
            Ok(url) if !url.is_empty() => {
                let store = Store::connect_url(&url, connections).context("DATABASE_URL cannot be used")?;
                let store = if global.read_only { store.read_only() } else { store };
                reach(&store).await?;
                match store.is_migrated().await {
                    Ok(true) => Ok(Database { store, private: None }),
                    Ok(false) => {
                        anyhow::bail!(
                            "the database has no (or older) schemas of Keepwell: run `keepwell migrate` first"
                        )
                    }
                    Err(MigrationError::Database(error)) => Err(store::explain_unreachable(error)),
                    Err(error) => Err(not_migrated(error, ANOTHER_URL)),
                }
            }
            _ => Database::private_of(global, &global.data, connections).await,
        }
    }

    /// The private Postgres in a directory, as the options say.
    async fn private_of(global: &Global, dir: &Path, connections: u32) -> anyhow::Result<Database> {
        match global.read_only {
            true => Database::private_to_read(dir, connections).await,
            false => Database::private(dir, connections).await,
        }
    }

    /// The same, and looks at where the customers are: `store:` of the
    /// configuration, or Keepwell's own schema for the demo.
    pub async fn open_customers(global: &Global, connections: u32) -> anyhow::Result<Database> {
        let map = if global.demo { StoreMap::default() } else { store_map(global)? };
        Database::open(global, connections).await?.with_customers(&map).await
    }

    /// The same with the customers in these relations.
    pub fn reading(mut self, relations: Relations) -> Database {
        self.store = self.store.with_relations(relations);
        self
    }

    /// The same for a database that is open.
    pub async fn with_customers(mut self, map: &StoreMap) -> anyhow::Result<Database> {
        let looked = async {
            if let Some(login) = self.use_reader(map).await? {
                reader_login::warn_of_excess(&login);
            }
            look(&self.store, map).await
        };
        let looked = match looked.await {
            Ok(looked) => looked,
            Err(error) => {
                self.close().await;
                return Err(error);
            }
        };
        if looked.relations.read_as() == ReadAs::User {
            tracing::warn!(
                "customers are read in read-only transactions, but not as the role {READER}: run `keepwell migrate` as a user who may create roles"
            );
        }
        Ok(self.reading(looked.relations))
    }

    /// Reads customers with a login of its own from now on, if one is named or the
    /// Postgres is private. An error says why the login must not be used, and the
    /// database is as it was.
    pub async fn use_reader(&mut self, map: &StoreMap) -> anyhow::Result<Option<ReaderLogin>> {
        let (store, login) = reader_login::attach(self.store.clone(), map).await?;
        self.store = store;
        Ok(login)
    }

    /// The same, and creates or upgrades the schemas.
    pub async fn open_and_migrate(global: &Global) -> anyhow::Result<Database> {
        match std::env::var("DATABASE_URL") {
            Ok(url) if !url.is_empty() && !global.demo => {
                let store = Store::connect_url(&url, 2).context("DATABASE_URL cannot be used")?;
                reach(&store).await?;
                store.migrate().await.map_err(|error| not_migrated(error, ANOTHER_URL))?;
                Ok(Database { store, private: None })
            }
            _ => Database::open(global, 2).await,
        }
    }

    /// The private Postgres in a directory, with its schemas up to date.
    pub async fn private(dir: &Path, connections: u32) -> anyhow::Result<Database> {
        let dir = dir.to_owned();
        let starting = dir.clone();
        let server =
            tokio::task::spawn_blocking(move || PrivatePostgres::ensure(&starting, Durability::Durable)).await??;
        let store = Store::connect(server.options("keepwell"), connections)
            .with_reader(server.options("keepwell").username(READER));
        let private = Private { dir: dir.clone(), server: Arc::new(Mutex::new(server)) };
        let database = Database { store, private: Some(private) };
        if let Err(error) = database.store.migrate().await {
            database.close().await;
            let instead = format!("remove the folder {}, or name another one with --data", dir.display());
            return Err(not_migrated(error, &instead));
        }
        if let Err(error) = database.store.let_reader_log_in().await {
            database.close().await;
            return Err(anyhow::Error::new(error).context(format!("the role {READER} cannot log in")));
        }
        Ok(database)
    }

    /// The private Postgres that is in a directory, to read only: it is started
    /// where it does not run, and neither created nor upgraded.
    async fn private_to_read(dir: &Path, connections: u32) -> anyhow::Result<Database> {
        anyhow::ensure!(
            PrivatePostgres::exists(dir),
            "there is no database: DATABASE_URL is not set, and {} holds none; `keepwell migrate` creates one, \
             and `keepwell demo --once` one with a sample company, for `--demo`",
            dir.display()
        );
        let starting = dir.to_owned();
        let server =
            tokio::task::spawn_blocking(move || PrivatePostgres::ensure(&starting, Durability::Durable)).await??;
        let store = Store::connect(server.options("keepwell"), connections)
            .with_reader(server.options("keepwell").username(READER))
            .read_only();
        let private = Private { dir: dir.to_owned(), server: Arc::new(Mutex::new(server)) };
        let database = Database { store, private: Some(private) };
        let refused = match database.store.is_migrated().await {
            Ok(true) => return Ok(database),
            Ok(false) => anyhow::anyhow!("the database has older schemas of Keepwell: run `keepwell migrate` first"),
            Err(error) => not_migrated(error, "name another folder with --data"),
        };
        database.close().await;
        Err(refused)
    }

    /// What a daemon does after a fault: see that the private Postgres runs.
    pub fn mend(&self) -> Arc<dyn Fn() + Send + Sync> {
        let private = self.private.clone();
        Arc::new(move || {
            let Some(private) = &private else { return };
            match PrivatePostgres::ensure(&private.dir, Durability::Durable) {
                Ok(server) => {
                    if server.is_owner()
                        && let Ok(mut slot) = private.server.lock()
                    {
                        *slot = server;
                    }
                }
                Err(error) => tracing::error!("the private Postgres could not be started: {error}"),
            }
        })
    }

    /// Ends the connections, and the private Postgres if this process owns it.
    pub async fn close(self) {
        // A statement that is still running ends with the process.
        let _ = tokio::time::timeout(Duration::from_millis(500), self.store.close()).await;
        if let Some(private) = self.private {
            let _ = tokio::task::spawn_blocking(move || {
                if let Ok(mut server) = private.server.lock() {
                    server.stop();
                }
            })
            .await;
        }
    }
}

/// Finds out at once whether the database of DATABASE_URL can be used.
async fn reach(store: &Store) -> anyhow::Result<()> {
    let keeps_sessions = store.keeps_sessions().await.map_err(store::explain_unreachable)?;
    anyhow::ensure!(keeps_sessions, store::TRANSACTION_POOLER);
    Ok(())
}

/// What to do about a database of DATABASE_URL that cannot be upgraded.
const ANOTHER_URL: &str = "create a new database and name it in DATABASE_URL";

/// Why the schemas are not up to date, and what to do about it: `instead` leads
/// to another database.
fn not_migrated(error: MigrationError, instead: &str) -> anyhow::Error {
    match error {
        MigrationError::Incompatible(Incompatible::Newer(_)) => {
            anyhow::anyhow!("{error}. Use that build or a later one; nothing was changed")
        }
        MigrationError::Incompatible(_) => anyhow::anyhow!("{error}: {instead}"),
        error => anyhow::Error::new(error).context("the schemas could not be created"),
    }
}

/// The configuration, whose mistakes are printed.
pub fn configuration(global: &Global) -> anyhow::Result<Config> {
    let (config, problems) = Config::read(global.config.as_deref());
    if problems.iter().any(Diagnostic::is_error) {
        return Err(refuse("the configuration has errors", &problems, &text_of));
    }
    Ok(config)
}

/// The sample company's configuration, whatever the file says.
pub fn demo_configuration() -> Config {
    // Nobody is there to approve, and nobody gets mail.
    let guardrails = Guardrails { first_run: Some(FirstRun::Go), ..Guardrails::default() };
    Config {
        alerts_to: Some("cs-ops@keepwell.example".to_owned()),
        // That of the shipped playbooks; its customers read several.
        language: Some("en".to_owned()),
        guardrails,
        ..Config::default()
    }
}

/// The `store:` of the configuration, whose mistakes are printed, with the login
/// that the environment names.
pub fn store_map(global: &Global) -> anyhow::Result<StoreMap> {
    let map = configuration(global)?.store;
    Ok(StoreMap { read_url: reader_login::named(&map), ..map })
}

/// Looks at the customer store; what is wrong with its mapping is printed.
pub async fn look(store: &Store, map: &StoreMap) -> anyhow::Result<CustomerStore> {
    let looked = mapping::open(store, map).await.context("the customer store could not be looked at")?;
    if looked.problems.iter().any(Diagnostic::is_error) {
        return Err(refuse("the customer store is not as `store:` says", &looked.problems, &text_of));
    }
    Ok(looked)
}

/// The configuration's text, to show the place of a mistake.
fn text_of(file: &str) -> Option<std::sync::Arc<str>> {
    std::fs::read_to_string(file).ok().map(Into::into)
}
