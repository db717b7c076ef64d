//! The steps of a playbook that functions such as `done("call")` can name.

use crate::facts::Type;

/// The functions about steps, each with the steps that it can name.
#[derive(Clone, Debug, Default)]
pub struct NamedSteps {
    functions: Vec<StepFunction>,
}

/// One function about steps.
#[derive(Clone, Debug)]
struct StepFunction {
    name: &'static str,
    /// The kind of step that authors think of, for messages.
    kind: &'static str,
    steps: Vec<NamedStep>,
}

/// A step as a function about steps sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedStep {
    pub id: String,
    /// The type of the function's result.
    pub ty: Type,
    /// The texts that the function can give; empty where it can give any.
    pub texts: Vec<String>,
}

impl NamedStep {
    /// A step of which the function says whether something happened.
    pub fn new(id: &str) -> NamedStep {
        NamedStep { id: id.to_owned(), ty: Type::Bool, texts: Vec::new() }
    }
}

impl NamedSteps {
    /// Adds a function that names no step yet, unless it is there.
    pub fn declare(&mut self, function: &'static str, kind: &'static str) {
        if self.function(function).is_none() {
            self.functions.push(StepFunction { name: function, kind, steps: Vec::new() });
        }
    }

    /// Lets a declared function name a step.
    pub fn add(&mut self, function: &str, step: NamedStep) {
        if let Some(function) = self.functions.iter_mut().find(|one| one.name == function) {
            function.steps.push(step);
        }
    }

    /// The steps that a function can name, in the order of the text.
    pub fn of(&self, function: &str) -> &[NamedStep] {
        self.function(function).map(|one| one.steps.as_slice()).unwrap_or_default()
    }

    /// The ids that a function can name.
    pub fn ids<'s>(&'s self, function: &str) -> impl Iterator<Item = &'s str> + Clone {
        self.of(function).iter().map(|step| step.id.as_str())
    }

    /// The step that a function names.
    pub fn find(&self, function: &str, id: &str) -> Option<&NamedStep> {
        self.of(function).iter().find(|step| step.id == id)
    }

    /// What authors call the steps that a function names: the name of a kind.
    pub fn kind(&self, function: &str) -> &'static str {
        self.function(function).map_or("such", |one| one.kind)
    }

    fn function(&self, name: &str) -> Option<&StepFunction> {
        self.functions.iter().find(|one| one.name == name)
    }
}
