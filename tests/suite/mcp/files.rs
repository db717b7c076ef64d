//! The one thing that is written: playbooks below their folder.

use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::json;

use super::{CALL, Session, company};
use crate::support::program::{Home, until};

/// All that stands below a folder.
fn listing(home: &Home, folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![home.path.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path.clone());
            }
            found.push(path.strip_prefix(&home.path).unwrap().display().to_string());
        }
    }
    found.sort();
    found
}

#[test]
fn a_playbook_is_written_and_checked() {
    let home = Home::new("mcp-write");
    let mut session = Session::begin(&home, &[]);
    let answer = session.call("write_playbook", &json!({ "file": "team/call.yaml", "text": CALL }));
    assert_eq!(answer["written"], json!({ "file": "playbooks/team/call.yaml", "new": true }));
    assert_eq!(answer["diagnostics"], json!([]));
    assert_eq!(std::fs::read_to_string(home.path.join("playbooks/team/call.yaml")).unwrap(), CALL);
    let read = session.call("read_playbook", &json!({ "file": "playbooks/team/call.yaml" }));
    assert_eq!(read["playbook"], json!({ "file": "playbooks/team/call.yaml", "text": CALL }));

    // In place of the one before, with its mode; a text with mistakes is written, and they are named.
    let path = home.path.join("playbooks/team/call.yaml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let wrong = CALL.replace("account.mrr", "account.mr");
    let answer = session.call("write_playbook", &json!({ "file": "team/call.yaml", "text": wrong }));
    assert_eq!((&answer["written"]["new"], &answer["diagnostics"][0]["code"]), (&json!(false), &json!("KW0202")));
    assert_eq!(answer["diagnostics"][0]["file"], "playbooks/team/call.yaml");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), wrong);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(listing(&home, "playbooks"), ["playbooks/team", "playbooks/team/call.yaml"]);
}

#[test]
fn nothing_else_can_be_written_or_read() {
    let home = Home::new("mcp-elsewhere");
    home.write("outside/secret.yaml", "secret: 1\n");
    home.write("playbooks/inside.yaml", CALL);
    let path = |file: &str| home.path.join(file);
    symlink(path("outside/secret.yaml"), path("playbooks/link.yaml")).unwrap();
    symlink(path("outside"), path("playbooks/folder")).unwrap();
    symlink("inside.yaml", path("playbooks/alias.yaml")).unwrap();
    std::fs::create_dir(path("playbooks/folder.yaml")).unwrap();
    let before = listing(&home, ".");
    let mut session = Session::begin(&home, &[]);
    let absolute = path("playbooks/absolute.yaml").display().to_string();
    for file in [
        "../outside/secret.yaml",
        "../escaped.yaml",
        "x/../../escaped.yaml",
        "/tmp/escaped.yaml",
        &absolute,
        "",
        ".",
        "..",
        "./a.yaml",
        ".hidden.yaml",
        ".git/a.yaml",
        "a\n.yaml",
        "a\u{0}.yaml",
        "playbooks/../escaped.yaml",
        // Neither by a link nor in place of one.
        "link.yaml",
        "alias.yaml",
        "folder/secret.yaml",
        "folder/new.yaml",
        "folder.yaml",
        // No playbooks.
        "script.rhai",
        "keepwell",
        "a.yml",
        "a.YAML",
        "a.yaml/b",
    ] {
        let why = session.refusal("write_playbook", &json!({ "file": file, "text": "playbook: x\n" }));
        assert!(!why.is_empty(), "{file:?}");
    }
    let long = "#".repeat(300 * 1024);
    assert!(session.refusal("write_playbook", &json!({ "file": "long.yaml", "text": long })).contains("bytes"));
    assert_eq!(listing(&home, "."), before);
    assert_eq!(std::fs::read_to_string(path("outside/secret.yaml")).unwrap(), "secret: 1\n");
    assert_eq!(std::fs::read_to_string(path("playbooks/inside.yaml")).unwrap(), CALL);

    for file in [
        "../outside/secret.yaml",
        "link.yaml",
        "folder/secret.yaml",
        "../keepwell.yaml",
        "/etc/hostname",
        "missing.yaml",
    ] {
        session.refusal("read_playbook", &json!({ "file": file }));
        session.refusal("check", &json!({ "files": [file] }));
        session.refusal("test", &json!({ "files": [file] }));
    }
    // A link that stays inside is read, as the daemon reads it.
    assert_eq!(session.call("read_playbook", &json!({ "file": "alias.yaml" }))["playbook"]["text"], CALL);
}

#[tokio::test]
async fn the_folder_of_a_running_daemon_is_left_alone() {
    let (home, _database) = company("mcp-daemon").await;
    let daemon = home.start(&["run"], "log");
    until("the playbook is published", async || home.run(&["revisions", "call"]).code == 0).await;
    let mut session = Session::begin(&home, &[]);
    let changed = CALL.replace("mrr >= 500", "mrr >= 400");
    for file in ["call.yaml", "new.yaml", "team/new.yaml"] {
        let why = session.refusal("write_playbook", &json!({ "file": file, "text": changed }));
        assert!(why.starts_with("a running Keepwell reads ") && why.contains("--playbooks"), "{why}");
    }
    assert_eq!(listing(&home, "playbooks"), ["playbooks/call.yaml"]);
    // What it asks is answered, and a copy may be written to.
    assert!(session.call("plan", &json!({ "at": super::AT }))["plan"].is_array());
    home.write("copy/call.yaml", CALL);
    let mut beside = Session::begin(&home, &["--playbooks", "copy"]);
    let answer = beside.call("write_playbook", &json!({ "file": "call.yaml", "text": changed }));
    assert_eq!(answer["written"], json!({ "file": "copy/call.yaml", "new": false }));
    assert_eq!(home.rows(&["revisions", "call"]).len(), 1);
    daemon.stop_well();
    session.call("write_playbook", &json!({ "file": "new.yaml", "text": changed }));
}
