//! What may stand in the playbooks' folder: links, pipes, too much, and nothing
//! at all. None of it holds the daemon up, and `check` says the same of it.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use sqlx::PgPool;

use crate::support::database;
use crate::support::program::{Home, until};

fn playbook(id: &str, about: &str) -> String {
    format!(
        "playbook: {id}\nabout: {about}\nalerts_to: ops@example.com\nschedule: \"0 9 * * *\"\n\
         when: account.seats == 10\nsteps:\n  - task: {{ title: Look, to: csm }}\n"
    )
}

/// The playbooks in force: id, file, and whether the file is broken.
async fn in_force(pool: &PgPool) -> Vec<(String, String, bool)> {
    let rows = sqlx::query_as("select id, file, problems <> '[]' from keepwell.playbooks where present order by id");
    rows.fetch_all(pool).await.unwrap()
}

/// What `about` says in the revision of a playbook that is in force.
async fn about(pool: &PgPool, id: &str) -> String {
    let text: String = sqlx::query_scalar(
        "select r.text from keepwell.playbooks p join keepwell.revisions r on r.playbook = p.id and r.revision = p.revision
         where p.id = $1",
    )
    .bind(id)
    .fetch_one(pool)
    .await
    .unwrap();
    text.lines().find_map(|line| line.strip_prefix("about: ")).unwrap().to_owned()
}

fn pipe(path: &Path) {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path is a text that ends with a zero byte.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

#[tokio::test]
async fn links_in_circles_and_pipes_hold_nothing_up() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    let mut home = Home::new("circles");
    home.set("DATABASE_URL", &database.url);
    home.write("playbooks/look.yaml", &playbook("look", "first"));
    home.write("scripts/health.rhai", "fn one() { 1 }\n");
    for link in ["playbooks/a", "playbooks/b", "scripts/a", "scripts/b"] {
        symlink(".", home.path.join(link)).unwrap();
    }
    pipe(&home.path.join("playbooks/pipe.yaml"));
    pipe(&home.path.join("scripts/pipe.rhai"));
    let checked = home.run(&["check", "--format", "line"]);
    assert_eq!(
        checked.stdout,
        "playbooks/pipe.yaml:1:1: error[KW0001]: cannot be read: not a regular file\n\
         scripts/pipe.rhai:1:1: error[KW0001]: cannot be read: not a regular file\n"
    );
    let daemon = home.start(&["run"], "log");
    until("it is published", async || in_force(&pool).await.len() == 1).await;
    home.write("playbooks/look.yaml", &playbook("look", "second"));
    until("the change is published", async || about(&pool, "look").await == "second").await;
    assert_eq!(in_force(&pool).await, [("look".to_owned(), "playbooks/look.yaml".to_owned(), false)]);
    daemon.stop_well();
}

/// As Kubernetes mounts a ConfigMap, and changes it.
#[tokio::test]
async fn a_mounted_config_map_is_read_and_its_change_noticed() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    let mut home = Home::new("config-map");
    home.set("DATABASE_URL", &database.url);
    for (version, text) in [("..2026_01", "first"), ("..2026_02", "other")] {
        home.write(&format!("playbooks/{version}/look.yaml"), &playbook("look", text));
        home.write(&format!("playbooks/{version}/team/deep.yaml"), &playbook("deep", text));
    }
    let folder = home.path.join("playbooks");
    for (target, link) in [("..2026_01", "..data"), ("..data/look.yaml", "look.yaml"), ("..data/team", "team")] {
        symlink(target, folder.join(link)).unwrap();
    }
    assert_eq!(home.done(&["check"]).stdout, "2 playbooks, 0 errors, 0 warnings\n");
    assert!(home.done(&["test", "--allow-empty"]).stdout.contains("look (playbooks/look.yaml)"));
    let daemon = home.start(&["run"], "log");
    until("it is published", async || in_force(&pool).await.len() == 2).await;
    let files: Vec<String> = in_force(&pool).await.into_iter().map(|(_, file, _)| file).collect();
    assert_eq!(files, ["playbooks/team/deep.yaml", "playbooks/look.yaml"]);
    symlink("..2026_02", folder.join("..data_tmp")).unwrap();
    std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    until("the change is published", async || {
        about(&pool, "look").await == "other" && about(&pool, "deep").await == "other"
    })
    .await;
    daemon.stop_well();
}

#[tokio::test]
async fn a_link_out_of_the_folder_is_refused_and_changes_nothing_else() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    let mut home = Home::new("links-out");
    home.set("DATABASE_URL", &database.url);
    home.write("playbooks/look.yaml", &playbook("look", "first"));
    home.write("playbooks/one.yaml", &playbook("one", "first"));
    home.write("playbooks/team/deep.yaml", &playbook("deep", "first"));
    home.done(&["run", "--once"]);
    // The same files, moved elsewhere.
    std::fs::create_dir(home.path.join("elsewhere")).unwrap();
    for (file, link) in [("one.yaml", "../elsewhere/one.yaml"), ("team", "../elsewhere/team")] {
        std::fs::rename(home.path.join("playbooks").join(file), home.path.join("elsewhere").join(file)).unwrap();
        symlink(link, home.path.join("playbooks").join(file)).unwrap();
    }
    home.write("playbooks/look.yaml", &playbook("look", "second"));
    let refused = |file: &str| {
        let at = home.path.join("elsewhere").join(file).canonicalize().unwrap();
        format!(
            "playbooks/{file}:1:1: error[KW0009]: this link leads out of `playbooks`, to {}; \
             help: put the file itself into `playbooks`, or name another folder\n",
            at.display()
        )
    };
    let checked = home.run(&["check", "--format", "line"]);
    assert_eq!(checked.stdout, format!("{}{}", refused("one.yaml"), refused("team")));
    assert_eq!(checked.code, 1);
    let round = home.run(&["run", "--once"]);
    assert!(round.code == 1 && round.stderr.contains("KW0009"), "{round:?}");
    // What was in force goes on, and its file is shown as broken.
    let known = in_force(&pool).await;
    let broken: Vec<(&str, bool)> = known.iter().map(|(id, _, broken)| (id.as_str(), *broken)).collect();
    assert_eq!(broken, [("deep", true), ("look", false), ("one", true)]);
    assert_eq!((about(&pool, "look").await, about(&pool, "deep").await), ("second".to_owned(), "first".to_owned()));
}

#[tokio::test]
async fn a_missing_folder_is_said_once_and_so_is_its_return() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    let mut home = Home::new("folder-away");
    home.set("DATABASE_URL", &database.url);
    home.write("playbooks/look.yaml", &playbook("look", "first"));
    let daemon = home.start(&["run"], "log");
    until("it is published", async || in_force(&pool).await.len() == 1).await;
    let (folder, away) = (home.path.join("playbooks"), home.path.join("away"));
    std::fs::rename(&folder, &away).unwrap();
    let missing = "the playbooks in playbooks cannot be read";
    until("it is said", async || daemon.log().contains(missing)).await;
    // Longer than a lane rests after a fault.
    tokio::time::sleep(Duration::from_secs(7)).await;
    std::fs::rename(&away, &folder).unwrap();
    let back = "the playbooks in playbooks are in force again as they stand";
    until("its return is said", async || daemon.log().contains(back)).await;
    let log = daemon.log();
    assert_eq!((log.matches(missing).count(), log.matches(back).count()), (1, 1), "{log}");
    assert_eq!(in_force(&pool).await.len(), 1);
    home.write("playbooks/look.yaml", &playbook("look", "second"));
    until("a change is published", async || about(&pool, "look").await == "second").await;
    daemon.stop_well();
}
