//! Rendering: a template with one subject's facts, for one reader.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use chrono_tz::Tz;
use rhai::{Dynamic, ImmutableString};

use super::escape::Escape;
use super::filter::Filter;
use super::link::{encode_rest, percent_encode};
use super::node::{Compiled, Node, Print, Template};
use crate::clock::Instant;
use crate::diagnostic::Position;
use crate::facts::{Contact, Csm, Value};
use crate::rule::compiled::Rule;
use crate::rule::engine::context::Context;
use crate::rule::engine::date;
use crate::rule::engine::error::EvalError;
use crate::rule::engine::label::read_number;
use crate::rule::engine::lookup::{self, Plain};
use crate::rule::engine::reader::{self, Reader};
use crate::rule::engine::sandbox::Sandbox;
use crate::rule::engine::unfit::UnfitAttribute;
use crate::rule::engine::value::{LONGEST_VALUE, describe, from_dynamic, to_dynamic};
use crate::rule::holder::Person;
use crate::rule::print;

/// The longest result, in bytes.
const LONGEST_TEXT: usize = 256 * 1024;

/// Everything one rendering reads.
#[derive(Clone, Copy)]
pub struct RenderContext<'a> {
    pub sandbox: &'a Sandbox,
    /// Its facts must hold every cell of [`Template::cells`].
    pub context: &'a Context,
    /// `None` when the recipient is not a contact of the account.
    pub recipient: Option<&'a Contact>,
    /// `None` when nobody looks after the account.
    pub csm: Option<&'a Csm>,
    /// The playbook's id.
    pub playbook: &'a str,
    /// The reader's zone: how times print.
    pub zone: Tz,
    /// The BCP 47 tag of the language that the text is in, with the reader's region
    /// where it is theirs; an unknown language reads English dates.
    pub locale: &'a str,
    /// Whether it is a mail: there a stored text of blanks is as good as missing.
    pub is_mail: bool,
}

/// Why one message could not be written; the template itself is sound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RenderError {
    /// Says which name was missing or too long.
    pub message: String,
    /// Where it stands in the playbook's file.
    pub place: Position,
}

impl From<RenderError> for EvalError {
    fn from(error: RenderError) -> EvalError {
        EvalError::new(format!("{} (line {})", error.message, error.place.line))
    }
}

impl Template {
    /// Writes the text for one reader. The result has at most 256 KiB.
    ///
    /// # Errors
    /// When a value is printed that is missing, not printable or longer than
    /// 64 KiB, and when an expression of it cannot be evaluated.
    pub fn render(&self, context: &RenderContext) -> Result<String, RenderError> {
        let Compiled { nodes, escape, people, .. } = &*self.0;
        let rendering = Rendering { context, people, reader: OnceCell::new(), escape: *escape };
        let mut out = String::new();
        rendering.nodes(nodes, &mut out)?;
        Ok(out)
    }
}

/// For whom a value is written.
#[derive(Clone, Copy)]
enum Style {
    Sentence,
    /// In JSON or in an address.
    Program,
}

struct Rendering<'a> {
    context: &'a RenderContext<'a>,
    people: &'a BTreeSet<Person>,
    /// Made for the first expression that calculates.
    reader: OnceCell<Rc<Reader>>,
    escape: Escape,
}

impl Rendering<'_> {
    fn nodes(&self, nodes: &[Node], out: &mut String) -> Result<(), RenderError> {
        for node in nodes {
            match node {
                Node::Words(words) => out.push_str(words),
                Node::Print(print) => {
                    self.print(print, out).map_err(|message| RenderError { message, place: print.place })?;
                }
                Node::If { arms, otherwise } => {
                    let mut taken = otherwise;
                    for arm in arms {
                        let holds = self.holds(&arm.condition);
                        if holds.map_err(|message| RenderError { message, place: arm.place })? {
                            taken = &arm.nodes;
                            break;
                        }
                    }
                    self.nodes(taken, out)?;
                }
                Node::For { nodes, on_lines } => self.render_matching(nodes, *on_lines, out)?,
            }
        }
        Ok(())
    }

    /// Writes a part for each account that matches.
    fn render_matching(&self, nodes: &[Node], on_lines: bool, out: &mut String) -> Result<(), RenderError> {
        let whole = self.context.context;
        for member in whole.facts.matching.iter().flat_map(|matching| &matching.members) {
            let context = Context { facts: Arc::clone(member), ..whole.clone() };
            let context = RenderContext { context: &context, ..*self.context };
            let one =
                Rendering { context: &context, people: self.people, reader: OnceCell::new(), escape: self.escape };
            one.nodes(nodes, out)?;
            // A tag at the end of a line takes the line break with it.
            if on_lines && !out.ends_with('\n') {
                out.push('\n');
            }
        }
        Ok(())
    }

    fn value(&self, rule: &Rule) -> Result<Dynamic, String> {
        let RenderContext { sandbox, context, recipient, csm, .. } = *self.context;
        let (facts, zone) = (&context.facts, context.zone);
        match rule.plain.as_deref() {
            Some(Plain::Literal(value)) => Ok(value.clone()),
            Some(Plain::Cell(cell)) => lookup::cell(facts, zone, &rule.traits, cell),
            Some(Plain::Column(Person::Recipient, name)) => {
                Ok(lookup::column(&reader::contact_column(recipient, name), zone))
            }
            Some(Plain::Column(Person::Csm, name)) => Ok(lookup::column(&reader::csm_column(csm, name), zone)),
            Some(Plain::Attribute(person, key)) => {
                let traits = match person {
                    Person::Recipient => recipient.map(|contact| &contact.traits),
                    Person::Csm => csm.map(|csm| &csm.traits),
                };
                let raw = traits.and_then(|traits| traits.get(key));
                let value = |raw| lookup::person_attribute(*person, key, raw, &rule.traits, zone);
                Ok(raw.map_or(Dynamic::UNIT, value))
            }
            None => {
                let evaluated = sandbox.evaluate(rule.evaluated(), context, Some(self.reader()));
                evaluated.map_err(|error| error.message)
            }
        }
    }

    fn reader(&self) -> &Rc<Reader> {
        self.reader.get_or_init(|| {
            let RenderContext { recipient, csm, playbook, .. } = *self.context;
            Rc::new(Reader {
                recipient: recipient.filter(|_| self.people.contains(&Person::Recipient)).cloned(),
                csm: csm.filter(|_| self.people.contains(&Person::Csm)).cloned(),
                playbook: playbook.into(),
                operations: Cell::new(0),
            })
        })
    }

    fn holds(&self, condition: &Rule) -> Result<bool, String> {
        let value = self.value(condition)?;
        value.as_bool().map_err(|_| match UnfitAttribute::of(&value) {
            Some(unfit) => unfit.needed(),
            None => format!("the condition gives {} instead of true or false", describe(&value)),
        })
    }

    /// A value to print. What the store holds is printed without the blanks
    /// around it.
    fn printable(&self, rule: &Rule) -> Result<Dynamic, String> {
        let value = self.value(rule)?;
        let padded = value.read_lock::<ImmutableString>().map(|text| text.trim().len() < text.len());
        match is_stored(rule) && padded == Some(true) {
            true => Ok(value.into_immutable_string().unwrap_or_default().trim().to_owned().into()),
            false => Ok(value),
        }
    }

    fn print(&self, print: &Print, out: &mut String) -> Result<(), String> {
        let style = match self.escape.is_for_programs() || print.link.is_some() {
            true => Style::Program,
            false => Style::Sentence,
        };
        let mut value = self.printable(&print.rule)?;
        let mut printed = &print.rule;
        for filter in &print.filters {
            if let Filter::Default(default) = filter
                && is_absent(&value)
            {
                printed = default;
            }
            value = self.apply(filter, value, style)?;
        }
        if value.is_unit() {
            return Err(self.missing(&print.name));
        }
        if self.context.is_mail && is_stored(printed) && is_absent(&value) {
            return Err(format!("`{}` is empty", print.name));
        }
        let text = self.text(&value, style)?;
        let is_encoded = print.filters.iter().any(|filter| matches!(filter, Filter::Url));
        match (print.link, print.filters.last()) {
            (Some(_), _) if is_encoded => out.push_str(&encode_rest(&text)),
            (Some(link), _) => out.push_str(&link.encode(&text)),
            // Nothing in it means anything, and what it stands in may not be escaped.
            (None, Some(Filter::Url)) => out.push_str(&text),
            (None, _) => self.escape.push(out, &text),
        }
        if out.len() > LONGEST_TEXT {
            return Err("the text is too long: over 256 KiB".to_owned());
        }
        Ok(())
    }

    fn missing(&self, name: &str) -> String {
        let nobody = if name.starts_with("recipient.") && self.context.recipient.is_none() {
            ": the recipient is not a contact of this account"
        } else if name.starts_with("csm.") && self.context.csm.is_none() {
            ": this account has no CSM"
        } else {
            ""
        };
        format!("`{name}` is missing{nobody}")
    }

    fn apply(&self, filter: &Filter, value: Dynamic, style: Style) -> Result<Dynamic, String> {
        if let Filter::Default(default) = filter {
            return if is_absent(&value) { self.printable(default) } else { Ok(value) };
        }
        if value.is_unit() {
            return Ok(value);
        }
        let number = || {
            let number = read_number(&value).ok_or_else(|| needs("a number", &value))?;
            Ok::<f64, String>(number.float())
        };
        let endless = "this number has no end";
        let text = match filter {
            Filter::Default(_) => return Ok(value),
            Filter::Date(pattern) => {
                let value = date::read(&value, self.context.context.zone)?.ok_or_else(|| needs("a time", &value))?;
                let at = value.clone().try_cast::<Instant>().ok_or_else(|| needs("a time", &value))?;
                let (at, zone) = self.calendar(&value, at);
                match pattern {
                    None => print::date(at, zone, self.context.locale),
                    Some(pattern) => {
                        print::pattern(at, zone, self.context.locale, pattern).ok_or("not a date pattern")?
                    }
                }
            }
            Filter::Number(decimals) => {
                let plain = print::with_decimals(number()?, *decimals).ok_or(endless)?;
                match style {
                    Style::Program => plain,
                    Style::Sentence => print::grouped(&plain, self.context.locale),
                }
            }
            Filter::Money(currency) => print::money(number()?, currency, self.context.locale).ok_or(endless)?,
            Filter::Percent { decimals, scale } => {
                let share = print::with_decimals(number()? * scale, *decimals).ok_or(endless)?;
                match style {
                    Style::Program => share + "%",
                    Style::Sentence => print::percent(&share, self.context.locale),
                }
            }
            Filter::Upper => self.text(&value, style)?.to_uppercase(),
            Filter::Lower => self.text(&value, style)?.to_lowercase(),
            Filter::Capitalize => capitalize(&self.text(&value, style)?),
            Filter::Url => percent_encode(&self.text(&value, Style::Program)?),
        };
        Ok(short_enough(text)?.into())
    }

    /// A time, and the zone to read its date in. A date of the store is the same
    /// for every reader.
    fn calendar(&self, value: &Dynamic, at: Instant) -> (Instant, Tz) {
        date::date(value, at).map_or((at, self.context.zone), |midnight| (midnight, Tz::UTC))
    }

    /// A present value as it prints.
    fn text(&self, value: &Dynamic, style: Style) -> Result<String, String> {
        // What it is compared with elsewhere does not matter to who reads it.
        if let Some(unfit) = UnfitAttribute::of(value) {
            return self.text(&to_dynamic(unfit.value()), style);
        }
        if let Some(text) = value.read_lock::<ImmutableString>() {
            return short_enough(text.as_str().to_owned());
        }
        let text = match value.clone().try_cast::<Instant>() {
            Some(at) => {
                let (at, zone) = self.calendar(value, at);
                print::date(at, zone, self.context.locale)
            }
            None => {
                let plain = from_dynamic(value).ok_or_else(|| match value.is::<Arc<serde_json::Value>>() {
                    true => "a list or an object cannot be printed".to_owned(),
                    false => format!("{} cannot be printed", describe(value)),
                })?;
                match (style, &plain) {
                    (Style::Program, Value::Bool(value)) => value.to_string(),
                    (Style::Program, Value::Float(value)) => print::number(*value).ok_or("this number has no end")?,
                    _ => print::print_value(&plain, self.context.zone, self.context.locale)?,
                }
            }
        };
        short_enough(text)
    }
}

/// Whether it is a value of the store as it stands there.
fn is_stored(rule: &Rule) -> bool {
    !matches!(rule.plain.as_deref(), None | Some(Plain::Literal(_)))
}

/// Missing, or a text of nothing but blanks.
fn is_absent(value: &Dynamic) -> bool {
    value.is_unit() || value.read_lock::<ImmutableString>().is_some_and(|text| text.trim().is_empty())
}

fn needs(what: &str, value: &Dynamic) -> String {
    match UnfitAttribute::of(value) {
        Some(unfit) => unfit.needed(),
        None => format!("{what} is needed here, not {}", describe(value)),
    }
}

fn short_enough(text: String) -> Result<String, String> {
    match text.len() > LONGEST_VALUE {
        true => Err("this value is too long: over 64 KiB".to_owned()),
        false => Ok(text),
    }
}

/// The same with its first letter in capitals.
fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
