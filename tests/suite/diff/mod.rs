//! `diff`: whom a change touches, beside a git revision, a folder and what is
//! published. Nothing is written, neither to the database nor to the repository.

use std::process::Command;

use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, Executor, PgPool};

use crate::cli::{AT, company};
use crate::support::program::{Answer, Home};

mod words;

/// A playbook of the week: what it counts happens on one day each.
const ASKED: &str = r#"
playbook: asked
about: Somebody asks.
alerts_to: ops@example.com
schedule: "0 9 * * *"
when: account.events("ask", 1) > 0
steps:
  - email: { id: answer, to: champion, subject: "Hello {{ account.name }}", body: "Hi" }
  - wait: 2d
  - task: { id: look, title: "Look after {{ account.name }}", to: csm }
  - notify: { id: note, channel: csm, text: "{{ account.name }} asks" }
"#;

/// A repository around the home's files, with all of them in its first commit.
fn repository(home: &Home) {
    home.write(".gitignore", "being-written\n");
    git(home, &["init", "--quiet", "--initial-branch", "main"]);
    commit(home);
}

fn commit(home: &Home) {
    git(home, &["add", "--all"]);
    git(home, &["-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "As it is"]);
}

fn git(home: &Home, words: &[&str]) -> String {
    let output = Command::new("git").args(words).current_dir(&home.path).output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Everything in the database, as one text for each table.
async fn contents(pool: &PgPool) -> Vec<(String, String)> {
    let tables: Vec<(String,)> = sqlx::query_as(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('keepwell', 'customers')
         order by 1",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut found = Vec::new();
    for (table,) in tables {
        let sql = format!("select coalesce(string_agg(t::text, e'\\n' order by t::text), '') from {table} t");
        found.push((table, sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(pool).await.unwrap()));
    }
    found
}

fn diff(home: &Home, against: &str) -> Answer {
    home.run(&["diff", "--against", against, "--at", AT, "--format", "json"])
}

fn row_of<'a>(rows: &'a [Json], playbook: &str) -> &'a Json {
    let mut found = rows.iter().filter(|row| row["playbook"] == playbook);
    let row = found.next().unwrap_or_else(|| panic!("no {playbook}: {rows:#?}"));
    assert!(found.next().is_none());
    row
}

/// The home's text of `call`, changed.
fn edit(home: &Home, playbook: &str, edits: &[(&str, &str)]) {
    let file = format!("playbooks/{playbook}.yaml");
    let mut text = std::fs::read_to_string(home.path.join(&file)).unwrap();
    for (from, to) in edits {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    home.write(&file, &text);
}

/// The usual change: the condition, a longer wait, another step and another case.
fn change(home: &Home) {
    edit(
        home,
        "call",
        &[
            (r#"when: account.tier == "A""#, "when: account.seats == 10"),
            ("- wait: 30d", "- wait: 4d\n  - notify: { id: heads-up, channel: csm, text: \"Soon\" }"),
            ("an A account is called", "an account with ten seats is called"),
        ],
    );
    edit(home, "many", &[("count: 2", "count: 50"), ("first_run: go", "first_run: go, max_per_day: 7")]);
    home.write("playbooks/asked.yaml", ASKED);
    home.remove("playbooks/most.yaml");
}

#[tokio::test]
async fn a_revision_is_compared_with_the_files_and_nothing_is_written() {
    let (mut home, pool) = company("diff").await;
    repository(&home);
    // Of `call` this one enters by the earlier text alone.
    pool.execute("update customers.accounts set seats = 5 where id = 'a1'").await.unwrap();
    assert_eq!(diff(&home, "main").code, 0, "nothing has changed yet");
    change(&home);
    let status = git(&home, &["status", "--porcelain"]);
    let before = contents(&pool).await;
    let answer = diff(&home, "main");
    assert_eq!(answer.code, 2, "{answer:?}");
    let rows = answer.rows("diff");
    let changes: Vec<(&str, &str)> =
        rows.iter().map(|row| (row["playbook"].as_str().unwrap(), row["change"].as_str().unwrap())).collect();
    assert_eq!(changes, [("asked", "added"), ("call", "changed"), ("many", "changed"), ("most", "removed")]);
    let call = row_of(&rows, "call");
    assert_eq!((&call["enter"], &call["leave"]), (&json!(["a3", "a4"]), &json!(["a1"])));
    assert_eq!(call["values"]["a3"], json!({ "account.seats": 10 }));
    assert_eq!((&call["kept_out_by"]["a3"], &call["kept_out_by"]["a1"]), (&json!("condition"), &json!("condition")));
    assert_eq!(call["names"]["a3"], "Account 3");
    assert_eq!(call["collisions"]["a3"], json!(["many"]), "both let it in at the same slot");
    let workload: Vec<(u64, u64)> = call["workload"]
        .as_array()
        .unwrap()
        .iter()
        .map(|load| (load["before"].as_u64().unwrap(), load["after"].as_u64().unwrap()))
        .collect();
    assert_eq!(workload, [(4, 6)], "two tasks for each");
    assert_eq!(
        call["changes"],
        json!([
            "the condition: `account.tier == \"A\"` before, `account.seats == 10` after",
            "step `wait-1` waits 4d instead of 30d",
            "step `heads-up` added: notify `Soon`",
        ])
    );
    assert_eq!(
        call["tests"],
        json!({ "added": ["an account with ten seats is called"], "removed": ["an A account is called"], "changed": [] })
    );
    let many = row_of(&rows, "many");
    assert_eq!((&many["enter"], &many["leave"]), (&json!([]), &json!([])));
    assert_eq!(many["changes"], json!(["hold_above.count `2` → `50`", "max_per_day is new: `7`"]));
    assert_eq!(row_of(&rows, "most")["leave"], json!(["a2", "a3", "a4"]), "nobody enters by a file that is gone");
    for row in &rows {
        for key in ["messages_per_week", "tasks_per_week"] {
            assert!(row[key]["before"].is_number() && row[key]["after"].is_number(), "{row:#?}");
        }
    }
    assert_eq!(git(&home, &["status", "--porcelain"]), status);
    assert_eq!(contents(&pool).await, before);

    // For people, and for one of them.
    let human = home.run(&["diff", "--against", "main", "--at", AT]);
    assert_eq!(human.code, 2);
    for line in [
        "call: changed",
        "  would enter 2, would leave 1",
        "  + a3 Account 3: account.seats 10 (before: the condition does not hold)",
        "      also in many",
        "  - a1 Account 1: account.tier A (now: the condition does not hold)",
        "    csm Sam: 4 → 6 with those who enter now, 0 a week",
    ] {
        assert!(human.stdout.lines().any(|one| one == line), "{line}: {}", human.stdout);
    }
    let only = home.run(&["diff", "--against", "main", "--at", AT, "--playbook", "many"]);
    assert!(only.code == 0 && !only.stdout.contains("call"), "{only:?}");
    assert_eq!(home.run(&["diff", "--against", "main", "--playbook", "nobody"]).code, 1);

    // From a folder of the repository that is not its root.
    let inner = home.path.join("success");
    std::fs::create_dir(&inner).unwrap();
    for name in ["playbooks", "keepwell.yaml"] {
        std::fs::rename(home.path.join(name), inner.join(name)).unwrap();
    }
    git(&home, &["stash", "--quiet", "--include-untracked"]);
    std::fs::create_dir(&inner).unwrap();
    for name in ["playbooks", "keepwell.yaml"] {
        std::fs::rename(home.path.join(name), inner.join(name)).unwrap();
    }
    commit(&home);
    home.path = inner;
    change(&home);
    assert_eq!(diff(&home, "HEAD").rows("diff").len(), 4);
    home.path = home.path.parent().unwrap().to_owned();
}

#[tokio::test]
async fn the_comment_is_short_and_no_name_is_markup() {
    let (home, pool) = company("comment").await;
    repository(&home);
    pool.execute("update customers.accounts set seats = 5 where id = 'a1'").await.unwrap();
    let name = "Evil`` <img src=x> @all [x](http://x.example) | **b**\n# h";
    sqlx::query("update customers.accounts set name = $1 where id = 'a3'").bind(name).execute(&pool).await.unwrap();
    change(&home);
    let answer = home.run(&["diff", "--against", "main", "--at", AT, "--format", "markdown"]);
    assert_eq!(answer.code, 2, "{answer:?}");
    assert_eq!(answer.stdout, include_str!("comment.md"));
    home.run(&["diff", "--against", "HEAD", "--format", "markdown"]);
    commit(&home);
    let same = home.done(&["diff", "--against", "HEAD", "--format", "markdown"]);
    assert!(same.stdout.contains("No playbook is different from `HEAD`."), "{same:?}");
}

#[tokio::test]
async fn what_is_published_is_compared_and_a_renamed_one_is_the_same_playbook() {
    let (home, pool) = company("in-force").await;
    home.done(&["run", "--once", "--at", AT]);
    let same = diff(&home, "published");
    assert!(same.code == 0 && same.rows("diff").iter().all(|row| row["change"] == "same"), "{same:?}");
    let before = contents(&pool).await;
    // Whoever is in it already does not enter again under another name.
    let text = std::fs::read_to_string(home.path.join("playbooks/call.yaml")).unwrap();
    home.write("playbooks/ring.yaml", &text.replace("playbook: call", "playbook: ring\nwas: call"));
    home.remove("playbooks/call.yaml");
    let renamed = diff(&home, "published");
    assert_eq!(renamed.code, 0, "{renamed:?}");
    let rows = renamed.rows("diff");
    let ring = row_of(&rows, "ring");
    assert_eq!((&ring["change"], &ring["was"]), (&json!("changed"), &json!("call")));
    assert_eq!(ring["changes"], json!(["renamed from `call` to `ring`"]));
    edit(&home, "ring", &[(r#"account.tier == "A""#, "account.seats == 10")]);
    let changed = diff(&home, "published");
    assert_eq!((changed.code, &row_of(&changed.rows("diff"), "ring")["enter"]), (2, &json!(["a3", "a4"])));
    let notes = row_of(&changed.rows("diff"), "ring")["notes"].clone();
    assert_eq!(notes, json!(["2 on their way go on in the text they entered with"]));
    assert_eq!(contents(&pool).await, before);
}

#[tokio::test]
async fn a_folder_is_compared_with_its_scripts_and_its_errors_are_said() {
    let (home, _) = company("folders").await;
    home.write("scripts/health.rhai", "fn is_large(account) { (account.seats ?? 0) >= 10 }\n");
    edit(&home, "call", &[(r#"when: account.tier == "A""#, "when: health::is_large(account)")]);
    for file in ["playbooks/call.yaml", "playbooks/many.yaml", "playbooks/most.yaml", "scripts/health.rhai"] {
        home.write(&format!("old/{file}"), &std::fs::read_to_string(home.path.join(file)).unwrap());
    }
    let same = diff(&home, "old");
    assert_eq!(same.code, 0, "{same:?}");
    home.write("old/scripts/health.rhai", "fn is_large(account) { (account.seats ?? 0) >= 99 }\n");
    let script = diff(&home, "old");
    let rows = script.rows("diff");
    let call = row_of(&rows, "call");
    assert_eq!(
        (script.code, &call["change"], &call["enter"]),
        (2, &json!("changed"), &json!(["a1", "a2", "a3", "a4"]))
    );
    assert_eq!(call["changes"], json!(["the script `health` has changed"]));
    assert_eq!(row_of(&rows, "many")["change"], "same");
    // The playbooks' folder alone, with the scripts that are here.
    assert_eq!(diff(&home, "old/playbooks").code, 0);

    home.write("old/playbooks/many.yaml", "playbook: many\nwhen: account.\nsteps: 5\n");
    let broken = diff(&home, "old");
    let rows = broken.rows("diff");
    assert!(broken.stderr.contains("old/playbooks/many.yaml"), "{broken:?}");
    assert_eq!(row_of(&rows, "call")["enter"], json!(["a1", "a2", "a3", "a4"]), "the others are compared");
    let many = row_of(&rows, "many");
    assert_eq!((&many["change"], &many["enter"]), (&json!("changed"), &json!([])));
    assert!(many["reason"].as_str().unwrap().starts_with("the earlier text cannot be used: "), "{many:#?}");
    assert_eq!(many["messages_per_week"]["before"], Json::Null);
    // Errors in one's own files are a failure, and the rest is said all the same.
    home.write("playbooks/most.yaml", "playbook: most\nwhen: account.\nsteps: 5\n");
    let own = diff(&home, "old");
    assert_eq!((own.code, &row_of(&own.rows("diff"), "call")["change"]), (1, &json!("changed")), "{own:?}");
}

#[tokio::test]
async fn a_week_is_what_new_ones_get() {
    let (home, pool) = company("week").await;
    pool.execute(
        "insert into customers.events (account_id, id, name, at) values
             ('a1', '1', 'ask', '2026-02-24T10:00:00Z'), ('a2', '2', 'ask', '2026-02-25T10:00:00Z'),
             ('a2', '3', 'ask', '2026-02-25T11:00:00Z'), ('a3', '4', 'ask', '2026-02-26T10:00:00Z'),
             ('a4', '5', 'ask', '2026-02-10T10:00:00Z');
         insert into customers.accounts (id, name, csm_id, seats, signed_up_at)
             values ('a5', 'New', 'csm', 1, '2026-02-27T10:00:00Z')",
    )
    .await
    .unwrap();
    for file in ["call", "many", "most"] {
        home.remove(&format!("playbooks/{file}.yaml"));
    }
    let welcome = "playbook: welcome\nabout: New.\nalerts_to: ops@example.com\nschedule: \"0 9 * * *\"\n\
         when: days_since(account.signed_up_at) <= 14\nsteps:\n  - task: { title: Call, to: csm }\n";
    home.write("old/playbooks/asked.yaml", ASKED);
    home.write("old/playbooks/welcome.yaml", welcome);
    home.write("playbooks/asked.yaml", &ASKED.replace("> 0", "> 1"));
    home.write("playbooks/welcome.yaml", &welcome.replace("task: {", "task: { priority: high,"));
    let answer = diff(&home, "old");
    assert_eq!(answer.code, 0, "nobody asks today, and all new ones enter by both texts: {answer:?}");
    let rows = answer.rows("diff");
    let asked = row_of(&rows, "asked");
    assert_eq!(asked["entries_per_week"], json!({ "before": 3.0, "after": 1.0 }));
    assert_eq!(asked["messages_per_week"], json!({ "before": 6.0, "after": 2.0 }));
    assert_eq!(
        asked["messages_per_week_by_class"],
        json!({ "internal": { "before": 3.0, "after": 1.0 }, "lifecycle": { "before": 3.0, "after": 1.0 } })
    );
    assert_eq!(asked["tasks_per_week"], json!({ "before": 3.0, "after": 1.0 }));
    // Of those who match all the time only who has signed up in that week is new.
    assert_eq!(row_of(&rows, "welcome")["tasks_per_week"], json!({ "before": 1.0, "after": 1.0 }));
    // In shadow nothing leaves; a gap brings everybody back.
    home.write("playbooks/asked.yaml", &ASKED.replace("alerts_to", "mode: shadow\nalerts_to"));
    home.write("playbooks/welcome.yaml", &welcome.replace("when:", "reentry: { gap: 1d }\nwhen:"));
    let rows = diff(&home, "old").rows("diff");
    assert_eq!(row_of(&rows, "asked")["messages_per_week"], json!({ "before": 6.0, "after": 0.0 }));
    assert_eq!(row_of(&rows, "welcome")["tasks_per_week"]["after"], 3.0, "on the 28th, the 1st and the 2nd");
}

#[tokio::test]
async fn what_cannot_be_compared_is_said() {
    let (mut home, _) = company("nogit").await;
    let parent = home.path.parent().unwrap().display().to_string();
    home.set("GIT_CEILING_DIRECTORIES", &parent);
    let fails = |home: &Home, against: &str, words: &str| {
        let answer = home.run(&["diff", "--against", against]);
        assert!(answer.code == 1 && answer.stderr.contains(words), "{against}: {answer:?}");
        assert_eq!(answer.stdout, "");
    };
    fails(&home, "main", "is in no git repository");
    std::fs::create_dir(home.path.join("empty")).unwrap();
    fails(&home, "empty", "there are no playbooks in `empty`");
    repository(&home);
    fails(&home, "v9.9", "`v9.9` is neither a folder, nor `published`, nor a revision that git knows here");
    let answer = home.run(&["diff", "--against=--all"]);
    assert!(answer.code == 1 && answer.stderr.contains("nor a revision"), "{answer:?}");
    home.set("PATH", "/nowhere");
    fails(&home, "main", "the program `git`, which is not installed here");
    assert_eq!(home.run(&["diff"]).code, 1);
}
