//! The languages in which colleagues read the pages.
//!
//! English stands where it is needed: `say("Nothing is open.")` in a template,
//! `say!("Completed: {what}", what = title)` in code. The files in `zh/` say the same in
//! Chinese, by the English text. What is stored or computed is no text of a page: names,
//! what authors wrote, and the sentences of `explain` stand as they are.
//!
//! Invariants, which the tests of `sources` hold: each text that a template or the code
//! says is in the files of each language, once, with the same names in braces; the files
//! have no text that nobody says; and no template has words beside them.

mod catalogue;
pub(super) mod choose;
#[cfg(test)]
mod sources;

use std::borrow::Cow;
use std::fmt::Display;

use axum::extract::Request;
#[cfg(test)]
use axum::http::header;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use icu_locale_core::locale;
use icu_plurals::{PluralCategory, PluralRules};
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, Value, context};

use super::accepted_languages::accepted_languages;
use super::cookie::LanguageCookie;
use super::html::escape;
use crate::playbook::language::{language_tag, primary};
use crate::rule::reader_language::Language as ReaderLanguage;

/// A language of the pages for colleagues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageLanguage {
    English,
    Chinese,
}

tokio::task_local! {
    /// Of the request that is answered; see [`choose_language`].
    static LANGUAGE: PageLanguage;
    /// Of the page that is asked for; `None` where a form is answered.
    static ADDRESS: Option<String>;
}

impl PageLanguage {
    pub const ALL: [PageLanguage; 2] = [PageLanguage::English, PageLanguage::Chinese];

    /// Its BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            PageLanguage::English => "en",
            PageLanguage::Chinese => "zh",
        }
    }

    /// Its name in itself.
    pub fn name(self) -> &'static str {
        match self {
            PageLanguage::English => "English",
            PageLanguage::Chinese => "中文",
        }
    }

    /// The language of a BCP 47 tag; `None` where no page is written in it.
    pub fn of(tag: &str) -> Option<PageLanguage> {
        let tag = language_tag(tag);
        PageLanguage::ALL.into_iter().find(|language| language.tag() == primary(&tag))
    }

    /// What the reader has chosen, else the first of their browser that there is, else English.
    fn of_reader(headers: &HeaderMap) -> PageLanguage {
        let chosen = LanguageCookie::read(headers).and_then(PageLanguage::of);
        let accepted = || accepted_languages(headers).into_iter().find_map(PageLanguage::of);
        chosen.or_else(accepted).unwrap_or(PageLanguage::English)
    }

    /// The language of the page that is made; English outside one.
    pub fn current() -> PageLanguage {
        LANGUAGE.try_with(|language| *language).unwrap_or(PageLanguage::English)
    }

    /// How dates are written in it.
    pub fn dates(self) -> ReaderLanguage {
        ReaderLanguage::of(self.tag())
    }

    /// Answers a request in this language.
    pub async fn answer<T>(self, answer: impl Future<Output = T>) -> T {
        LANGUAGE.scope(self, answer).await
    }

    /// The same text in this language.
    fn translate(self, text: &str) -> Cow<'_, str> {
        let translated = match self {
            PageLanguage::English => None,
            PageLanguage::Chinese => catalogue::CHINESE.get(text).map(String::as_str),
        };
        Cow::Borrowed(translated.unwrap_or(text))
    }

    /// The text of two in English that speaks of so many, in this language.
    fn translate_by_count<'a>(self, count: i64, one: &'a str, other: &'a str) -> Cow<'a, str> {
        if self != PageLanguage::English {
            // Chinese has one form for all numbers, and so has what stands for it in the files.
            return self.translate(one);
        }
        let rules = PluralRules::try_new_cardinal(locale!("en").into());
        let category = rules.map_or(PluralCategory::Other, |rules| rules.category_for(count));
        Cow::Borrowed(if category == PluralCategory::One { one } else { other })
    }
}

/// Answers a request in the language of its reader: what they have chosen, else what
/// their browser says, else English.
pub(super) async fn choose_language(request: Request, next: Next) -> Response {
    let language = PageLanguage::of_reader(request.headers());
    let is_page = matches!(*request.method(), Method::GET | Method::HEAD);
    let address = request.uri().path_and_query().map(ToString::to_string).filter(|_| is_page);
    ADDRESS.scope(address, language.answer(next.run(request))).await
}

/// Goes on with the answer of this request in another task, which knows neither the
/// language nor the page otherwise.
pub(super) fn for_same_reader<T>(answer: impl Future<Output = T>) -> impl Future<Output = T> {
    ADDRESS.scope(page_address(), PageLanguage::current().answer(answer))
}

/// The path of the page that is made, with its query. A page that answers a form has
/// none: it cannot be asked for again, and may show what is shown only once.
fn page_address() -> Option<String> {
    ADDRESS.try_with(Clone::clone).unwrap_or_default()
}

/// A text in the language of the page that is made, with what its names in braces stand for.
pub(super) fn say_filled(text: &str, values: &[(&str, &dyn Display)]) -> String {
    fill(&PageLanguage::current().translate(text), values)
}

/// The same of one of two texts, by a number.
pub(super) fn say_by_count(count: i64, one: &str, other: &str, values: &[(&str, &dyn Display)]) -> String {
    fill(&PageLanguage::current().translate_by_count(count, one, other), values)
}

/// Says a text in the reader's language: `say!("Completed: {what}", what = title)`. With
/// a number before two texts, it says the one that speaks of so many:
/// `say!(n, "One account", "{n} accounts", n = n)`.
macro_rules! say {
    ($text:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::web::language::say_filled($text, &[$((stringify!($name), &$value as &dyn std::fmt::Display)),*])
    };
    ($count:expr, $one:literal, $other:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::web::language::say_by_count(
            $count, $one, $other, &[$((stringify!($name), &$value as &dyn std::fmt::Display)),*],
        )
    };
}

/// A text that is said later, by [`translated`] or in a template.
macro_rules! phrase {
    ($text:literal) => {
        $text
    };
}

pub(super) use {phrase, say};

/// What a [`phrase!`] is in the reader's language; a text that no catalogue has stays as it is.
pub(super) fn translated(text: &str) -> Cow<'_, str> {
    PageLanguage::current().translate(text)
}

/// Replaces each name in braces by its value.
fn fill(text: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, (name, after))) =
        rest.split_once('{').and_then(|(before, inner)| Some((before, inner.split_once('}')?)))
    {
        filled.push_str(before);
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => filled.push_str(&value.to_string()),
            None => filled.push_str(&format!("{{{name}}}")),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// Gives templates `say`, `reader_language` and `page_address`.
///
/// `say(text, name=value, …)` is a text in the reader's language; with `other=text` and
/// `n=number` it is one of the two. Values are escaped unless they are markup.
pub(super) fn add_functions(environment: &mut Environment<'_>) {
    environment.add_function("say", say_in_template);
    environment.add_function("reader_language", || PageLanguage::current().tag());
    environment.add_function("page_address", page_address);
    let languages = PageLanguage::ALL.map(|one| context! { tag => one.tag(), name => one.name() });
    environment.add_global("languages", Value::from(languages.to_vec()));
}

fn say_in_template(text: Value, values: Kwargs) -> Result<Value, Error> {
    let Some(text) = text.as_str() else { return Ok(text) };
    let language = PageLanguage::current();
    let text = match values.get::<Option<String>>("other")? {
        Some(other) => language.translate_by_count(values.get("n")?, text, &other).into_owned(),
        None => language.translate(text).into_owned(),
    };
    let names: Vec<String> = values.args().map(str::to_owned).collect();
    let mut shown: Vec<(&str, String)> = Vec::with_capacity(names.len());
    for name in &names {
        let value: Value = values.get(name)?;
        shown.push((name, if value.is_safe() { value.to_string() } else { escape(&value.to_string()) }));
    }
    let shown: Vec<(&str, &dyn Display)> = shown.iter().map(|(name, value)| (*name, value as &dyn Display)).collect();
    Ok(Value::from_safe_string(fill(&escape(&text), &shown)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(header::HeaderName, &'static str)]) -> PageLanguage {
        let pairs = pairs.iter().map(|(name, value)| (name.clone(), header::HeaderValue::from_static(value)));
        PageLanguage::of_reader(&HeaderMap::from_iter(pairs))
    }

    #[test]
    fn what_is_chosen_stands_over_the_browser() {
        assert_eq!(of(&[]), PageLanguage::English);
        assert_eq!(of(&[(header::ACCEPT_LANGUAGE, "fr, zh-CN;q=0.8, en;q=0.5")]), PageLanguage::Chinese);
        let browser = (header::ACCEPT_LANGUAGE, "zh-CN");
        assert_eq!(of(&[browser.clone(), (header::COOKIE, "keepwell-language=en")]), PageLanguage::English);
        assert_eq!(of(&[browser, (header::COOKIE, "keepwell-language=xx")]), PageLanguage::Chinese);
    }

    #[tokio::test]
    async fn a_text_is_filled_in_the_readers_language() {
        let text = || say!("Times are in {zone}.", zone = "UTC");
        assert_eq!(text(), "Times are in UTC.");
        assert_eq!(PageLanguage::Chinese.answer(async { text() }).await, "时间按 UTC 时区显示。");
        let others = |n: i64| say!(n, "One other stays as it was.", "{n} others stay as they were.", n = n);
        assert_eq!(others(1), "One other stays as it was.");
        assert_eq!(others(3), "3 others stay as they were.");
    }

    #[test]
    fn values_in_a_template_are_escaped_and_markup_is_not() {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
        add_functions(&mut environment);
        let template = "{% set link %}<a>{{ name }}</a>{% endset %}{{ say('Until {day}', day=link) }} {{ say('A & {b}', b=name) }}";
        let shown = environment.render_str(template, context! { name => "<b>" }).unwrap();
        assert_eq!(shown, "Until <a>&lt;b&gt;</a> A &amp; &lt;b&gt;");
    }
}
