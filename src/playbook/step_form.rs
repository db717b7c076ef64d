//! What the form of a file depends on in each kind of step.
//!
//! `action` lists the kinds; the reader of a file takes their forms as an argument.

/// A kind of step, as far as reading a file needs it.
#[derive(Clone, Copy, Debug)]
pub struct StepForm {
    /// The key that authors write.
    pub name: &'static str,
    pub body: BodyForm,
    /// What a test case can expect of it; `None` is nothing.
    pub expected: Option<ExpectedForm>,
    /// The functions of expressions, and the keys of a case's `then`, that can
    /// name a step of it.
    pub functions: &'static [&'static str],
    /// Whether a test case can expect of it what every other kind brings about.
    pub may_do_anything: bool,
}

/// Who reads the inside of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyForm {
    /// The reader of files, as a wait.
    Wait,
    /// The reader of files, as a list of ways.
    Branch,
    /// The reader of files, as the reason of an end.
    End,
    /// The kind itself.
    Action,
}

/// What a test case can expect of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpectedForm {
    /// The key of `expect:` that names a step of it.
    pub key: &'static str,
    /// What it brings about, in one word for people.
    pub noun: &'static str,
    /// The kind of effect that it brings about.
    pub effect: &'static str,
    /// The keys of other expectations that can name a step of it too.
    pub also: &'static [&'static str],
}

impl StepForm {
    /// A kind that reads its own body and of which a case can expect nothing.
    pub const fn new(name: &'static str) -> StepForm {
        StepForm { name, body: BodyForm::Action, expected: None, functions: &[], may_do_anything: false }
    }

    /// The same with what a case can expect of it.
    pub const fn expected(self, noun: &'static str, effect: &'static str, also: &'static [&'static str]) -> StepForm {
        StepForm { expected: Some(ExpectedForm { key: self.name, noun, effect, also }), ..self }
    }

    /// The same with the functions that can name a step of it.
    pub const fn functions(self, functions: &'static [&'static str]) -> StepForm {
        StepForm { functions, ..self }
    }

    /// Whether an expectation with this key can name a step of it.
    pub fn can_be_expected_as(&self, key: &str) -> bool {
        self.may_do_anything || self.expected.is_some_and(|expected| self.name == key || expected.also.contains(&key))
    }
}
