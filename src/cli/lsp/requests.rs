//! What is asked of one place of one text.

use std::sync::PoisonError;

use lsp_server::{Message, Notification, RequestId};
use lsp_types::notification::{Notification as _, ShowMessage};
use lsp_types::request::{
    CodeLensRequest, Completion, ExecuteCommand, Formatting, GotoDefinition, HoverRequest, PrepareRenameRequest,
    Rename, Request,
};
use lsp_types::{
    CodeLens, CodeLensParams, Command, CompletionItem, CompletionItemKind, CompletionParams, CompletionTextEdit,
    DocumentChanges, DocumentFormattingParams, Documentation, ExecuteCommandParams, GotoDefinitionParams, Hover,
    HoverContents, HoverParams, Location, MarkupContent, MarkupKind, MessageType, OneOf,
    OptionalVersionedTextDocumentIdentifier, RenameParams, ShowMessageParams, TextDocumentEdit,
    TextDocumentPositionParams, TextEdit, Uri, WorkspaceEdit,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc::UnboundedSender;

use super::SharedSchema;
use super::cases::{PlayedCase, case_result};
use super::checks::Editor;
use super::documents::{Document, DocumentKind, Documents};
use super::plans::PlanRequest;
use super::position::{byte, offset, range};
use super::refusal::Refusal;
use crate::cli::Global;
use crate::diagnostic::Position;
use crate::editor::{self, Candidate, CandidateKind, CaseLine, Surroundings};
use crate::playbook::yaml::format::format;

/// The command that plays one case: the file's URI and the case's name.
pub const RUN_CASE: &str = "keepwell.runCase";

/// The command that plans one playbook: the file's URI.
pub const PLAN: &str = "keepwell.plan";

/// Answers requests; what is known beside the texts is kept until they change.
pub struct Answers {
    global: Global,
    schema: SharedSchema,
    editor: Editor,
    plans: UnboundedSender<PlanRequest>,
    surroundings: Option<Surroundings>,
}

impl Answers {
    /// Plans are answered by whoever receives `plans`.
    pub fn new(global: Global, schema: SharedSchema, editor: Editor, plans: UnboundedSender<PlanRequest>) -> Answers {
        Answers { global, schema, editor, plans, surroundings: None }
    }

    /// Texts have changed: what is known of them is read anew.
    pub fn forget(&mut self) {
        self.surroundings = None;
    }

    /// The answer; `None` where it comes later.
    pub fn answer(
        &mut self,
        id: &RequestId,
        method: &str,
        params: Json,
        documents: &Documents,
    ) -> Option<Result<Json, Refusal>> {
        if method == ExecuteCommand::METHOD {
            return self.execute(id, params, documents).transpose();
        }
        Some(self.answer_at_once(method, params, documents))
    }

    fn answer_at_once(&mut self, method: &str, params: Json, documents: &Documents) -> Result<Json, Refusal> {
        match method {
            Completion::METHOD => written(self.complete(&read(params)?, documents)),
            HoverRequest::METHOD => written(self.hover(&read(params)?, documents)),
            Formatting::METHOD => written(format_document(&read(params)?, documents)),
            GotoDefinition::METHOD => written(self.define(&read(params)?, documents)),
            PrepareRenameRequest::METHOD => written(prepare_rename(&read(params)?, documents)?),
            Rename::METHOD => written(rename(&read(params)?, documents)?),
            CodeLensRequest::METHOD => written(lenses(&read(params)?, documents)),
            _ => Err(Refusal::UnknownMethod(method.to_owned())),
        }
    }

    fn surroundings(&mut self, documents: &Documents) -> &Surroundings {
        self.surroundings.get_or_insert_with(|| {
            let (config, _) = documents.config(&self.global);
            let schema = self.schema.read().unwrap_or_else(PoisonError::into_inner).for_configuration(&config);
            Surroundings::new(&documents.sources(), config, schema)
        })
    }

    fn complete(&mut self, params: &CompletionParams, documents: &Documents) -> Option<Vec<CompletionItem>> {
        let (document, at) = document_at(&params.text_document_position, documents)?;
        let complete = if document.kind == DocumentKind::Script { editor::complete_script } else { editor::complete };
        let proposals = complete(&document.file(), at, self.surroundings(documents));
        let replaced = range(&document.text, proposals.start..at.max(proposals.start));
        let items = proposals.candidates.into_iter().enumerate();
        Some(items.map(|(index, candidate)| item(candidate, index, replaced)).collect())
    }

    fn define(&mut self, params: &GotoDefinitionParams, documents: &Documents) -> Option<Location> {
        let (document, at) = document_at(&params.text_document_position_params, documents)?;
        let define = if document.kind == DocumentKind::Script { editor::script_definition } else { editor::definition };
        let target = define(&document.file(), at, self.surroundings(documents))?;
        Some(Location { uri: documents.uri(&target.file)?, range: range(&target.text, target.range) })
    }

    /// Carries out a command; `None` where the answer comes later.
    fn execute(&self, id: &RequestId, params: Json, documents: &Documents) -> Result<Option<Json>, Refusal> {
        let ExecuteCommandParams { command, arguments, .. } = read(params)?;
        let arguments = Json::Array(arguments);
        match command.as_str() {
            RUN_CASE => {
                let (uri, name): (Uri, String) = read(arguments)?;
                self.run_case(open_document(&uri, documents)?, &name, documents).map(Some)
            }
            PLAN => {
                let (uri,): (Uri,) = read(arguments)?;
                let file = open_document(&uri, documents)?.name.to_string();
                let request = PlanRequest { id: id.clone(), file, documents: documents.clone() };
                let gone = |_| Refusal::Impossible("the server is ending".to_owned());
                self.plans.send(request).map(|()| None).map_err(gone)
            }
            _ => Err(Refusal::UnknownMethod(command)),
        }
    }

    /// Plays a case as it is in the editor, and says what came of it.
    fn run_case(&self, document: &Document, name: &str, documents: &Documents) -> Result<Json, Refusal> {
        let result = case_result(&self.global, documents, &self.schema, &document.name, name);
        let PlayedCase { passed, text } = result.map_err(Refusal::Impossible)?;
        let typ = if passed { MessageType::INFO } else { MessageType::ERROR };
        let shown = ShowMessageParams { typ, message: text.clone() };
        (self.editor)(Message::Notification(Notification::new(ShowMessage::METHOD.to_owned(), shown)));
        Ok(json!({ "passed": passed, "text": text }))
    }

    fn hover(&mut self, params: &HoverParams, documents: &Documents) -> Option<Hover> {
        let (document, at) = document_at(&params.text_document_position_params, documents)?;
        let explain = if document.kind == DocumentKind::Script { editor::hover_script } else { editor::hover };
        let meaning = explain(&document.file(), at, self.surroundings(documents))?;
        let contents = HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value: meaning.text });
        Some(Hover { contents, range: Some(range(&document.text, meaning.range)) })
    }
}

fn read<T: DeserializeOwned>(params: Json) -> Result<T, Refusal> {
    Ok(serde_json::from_value(params)?)
}

fn open_document<'d>(uri: &Uri, documents: &'d Documents) -> Result<&'d Document, Refusal> {
    documents.get(uri).ok_or_else(|| Refusal::Impossible("this file is not open".to_owned()))
}

fn written(answer: impl Serialize) -> Result<Json, Refusal> {
    Ok(serde_json::to_value(answer)?)
}

/// An open text, with the byte that is meant.
fn document_at<'d>(params: &TextDocumentPositionParams, documents: &'d Documents) -> Option<(&'d Document, usize)> {
    let document = documents.get(&params.text_document.uri)?;
    Some((document, offset(&document.text, params.position)))
}

/// The same of a playbook or the configuration.
fn yaml_at<'d>(params: &TextDocumentPositionParams, documents: &'d Documents) -> Option<(&'d Document, usize)> {
    document_at(params, documents).filter(|(document, _)| document.kind != DocumentKind::Script)
}

fn item(candidate: Candidate, index: usize, replaced: lsp_types::Range) -> CompletionItem {
    let Candidate { name, insert, kind, detail, documentation } = candidate;
    let kind = match kind {
        CandidateKind::Key => CompletionItemKind::PROPERTY,
        CandidateKind::StepKind => CompletionItemKind::KEYWORD,
        CandidateKind::Word => CompletionItemKind::ENUM_MEMBER,
        CandidateKind::Name => CompletionItemKind::CONSTANT,
        CandidateKind::Column => CompletionItemKind::FIELD,
        CandidateKind::Function => CompletionItemKind::FUNCTION,
        CandidateKind::Module => CompletionItemKind::MODULE,
        CandidateKind::Value => CompletionItemKind::VARIABLE,
    };
    let new_text = if insert.is_empty() { name.clone() } else { insert };
    let documentation = (!documentation.is_empty())
        .then_some(Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value: documentation }));
    CompletionItem {
        label: name,
        kind: Some(kind),
        detail: (!detail.is_empty()).then_some(detail),
        documentation,
        // In the order in which they are proposed.
        sort_text: Some(format!("{index:04}")),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit { range: replaced, new_text })),
        ..CompletionItem::default()
    }
}

/// The range that is renamed.
fn prepare_rename(
    params: &TextDocumentPositionParams,
    documents: &Documents,
) -> Result<Option<lsp_types::Range>, Refusal> {
    let Some((document, at)) = yaml_at(params, documents) else { return Ok(None) };
    let found = editor::renamable(&document.file(), at).map_err(|refusal| Refusal::Impossible(refusal.to_string()))?;
    Ok(Some(range(&document.text, found)))
}

fn rename(params: &RenameParams, documents: &Documents) -> Result<Option<WorkspaceEdit>, Refusal> {
    let Some((document, at)) = yaml_at(&params.text_document_position, documents) else { return Ok(None) };
    let new = params.new_name.trim();
    let found =
        editor::rename(&document.file(), at, new).map_err(|refusal| Refusal::Impossible(refusal.to_string()))?;
    let edit = |bytes| OneOf::Left(TextEdit { range: range(&document.text, bytes), new_text: new.to_owned() });
    let uri = params.text_document_position.text_document.uri.clone();
    let edits = TextDocumentEdit {
        text_document: OptionalVersionedTextDocumentIdentifier { uri, version: Some(document.version) },
        edits: found.into_iter().map(edit).collect(),
    };
    let document_changes = Some(DocumentChanges::Edits(vec![edits]));
    Ok(Some(WorkspaceEdit { document_changes, ..WorkspaceEdit::default() }))
}

fn lenses(params: &CodeLensParams, documents: &Documents) -> Option<Vec<CodeLens>> {
    let uri = &params.text_document.uri;
    let document = documents.get(uri).filter(|one| one.kind == DocumentKind::Playbook)?;
    let lens = |place: Position, title: &str, command: &str, arguments: Vec<Json>| {
        let at = byte(&document.text, place);
        let command = Command { title: title.to_owned(), command: command.to_owned(), arguments: Some(arguments) };
        CodeLens { range: range(&document.text, at..at), command: Some(command), data: None }
    };
    let file = document.file();
    let plan = editor::playbook_line(&file).map(|place| lens(place, "Plan this", PLAN, vec![json!(uri)]));
    let case = |case: CaseLine| lens(case.place, "Run this case", RUN_CASE, vec![json!(uri), json!(case.name)]);
    Some(plan.into_iter().chain(editor::cases(&file).into_iter().map(case)).collect())
}

/// The one edit that formats a text; none where it is formatted, nothing where
/// it cannot be: the diagnostics say why.
fn format_document(params: &DocumentFormattingParams, documents: &Documents) -> Option<Vec<TextEdit>> {
    let document = documents.get(&params.text_document.uri).filter(|one| one.kind != DocumentKind::Script)?;
    let new_text = format(&document.name, &document.text).ok()?;
    if *new_text == *document.text {
        return Some(Vec::new());
    }
    Some(vec![TextEdit { range: range(&document.text, 0..document.text.len()), new_text }])
}
