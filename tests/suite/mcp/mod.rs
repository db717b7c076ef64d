//! `keepwell mcp` as a client sees it: the program is started and spoken to in
//! the protocol's own messages.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value as Json, json};
use sqlx::Executor;

use crate::support::database::{self, TestDatabase};
use crate::support::program::Home;

mod files;
mod messages;
mod reading;
mod real_client;

/// A playbook that two of three accounts meet.
pub const CALL: &str = r#"playbook: call
about: A call when nobody signs in any more.
alerts_to: ops@example.com
schedule: "0 9 * * mon-fri"
when: account.mrr >= 500 && account.events("login", 30) < 3
goal: account.activated_at != none
steps:
  - email: { id: hello, to: champion, subject: "Hello {{ account.name }}", body: "Hi" }
  - task: { id: ring, title: "Ring {{ account.name }}", to: csm, due: 1d }
tests:
  - name: quiet
    at: 2026-03-02T09:00:00Z
    account: { mrr: 900 }
    expect:
      - { after: 0d, email: hello }
      - { after: 0d, task: ring }
  - { name: small, like: quiet, account: { mrr: 90 }, expect: [] }
"#;

pub const AT: &str = "2026-03-02T09:00:00Z";

/// A folder with a playbook, and a database with a company.
pub async fn company(name: &str) -> (Home, TestDatabase) {
    let database = database::fresh().await;
    database
        .pool()
        .await
        .execute(
            "insert into customers.csms (id, name, email) values ('m1', 'Mia', 'mia@us.example');
             insert into customers.accounts (id, name, mrr, csm_id, signed_up_at)
                 values ('a1', 'Acme', 900, 'm1', '2026-01-01'), ('a2', 'Bolt', 90, 'm1', '2026-01-01'),
                        ('a3', 'Ciao', 700, 'm1', '2026-01-01');
             insert into customers.contacts (account_id, id, name, email, role)
                 values ('a1', 'c', 'Ann', 'ann@acme.example', 'champion');
             insert into customers.events (account_id, id, name, at) values ('a2', 'e', 'login', '2026-01-10')",
        )
        .await
        .unwrap();
    let mut home = Home::new(name);
    home.set("DATABASE_URL", &database.url);
    home.write("playbooks/call.yaml", CALL);
    (home, database)
}

/// A running server. What it says on stdout is read line by line, and each line
/// must be a message.
pub struct Session {
    child: Child,
    input: Option<ChildStdin>,
    answers: Receiver<Json>,
    next: i64,
}

impl Session {
    pub fn start(home: &Home, options: &[&str]) -> Session {
        let mut command = home.command(&[&["mcp"], options].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let line = line.unwrap();
                let answer = serde_json::from_str(&line)
                    .unwrap_or_else(|error| json!({ "no message": error.to_string(), "line": line }));
                if sender.send(answer).is_err() {
                    return;
                }
            }
        });
        Session { child, input, answers, next: 1 }
    }

    /// One that has shaken hands.
    pub fn begin(home: &Home, options: &[&str]) -> Session {
        let mut session = Session::start(home, options);
        let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
        let answer = session.ask("initialize", hello);
        assert_eq!(answer["protocolVersion"], "2025-11-25", "{answer}");
        session.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        session
    }

    pub fn send_line(&mut self, line: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(line).unwrap();
        input.write_all(b"\n").unwrap();
        input.flush().unwrap();
    }

    pub fn send(&mut self, message: &Json) {
        self.send_line(message.to_string().as_bytes());
    }

    /// Sends a request and gives its id.
    pub fn request(&mut self, method: &str, params: Json) -> i64 {
        let id = self.next;
        self.next += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// The next message.
    pub fn receive(&mut self) -> Json {
        self.answers.recv_timeout(Duration::from_secs(150)).expect("an answer")
    }

    /// The answer to a request, which is the next message.
    pub fn answer(&mut self, method: &str, params: Json) -> Json {
        let id = self.request(method, params);
        let answer = self.receive();
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(id)), "{answer}");
        answer
    }

    /// The result of a request that must succeed.
    pub fn ask(&mut self, method: &str, params: Json) -> Json {
        let answer = self.answer(method, params);
        assert!(answer["result"].is_object(), "{answer}");
        answer["result"].clone()
    }

    /// What a tool answers, also as an error.
    pub fn call_any(&mut self, tool: &str, arguments: &Json) -> Json {
        self.ask("tools/call", json!({ "name": tool, "arguments": arguments }))
    }

    /// What a tool gives; its text is the same document.
    pub fn call(&mut self, tool: &str, arguments: &Json) -> Json {
        let result = self.call_any(tool, arguments);
        assert_eq!(result["isError"], false, "{tool} {arguments}: {result}");
        let text = result["content"][0]["text"].as_str().unwrap();
        let given = result["structuredContent"].clone();
        assert_eq!(serde_json::from_str::<Json>(text).unwrap(), given);
        given
    }

    /// Why a tool refuses.
    pub fn refusal(&mut self, tool: &str, arguments: &Json) -> String {
        let result = self.call_any(tool, arguments);
        assert_eq!(result["isError"], true, "{tool} {arguments}: {result}");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// Closes its stdin; gives what it still says, and its exit code.
    pub fn end(mut self) -> (Vec<Json>, i32) {
        drop(self.input.take());
        let mut rest = Vec::new();
        while let Ok(answer) = self.answers.recv_timeout(Duration::from_secs(150)) {
            rest.push(answer);
        }
        (rest, self.child.wait().unwrap().code().unwrap_or(-1))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
