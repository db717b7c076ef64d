//! What could stand in a file of shared functions, and what its words mean.

use super::candidate::{Candidate, CandidateKind};
use super::completion::Proposals;
use super::expression::{ExpressionSpot, at_end_of_script, is_open, locals};
use super::facts::{Scope, globals, in_expression};
use super::hover::{Meaning, meaning, word};
use super::references::Target;
use super::script::{ScriptFunction, functions};
use super::surroundings::{Surroundings, Written};
use crate::playbook::source::SourceFile;

/// The function whose body a byte of a script stands in.
struct Body<'t> {
    function: &'t str,
    parameters: Vec<&'t str>,
    /// The body up to that byte.
    text: &'t str,
}

impl<'t> Body<'t> {
    /// Of a script's text up to the byte; `None` outside of all functions.
    fn around(before: &'t str) -> Option<Body<'t>> {
        let begins = |at: &usize| before[..*at].rsplit('\n').next().is_some_and(|line| line.trim().is_empty());
        let start = before.rmatch_indices("fn ").map(|(at, _)| at).find(begins)?;
        let (name, rest) = before[start + "fn ".len()..].split_once('(')?;
        let (parameters, rest) = rest.split_once(')')?;
        let text = &rest[rest.find('{')?..];
        let parameters = parameters.split(',').map(str::trim).filter(|one| !one.is_empty()).collect();
        is_open(text).then_some(Body { function: name.trim(), parameters, text })
    }
}

/// Says what could stand at a byte of a script's text.
pub fn complete_script(file: &SourceFile, offset: usize, surroundings: &Surroundings) -> Proposals {
    let text = &*file.text;
    let offset = (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let Some(body) = Body::around(&text[..offset]) else { return Proposals::default() };
    let spot = at_end_of_script(body.text, false);
    let (prefix, candidates) = match &spot {
        ExpressionSpot::Name { prefix, .. } => (prefix.len(), names(file, &body, surroundings)),
        ExpressionSpot::Member { of, .. } if !body.takes(of) => (0, Vec::new()),
        spot => in_expression(spot, &Scope::of_function(), surroundings, &Written::nothing()),
    };
    Proposals { start: offset - prefix, candidates }
}

impl Body<'_> {
    /// Whether a chain of names begins with an account or a contact that the
    /// function takes.
    fn takes(&self, of: &[String]) -> bool {
        let Some(root) = of.first().map(String::as_str) else { return false };
        ["account", "contact"].contains(&root) && self.parameters.contains(&root)
    }
}

fn names(file: &SourceFile, body: &Body, surroundings: &Surroundings) -> Vec<Candidate> {
    let value = |name: &str, meaning: String| Candidate::new(CandidateKind::Value, name, meaning);
    let parameters = body.parameters.iter().map(|name| value(name, format!("What `{}` takes.", body.function)));
    let mut found: Vec<Candidate> = parameters.collect();
    for name in locals(body.text) {
        if found.iter().all(|known| known.name != name) {
            found.push(value(&name, "A variable of this function.".to_owned()));
        }
    }
    let own = functions(&file.text).into_iter().map(|function| {
        let ScriptFunction { name, parameters, comment, .. } = function;
        let mut candidate = Candidate::new(CandidateKind::Function, name.clone(), comment);
        candidate.detail = format!("{name}({parameters})");
        candidate
    });
    found.extend(own);
    found.extend(globals(&Scope::of_function(), surroundings, surroundings.module_of(&file.path)));
    found
}

/// What the word at a byte of a script's text means; `None` where there is
/// nothing to say.
pub fn hover_script(file: &SourceFile, offset: usize, surroundings: &Surroundings) -> Option<Meaning> {
    let text = &*file.text;
    if !text.is_char_boundary(offset) || offset > text.len() {
        return None;
    }
    let range = word(text, offset, &[]);
    if let Some(function) = functions(text).into_iter().find(|function| function.at == range.start) {
        let ScriptFunction { name, parameters, comment, .. } = function;
        return Some(Meaning { range, text: format!("`{name}({parameters})`\n\n{comment}").trim_end().to_owned() });
    }
    meaning(text, offset, |end| complete_script(file, end, surroundings))
}

/// Where the function that is named at a byte of a script's text is defined.
pub fn script_definition(file: &SourceFile, offset: usize, surroundings: &Surroundings) -> Option<Target> {
    let text = &*file.text;
    if offset > text.len() || !text.is_char_boundary(offset) {
        return None;
    }
    let range = word(text, offset, &[]);
    if text[..range.start].ends_with("::") {
        return super::references::shared_function(text, range, surroundings);
    }
    let name = &text[range];
    let own = functions(text).into_iter().find(|function| function.name == name)?;
    let range = own.at..own.at + own.name.len();
    Some(Target { file: file.path.clone(), text: file.text.clone(), range })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_around_a_place_is_read_by_its_text() {
        let around =
            |text: &str| Body::around(text).map(|body| format!("{}: {}", body.function, body.parameters.join(" ")));
        assert_eq!(around(""), None);
        assert_eq!(around("fn f(a, b) "), None);
        assert_eq!(around("fn f(a, b) { a"), Some("f: a b".into()));
        assert_eq!(around("fn f(a) { if a { 1 } else { "), Some("f: a".into()));
        assert_eq!(around("fn f(a) { if a { 1 } }\n"), None);
        assert_eq!(around("fn f() { \"}\" + "), Some("f: ".into()));
        assert_eq!(around("fn f() { 1 }\n// fn g(x) {\n"), None);
    }
}
