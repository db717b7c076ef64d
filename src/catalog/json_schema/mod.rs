//! JSON Schemas (draft-07) of a playbook and of the configuration, for editors.
//!
//! They are made of the [`Form`]s that the readers use, so that a key or a kind
//! of step that a reader takes stands in them. A schema knows forms, not
//! meaning: whatever it refuses `check` refuses too, and `check` refuses more.
//!
//! - `deployment` is the names that an editor can propose.
//! - `writer` turns forms and shapes into JSON.

use serde_json::{Value as Json, json};

use crate::config::CONFIGURATION;
use crate::playbook::document::documents;
use crate::playbook::form::PLAYBOOK;
use crate::playbook::reader::Form;

mod deployment;
mod writer;

pub use deployment::Deployment;
use writer::Writer;

/// The schema of a playbook.
pub fn of_playbook(deployment: &Deployment) -> Json {
    schema("A Keepwell playbook", &PLAYBOOK, deployment)
}

/// The schema of a file in the playbooks' folder, whatever its kind: a document's
/// where its first key is there, else a playbook's.
pub fn of_file(deployment: &Deployment) -> Json {
    let mut writer = Writer::new(deployment);
    let mut schema = writer.form(&PLAYBOOK, &[]);
    for (word, _, form) in documents() {
        let document = writer.form(form, &[]);
        let is_document = json!({ "type": "object", "required": [word] });
        schema = json!({ "if": is_document, "then": document, "else": schema });
    }
    headed(schema, "A Keepwell playbook, or a document beside playbooks", writer)
}

/// The schema of a kind of document.
pub fn of_document(form: &'static Form, deployment: &Deployment) -> Json {
    schema(&format!("A Keepwell document, {}", form.name), form, deployment)
}

/// The schema of `keepwell.yaml`.
pub fn of_configuration(deployment: &Deployment) -> Json {
    let mut schema = schema("The configuration of Keepwell", &CONFIGURATION, deployment);
    // An empty file sets nothing.
    schema["type"] = json!(["object", "null"]);
    schema
}

fn schema(title: &str, form: &'static Form, deployment: &Deployment) -> Json {
    let mut writer = Writer::new(deployment);
    let schema = writer.form(form, &[]);
    headed(schema, title, writer)
}

fn headed(mut schema: Json, title: &str, writer: Writer<'_>) -> Json {
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    // Not as its title, which editors show above each key.
    schema["$comment"] = json!(title);
    let definitions = writer.definitions();
    if !definitions.is_empty() {
        schema["definitions"] = Json::Object(definitions);
    }
    schema
}
