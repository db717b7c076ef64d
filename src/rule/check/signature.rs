//! Matching a call of a fact function with what the function takes.

use crate::diagnostic::nearest;
use crate::facts::{Arg, Subject};
use crate::rule::functions::{FUNCTIONS, Function, Gives, ParamKind, find, pair};

/// What is wrong with a call: the code, the message and the advice.
pub type SignatureMismatch = (&'static str, String, Option<String>);

/// The function of that name, asked of such a subject, and what it gives for
/// these arguments.
pub fn signature(
    subject: Subject,
    name: &str,
    args: &[Arg],
) -> Result<(&'static dyn Function, Gives), SignatureMismatch> {
    let of_contact = subject == Subject::Contact;
    let Some(function) = find(name) else {
        let of_subject = FUNCTIONS.iter().filter(|function| !of_contact || function.of_contact().is_some());
        let help =
            nearest(name, of_subject.map(|function| function.name())).map(|near| format!("did you mean `{near}`?"));
        return Err(("KW0201", format!("unknown function `{name}`"), help));
    };
    if of_contact && function.of_contact().is_none() {
        let help = format!("ask the account: `account.{name}(…)`");
        return Err(("KW0201", format!("`{name}` is a function of accounts, and a contact has none"), Some(help)));
    }
    if pair(function, args).is_some() {
        return Ok((function, function.gives(args)));
    }
    let example = function.examples().first().map(|example| format!("for example `{}`", example.expression));
    Err(("KW0205", format!("`{name}` takes {}", takes(function)), example))
}

/// The parameters in words: `a name and days (a number from 1, …)`.
fn takes(function: &dyn Function) -> String {
    let describe = |optional: bool| {
        function
            .params()
            .iter()
            .filter(|param| optional || !param.optional)
            .map(|param| match param.kind {
                ParamKind::Text if ["first", "then"].contains(&param.name) => {
                    format!("the event `{}` in quotes", param.name)
                }
                ParamKind::Text => format!("a {} in quotes", param.name),
                ParamKind::Texts => format!("a list of {} in quotes", param.name),
                ParamKind::Days => "a number of days from 1".to_owned(),
                ParamKind::PlaybookId => "a playbook's id in quotes".to_owned(),
                ParamKind::ColumnName => "a column's name in quotes".to_owned(),
                ParamKind::Label => "a label's name in quotes".to_owned(),
            })
            .collect::<Vec<_>>()
            .join(" and ")
    };
    let (full, short) = (describe(true), describe(false));
    match (full.is_empty(), short.is_empty(), full == short) {
        (true, _, _) => "nothing in its parentheses".to_owned(),
        (_, _, true) => full,
        (_, true, _) => format!("nothing, or {full}"),
        _ => format!("{short}, or {full}"),
    }
}

/// The calls of a function as authors write them, the shorter first.
pub fn forms(subject: Subject, function: &dyn Function) -> Vec<String> {
    let form = |complete: bool| {
        let params = function.params().iter().filter(|param| complete || !param.optional);
        let names = params.map(|param| match param.kind {
            ParamKind::Texts => format!("[{}]", param.name),
            _ => param.name.to_owned(),
        });
        format!("{}.{}({})", subject.name(), function.name(), names.collect::<Vec<_>>().join(", "))
    };
    let mut forms = vec![form(false), form(true)];
    forms.dedup();
    forms
}
