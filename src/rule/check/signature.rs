//! Matching a call of a fact function with what the function takes.

use crate::diagnostic::nearest;
use crate::facts::{Arg, Subject};
use crate::rule::functions::{FUNCTIONS, Function, Gives, Param, ParamKind, find, pair};

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
    let describe = |params: Vec<&'static Param>| params.into_iter().map(describe).collect::<Vec<_>>().join(" and ");
    let forms: Vec<String> = function.forms().into_iter().map(describe).collect();
    let mut words = match forms.first() {
        Some(first) if !first.is_empty() => first.clone(),
        _ if forms.len() == 1 => "nothing in its parentheses".to_owned(),
        _ => "nothing".to_owned(),
    };
    for pair in forms.windows(2) {
        match pair[1].strip_prefix(&format!("{} and ", pair[0])).filter(|_| !pair[0].is_empty()) {
            Some(more) => words.push_str(&format!(", and perhaps {more}")),
            None => words.push_str(&format!(", or {}", pair[1])),
        }
    }
    words
}

fn describe(param: &Param) -> String {
    match param.kind {
        ParamKind::Text if ["first", "then"].contains(&param.name) => format!("the event `{}` in quotes", param.name),
        ParamKind::Text => format!("a {} in quotes", param.name),
        ParamKind::Texts => format!("a list of {} in quotes", param.name),
        ParamKind::Properties => "properties such as `#{plan: \"pro\"}`".to_owned(),
        ParamKind::Days | ParamKind::DaysAgo => "a number of days from 1".to_owned(),
        ParamKind::Moves => "a whole number from 1".to_owned(),
        ParamKind::PlaybookId => "a playbook's id in quotes".to_owned(),
        ParamKind::Age => "a span of time such as \"2h\" or \"3d\"".to_owned(),
        ParamKind::Gap => "the longest gap within a session, from \"1m\" to \"24h\",".to_owned(),
        ParamKind::Part => "a part of the subject in quotes".to_owned(),
        ParamKind::ColumnName => "a column's name in quotes".to_owned(),
        ParamKind::NumberColumn => "the name of a column of numbers in quotes".to_owned(),
        ParamKind::Label => "a label's name in quotes".to_owned(),
        ParamKind::OwnScore => "a score's name in quotes".to_owned(),
        ParamKind::Answers => "the name of a survey or its score in quotes".to_owned(),
        ParamKind::Factor => "a factor's id in quotes".to_owned(),
        ParamKind::OwnPlan => "a plan's id in quotes".to_owned(),
        ParamKind::Goal => "a goal's id in quotes".to_owned(),
    }
}

/// The calls of a function as authors write them, the shorter first.
pub fn forms(subject: Subject, function: &dyn Function) -> Vec<String> {
    let form = |params: Vec<&'static Param>| {
        let names = params.into_iter().map(|param| match param.kind {
            ParamKind::Texts => format!("[{}]", param.name),
            ParamKind::Properties => format!("#{{{}}}", param.name),
            _ => param.name.to_owned(),
        });
        format!("{}.{}({})", subject.name(), function.name(), names.collect::<Vec<_>>().join(", "))
    };
    function.forms().into_iter().map(form).collect()
}
