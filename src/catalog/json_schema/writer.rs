//! From forms and shapes to JSON.

use chrono_tz::TZ_VARIANTS;
use serde_json::{Map, Value as Json, json};

use super::deployment::Deployment;
use crate::action::{KINDS, StepKind};
use crate::playbook::BodyForm;
use crate::playbook::reader::form::{ELAPSED_PATTERN, SPAN_PATTERN, SPAN_WORDS};
use crate::playbook::reader::{Form, Key, KeyNames, KeyRule, NameOf, Shape};
use crate::playbook::steps::STEP_KEYS;

/// The name of the definition of a step.
const STEP: &str = "step";

/// Writes one schema.
pub(super) struct Writer<'a> {
    deployment: &'a Deployment,
    facts: String,
    definitions: Map<String, Json>,
}

impl<'a> Writer<'a> {
    pub fn new(deployment: &'a Deployment) -> Writer<'a> {
        Writer { deployment, facts: deployment.facts(), definitions: Map::new() }
    }

    /// What was referred to.
    pub fn definitions(self) -> Map<String, Json> {
        self.definitions
    }

    /// A mapping with the keys of a form, and some more.
    pub fn form(&mut self, form: &'static Form, more: &'static [Key]) -> Json {
        let mut properties: Map<String, Json> =
            more.iter().chain(form.keys()).map(|key| (key.name.to_owned(), self.key(key))).collect();
        let rules: Vec<Json> = form.rules.iter().map(|rule| self.rule(rule, &mut properties)).collect();
        let required: Vec<&str> = form.keys().filter(|key| key.is_required).map(|key| key.name).collect();
        let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        if !rules.is_empty() {
            schema["allOf"] = json!(rules);
        }
        schema
    }

    fn key(&mut self, key: &'static Key) -> Json {
        let summary = match key.shape {
            Shape::Expression => format!("{}\n\n{}", key.summary, self.facts),
            _ => key.summary.to_owned(),
        };
        described(self.shape(key.shape), &summary)
    }

    /// A rule among keys. One about kinds of steps adds them to the properties.
    fn rule(&mut self, rule: &KeyRule, properties: &mut Map<String, Json>) -> Json {
        let one_of = |keys: &[&str]| {
            let each: Vec<Json> = keys.iter().map(|key| json!({ "required": [key] })).collect();
            json!({ "oneOf": each })
        };
        match rule {
            KeyRule::AnyOf(lists) => {
                let each: Vec<Json> = lists.iter().map(|keys| json!({ "required": keys })).collect();
                json!({ "anyOf": each })
            }
            KeyRule::OneOf(keys) => one_of(keys),
            KeyRule::OneExpected(keys) => {
                let mut all = keys.to_vec();
                for kind in KINDS {
                    let Some(expected) = kind.form().expected else { continue };
                    let summary = format!("The id of the step that brings about this {}.", expected.noun);
                    let id = described(self.shape(Shape::Name(NameOf::Step)), &summary);
                    properties.insert(kind.name().to_owned(), id);
                    all.push(kind.name());
                }
                one_of(&all)
            }
            KeyRule::Needs(key, other) => json!({ "dependencies": { *key: [other] } }),
            KeyRule::Excludes(key, other) => json!({ "dependencies": { *key: { "not": { "required": [other] } } } }),
        }
    }

    fn shape(&mut self, shape: Shape) -> Json {
        self.shape_with(shape, &[])
    }

    /// A shape whose mappings have some more keys.
    fn shape_with(&mut self, shape: Shape, more: &'static [Key]) -> Json {
        match shape {
            Shape::Any => json!({}),
            Shape::TextOrNothing => json!({ "type": ["string", "null"] }),
            Shape::Text | Shape::Template | Shape::Script => json!({ "type": "string" }),
            Shape::Localized => json!({ "anyOf": [
                { "type": "string" },
                { "type": "object", "required": ["default"], "additionalProperties": { "type": "string" }, "properties": {
                    "default": { "type": "string", "description": "The text in every other language." },
                } },
            ] }),
            Shape::Expression => {
                let mut schema = fitting(r"\S", "an expression");
                schema["type"] = json!(["string", "boolean"]);
                schema
            }
            Shape::Boolean => json!({ "type": "boolean" }),
            Shape::Number => json!({ "type": "number" }),
            Shape::Whole { least, most } => {
                let mut schema = json!({ "type": "integer" });
                if least > i64::MIN {
                    schema["minimum"] = json!(least);
                }
                if most < i64::MAX {
                    schema["maximum"] = json!(most);
                }
                schema
            }
            Shape::Span => fitting(SPAN_PATTERN, &format!("{SPAN_WORDS}, `2 business days`")),
            Shape::Elapsed => fitting(ELAPSED_PATTERN, SPAN_WORDS),
            Shape::Words(words) => json!({ "type": "string", "enum": words }),
            Shape::Pattern { pattern, but, wanted } => {
                let mut schema = fitting(pattern, wanted);
                if !but.is_empty() {
                    schema["not"] = json!({ "enum": but });
                }
                schema
            }
            Shape::Name(of) => self.name(of),
            Shape::Zone => {
                let zones: Vec<&str> = TZ_VARIANTS.iter().map(|zone| zone.name()).collect();
                json!({ "type": "string", "enum": zones })
            }
            Shape::List { of, least } => {
                let mut schema = json!({ "type": "array", "items": self.shape(*of) });
                if least > 0 {
                    schema["minItems"] = json!(least);
                }
                schema
            }
            Shape::Form(form) => self.form(form, more),
            Shape::Map { keys, of, least } => self.map(keys, *of, least, more),
            Shape::Either(shapes) => {
                let each: Vec<Json> = shapes.iter().map(|shape| self.shape_with(*shape, more)).collect();
                json!({ "anyOf": each })
            }
            Shape::Recursive(name, of) => self.refer(name, |writer| writer.shape(*of)),
            Shape::Steps { least } => {
                let step = self.refer(STEP, Writer::step);
                let mut schema = json!({ "type": "array", "items": step });
                if least > 0 {
                    schema["minItems"] = json!(least);
                }
                schema
            }
        }
    }

    /// A text for which names are proposed. Others are possible, too: what is
    /// known here may be older than what is written.
    fn name(&self, of: NameOf) -> Json {
        let known = self.deployment.names(of);
        let any = match of {
            NameOf::Playbook => fitting(r"^\s*[a-z0-9-]+\s*$", "the id of a playbook"),
            NameOf::Assignee => fitting(
                r#"^\s*(csm|manager|pool:.*|owner\(.*\)|.*@.*)\s*$"#,
                "`csm`, `manager`, `owner(\"ROLE\")`, `pool:NAME` or an address",
            ),
            _ => json!({ "type": "string" }),
        };
        match known.is_empty() {
            true => any,
            false => json!({ "anyOf": [{ "enum": known }, any] }),
        }
    }

    fn map(&mut self, keys: KeyNames, of: Shape, least: usize, more: &'static [Key]) -> Json {
        let value = self.shape(of);
        let mut schema = json!({ "type": "object" });
        let mut properties: Map<String, Json> = more.iter().map(|key| (key.name.to_owned(), self.key(key))).collect();
        match keys {
            KeyNames::Pattern("") => {}
            KeyNames::Pattern(pattern) => schema["propertyNames"] = json!({ "pattern": pattern }),
            KeyNames::Of(of) => {
                let known = self.deployment.names(of);
                for name in known {
                    let described = self.deployment.describe(of, &name).map(|text| json!({ "description": text }));
                    properties.insert(name, described.unwrap_or_else(|| value.clone()));
                }
            }
        }
        if !properties.is_empty() {
            schema["properties"] = Json::Object(properties);
        }
        if least > 0 {
            schema["minProperties"] = json!(least);
        }
        schema["additionalProperties"] = value;
        schema
    }

    /// A step: one of the kinds, and nothing beside it.
    fn step(&mut self) -> Json {
        let mut kinds = Map::new();
        for kind in KINDS {
            kinds.insert(kind.name().to_owned(), self.kind(*kind));
        }
        json!({
            "type": "object",
            "properties": kinds,
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        })
    }

    fn kind(&mut self, kind: &'static dyn StepKind) -> Json {
        let more = if kind.form().body == BodyForm::Action { STEP_KEYS } else { &[] };
        let shape = kind.shape();
        let summary = match kind.example() {
            Some(example) => format!("{}\n\n`{example}`", kind.summary()),
            None => kind.summary().to_owned(),
        };
        described(self.shape_with(shape, more), &summary)
    }

    /// A reference to a definition, which is written once.
    fn refer(&mut self, name: &str, write: impl FnOnce(&mut Self) -> Json) -> Json {
        if !self.definitions.contains_key(name) {
            // It may stand inside itself.
            self.definitions.insert(name.to_owned(), Json::Null);
            let written = write(self);
            self.definitions.insert(name.to_owned(), written);
        }
        json!({ "$ref": format!("#/definitions/{name}") })
    }
}

/// A text that fits a pattern. What an editor says otherwise is no part of
/// draft-07; one that does not know it says the pattern.
fn fitting(pattern: &str, wanted: &str) -> Json {
    json!({ "type": "string", "pattern": pattern, "patternErrorMessage": format!("Write {wanted}.") })
}

/// A schema with what an editor says of it, in words and with its marks. Beside
/// a reference nothing counts.
fn described(schema: Json, summary: &str) -> Json {
    let mut schema = if schema.get("$ref").is_some() { json!({ "allOf": [schema] }) } else { schema };
    schema["description"] = json!(summary);
    schema["markdownDescription"] = json!(summary);
    schema
}
