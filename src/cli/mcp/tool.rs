//! What a tool is.

use std::future::Future;
use std::pin::Pin;

use serde_json::{Map, Value as Json, json};

use super::arguments::{Arguments, Parameter};
use super::workplace::Workplace;

/// What becomes of a call: the same document as that of the command with
/// `--format json`, or an error in words.
pub type ToolAnswer<'a> = Pin<Box<dyn Future<Output = anyhow::Result<Json>> + 'a>>;

/// Something that a client can call.
pub struct Tool {
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// What it does and answers, for whoever chooses among tools.
    pub about: &'static str,
    pub parameters: &'static [Parameter],
    /// The keys that its answer always has, each with the type of its value.
    pub answers: &'static [(&'static str, &'static str)],
    /// Whether it writes a file.
    pub writes: bool,
    pub call: for<'a> fn(&'a Workplace, &'a Arguments) -> ToolAnswer<'a>,
}

impl Tool {
    /// As the protocol describes it.
    pub fn to_json(&self) -> Json {
        let properties: Map<String, Json> =
            self.parameters.iter().map(|parameter| (parameter.name.to_owned(), parameter.to_schema())).collect();
        let required: Vec<&str> =
            self.parameters.iter().filter(|parameter| parameter.is_required).map(|parameter| parameter.name).collect();
        let answers: Map<String, Json> =
            self.answers.iter().map(|(key, ty)| ((*key).to_owned(), json!({ "type": ty }))).collect();
        let always: Vec<&str> = self.answers.iter().map(|(key, _)| *key).collect();
        json!({
            "name": self.name,
            "title": self.title,
            "description": self.about,
            "inputSchema": {
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": false,
            },
            "outputSchema": { "type": "object", "properties": answers, "required": always },
            "annotations": {
                "title": self.title,
                "readOnlyHint": !self.writes,
                "destructiveHint": self.writes,
                "idempotentHint": true,
                "openWorldHint": false,
            },
        })
    }
}
