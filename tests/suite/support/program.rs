//! The program as people run it: a process of its own, in a folder of its own,
//! with nothing in its environment that a test did not put there.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

/// A folder with playbooks and a configuration, gone at its end.
pub struct Home {
    pub path: PathBuf,
    /// What is run.
    pub program: PathBuf,
    environment: Vec<(String, String)>,
}

/// The shipped playbooks and scripts, by their paths in the repository, in order.
pub fn shipped_files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec!["playbooks".to_owned(), "scripts".to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().into_string().unwrap());
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(path),
                false => files.push((path, std::fs::read_to_string(entry.path()).unwrap())),
            }
        }
    }
    files.sort();
    files
}

/// What a command answered.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    /// The one JSON document on stdout.
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The rows under a noun, which is the document's only key.
    pub fn rows(&self, noun: &str) -> Vec<Json> {
        let document = self.json();
        let keys: Vec<&String> = document.as_object().unwrap().keys().collect();
        assert_eq!(keys, [noun]);
        document[noun].as_array().unwrap().clone()
    }
}

impl Home {
    /// An empty one; its web page is off.
    pub fn new(name: &str) -> Home {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("home-{name}"));
        let _ = std::fs::remove_dir_all(&path);
        let home = Home { path, program: env!("CARGO_BIN_EXE_keepwell").into(), environment: Vec::new() };
        home.write("keepwell.yaml", "web: off\n");
        std::fs::create_dir_all(home.path.join("playbooks")).unwrap();
        home
    }

    /// Every command from now on sees this variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Writes a file, complete at once, as careful editors do.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.path.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let beside = self.path.join("being-written");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, path).unwrap();
    }

    pub fn remove(&self, file: &str) {
        std::fs::remove_file(self.path.join(file)).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(&self.path)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Answer {
        let output = self.command(arguments).output().unwrap();
        Answer {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The same, for a command that must succeed.
    pub fn done(&self, arguments: &[&str]) -> Answer {
        let answer = self.run(arguments);
        assert_eq!(answer.code, 0, "{arguments:?}: {answer:?}");
        answer
    }

    /// The rows that a list command shows as JSON.
    pub fn rows(&self, arguments: &[&str]) -> Vec<Json> {
        let json = [arguments, &["--format", "json"]].concat();
        self.done(&json).rows(arguments[0])
    }

    /// Starts a command that goes on until it is told to stop. What it says on
    /// stderr is appended to `log`.
    pub fn start(&self, arguments: &[&str], log: &str) -> Daemon {
        self.start_with(arguments, log, |_| {})
    }

    /// The same, with something else about its process.
    pub fn start_with(&self, arguments: &[&str], log: &str, about: impl FnOnce(&mut Command)) -> Daemon {
        let log = self.path.join(log);
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = self.command(arguments);
        about(&mut command);
        let child = command.stdout(Stdio::null()).stderr(file).spawn().unwrap();
        Daemon { child, log }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What a failed test left is worth a look.
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// A running command; killed when it is dropped.
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: i32) {
        let pid = i32::try_from(self.child.id()).unwrap();
        // SAFETY: it is our child and not yet waited for, so the number is its own.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    /// Asks it to stop and waits for that; returns how long it took.
    pub fn stop(mut self) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        self.signal(libc::SIGTERM);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, asked.elapsed());
            }
            assert!(asked.elapsed() < Duration::from_secs(40), "{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The same, when it must go well.
    pub fn stop_well(self) {
        let log = self.log.clone();
        let (status, took) = self.stop();
        let said = std::fs::read_to_string(log).unwrap();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(took < Duration::from_secs(30), "{took:?}");
    }

    /// All it has said on stderr.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something holds, as long as a busy machine may need.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let asked = Instant::now();
    while !holds().await {
        assert!(asked.elapsed() < Duration::from_secs(150), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
