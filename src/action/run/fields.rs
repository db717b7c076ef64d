//! Reading the fields of a described action by type.

use std::collections::BTreeSet;

use rhai::{Dynamic, Map};

use crate::diagnostic::nearest;
use crate::facts::Value;
use crate::playbook::Duration;
use crate::rule::template::first_foreign;
use crate::rule::{EvalError, WrittenField, texts, value_of};

/// The fields of one described action, read one after the other; a field asked
/// for is a field allowed. A method returns `None` both for a field that is not
/// there and for one that is wrong, which is then noted.
pub(super) struct Fields {
    kind: &'static str,
    map: Map,
    /// Fields that are there, with a value that only the run shows.
    calculated: BTreeSet<String>,
    /// Whether they are as the author wrote them, without a fact.
    is_written: bool,
    allowed: Vec<&'static str>,
    misfits: Vec<Misfit>,
}

/// What is wrong with a field, or with the action without one.
pub(super) struct Misfit {
    pub field: Option<String>,
    pub code: &'static str,
    pub message: String,
    pub help: Option<String>,
}

impl Fields {
    /// Those of an action that a script described.
    pub fn new(kind: &'static str, map: Map) -> Fields {
        Fields { kind, map, calculated: BTreeSet::new(), is_written: false, allowed: Vec::new(), misfits: Vec::new() }
    }

    /// Those that stand in the text of a script.
    pub fn written(kind: &'static str, given: &[WrittenField]) -> Fields {
        let mut fields = Fields { is_written: true, ..Fields::new(kind, Map::new()) };
        for field in given {
            match &field.value {
                Some(value) => drop(fields.map.insert(field.name.as_str().into(), value.clone())),
                None => drop(fields.calculated.insert(field.name.clone())),
            }
        }
        fields
    }

    /// Whether a field is there.
    pub fn has(&self, key: &str) -> bool {
        self.calculated.contains(key) || self.map.get(key).is_some_and(|value| !value.is_unit())
    }

    /// Whether a field is there, with a value that only the run shows.
    pub fn is_calculated(&self, key: &str) -> bool {
        self.calculated.contains(key)
    }

    /// Any value.
    fn take(&mut self, key: &'static str) -> Option<Dynamic> {
        self.allowed.push(key);
        self.calculated.remove(key);
        self.map.remove(key).filter(|value| !value.is_unit())
    }

    /// Any value that must be there.
    pub fn required(&mut self, key: &'static str) -> Option<Dynamic> {
        if !self.has(key) {
            let message = format!("`{}` needs the field `{key}`", self.kind);
            self.misfits.push(Misfit { field: None, code: "KW0102", message, help: None });
        }
        self.take(key)
    }

    /// Notes a wrong field.
    pub fn refuse(&mut self, key: &str, code: &'static str, message: String, help: Option<String>) {
        self.misfits.push(Misfit { field: Some(key.to_owned()), code, message, help });
    }

    /// Notes that a field needs another value.
    pub fn wrong<T>(&mut self, key: &str, needed: &str) -> Option<T> {
        self.refuse(key, "KW0104", format!("`{key}` of `{}` needs {needed}", self.kind), None);
        None
    }

    /// A value as text.
    pub fn as_text(&mut self, key: &str, value: Dynamic) -> Option<String> {
        let Some(Value::Text(text)) = value_of(&value) else { return self.wrong(key, "text") };
        if self.is_written && (text.contains("{{") || text.contains("{%")) {
            let message = format!("a script fills no placeholders: `{key}` would keep its braces");
            let help = "put texts together, as in `\"Hello \" + account.name`, or use a step of its own";
            self.refuse(key, "KW0301", message, Some(help.to_owned()));
        } else if self.is_written
            && let Some((placeholder, name)) = first_foreign(&text)
        {
            let message = format!("a script fills no placeholders: `{key}` would keep `{placeholder}`");
            let help = match name.starts_with("recipient") || name.starts_with("csm") {
                true => "use a step of its own, whose texts know `recipient` and `csm`".to_owned(),
                false => format!("put a text with a value in it in back-ticks: `… ${{{name}}} …`"),
            };
            self.refuse(key, "KW0301", message, Some(help));
        }
        Some(text.to_string())
    }

    /// Text.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        let value = self.take(key)?;
        self.as_text(key, value)
    }

    /// Text that must be there.
    pub fn words(&mut self, key: &'static str) -> Option<String> {
        let value = self.required(key)?;
        self.as_text(key, value)
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        self.take(key)?.as_bool().ok().or_else(|| self.wrong(key, "true or false"))
    }

    /// A list of texts; empty when it is not there.
    pub fn list(&mut self, key: &'static str) -> Vec<String> {
        let Some(value) = self.take(key) else { return Vec::new() };
        texts(&value).or_else(|| self.wrong(key, "a list of texts")).unwrap_or_default()
    }

    /// A span of time.
    pub fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let text = self.text(key)?;
        Duration::parse(&text).or_else(|| self.wrong(key, "a span of time such as \"3d\" or \"2 business days\""))
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.or_else(|| {
            let message = format!("`{key}` cannot be `{text}`");
            let help = crate::playbook::reader::advice(&text, words.iter().map(|(word, _)| *word));
            self.refuse(key, "KW0104", message, Some(help));
            None
        })
    }

    /// Everything that is wrong, the fields that nothing asked for included.
    pub fn misfits(mut self) -> Vec<Misfit> {
        let unknown: Vec<String> =
            self.map.keys().map(ToString::to_string).chain(std::mem::take(&mut self.calculated)).collect();
        for name in unknown {
            let help = match nearest(&name, self.allowed.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its fields are {}", self.allowed.join(", ")),
            };
            let message = format!("`{}` has no field `{name}`", self.kind);
            self.refuse(&name, "KW0101", message, Some(help));
        }
        self.misfits
    }

    /// What was read, or the first thing that is wrong.
    pub fn finish<T>(self, read: Option<T>) -> Result<T, EvalError> {
        let kind = self.kind;
        match (self.misfits().into_iter().next(), read) {
            (Some(misfit), _) => Err(EvalError::new(misfit.message)),
            (None, Some(read)) => Ok(read),
            (None, None) => Err(EvalError::new(format!("`{kind}` cannot be read"))),
        }
    }
}
