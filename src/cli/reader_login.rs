//! The login that reads customers: `store.read_url`, or the variable
//! `KEEPWELL_READ_URL`, or that of a private Postgres.

use anyhow::Context;

use crate::config::StoreMap;
use crate::config::read_url::ReadUrl;
use crate::postgres::describe_error;
use crate::store::Store;
use crate::store::customers::reader_login::{ReaderLogin, ReaderPlace};
use crate::store::customers::reader_role::READER;

/// The variable that wins over the key.
pub const VARIABLE: &str = "KEEPWELL_READ_URL";

/// Where the login is named: in the environment, else in the configuration.
pub fn named(map: &StoreMap) -> Option<ReadUrl> {
    match std::env::var_os(VARIABLE).is_some_and(|url| !url.is_empty()) {
        true => Some(ReadUrl::Variable(VARIABLE.to_owned())),
        false => map.read_url.clone(),
    }
}

/// The store that reads customers with the login that is named, else with the one
/// that it has, if any; looked at before anything is read with it. An error says
/// why it must not be used.
pub async fn attach(mut store: Store, map: &StoreMap) -> anyhow::Result<(Store, Option<ReaderLogin>)> {
    if let Some(url) = &map.read_url {
        let (name, url) = place_and_url(url)?;
        store = store.with_reader_url(&url, &name).with_context(|| format!("{name} cannot be used"))?;
        reach(&store, &name).await?;
    }
    let login = store.reader_login().await.map_err(|error| {
        anyhow::anyhow!(
            "the login that reads customers may not read what Keepwell knows of them: let a database owner say \
             `grant {READER} to` it, and run `keepwell migrate` on its database before ({})",
            describe_error(&error)
        )
    })?;
    if let Some(login) = &login {
        refuse_unfit(login)?;
    }
    Ok((store, login))
}

/// What it is called where it stands, and the URL.
fn place_and_url(url: &ReadUrl) -> anyhow::Result<(String, String)> {
    match url {
        ReadUrl::Url(url) => Ok(("store.read_url".to_owned(), url.clone())),
        ReadUrl::Variable(name) => match std::env::var(name) {
            Ok(url) if !url.is_empty() => Ok((name.clone(), url)),
            Ok(_) | Err(std::env::VarError::NotPresent) => {
                anyhow::bail!("store.read_url names the environment variable {name}, which is not set")
            }
            Err(std::env::VarError::NotUnicode(_)) => anyhow::bail!("{name} is not text"),
        },
    }
}

async fn reach(store: &Store, name: &str) -> anyhow::Result<()> {
    let reached = store.reach_reader().await;
    reached.with_context(|| format!("the login of {name}, which reads customers, cannot connect"))?;
    anyhow::ensure!(
        store.reader_keeps_sessions().await?,
        "{name} leads to a pooler in transaction mode, which Keepwell cannot use: connect to Postgres directly, or to \
         a pool in session mode"
    );
    Ok(())
}

/// Why a login must not be used, in words.
fn refuse_unfit(login: &ReaderLogin) -> anyhow::Result<()> {
    let user = &login.user;
    match login.place {
        ReaderPlace::Same => {}
        ReaderPlace::Standby => anyhow::bail!(
            "the login {user}, which reads customers, leads to a standby of the database: it may be behind, and \
             Keepwell would decide by what was. Lead it to the database itself"
        ),
        ReaderPlace::Another => anyhow::bail!(
            "the login {user}, which reads customers, leads to another database than everything else. Lead it to \
             the same database"
        ),
    }
    anyhow::ensure!(
        login.grave.is_empty(),
        "the login {user}, which reads customers, could change Keepwell's own state: it {}. Give it no more than \
         `create role {user} login in role {READER}` does",
        login.grave.join(", ")
    );
    Ok(())
}

/// Warns of what the login has no need to do.
pub fn warn_of_excess(login: &ReaderLogin) {
    if !login.excess.is_empty() {
        tracing::warn!(
            "the login {}, which reads customers, should only read, and {}: revoke that",
            login.user,
            login.excess.join(", ")
        );
    }
}
