//! The program where its environment is not as usual: variables that are about
//! another Postgres, odd names of folders, a full disk, root beside a service.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use keepwell::postgres::{Durability, PrivateError, PrivatePostgres, VARIABLES};
use sqlx::Executor;

use crate::support::database;
use crate::support::program::{Home, until};

#[test]
fn variables_about_another_postgres_do_not_matter() {
    for demo in [false, true] {
        let mut home = Home::new(&format!("variables-{demo}"));
        for name in VARIABLES {
            home.set(name, "nonsense");
        }
        for (name, value) in [
            ("PGPORT", "6543"),
            ("PGHOST", "db.example"),
            ("PGOPTIONS", "-c default_transaction_read_only=on"),
            ("PGSSLMODE", "verify-full"),
            ("PGDATA", "/nonexistent"),
            ("PGDATESTYLE", "bogus"),
        ] {
            home.set(name, value);
        }
        if demo {
            // Of no use with it, whatever it says.
            home.set("DATABASE_URL", "garbage");
            home.done(&["migrate", "--demo"]);
        } else {
            home.done(&["migrate"]);
        }
    }
}

#[tokio::test]
async fn variables_still_complete_a_named_database() {
    let database = database::fresh().await;
    let mut home = Home::new("variables-named");
    home.set("DATABASE_URL", &database.url.replace(&database.name, ""));
    home.set("PGDATABASE", &database.name);
    assert!(home.rows(&["tasks"]).is_empty());
}

#[tokio::test]
async fn what_postgres_says_has_no_line_of_its_own_source() {
    let database = database::fresh().await;
    let mut home = Home::new("no-lines");
    home.set("DATABASE_URL", &database.url);
    home.set("PGOPTIONS", "-c default_transaction_read_only=on");
    let refused = home.run(&["stop"]);
    let expected =
        "error: error returned from database: cannot execute INSERT in a read-only transaction (SQLSTATE 25006)";
    assert_eq!((refused.code, refused.stderr.trim()), (1, expected));
    home.set("PGOPTIONS", "");
    home.set("DATABASE_URL", &database.url.replace("user=keepwell", "user=nobody"));
    let unknown = home.run(&["doctor", "--resolver", "127.0.0.1:1"]);
    assert!(unknown.stdout.contains("role \"nobody\" does not exist (SQLSTATE 28000)"), "{unknown:?}");
    assert!(!unknown.stdout.contains(" at line "), "{unknown:?}");
}

#[test]
fn a_folder_may_have_any_name_that_is_text() {
    let home = Home::new("odd-names");
    home.done(&["migrate", "--data", "a, \"b\" 'c' $d ü"]);
    for name in [OsStr::from_bytes(b"d\xff5"), OsStr::new("line\nfeed")] {
        let asked = Instant::now();
        let output = home.command(&["tasks", "--data"]).arg(name).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("UTF-8 text") && said.lines().count() == 1, "{said}");
        assert!(asked.elapsed() < Duration::from_secs(10));
    }
    // The folder around it counts as well.
    let around = home.path.join(OsStr::from_bytes(b"\xff"));
    std::fs::create_dir(&around).unwrap();
    let refused = PrivatePostgres::ensure(&around.join("data"), Durability::Tests).unwrap_err();
    assert!(matches!(refused, PrivateError::Path { .. }), "{refused}");
}

#[tokio::test]
async fn an_answer_that_cannot_be_written_is_an_error() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    pool.execute(
        "insert into customers.accounts (id, name, signed_up_at)
             select 'a' || n, repeat('long ', 2000), '2026-01-01' from generate_series(1, 3) n",
    )
    .await
    .unwrap();
    let mut home = Home::new("full-disk");
    home.set("DATABASE_URL", &database.url);
    home.write("playbooks/call.yaml", PLAYBOOK);
    let commands: &[&[&str]] = &[
        &["export", "a1"],
        &["tasks", "--format", "json"],
        &["tasks"],
        &["facts"],
        &["facts", "--out", "/dev/full"],
        &["check"],
        &["test"],
        &["slots"],
        &["plan", "--at", "2026-03-02T09:00:00Z"],
        &["audit"],
        &["doctor", "--resolver", "127.0.0.1:1"],
        &["stop"],
        &["resume"],
        &["erase", "a3"],
        &["migrate"],
        &["--help"],
        &["--version"],
    ];
    for words in commands {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let child = home.command(words).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        let told =
            said.contains("could not be written to stdout: No space left") || said.contains("/dev/full cannot be");
        assert!(told, "{words:?}: {said}");
    }
    // Whoever reads no further had enough.
    for words in commands.iter().filter(|words| words[0] == "export" || words[0] == "--help" || words[0] == "facts") {
        if words.contains(&"--out") {
            continue;
        }
        let mut child = home.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()), "{words:?}");
    }
}

const PLAYBOOK: &str = "playbook: call\nabout: A.\nalerts_to: a@b.example\nschedule: '@daily'\nwhen: account.mrr > 0\n\
    steps:\n  - task: { title: Call, to: csm }\n";

/// An account that owns nothing.
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    // SAFETY: geteuid has no arguments and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Whose the files below a folder are.
fn owners(folder: &Path) -> Vec<(PathBuf, u32)> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        found.push((folder.clone(), std::fs::metadata(&folder).unwrap().uid()));
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let about = std::fs::symlink_metadata(&path).unwrap();
            if about.is_dir() { folders.push(path) } else { found.push((path, about.uid())) }
        }
    }
    found
}

/// A folder that other users reach, which that of the build need not be.
struct PublicFolder(PathBuf);

impl PublicFolder {
    fn new(name: &str) -> PublicFolder {
        let path = PathBuf::from(format!("/tmp/keepwell-test-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("playbooks")).unwrap();
        std::fs::create_dir(path.join("data")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        // By another process: one that another test starts would inherit the file open for
        // writing, and for a moment nobody could run it.
        let copy = std::process::Command::new("cp").arg(env!("CARGO_BIN_EXE_keepwell")).arg(&path).status();
        assert!(copy.expect("cp runs").success());
        std::fs::write(path.join("keepwell.yaml"), "web: off\n").unwrap();
        PublicFolder(path)
    }
}

impl Drop for PublicFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// With DATABASE_URL there is no private Postgres, and root stays root.
#[tokio::test]
async fn what_root_remembers_beside_a_service_is_the_services() {
    if !is_root() {
        return;
    }
    let database = database::fresh().await;
    // As if mail had been sent.
    database.pool().await.execute("select nextval('keepwell.marks')").await.unwrap();
    let place = PublicFolder::new("marks");
    let data = place.0.join("data");
    chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
    let mut home = Home::new("marks");
    home.set("DATABASE_URL", &database.url);
    home.write("playbooks/call.yaml", PLAYBOOK);
    let path = data.to_str().unwrap();
    let run = || {
        let mut command = home.command(&["run", "--once", "--data", path]);
        // SAFETY: umask takes a number and is fit to be called between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::umask(0o077);
                Ok(())
            })
        };
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    run();
    let marks = data.join("marks");
    let about = std::fs::metadata(&marks).unwrap();
    assert_eq!((about.uid(), about.gid(), about.mode() & 0o777), (NOBODY, NOBODY, 0o600));
    // One that cannot be read is not taken for one that is not there.
    std::fs::remove_file(&marks).unwrap();
    std::fs::create_dir(&marks).unwrap();
    let warned = run();
    assert!(warned.contains("marks cannot be read: ") && warned.contains("nobody notices older files"), "{warned}");
}

/// Only root can be root beside somebody else's service.
#[tokio::test]
async fn root_acts_as_whoever_runs_keepwell_on_the_folder() {
    if !is_root() {
        return;
    }
    let place = PublicFolder::new("operator");
    let data = place.0.join("data");
    chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
    let mut home = Home::new("operator");
    home.program = place.0.join("keepwell");
    std::fs::remove_dir_all(&home.path).unwrap();
    home.path.clone_from(&place.0);
    home.write("playbooks/call.yaml", PLAYBOOK);
    let as_nobody = |command: &mut std::process::Command| {
        command.uid(NOBODY).gid(NOBODY);
    };
    let all_theirs = |when: &str| {
        let others: Vec<_> = owners(&data).into_iter().filter(|(_, uid)| *uid != NOBODY).take(3).collect();
        assert!(others.is_empty(), "{when}: {others:?}");
    };
    home.done(&["runs", "--data", "data"]);
    all_theirs("after root's first command");
    // Beside a service that runs.
    let service = home.start_with(&["run", "--data", "data"], "service", as_nobody);
    until("the service runs", async || service.log().contains("running")).await;
    home.done(&["runs", "--data", "data"]);
    home.done(&["run", "--once", "--data", "data"]);
    all_theirs("beside the service");
    service.stop_well();
    // And after it.
    home.done(&["run", "--once", "--data", "data"]);
    all_theirs("after the service");
    let again = home.start_with(&["run", "--data", "data"], "again", as_nobody);
    until("the service runs again", async || again.log().contains("running")).await;
    again.stop_well();
    // What does not know whom to act as refuses, and changes nothing.
    let refused = PrivatePostgres::ensure(&data, Durability::Tests).unwrap_err();
    assert!(matches!(&refused, PrivateError::Foreign { operator, .. } if operator == "nobody"), "{refused}");
    all_theirs("after a refusal");
}
