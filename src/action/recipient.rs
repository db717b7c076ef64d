//! Whom a mail goes to: roles, lists, `first_of`, `all`, or an address from an
//! expression.

use std::sync::Arc;

use super::{Compiler, Reads, Situation};
use crate::address;
use crate::config::RoleNames;
use crate::diagnostic::{Diagnostic, nearest};
use crate::facts::{Contact, NameKind, Subject, Value};
use crate::playbook::Source;
use crate::playbook::reader::{Fields, Form, Key, NameOf, Shape};
use crate::playbook::yaml::{Node, NodeValue};
use crate::rule::{EvalError, Rule, Wanted};

/// What an author wrote in `to:`.
#[derive(Clone, Debug)]
pub enum Recipients {
    /// The enrolled contact of a contact playbook.
    Contact,
    /// The earliest contact with this role.
    Role(String),
    /// Every reachable contact.
    All,
    /// One message to each.
    Each(Vec<Recipients>),
    /// The first that exists.
    FirstOf(Vec<Recipients>),
    /// A fixed address.
    Address(String),
    /// An expression giving an address.
    Expression(Arc<Rule>),
}

/// What stands behind `to` of a mail.
pub(super) static TO: Shape = Shape::Recursive("recipients", &RECIPIENTS);

static RECIPIENTS: Shape =
    Shape::Either(&[Shape::Name(NameOf::Recipient), Shape::list(&TO, 1), Shape::Form(&FIRST_OF)]);

static FIRST_OF: Form = Form::new(
    "`to`",
    &[&[Key::required(
        "first_of",
        Shape::list(&TO, 1),
        "The first of these that there is, such as `[champion, owner]`.",
    )]],
);

/// One addressee.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipient {
    /// The contact's id; empty for an address that belongs to no contact.
    pub contact: String,
    pub address: String,
}

/// The roles that can be mistyped without being known: any word is a role.
fn is_role(word: &str) -> bool {
    word.chars().next().is_some_and(char::is_alphabetic)
        && word.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

/// Whether a text in quotes is a role, such as `Economic Buyer`, rather than an
/// expression.
fn is_quoted_role(text: &str) -> bool {
    let has_member = !text.contains(' ') && text.split('.').skip(1).any(|part| part.starts_with(char::is_alphabetic));
    let begins = ["account.", "contact.", "entry."].into_iter().any(|root| text.starts_with(root));
    let has_sign = text.contains(|c: char| c.is_control() || "\"'`()[]{}<>=?!|@,;:".contains(c));
    text.contains(char::is_alphabetic) && !has_member && !begins && !has_sign
}

/// Whether a text is meant as a mail address rather than as an expression.
pub(super) fn seems_address(text: &str) -> bool {
    text.contains('@') && !text.contains(['"', '(', ' '])
}

/// The usual roles, one of which may have been misspelt.
pub const ROLES: [&str; 5] = ["champion", "owner", "admin", "billing", "user"];

/// What to say of a role that is nearly a usual one.
pub(super) fn unusual(role: &str) -> Option<(String, String)> {
    let near = nearest(role, ROLES).filter(|near| *near != role)?;
    let one_letter = strsim::damerau_levenshtein(&role.to_lowercase(), near) <= 1;
    one_letter.then(|| (format!("nobody may have the role `{role}`"), format!("did you mean `{near}`?")))
}

impl Recipients {
    /// Reads `to:` of an email.
    pub fn parse(node: &Node, compiler: &mut Compiler) -> Option<Recipients> {
        match &node.value {
            NodeValue::Text(source) => Recipients::text(source, node.is_quoted(), compiler),
            NodeValue::Sequence(items) if !items.is_empty() => {
                let each: Vec<_> = items.iter().map(|item| Recipients::parse(item, compiler)).collect();
                each.into_iter().collect::<Option<Vec<_>>>().map(Recipients::Each)
            }
            NodeValue::Mapping(_) => {
                let file = compiler.file.clone();
                let mut problems = Vec::new();
                let mut fields = Fields::new(&file, node, &FIRST_OF, &mut problems);
                let list = fields.required("first_of");
                let items = list.and_then(|list| match &list.value {
                    NodeValue::Sequence(items) if !items.is_empty() => Some(items.clone()),
                    _ => {
                        let help = "write `first_of: [champion, owner]`";
                        fields.error_with_help("KW0115", list.place, "`first_of` needs a list of recipients", help);
                        None
                    }
                });
                let fine = fields.finish();
                compiler.problems.extend(problems);
                let items = items.filter(|_| fine)?;
                let each: Vec<_> = items.iter().map(|item| Recipients::parse(item, compiler)).collect();
                each.into_iter().collect::<Option<Vec<_>>>().map(Recipients::FirstOf)
            }
            _ => {
                let help = "write a role such as `champion`, a list of them, or { first_of: [champion, owner] }";
                let file = compiler.file.clone();
                compiler.problems.push(Diagnostic::error("KW0115", &file, node.place, "not a recipient").help(help));
                None
            }
        }
    }

    /// Reads one word, address or expression.
    fn text(source: &Source, is_quoted: bool, compiler: &mut Compiler) -> Option<Recipients> {
        match Recipients::word(&source.text, is_quoted, compiler.subject) {
            Some(Ok(recipients)) => {
                let recipients = recipients.with_names(&compiler.schema.roles);
                if let Recipients::Role(role) = &recipients {
                    if let Some(missing) = compiler.schema.inventory.missing(NameKind::Role, role) {
                        let warning = source.warning("KW0221", 1, 1, missing.to_string());
                        compiler.problems.push(warning.help(missing.advice()));
                    } else if let Some((message, help)) = unusual(role) {
                        compiler.problems.push(source.warning("KW0115", 1, 1, message).help(help));
                    }
                }
                Some(recipients)
            }
            Some(Err((message, help))) => {
                compiler.problems.push(source.error("KW0115", 1, 1, message).help(help));
                None
            }
            None => compiler.expression(source, Wanted::Text, false).map(|rule| Recipients::Expression(Arc::new(rule))),
        }
    }

    /// The same with the names of playbooks for roles of the store.
    pub(super) fn with_names(self, names: &RoleNames) -> Recipients {
        let all = |list: Vec<Recipients>| list.into_iter().map(|one| one.with_names(names)).collect();
        match self {
            Recipients::Role(role) => Recipients::Role(names.resolve(&role).to_owned()),
            Recipients::Each(list) => Recipients::Each(all(list)),
            Recipients::FirstOf(list) => Recipients::FirstOf(all(list)),
            other => other,
        }
    }

    /// Reads one word or address, in steps as in scripts, or says what is wrong
    /// and what to do; `None` for what is neither. In quotes a role may have
    /// blanks.
    pub(super) fn word(text: &str, is_quoted: bool, enrolled: Subject) -> Option<Result<Recipients, (String, String)>> {
        let text = text.trim();
        let wrong = |message: &str, help: String| Some(Err((message.to_owned(), help)));
        match text {
            "all" => Some(Ok(Recipients::All)),
            "contact" if enrolled == Subject::Contact => Some(Ok(Recipients::Contact)),
            "contact" => wrong(
                "`contact` is the enrolled contact, and this playbook enrolls accounts",
                "write a role such as `champion`, or `all`".to_owned(),
            ),
            "csm" | "manager" => wrong(
                &format!("an email goes to customers, and `{text}` is a colleague"),
                format!("write a step `notify: {{ channel: {text}, text: … }}`"),
            ),
            word if is_role(word) => Some(Ok(Recipients::Role(word.to_owned()))),
            address if seems_address(address) => Some(match address::parse_address(address) {
                Ok(address) => Ok(Recipients::Address(address)),
                Err(error) => Err((error.to_string(), "write it as `name@example.com`".to_owned())),
            }),
            named if named.ends_with('>') && named.contains('<') && !named.contains('"') => {
                let address = named[named.find('<').unwrap_or(0)..].trim_matches(['<', '>']).to_owned();
                address::parse_address(&address).ok()?;
                wrong("an address stands here without a name", format!("write `{address}`"))
            }
            role if is_quoted && is_quoted_role(role) => Some(Ok(Recipients::Role(role.to_owned()))),
            words if words.split([',', ' ']).all(|word| word.is_empty() || is_role(word)) => {
                let list: Vec<&str> = words.split([',', ' ']).filter(|word| !word.is_empty()).collect();
                let list = format!("`to: [{}]`", list.join(", "));
                match words.contains(',') {
                    true => wrong("several recipients are a list", format!("write {list}")),
                    false => wrong(
                        "a role with a blank in it stands in quotes, and several recipients are a list",
                        format!("write `to: \"{words}\"`, or {list}"),
                    ),
                }
            }
            // An expression that is nothing but a text.
            text => {
                let role = text.strip_prefix('"')?.strip_suffix('"').filter(|role| is_quoted_role(role))?;
                Some(Ok(Recipients::Role(role.to_owned())))
            }
        }
    }

    /// To how many people it can be at most; `None` where that is open.
    pub fn most(&self) -> Option<usize> {
        match self {
            Recipients::All => None,
            Recipients::Each(list) => list.iter().map(Recipients::most).sum(),
            Recipients::FirstOf(list) => {
                list.iter().map(Recipients::most).try_fold(0, |most, one| Some(most.max(one?)))
            }
            Recipients::Contact | Recipients::Role(_) | Recipients::Address(_) | Recipients::Expression(_) => Some(1),
        }
    }

    /// Roles named anywhere in it.
    pub fn roles(&self) -> Vec<String> {
        match self {
            Recipients::Role(role) => vec![role.clone()],
            Recipients::Each(list) | Recipients::FirstOf(list) => list.iter().flat_map(Recipients::roles).collect(),
            Recipients::All => vec!["champion".to_owned()],
            Recipients::Contact | Recipients::Address(_) | Recipients::Expression(_) => Vec::new(),
        }
    }

    /// What must be fetched to resolve it.
    pub fn reads(&self, reads: &mut Reads) {
        match self {
            Recipients::Expression(rule) => reads.rule(rule),
            Recipients::Each(list) | Recipients::FirstOf(list) => list.iter().for_each(|one| one.reads(reads)),
            Recipients::Contact | Recipients::Role(_) | Recipients::All | Recipients::Address(_) => {}
        }
    }

    /// The addressees now; each contact at most once, nobody is an empty list.
    pub fn resolve(&self, at: &Situation) -> Result<Vec<Recipient>, EvalError> {
        let mut found: Vec<Recipient> = Vec::new();
        for recipient in self.candidates(at)? {
            if !found.contains(&recipient) {
                found.push(recipient);
            }
        }
        Ok(found)
    }

    fn candidates(&self, at: &Situation) -> Result<Vec<Recipient>, EvalError> {
        let now = at.context.facts.as_of;
        let mut reachable = at.people.contacts.iter().filter(|contact| contact.is_reachable(now));
        Ok(match self {
            Recipients::Contact => at.enrolled().map(of).into_iter().collect(),
            Recipients::Role(role) => {
                reachable.find(|contact| contact.role.as_deref() == Some(role)).map(of).into_iter().collect()
            }
            Recipients::All => reachable.map(of).collect(),
            Recipients::Address(address) => vec![matched(address, at)].into_iter().flatten().collect(),
            Recipients::Expression(rule) => match rule.value(at.sandbox, at.context)? {
                Value::Text(address) if !address.trim().is_empty() => matched(address.trim(), at).into_iter().collect(),
                Value::Null | Value::Text(_) => Vec::new(),
                _ => return Err(EvalError::new("the expression in `to` does not give an address")),
            },
            Recipients::Each(list) => {
                let mut all = Vec::new();
                for one in list {
                    all.extend(one.candidates(at)?);
                }
                all
            }
            Recipients::FirstOf(list) => {
                for one in list {
                    let found = one.candidates(at)?;
                    if !found.is_empty() {
                        return Ok(found);
                    }
                }
                Vec::new()
            }
        })
    }
}

pub(super) fn of(contact: &Contact) -> Recipient {
    Recipient { contact: contact.id.clone(), address: contact.email.clone().unwrap_or_default().trim().to_owned() }
}

/// The contact with this address, ignoring case, else the bare address; nobody
/// when the contact it belongs to has left.
fn matched(address: &str, at: &Situation) -> Option<Recipient> {
    let same =
        |contact: &&Contact| contact.email.as_deref().is_some_and(|email| email.trim().eq_ignore_ascii_case(address));
    let holders: Vec<&Contact> = at.people.contacts.iter().filter(same).collect();
    match holders.iter().find(|contact| contact.is_reachable(at.context.facts.as_of)) {
        Some(contact) => Some(of(contact)),
        None if holders.is_empty() => Some(Recipient { contact: String::new(), address: address.to_owned() }),
        None => None,
    }
}
