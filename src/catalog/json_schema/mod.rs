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

/// The schema of `keepwell.yaml`.
pub fn of_configuration(deployment: &Deployment) -> Json {
    let mut schema = schema("The configuration of Keepwell", &CONFIGURATION, deployment);
    // An empty file sets nothing.
    schema["type"] = json!(["object", "null"]);
    schema
}

fn schema(title: &str, form: &'static Form, deployment: &Deployment) -> Json {
    let mut writer = Writer::new(deployment);
    let mut schema = writer.form(form, &[]);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    // Not as its title, which editors show above each key.
    schema["$comment"] = json!(title);
    let definitions = writer.definitions();
    if !definitions.is_empty() {
        schema["definitions"] = Json::Object(definitions);
    }
    schema
}
