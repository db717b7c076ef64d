//! Opening the database a command works on: DATABASE_URL, else a private
//! Postgres, which is started when none runs and then stopped again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;

use super::Global;
use crate::store::Store;
use crate::store::private::{Durability, PrivatePostgres};

const UNREACHABLE: &str = "the database of DATABASE_URL cannot be reached";

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
            return Database::private(&global.data.join("demo"), connections).await;
        }
        match std::env::var("DATABASE_URL") {
            Ok(url) if !url.is_empty() => {
                let store = Store::connect_url(&url, connections).context("DATABASE_URL cannot be used")?;
                store.reach().await.context(UNREACHABLE)?;
                if !store.is_migrated().await.context(UNREACHABLE)? {
                    anyhow::bail!("the database has no (or older) schemas of Keepwell: run `keepwell migrate` first");
                }
                Ok(Database { store, private: None })
            }
            _ => Database::private(&global.data, connections).await,
        }
    }

    /// The same, and creates or upgrades the schemas.
    pub async fn open_and_migrate(global: &Global) -> anyhow::Result<Database> {
        match std::env::var("DATABASE_URL") {
            Ok(url) if !url.is_empty() && !global.demo => {
                let store = Store::connect_url(&url, 2).context("DATABASE_URL cannot be used")?;
                store.reach().await.context(UNREACHABLE)?;
                store.migrate().await.context("the schemas could not be created")?;
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
        let store = Store::connect(server.options("keepwell"), connections);
        store.migrate().await.context("the schemas could not be created")?;
        Ok(Database { store, private: Some(Private { dir, server: Arc::new(Mutex::new(server)) }) })
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
        let _ = tokio::time::timeout(Duration::from_secs(2), self.store.close()).await;
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
