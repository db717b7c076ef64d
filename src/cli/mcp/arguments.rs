//! The arguments of a call, read by the parameters of its tool.

use serde_json::{Map, Value as Json, json};

use crate::clock::Instant;

/// What a tool can be told.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub name: &'static str,
    kind: ParameterKind,
    pub is_required: bool,
    about: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ParameterKind {
    Text,
    Texts,
    Flag,
    /// RFC 3339.
    Instant,
}

impl Parameter {
    pub const fn text(name: &'static str, about: &'static str) -> Parameter {
        Parameter { name, kind: ParameterKind::Text, is_required: false, about }
    }

    pub const fn texts(name: &'static str, about: &'static str) -> Parameter {
        Parameter { name, kind: ParameterKind::Texts, is_required: false, about }
    }

    pub const fn flag(name: &'static str, about: &'static str) -> Parameter {
        Parameter { name, kind: ParameterKind::Flag, is_required: false, about }
    }

    pub const fn instant(name: &'static str, about: &'static str) -> Parameter {
        Parameter { name, kind: ParameterKind::Instant, is_required: false, about }
    }

    /// The same, which every call gives.
    pub const fn required(self) -> Parameter {
        Parameter { is_required: true, ..self }
    }

    /// As JSON Schema describes it.
    pub fn to_schema(self) -> Json {
        let mut schema = match self.kind {
            ParameterKind::Text => json!({ "type": "string" }),
            ParameterKind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
            ParameterKind::Flag => json!({ "type": "boolean" }),
            ParameterKind::Instant => json!({ "type": "string", "format": "date-time" }),
        };
        schema["description"] = self.about.into();
        schema
    }

    /// Whether a value is of its kind; else what it should be.
    fn look_at(&self, value: &Json) -> Result<(), String> {
        let is_text_list = |value: &Json| value.as_array().is_some_and(|list| list.iter().all(Json::is_string));
        let (fits, kind) = match self.kind {
            ParameterKind::Text => (value.is_string(), "a text"),
            ParameterKind::Texts => (is_text_list(value), "a list of texts"),
            ParameterKind::Flag => (value.is_boolean(), "true or false"),
            ParameterKind::Instant => match value.as_str() {
                Some(text) => return crate::cli::instant(text).map(drop),
                None => (false, "an instant such as \"2026-03-02T09:00:00Z\""),
            },
        };
        if fits { Ok(()) } else { Err(format!("it is {kind}")) }
    }
}

/// The arguments of one call; each is of its parameter's kind.
#[derive(Debug)]
pub struct Arguments(Map<String, Json>);

impl Arguments {
    /// Reads what a client gave to a tool with these parameters. What is null is
    /// not given.
    pub fn read(tool: &str, parameters: &[Parameter], mut given: Map<String, Json>) -> anyhow::Result<Arguments> {
        given.retain(|_, value| !value.is_null());
        for (name, value) in &given {
            let Some(parameter) = parameters.iter().find(|parameter| parameter.name == name) else {
                let names: Vec<String> = parameters.iter().map(|parameter| format!("`{}`", parameter.name)).collect();
                let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                anyhow::bail!("`{tool}` takes no argument `{name}`; it takes {known}");
            };
            if let Err(why) = parameter.look_at(value) {
                anyhow::bail!("the argument `{name}` of `{tool}`: {why}");
            }
        }
        for Parameter { name, about, .. } in parameters.iter().filter(|parameter| parameter.is_required) {
            anyhow::ensure!(given.contains_key(*name), "`{tool}` needs the argument `{name}`: {about}");
        }
        Ok(Arguments(given))
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// The same for keeping.
    pub fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    pub fn texts(&self, name: &str) -> Vec<&str> {
        self.0.get(name).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect()
    }

    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Json::as_bool).unwrap_or(false)
    }

    pub fn instant(&self, name: &str) -> Option<Instant> {
        crate::cli::instant(self.text(name)?).ok()
    }
}
