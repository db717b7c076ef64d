//! The database: reachable, complete, with the same clock, and what stands
//! still in it.

use crate::cli::Global;
use crate::cli::database::{Database, store_map};
use crate::clock::Clock;
use crate::config::StoreMap;
use crate::postgres::describe_error;
use crate::store::customers::mapping;
use crate::store::customers::reader_login::ReaderLogin;
use crate::store::customers::reader_role::READER;
use crate::store::views::cli::Filter;
use crate::store::{ReadAs, Relation, Relations, Store};

use super::Findings;

/// Seconds between two clocks from which it warns, and from which it fails.
const APART: (f64, f64) = (2.0, 60.0);

/// Looks at it, and leaves it open when it can be used.
pub(super) async fn look(global: &Global, findings: &mut Findings) -> Option<Database> {
    let named = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty() && !global.demo);
    let data = if global.demo { global.data.join("demo") } else { global.data.clone() };
    if named.is_none() && !data.is_dir() {
        let help = "set DATABASE_URL; without it `keepwell run` starts a private one";
        findings.warn("database", format!("there is none yet, neither DATABASE_URL nor `{}`", data.display()), help);
        return None;
    }
    let mut database = match Database::open(global, 2).await {
        Ok(database) => database,
        Err(error) => {
            findings.bad("database", describe_error(error.as_ref()), "see that it runs, and what DATABASE_URL says");
            return None;
        }
    };
    let kind = if named.is_some() { "of DATABASE_URL" } else { "private" };
    match database.store.server_version().await {
        Ok(version) => findings.ok("database", format!("Postgres {version}, {kind}, schemas up to date")),
        Err(error) => {
            findings.bad("database", describe_error(&error), "see the server's log");
            database.close().await;
            return None;
        }
    }
    clocks(&database.store, findings).await;
    let (relations, login) = customers(global, &mut database, findings).await;
    roles(&database.store, named.is_some(), login.as_ref(), findings).await;
    standing_still(&database.store, findings).await;
    let Some(relations) = relations else { return Some(database) };
    let database = database.reading(relations);
    reader(&database.store, login.as_ref(), findings).await;
    zones(&database.store, findings).await;
    Some(database)
}

/// Whether local times can be right.
async fn zones(store: &Store, findings: &mut Findings) {
    let unknown = match store.unknown_zones().await {
        Ok(unknown) if unknown.is_empty() => return,
        Ok(unknown) => unknown,
        Err(error) => return findings.bad("zones", error.to_string(), "see the server's log"),
    };
    let rows =
        |relation: Relation| unknown.iter().filter(|one| one.relation == relation).map(|one| one.rows).sum::<i64>();
    let counts: Vec<String> = [Relation::Accounts, Relation::Contacts, Relation::Csms]
        .into_iter()
        .filter(|relation| rows(*relation) > 0)
        .map(|relation| format!("{} {}", rows(relation), relation.name()))
        .collect();
    let mut names: Vec<String> =
        unknown.iter().take(5).map(|one| format!("`{}` ({} {})", one.name, one.rows, one.relation.name())).collect();
    if unknown.len() > names.len() {
        names.push(format!("{} more", unknown.len() - names.len()));
    }
    let message = format!("the time zone of {} is none: {}", counts.join(", "), names.join(", "));
    let help = "write IANA names such as `Europe/Berlin`; until then the zone of the account, of the playbook or of the \
                configuration counts for them";
    findings.warn("zones", message, help);
}

async fn clocks(store: &Store, findings: &mut Findings) {
    let Ok((ahead, _)) = store.ahead(Clock::System).await else { return };
    let apart = ahead.num_milliseconds().abs() as f64 / 1000.0;
    let message = format!("{apart:.1} seconds between this machine and the database");
    let help = "run a time service (NTP) on both";
    match apart {
        apart if apart >= APART.1 => findings.bad("clock", message, help),
        apart if apart >= APART.0 => findings.warn("clock", message, help),
        _ => findings.ok("clock", message),
    }
}

/// Where the customers are, if they can be read, and the login for it if there is
/// one of its own.
async fn customers(
    global: &Global,
    database: &mut Database,
    findings: &mut Findings,
) -> (Option<Relations>, Option<ReaderLogin>) {
    let map = if global.demo { Ok(StoreMap::default()) } else { store_map(global) };
    let Ok(map) = map else { return (None, None) };
    let login = match database.use_reader(&map).await {
        Ok(login) => login,
        Err(error) => {
            findings.bad("customers", describe_error(error.as_ref()), "see `store.read_url` and KEEPWELL_READ_URL");
            return (None, None);
        }
    };
    (relations(&database.store, &map, login.as_ref(), findings).await, login)
}

async fn relations(
    store: &Store,
    map: &StoreMap,
    login: Option<&ReaderLogin>,
    findings: &mut Findings,
) -> Option<Relations> {
    let looked = match mapping::open(store, map).await {
        Ok(looked) => looked,
        Err(error) => {
            findings.bad("customers", describe_error(&error), "`keepwell facts --store` shows what is used");
            return None;
        }
    };
    if let Some(first) = looked.problems.iter().find(|problem| problem.is_error()) {
        let message = format!("{}:{} {}", first.file, first.line, first.message);
        findings.bad("customers", message, "`keepwell facts --store` shows what is used");
        return None;
    }
    match (login, looked.relations.read_as()) {
        (Some(login), _) => findings.ok("customers", format!("read with the login {}", login.user)),
        (None, ReadAs::Role) => findings.ok("customers", "read as a role that can write nothing"),
        (None, _) => {
            let help = "run `keepwell migrate` as a user who may create roles";
            findings.warn("customers", "read in read-only transactions, but not as a role of its own", help);
        }
    }
    Some(looked.relations)
}

/// Whether what is read of customers may lay down the role it is read as.
async fn reader(store: &Store, login: Option<&ReaderLogin>, findings: &mut Findings) {
    const ABOUT: &str = "reader";
    match (store.functions_called_by_reading().await, login) {
        (Ok(called), _) if called.is_empty() => {}
        (Ok(called), Some(login)) => {
            let message = format!(
                "functions that are called with what is read of customers act as the login {}, which sees nothing but \
                 what is read and writes nothing of Keepwell: {}",
                login.user,
                called.join(", ")
            );
            findings.ok(ABOUT, message);
        }
        (Ok(called), None) => {
            let message = format!(
                "a function that is called with what is read of customers can leave the role {READER} and act as the \
                 user of the connection: {}",
                called.join(", ")
            );
            let help = "name a login of its own with `store.read_url`, or let only those you trust as much as Keepwell \
                        itself change these functions and views, or map tables, or views that call none";
            findings.warn(ABOUT, message, help);
        }
        (Err(error), _) => findings.bad(ABOUT, describe_error(&error), "see the server's log"),
    }
}

/// Whether anybody may do more than is needed. A private Postgres has one user,
/// whom nobody else can be.
async fn roles(store: &Store, is_named: bool, login: Option<&ReaderLogin>, findings: &mut Findings) {
    if let Some(login) = login.filter(|login| !login.excess.is_empty()) {
        let message = format!("the login {} should only read, and {}", login.user, login.excess.join(", "));
        let help = format!("revoke that from {} and from what it is a member of, `public` included", login.user);
        return findings.bad("roles", message, help);
    }
    let rights = match store.rights().await {
        Ok(rights) => rights,
        Err(error) => return findings.bad("roles", describe_error(&error), "see the server's log"),
    };
    if !rights.of_reader.is_empty() {
        let message = format!("the role {READER} should only read, and {}", rights.of_reader.join(", "));
        let help = format!("revoke that from {READER} and from what it is a member of, `public` included");
        return findings.bad("roles", message, help);
    }
    match rights.is_superuser && is_named {
        true => {
            let message = format!("the user {} of DATABASE_URL is a superuser", rights.user);
            findings.warn("roles", message, "give Keepwell a user of its own that owns the database and no more");
        }
        false => findings.ok("roles", "nobody may do more than is needed"),
    }
}

/// What waits for a person.
async fn standing_still(store: &Store, findings: &mut Findings) {
    match store.stopped().await {
        Ok(stopped) if !stopped.stops.is_empty() => {
            let named: Vec<String> = stopped.stops.iter().map(ToString::to_string).collect();
            findings.warn("stops", format!("stopped: {}", named.join(", ")), "`keepwell resume` lifts a stop");
        }
        _ => {}
    }
    let filter = Filter { state: Some("unknown".to_owned()), limit: Some(1_000), ..Filter::default() };
    if let Ok(unknown) = store.list_messages(&filter).await
        && !unknown.is_empty()
    {
        let message = format!("{} messages whose outcome nobody knows", unknown.len());
        findings.warn(
            "messages",
            message,
            "`keepwell messages --state unknown` lists them; look them up in the relay's log",
        );
    }
}
