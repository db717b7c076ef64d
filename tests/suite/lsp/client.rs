//! An editor: it starts the server as editors do, and speaks the protocol with
//! it over stdin and stdout.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use lsp_types::notification::{
    DidChangeTextDocument, DidOpenTextDocument, Exit, Initialized, Notification, PublishDiagnostics,
};
use lsp_types::request::{Initialize, Request, Shutdown};
use lsp_types::{
    Diagnostic, DidChangeTextDocumentParams, DidOpenTextDocumentParams, InitializeParams, InitializeResult,
    InitializedParams, Position, PublishDiagnosticsParams, TextDocumentContentChangeEvent, TextDocumentIdentifier,
    TextDocumentItem, TextDocumentPositionParams, Uri, VersionedTextDocumentIdentifier, WorkspaceFolder,
};
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::support::program::Home;

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(150);

pub struct Editor<'h> {
    home: &'h Home,
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Json>,
    last_id: i32,
    versions: BTreeMap<String, i32>,
    pub about: InitializeResult,
    /// What the server said and nobody waited for.
    pub notices: Vec<Json>,
}

impl<'h> Editor<'h> {
    /// Opens the folder of a home in an editor that works elsewhere.
    pub fn start(home: &'h Home, arguments: &[&str]) -> Editor<'h> {
        let mut command = home.command(&[&["lsp"], arguments].concat());
        command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let about = InitializeResult::default();
        let (versions, notices) = (BTreeMap::new(), Vec::new());
        let mut editor = Editor { home, child, input, messages, last_id: 0, versions, about, notices };
        let folder = WorkspaceFolder { uri: editor.uri(""), name: "home".to_owned() };
        let params = InitializeParams { workspace_folders: Some(vec![folder]), ..InitializeParams::default() };
        editor.about = editor.request::<Initialize>(params);
        editor.notify::<Initialized>(InitializedParams {});
        editor
    }

    pub fn uri(&self, file: &str) -> Uri {
        let url = url::Url::from_file_path(self.home.path.join(file)).unwrap();
        url.as_str().parse().unwrap()
    }

    fn send(&mut self, message: &Json) {
        let text = message.to_string();
        let input = self.input.as_mut().unwrap();
        write!(input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        input.flush().unwrap();
    }

    pub fn notify<N: Notification>(&mut self, params: N::Params)
    where
        N::Params: Serialize,
    {
        self.send(&json!({ "jsonrpc": "2.0", "method": N::METHOD, "params": params }));
    }

    /// Sends any request, and waits for what came of it.
    pub fn ask(&mut self, method: &str, params: Json) -> Result<Json, Json> {
        let id = self.begin(method, params);
        self.answer(id)
    }

    /// Sends a request that is not waited for yet.
    pub fn begin(&mut self, method: &str, params: Json) -> i32 {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// What came of a request.
    pub fn answer(&mut self, id: i32) -> Result<Json, Json> {
        let early = self.notices.iter().position(|notice| notice["id"] == id);
        let mut early = early.map(|at| self.notices.remove(at));
        loop {
            let message = early.take().unwrap_or_else(|| self.messages.recv_timeout(PATIENCE).expect("an answer"));
            if message["id"] == id {
                return match message.get("error") {
                    Some(error) => Err(error.clone()),
                    None => Ok(message["result"].clone()),
                };
            }
            self.notices.push(message);
        }
    }

    /// Sends a request that must go well.
    pub fn request<R: Request>(&mut self, params: R::Params) -> R::Result {
        let answer = self.ask(R::METHOD, serde_json::to_value(params).unwrap());
        let answer = answer.unwrap_or_else(|error| panic!("{}: {error}", R::METHOD));
        serde_json::from_value(answer).unwrap()
    }

    /// Opens a file with a text that need not be the one on disk.
    pub fn open(&mut self, file: &str, text: &str) {
        self.versions.insert(file.to_owned(), 1);
        let language_id = if file.ends_with(".rhai") { "rhai" } else { "yaml" }.to_owned();
        let item = TextDocumentItem { uri: self.uri(file), language_id, version: 1, text: text.to_owned() };
        self.notify::<DidOpenTextDocument>(DidOpenTextDocumentParams { text_document: item });
    }

    /// Types something into an open file; without a range it is the whole text.
    pub fn change(&mut self, file: &str, range: Option<lsp_types::Range>, text: &str) {
        let version = self.versions.get_mut(file).unwrap();
        *version += 1;
        let (uri, version) = (self.uri(file), self.versions[file]);
        let change = TextDocumentContentChangeEvent { range, range_length: None, text: text.to_owned() };
        self.notify::<DidChangeTextDocument>(DidChangeTextDocumentParams {
            text_document: VersionedTextDocumentIdentifier { uri, version },
            content_changes: vec![change],
        });
    }

    /// The diagnostics of an open file as it is now.
    pub fn diagnostics(&mut self, file: &str) -> Vec<Diagnostic> {
        let version = self.versions.get(file).copied();
        let uri = self.uri(file);
        loop {
            let published = self.published();
            if published.uri == uri && published.version == version {
                return published.diagnostics;
            }
        }
    }

    /// The next diagnostics of any file.
    pub fn published(&mut self) -> PublishDiagnosticsParams {
        loop {
            let mut waiting = std::mem::take(&mut self.notices).into_iter();
            let next = waiting.next();
            self.notices.extend(waiting);
            let message = next.unwrap_or_else(|| self.messages.recv_timeout(PATIENCE).expect("diagnostics"));
            if message["method"] == PublishDiagnostics::METHOD {
                return serde_json::from_value(message["params"].clone()).unwrap();
            }
        }
    }

    /// A place of an open file.
    pub fn place(&self, file: &str, text: &str, offset: usize) -> TextDocumentPositionParams {
        let before = &text[..offset];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = u32::try_from(before.matches('\n').count()).unwrap();
        let character = u32::try_from(before[start..].encode_utf16().count()).unwrap();
        TextDocumentPositionParams {
            text_document: TextDocumentIdentifier { uri: self.uri(file) },
            position: Position { line, character },
        }
    }

    /// Writes a text with `‸` into a file that is opened or open, and gives the
    /// place of that mark.
    pub fn write(&mut self, file: &str, marked: &str) -> TextDocumentPositionParams {
        let offset = marked.find('‸').expect("a place");
        let text = marked.replace('‸', "");
        if self.versions.contains_key(file) {
            self.change(file, None, &text);
        } else {
            self.open(file, &text);
        }
        self.place(file, &text, offset)
    }

    /// Ends the server as the protocol says.
    pub fn quit(mut self) {
        self.request::<Shutdown>(());
        self.notify::<Exit>(());
        self.input = None;
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(0));
    }
}

impl Drop for Editor<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(output: &mut impl BufRead) -> Option<Json> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        output.read_line(&mut line).ok().filter(|read| *read > 0)?;
        if line == "\r\n" {
            break;
        }
        if let Some(number) = line.strip_prefix("Content-Length: ") {
            length = number.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).unwrap())
}
