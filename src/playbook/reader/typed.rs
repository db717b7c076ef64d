//! The values of keys by their types.

use super::fields::Fields;
use super::value::{advice, duration, expression, listed, short};
use crate::address::parse_address;
use crate::playbook::yaml::{Entry, Node, NodeValue};
use crate::playbook::{Duration, Source};

impl<'n> Fields<'n, '_> {
    /// Text; a number or `true` must be quoted.
    pub fn text(&mut self, key: &'static str) -> Option<Source> {
        let node = self.take(key)?;
        match &node.value {
            NodeValue::Text(source) => Some(source.clone()),
            _ => {
                self.wrong_type(key, node, "text");
                None
            }
        }
    }

    /// Text that must be there.
    pub fn required_text(&mut self, key: &'static str) -> Option<Source> {
        if !self.has(key) {
            self.missing(key);
        }
        self.text(key)
    }

    /// Text as a string.
    pub fn string(&mut self, key: &'static str) -> Option<String> {
        self.text(key).map(|source| source.text.to_string())
    }

    /// An e-mail address without a name.
    pub fn address(&mut self, key: &'static str) -> Option<String> {
        let source = self.text(key)?;
        if parse_address(&source.text).is_ok() {
            return Some(source.text.trim().to_owned());
        }
        let message = format!("`{key}` is not an e-mail address: `{}`", short(&source.text));
        let at = self.value_place(key);
        self.error_with_help("KW0104", at, message, "write it as `name@example.com`");
        None
    }

    /// An expression: text, or a bare `true` or `false`.
    pub fn expression(&mut self, key: &'static str) -> Option<Source> {
        let node = self.take(key)?;
        let source = expression(&self.file, node);
        match &source {
            None => self.wrong_type(key, node, "an expression"),
            Some(source) if source.text.trim().is_empty() => {
                let message = format!("`{key}` needs an expression and is empty");
                self.error("KW0103", node.place, message);
                return None;
            }
            Some(_) => {}
        }
        source
    }

    /// An expression that must be there.
    pub fn required_expression(&mut self, key: &'static str) -> Option<Source> {
        if !self.has(key) {
            self.missing(key);
        }
        self.expression(key)
    }

    /// A whole number.
    pub fn int(&mut self, key: &'static str) -> Option<i64> {
        let node = self.take(key)?;
        match node.value {
            NodeValue::Int(value) => Some(value),
            _ => {
                self.wrong_type(key, node, "a whole number");
                None
            }
        }
    }

    /// A whole number within bounds.
    pub fn int_within(&mut self, key: &'static str, least: i64, most: i64) -> Option<i64> {
        debug_assert!(self.shape(key).is_none_or(|shape| shape.has_bounds((least, most))), "the bounds of `{key}`");
        let value = self.int(key)?;
        if (least..=most).contains(&value) {
            return Some(value);
        }
        let at = self.value_place(key);
        let message = format!("`{key}` is {value}; it goes from {least} to {most}");
        self.error("KW0104", at, message);
        None
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let node = self.take(key)?;
        match node.value {
            NodeValue::Bool(value) => Some(value),
            _ => {
                self.wrong_type(key, node, "`true` or `false`");
                None
            }
        }
    }

    /// A span of time.
    pub fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let node = self.take(key)?;
        duration(&self.file, key, node, self.problems)
    }

    /// A span of elapsed time, in seconds: no business days.
    pub fn elapsed(&mut self, key: &'static str) -> Option<i64> {
        match self.duration(key)? {
            Duration::Seconds(seconds) => Some(seconds),
            Duration::BusinessDays(_) => {
                let message = format!("`{key}` counts elapsed time, not business days");
                let at = self.value_place(key);
                self.error_with_help("KW0110", at, message, "write days, such as `3d`");
                None
            }
        }
    }

    /// One of a few words.
    pub fn one_of<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let known = || words.iter().map(|(word, _)| *word);
        debug_assert!(self.shape(key).is_none_or(|shape| shape.has_words(known())), "the words of `{key}`");
        let node = self.take(key)?;
        let Some(text) = node.as_text() else {
            self.wrong_type(key, node, &listed(known()));
            return None;
        };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let message = format!("`{key}` cannot be `{text}`");
        let help = advice(text, known());
        self.error_with_help("KW0104", node.place, message, help);
        None
    }

    /// A list of texts; empty when the key is not there.
    pub fn texts(&mut self, key: &'static str) -> Vec<Source> {
        let Some(node) = self.take(key) else {
            return Vec::new();
        };
        let Some(items) = node.as_sequence() else {
            self.wrong_type(key, node, "a list of texts");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items {
            match &item.value {
                NodeValue::Text(source) => texts.push(source.clone()),
                _ => self.wrong_type(key, item, "text in its list"),
            }
        }
        texts
    }

    /// The entries of a mapping with free keys, such as column names.
    pub fn mapping(&mut self, key: &'static str) -> Option<&'n [Entry]> {
        let node = self.take(key)?;
        let entries = node.as_mapping();
        if entries.is_none() {
            self.wrong_type(key, node, "a mapping");
        }
        entries
    }

    /// The items of a list.
    pub fn list(&mut self, key: &'static str) -> Option<&'n [Node]> {
        let node = self.take(key)?;
        let items = node.as_sequence();
        if items.is_none() {
            self.wrong_type(key, node, "a list");
        }
        items
    }
}
