//! `keepwell lsp`: the language server for editors, on stdin and stdout.
//!
//! One thread answers requests about the texts as they are in the editor, another
//! one checks all files whenever nothing was typed for a moment. Nothing is
//! written and no state is changed.
//!
//! - `documents` is the texts that are open; `position` counts as editors do.
//! - `requests` answers what is asked of one place; `cases` plays one case, and
//!   `plans` plans one playbook against the database.
//! - `checks` finds the diagnostics, with what `store_looks` finds in the database.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, RwLock};

use anyhow::Context;
use clap::Args;
use lsp_server::{Connection, ErrorCode, Message, Notification, RequestId, Response};
use lsp_types::notification::{
    DidChangeTextDocument, DidChangeWatchedFiles, DidCloseTextDocument, DidOpenTextDocument, DidSaveTextDocument,
    Notification as _,
};
use lsp_types::{
    CodeLensOptions, CompletionOptions, ExecuteCommandOptions, HoverProviderCapability, InitializeParams, OneOf,
    RenameOptions, ServerCapabilities, TextDocumentSyncCapability, TextDocumentSyncKind, TextDocumentSyncOptions,
    TextDocumentSyncSaveOptions, Uri, WorkDoneProgressOptions,
};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::Global;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::facts::{self, Schema};

mod cases;
mod checks;
mod documents;
mod plans;
mod position;
mod refusal;
mod requests;
mod store_looks;

use checks::{Checker, Editor};
use documents::{DocumentKind, Documents};
use plans::{PlanRequest, answer_plans};
use refusal::Refusal;
use requests::{Answers, PLAN, RUN_CASE};
use store_looks::{LookRequest, look_at_store};

#[derive(Debug, Args)]
pub struct Options {
    /// A facts file instead of the default store's catalogue.
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// As some editors say it; there is no other way.
    #[arg(long, hide = true)]
    stdio: bool,
}

/// What playbooks are checked against; what the store says comes later.
type SharedSchema = Arc<RwLock<KnownSchema>>;

#[derive(Debug)]
struct KnownSchema {
    /// `None` is what the configuration alone tells.
    schema: Option<Schema>,
    /// Whether these are the columns of the store, or those that a file names.
    has_its_columns: bool,
}

impl KnownSchema {
    fn for_configuration(&self, config: &Config) -> Schema {
        let schema = self.schema.clone().unwrap_or_else(|| Schema::of_configuration(&config.store));
        Schema { roles: config.store.roles.clone(), ..schema }
    }
}

/// What works beside the thread that answers.
struct Begun {
    schema: SharedSchema,
    checker: Checker,
    editor: Editor,
    plans: UnboundedReceiver<PlanRequest>,
    looks: UnboundedReceiver<LookRequest>,
}

pub async fn run(global: &Global, options: Options) -> anyhow::Result<ExitCode> {
    // Whatever is asked of the database, it refuses to write.
    let global = &Global { read_only: true, ..global.clone() };
    let (connection, threads) = Connection::stdio();
    let (begun, beginning) = oneshot::channel();
    let (ours, has_facts) = (global.clone(), options.facts.is_some());
    let served = tokio::task::spawn_blocking(move || serve(&ours, &options, connection, begun));
    let beside = async {
        if let Ok(Begun { schema, checker, editor, plans, looks }) = beginning.await {
            let names = async {
                if !has_facts {
                    look_at_store(global, &schema, &checker, looks).await;
                }
            };
            tokio::join!(names, answer_plans(global, &editor, plans));
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        served = served => served??,
        () = beside => {}
    }
    tokio::task::block_in_place(|| threads.join()).context("the editor went away")?;
    Ok(ExitCode::SUCCESS)
}

fn serve(
    global: &Global,
    options: &Options,
    connection: Connection,
    begun: oneshot::Sender<Begun>,
) -> anyhow::Result<()> {
    let capabilities = serde_json::to_value(capabilities())?;
    let started = connection.initialize_start().and_then(|(id, params)| {
        let answer = serde_json::json!({
            "capabilities": capabilities,
            "serverInfo": { "name": "keepwell", "version": env!("CARGO_PKG_VERSION") },
        });
        connection.initialize_finish(id, answer).map(|()| params)
    });
    let params: InitializeParams = serde_json::from_value(started.context("the editor did not begin as agreed")?)?;
    enter_workspace(&params)?;
    let schema: SharedSchema = Arc::new(RwLock::new(initial_schema(options)));
    let sender = connection.sender.clone();
    // An editor that has gone reads nothing.
    let editor: Editor = Arc::new(move |message: Message| drop(sender.send(message)));
    let ((plan_requests, plans), (look_requests, looks)) = (unbounded_channel(), unbounded_channel());
    let mut session = Session {
        checker: Checker::start(global.clone(), editor.clone(), schema.clone()),
        documents: Documents::new(global)?,
        answers: Answers::new(global.clone(), schema.clone(), editor.clone(), plan_requests),
        looks: look_requests,
    };
    // Where nobody waits for it there is nothing to look for.
    let _ = begun.send(Begun { schema, checker: session.checker.clone(), editor, plans, looks });
    session.checker.request(&session.documents);
    for message in &connection.receiver {
        match message {
            Message::Request(request) => {
                if connection.handle_shutdown(&request)? {
                    break;
                }
                let (id, method) = (request.id, request.method);
                let answer = session.answers.answer(&id, &method, request.params, &session.documents);
                if let Some(answer) = answer {
                    connection.sender.send(Message::Response(respond(id, answer)))?;
                }
            }
            Message::Notification(notification) => session.notice(notification),
            Message::Response(_) => {}
        }
    }
    Ok(())
}

fn respond(id: RequestId, answer: Result<serde_json::Value, Refusal>) -> Response {
    match answer {
        Ok(value) => Response::new_ok(id, value),
        Err(refusal) => {
            let code = match refusal {
                Refusal::UnknownMethod(_) => ErrorCode::MethodNotFound,
                Refusal::Malformed(_) => ErrorCode::InvalidParams,
                Refusal::Impossible(_) => ErrorCode::RequestFailed,
            };
            Response::new_err(id, code as i32, refusal.to_string())
        }
    }
}

struct Session {
    checker: Checker,
    documents: Documents,
    answers: Answers,
    looks: UnboundedSender<LookRequest>,
}

impl Session {
    /// Takes up what the editor says of its texts; what cannot be read is left.
    fn notice(&mut self, notification: Notification) {
        let Notification { method, params } = notification;
        let is_opened_or_saved = [DidOpenTextDocument::METHOD, DidSaveTextDocument::METHOD].contains(&method.as_str());
        let uri: Option<Uri> = serde_json::from_value(params["textDocument"]["uri"].clone()).ok();
        let is_taken = match method.as_str() {
            DidOpenTextDocument::METHOD => self.documents.open(params),
            DidChangeTextDocument::METHOD => self.documents.change(params),
            DidCloseTextDocument::METHOD => self.documents.close(params),
            DidSaveTextDocument::METHOD | DidChangeWatchedFiles::METHOD => true,
            _ => false,
        };
        if is_taken {
            self.answers.forget();
            self.checker.request(&self.documents);
        }
        if let Some(document) = uri.filter(|_| is_opened_or_saved).and_then(|uri| self.documents.get(&uri)) {
            // Scripts and the configuration concern all playbooks.
            let is_meant = |name: &str| document.kind != DocumentKind::Playbook || *document.name == *name;
            let open = self.documents.all().map(|(_, document)| document.name.to_string());
            let files = open.filter(|name| is_meant(name)).collect();
            // Against a facts file nobody looks at the store.
            let _ = self.looks.send(LookRequest { documents: self.documents.clone(), files });
        }
    }
}

fn capabilities() -> ServerCapabilities {
    let triggers = [".", "\"", ":", " ", "{", "|", "-"];
    ServerCapabilities {
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::INCREMENTAL),
            save: Some(TextDocumentSyncSaveOptions::Supported(true)),
            ..TextDocumentSyncOptions::default()
        })),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some(triggers.map(str::to_owned).to_vec()),
            ..CompletionOptions::default()
        }),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        document_formatting_provider: Some(OneOf::Left(true)),
        definition_provider: Some(OneOf::Left(true)),
        rename_provider: Some(OneOf::Right(RenameOptions {
            prepare_provider: Some(true),
            work_done_progress_options: WorkDoneProgressOptions::default(),
        })),
        code_lens_provider: Some(CodeLensOptions { resolve_provider: Some(false) }),
        execute_command_provider: Some(ExecuteCommandOptions {
            commands: vec![RUN_CASE.to_owned(), PLAN.to_owned()],
            ..ExecuteCommandOptions::default()
        }),
        ..ServerCapabilities::default()
    }
}

/// Goes to the folder that the editor has open: the paths of the options are
/// relative to it.
fn enter_workspace(params: &InitializeParams) -> anyhow::Result<()> {
    let folder = params.workspace_folders.iter().flatten().next().map(|folder| &folder.uri);
    #[expect(deprecated, reason = "editors send it that know no workspace folders")]
    let folder = folder.or(params.root_uri.as_ref());
    let Some(path) = folder.and_then(documents::path_of) else { return Ok(()) };
    std::env::set_current_dir(&path).with_context(|| format!("{} cannot be entered", path.display()))
}

fn initial_schema(options: &Options) -> KnownSchema {
    let Some(file) = &options.facts else { return KnownSchema { schema: None, has_its_columns: false } };
    let (schema, problems) = facts::file::read(file);
    for problem in problems.iter().filter(|problem| Diagnostic::is_error(problem)) {
        tell!("{}: {}", problem.file, problem.message);
    }
    KnownSchema { schema: Some(schema), has_its_columns: true }
}
