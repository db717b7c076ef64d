//! What is in `contrib/`, run as the machinery around a repository runs it: the
//! scripts are taken out of the files, and git and the program are real.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;
use sqlx::Executor;

use crate::support::database;

const GOOD: &str = "playbook: call
about: A large account is called.
alerts_to: ops@linden.example
schedule: \"0 9 * * mon\"
when: account.mrr > 500
steps:
  - task: { id: call, title: \"Call {{ account.name }}\", to: csm }
tests:
  - name: a large account is called
    at: 2026-03-02T09:00:00Z
    account: { mrr: 900 }
    expect: [ { after: 0d, task: call } ]
";

/// A repository with a playbook on `main`, gone at its end.
struct Repository {
    path: PathBuf,
    environment: Vec<(String, String)>,
}

impl Repository {
    fn new(name: &str) -> Repository {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("repository-{name}"));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        let repository = Repository { path, environment: Vec::new() };
        repository.write("playbooks/call.yaml", GOOD);
        repository.write("keepwell.yaml", "web: off\n");
        repository.git(&["init", "--quiet", "--initial-branch", "main"]);
        repository.commit();
        repository
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// A command in it, with nothing in its environment but what is given.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        let folder = self.path.to_str().unwrap();
        command.args(arguments).current_dir(&self.path).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        // Nobody's own configuration of git.
        command.envs([("HOME", folder), ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")]);
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Kim").env(format!("GIT_{who}_EMAIL"), "kim@linden.example");
        }
        command.env("KEEPWELL", env!("CARGO_BIN_EXE_keepwell"));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn git(&self, arguments: &[&str]) {
        let output = self.command("git", arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", printed(&output));
    }

    fn commit(&self) {
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "--message", "a change"]);
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn document(file: &str) -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let value: serde_yaml::Value = serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    serde_json::to_value(value).unwrap()
}

/// The action with these inputs, as GitHub fills them in.
struct Action {
    document: Json,
    inputs: Vec<(&'static str, String)>,
}

impl Action {
    fn new(inputs: &[(&'static str, &str)]) -> Action {
        let document = document("contrib/github/action.yml");
        let inputs = inputs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect::<Vec<_>>();
        for (name, _) in &inputs {
            assert!(document["inputs"][name].is_object(), "the action has no input `{name}`");
        }
        Action { document, inputs }
    }

    /// A text with `${{ inputs.NAME }}` filled in. Other contexts are the caller's.
    fn fill(&self, text: &str) -> Option<String> {
        let Some(expression) = text.strip_prefix("${{ ").and_then(|rest| rest.strip_suffix(" }}")) else {
            assert!(!text.contains("${{"), "an expression within a text: {text}");
            return Some(text.to_owned());
        };
        let name = expression.strip_prefix("inputs.")?;
        let given = self.inputs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let default = self.document["inputs"][name]["default"].as_str();
        Some(given.unwrap_or_else(|| default.unwrap_or_else(|| panic!("no input `{name}`")).to_owned()))
    }

    /// Runs the script of a step as GitHub runs `shell: bash`.
    fn run(&self, step: &str, repository: &Repository) -> Output {
        let steps = self.document["runs"]["steps"].as_array().unwrap();
        let found = steps.iter().find(|one| one["name"] == step).unwrap_or_else(|| panic!("no step `{step}`"));
        assert_eq!(found["shell"], "bash");
        let script = found["run"].as_str().unwrap();
        // What is filled into a script is run by it; the environment is only read.
        assert!(!script.contains("${{"), "{script}");
        let mut command = repository.command("bash", &["--noprofile", "--norc", "-eo", "pipefail", "-c", script]);
        command.env("GITHUB_STEP_SUMMARY", repository.path.join("summary.md"));
        command.env("GITHUB_WORKSPACE", &repository.path);
        for (name, value) in found["env"].as_object().unwrap() {
            if let Some(value) = self.fill(value.as_str().unwrap()) {
                command.env(name, value);
            }
        }
        command.output().unwrap()
    }
}

const PROGRAM: (&str, &str) = ("keepwell", env!("CARGO_BIN_EXE_keepwell"));

#[test]
fn the_github_action_checks_and_plays() {
    let repository = Repository::new("github");
    let action = Action::new(&[PROGRAM, ("reports", "out/reports")]);
    for step in ["Check the playbooks", "Play their cases", "Write SARIF"] {
        let output = action.run(step, &repository);
        assert!(output.status.success(), "{step}: {}", printed(&output));
    }
    let report = repository.read("out/reports/test.xml");
    assert!(report.contains("a large account is called") && report.contains("failures=\"0\""), "{report}");
    let sarif: Json = serde_json::from_str(&repository.read("out/reports/check.sarif")).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    assert_eq!(sarif["runs"][0]["results"].as_array().map(Vec::len), Some(0));

    // A case that fails.
    repository.write("playbooks/call.yaml", &GOOD.replace("mrr > 500", "mrr > 5000"));
    let output = action.run("Check the playbooks", &repository);
    assert!(
        output.status.code() == Some(1) && printed(&output).contains("::error file=playbooks/call.yaml"),
        "{}",
        printed(&output)
    );
    let output = action.run("Play their cases", &repository);
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("a large account is called"), "the log says it too: {}", printed(&output));
    assert!(repository.read("out/reports/test.xml").contains("failures=\"1\""));

    // A mistake, with its place for the pull request.
    repository.write("playbooks/call.yaml", &GOOD.replace("account.mrr", "account.mrrr"));
    let output = action.run("Check the playbooks", &repository);
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("::error file=playbooks/call.yaml,line=5,"), "{}", printed(&output));
    assert!(action.run("Write SARIF", &repository).status.success());
    let sarif: Json = serde_json::from_str(&repository.read("out/reports/check.sarif")).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().map(Vec::len), Some(1));
}

/// Two accounts, of which the change below touches one.
async fn company() -> database::TestDatabase {
    let store = database::fresh().await;
    let rows = "insert into customers.csms (id, name, email) values ('csm', 'Sam', 'sam@example.com');
        insert into customers.accounts (id, name, csm_id, mrr, signed_up_at)
            values ('a1', 'Linden Optics', 'csm', 700, '2026-01-01'), ('a2', 'Birch', 'csm', 100, '2026-01-01')";
    store.pool().await.execute(rows).await.unwrap();
    store
}

#[tokio::test]
async fn the_github_action_says_whom_a_change_touches() {
    let store = company().await;
    let mut repository = Repository::new("github-diff");
    repository.environment.push(("DATABASE_URL".to_owned(), store.url.clone()));
    let action = Action::new(&[PROGRAM, ("against", "main"), ("comment", "true")]);
    let output = action.run("Say whom the change touches", &repository);
    assert!(output.status.success(), "{}", printed(&output));
    repository.git(&["checkout", "--quiet", "-b", "change"]);
    repository.write("playbooks/call.yaml", &GOOD.replace("mrr > 500", "mrr > 800"));
    repository.commit();
    let output = action.run("Say whom the change touches", &repository);
    assert!(output.status.success(), "that somebody leaves is no failure: {}", printed(&output));
    let text = repository.read("keepwell-reports/diff.md");
    assert!(text.contains("call") && text.contains("Linden Optics") && !text.contains("Birch"), "{text}");
    assert!(repository.read("summary.md").ends_with(&text));
    // A revision that is not there is one.
    let output = Action::new(&[PROGRAM, ("against", "nowhere")]).run("Say whom the change touches", &repository);
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));

    // The program `gh` is GitHub's; here another stands for it and writes down how it is called.
    repository.write("bin/gh", "#!/bin/sh\nprintf '%s\\n' \"$@\" > gh-called\n");
    let path = repository.path.join("bin");
    assert!(repository.command("chmod", &["+x", "bin/gh"]).status().unwrap().success());
    let whole = format!("{}:{}", path.display(), std::env::var("PATH").unwrap_or_default());
    repository.environment.extend([("PATH".to_owned(), whole), ("NUMBER".to_owned(), "17".to_owned())]);
    let output = action.run("Comment on the pull request", &repository);
    assert!(output.status.success(), "{}", printed(&output));
    let called = repository.read("gh-called");
    assert!(
        called.starts_with("pr\ncomment\n17\n") && called.ends_with("--body-file\nkeepwell-reports/diff.md\n"),
        "{called}"
    );
}

/// Runs the script of the GitLab job as its runner does.
fn run_gitlab_job(repository: &Repository, shell: &str, variables: &[(&str, &str)]) -> Output {
    let job = document("contrib/gitlab/keepwell.gitlab-ci.yml")["keepwell"].clone();
    let script: Vec<&str> = job["script"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let mut command = repository.command(shell, &["-e", "-c", &script.join("\n")]);
    for (name, value) in job["variables"].as_object().unwrap() {
        // The program is the test's.
        if name != "KEEPWELL" {
            command.env(name, value.as_str().unwrap());
        }
    }
    assert_eq!(job["artifacts"]["reports"]["junit"], "keepwell-reports/*.xml");
    command.envs(variables.iter().copied()).output().unwrap()
}

#[tokio::test]
async fn the_gitlab_job_writes_its_reports() {
    let mut repository = Repository::new("gitlab");
    for shell in ["sh", "bash"] {
        let output = run_gitlab_job(&repository, shell, &[]);
        assert!(output.status.success(), "{shell}: {}", printed(&output));
        for report in ["check", "test"] {
            let text = repository.read(&format!("keepwell-reports/{report}.xml"));
            assert!(text.starts_with("<?xml") && text.contains("failures=\"0\""), "{text}");
        }
    }
    repository.write("playbooks/call.yaml", &GOOD.replace("mrr > 500", "mrr > 5000"));
    let output = run_gitlab_job(&repository, "sh", &[]);
    assert!(
        output.status.code() == Some(1) && printed(&output).contains("a large account is called"),
        "{}",
        printed(&output)
    );
    assert!(repository.read("keepwell-reports/test.xml").contains("failures=\"1\""));
    assert!(!repository.path.join("keepwell-reports/diff.md").exists());

    repository.write("playbooks/call.yaml", &GOOD.replace("mrr > 500", "mrr > 800"));
    let store = company().await;
    repository.environment.push(("DATABASE_URL".to_owned(), store.url.clone()));
    let output = run_gitlab_job(&repository, "sh", &[("CI_MERGE_REQUEST_DIFF_BASE_SHA", "main")]);
    assert!(output.status.success(), "{}", printed(&output));
    assert!(repository.read("keepwell-reports/diff.md").contains("Linden Optics"));
}

/// Runs a hook as pre-commit does: its script from where the hooks are, in the
/// repository of the person.
fn run_hook(id: &str, repository: &Repository) -> Output {
    let hooks = document(".pre-commit-hooks.yaml");
    let hook = hooks.as_array().unwrap().iter().find(|hook| hook["id"] == id).unwrap_or_else(|| panic!("no hook {id}"));
    assert_eq!((&hook["language"], &hook["pass_filenames"]), (&Json::from("script"), &Json::from(false)));
    let mut words = hook["entry"].as_str().unwrap().split(' ');
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(words.next().unwrap());
    repository.command(script.to_str().unwrap(), &words.collect::<Vec<_>>()).output().unwrap()
}

#[test]
fn the_hooks_look_at_what_is_about_to_be_committed() {
    let repository = Repository::new("hooks");
    let ids = ["keepwell-check", "keepwell-test", "keepwell-fmt"];
    let codes = |repository: &Repository| ids.map(|id| run_hook(id, repository).status.code());
    assert_eq!(codes(&repository), [Some(0); 3], "{}", ids.map(|id| printed(&run_hook(id, &repository))).join("\n"));
    let staged = |text: &str| {
        repository.write("playbooks/call.yaml", text);
        repository.git(&["add", "."]);
        codes(&repository)
    };
    let (ok, no) = (Some(0), Some(1));
    assert_eq!(staged(&GOOD.replace("account.mrr >", "account.mrrr >")), [no, no, ok]);
    // `check` plays the cases, too.
    assert_eq!(staged(&GOOD.replace("mrr > 500", "mrr > 5000")), [no, no, ok]);
    assert_eq!(staged(&GOOD.replace("steps:\n  -", "steps:\n    -")), [ok, ok, no]);
    staged(GOOD);
    // What is not staged is not looked at.
    repository.write("playbooks/call.yaml", "playbook: 5\n");
    assert_eq!(codes(&repository), [ok; 3]);
    let left: Vec<_> = std::fs::read_dir(&repository.path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn the_script_is_a_hook_of_git_itself() {
    let repository = Repository::new("git-hook");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/pre-commit/keepwell.sh");
    std::fs::create_dir_all(repository.path.join(".git/hooks")).unwrap();
    let copy = Command::new("cp").arg(script).arg(repository.path.join(".git/hooks/pre-commit")).status();
    assert!(copy.expect("cp runs").success());
    let commit =
        || repository.command("git", &["commit", "--quiet", "--all", "--message", "a change"]).output().unwrap();
    repository.write("playbooks/call.yaml", &GOOD.replace("mrr > 500", "mrr > 5000"));
    let output = commit();
    assert!(!output.status.success() && printed(&output).contains("a large account is called"), "{}", printed(&output));
    repository.write("playbooks/call.yaml", &GOOD.replace("A large", "Each large"));
    let output = commit();
    assert!(output.status.success(), "{}", printed(&output));
    // Without the program nothing passes unseen.
    repository.write("playbooks/call.yaml", GOOD);
    let mut command = repository.command("git", &["commit", "--quiet", "--all", "--message", "a change"]);
    let output = command.env("KEEPWELL", "no-such-program").output().unwrap();
    assert!(!output.status.success() && printed(&output).contains("not on the PATH"), "{}", printed(&output));
}
