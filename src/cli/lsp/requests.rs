//! What is asked of one place of one text.

use std::sync::PoisonError;

use lsp_types::request::{Completion, Formatting, HoverRequest, Request};
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionParams, CompletionTextEdit, DocumentFormattingParams, Documentation,
    Hover, HoverContents, HoverParams, MarkupContent, MarkupKind, TextDocumentPositionParams, TextEdit,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::SharedSchema;
use super::documents::{Document, DocumentKind, Documents};
use super::position::{offset, range};
use crate::cli::Global;
use crate::editor::{self, Candidate, CandidateKind, Surroundings};
use crate::playbook::yaml::format::format;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("`{0}` is nothing that this server answers")]
    UnknownMethod(String),
    #[error("the request is not as the protocol has it: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// Answers requests; what is known beside the texts is kept until they change.
pub struct Answers {
    global: Global,
    schema: SharedSchema,
    surroundings: Option<Surroundings>,
}

impl Answers {
    pub fn new(global: Global, schema: SharedSchema) -> Answers {
        Answers { global, schema, surroundings: None }
    }

    /// Texts have changed: what is known of them is read anew.
    pub fn forget(&mut self) {
        self.surroundings = None;
    }

    pub fn answer(&mut self, method: &str, params: Json, documents: &Documents) -> Result<Json, Refusal> {
        match method {
            Completion::METHOD => written(self.complete(&read(params)?, documents)),
            HoverRequest::METHOD => written(self.hover(&read(params)?, documents)),
            Formatting::METHOD => written(format_document(&read(params)?, documents)),
            _ => Err(Refusal::UnknownMethod(method.to_owned())),
        }
    }

    fn surroundings(&mut self, documents: &Documents) -> &Surroundings {
        self.surroundings.get_or_insert_with(|| {
            let (config, _) = documents.config(&self.global);
            let schema = self.schema.read().unwrap_or_else(PoisonError::into_inner).with(&config);
            Surroundings::new(&documents.sources(), config, schema)
        })
    }

    fn complete(&mut self, params: &CompletionParams, documents: &Documents) -> Option<Vec<CompletionItem>> {
        let (document, at) = yaml_at(&params.text_document_position, documents)?;
        let proposals = editor::complete(&document.file(), at, self.surroundings(documents));
        let replaced = range(&document.text, proposals.start..at.max(proposals.start));
        let items = proposals.candidates.into_iter().enumerate();
        Some(items.map(|(index, candidate)| item(candidate, index, replaced)).collect())
    }

    fn hover(&mut self, params: &HoverParams, documents: &Documents) -> Option<Hover> {
        let (document, at) = yaml_at(&params.text_document_position_params, documents)?;
        let meaning = editor::hover(&document.file(), at, self.surroundings(documents))?;
        let contents = HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value: meaning.text });
        Some(Hover { contents, range: Some(range(&document.text, meaning.range)) })
    }
}

fn read<T: DeserializeOwned>(params: Json) -> Result<T, Refusal> {
    Ok(serde_json::from_value(params)?)
}

fn written(answer: impl Serialize) -> Result<Json, Refusal> {
    Ok(serde_json::to_value(answer)?)
}

/// An open playbook or configuration, with the byte that is meant.
fn yaml_at<'d>(params: &TextDocumentPositionParams, documents: &'d Documents) -> Option<(&'d Document, usize)> {
    let document = documents.get(&params.text_document.uri)?;
    (document.kind != DocumentKind::Script).then(|| (document, offset(&document.text, params.position)))
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
        .then(|| Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value: documentation }));
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
