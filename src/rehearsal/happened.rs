//! What a case may expect: the things that really happened, with the names
//! that authors give them.

use super::wording;
use crate::action;
use crate::effect::{Words, kind};
use crate::enrollment::State;
use crate::playbook::case::Expected;

/// One thing that happened.
#[derive(Clone, Debug)]
pub(super) struct Occurrence {
    /// Seconds after the case's `at`.
    pub after: i64,
    pub what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// A step brought something about.
    Effect(Box<Consequence>),
    /// The enrollment ended.
    End { state: State, reason: Option<String> },
    /// A rule could not be decided.
    Undecided { reason: String },
}

/// What a step brought about.
#[derive(Clone, Debug)]
pub(super) struct Consequence {
    pub step: String,
    /// The kind of effect.
    pub effect: &'static str,
    /// The key of `expect:` under which it is expected.
    pub key: &'static str,
    /// What was done with it, and for whom: `was sent to champion (a@b.example)`.
    pub verb: &'static str,
    pub addressee: String,
    /// The roles, audiences and channels that it went to.
    pub names: Vec<String>,
    /// The addresses and ids that it went to, in any case of letters.
    pub addresses: Vec<String>,
    pub subject: Option<String>,
    /// Its whole text, subject or title first.
    pub text: String,
    /// What its reader sees of a text that is rendered.
    pub rendered: Option<String>,
    /// Which of the step's texts a mail has; `None` where there is one for all.
    pub variant: Option<String>,
}

impl Consequence {
    /// A mail that left. `role` is the recipient's, `enrolled` says whether it
    /// is the enrolled contact.
    pub fn mail(step: &str, role: Option<&str>, enrolled: bool, address: &str, words: &Words) -> Consequence {
        let name = role.or(enrolled.then_some("contact"));
        let enrolled = enrolled.then_some("contact");
        Consequence {
            step: step.to_owned(),
            effect: kind::MAIL,
            key: kind::MAIL,
            verb: "was sent to",
            addressee: name.map_or_else(|| address.to_owned(), |name| format!("{name} ({address})")),
            names: role.into_iter().chain(enrolled).map(str::to_owned).collect(),
            addresses: vec![address.to_owned()],
            subject: Some(words.subject.clone()),
            text: format!("{}\n{}", words.subject, words.body),
            rendered: Some(wording::plain(&words.body)),
            variant: None,
        }
    }

    /// `the mail `nudge``.
    fn name(&self) -> String {
        let expected = action::kind(self.effect).and_then(|kind| kind.form().expected);
        format!("the {} `{}`", expected.map_or(self.effect, |expected| expected.noun), self.step)
    }
}

/// Why something did not happen.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub after: i64,
    pub step: Option<String>,
    pub what: String,
    /// Something of the playbook does not work: never what an author wants.
    pub failed: bool,
}

impl Occurrence {
    /// Whether it is what an expectation names, apart from the time.
    pub fn is(&self, expected: &Expected) -> bool {
        match (&self.what, expected) {
            (What::Effect(consequence), Expected::Step { id, form }) => {
                consequence.step == *id && consequence.effect == form.effect
            }
            (What::End { state, reason }, Expected::Ended(word)) => {
                state.name() == word || (*state == State::Completed && reason.as_ref() == Some(word))
            }
            (What::Undecided { .. }, Expected::Undecided) => true,
            _ => false,
        }
    }

    /// Whether it is the end of an enrollment, which a case need not list.
    pub fn is_end(&self) -> bool {
        matches!(self.what, What::End { .. })
    }

    /// Whether a rule could not be decided.
    pub fn is_undecided(&self) -> bool {
        matches!(self.what, What::Undecided { .. })
    }

    /// The key under which it is expected, with its step; of an end no key, and the word for it.
    pub fn as_expected(&self) -> (Option<&'static str>, String) {
        match &self.what {
            What::Effect(consequence) => (Some(consequence.key), consequence.step.clone()),
            What::End { state: State::Completed, reason: Some(reason) } => (None, reason.clone()),
            What::End { state, .. } => (None, state.name().to_owned()),
            What::Undecided { reason } => (None, reason.clone()),
        }
    }

    /// The first role, audience or channel that it went to, else the first address.
    pub fn first_name(&self) -> Option<&str> {
        match &self.what {
            What::Effect(consequence) => {
                let Consequence { names, addresses, .. } = &**consequence;
                names.first().or(addresses.first()).map(String::as_str)
            }
            What::End { .. } | What::Undecided { .. } => None,
        }
    }

    /// `the mail `nudge``.
    pub fn name(&self) -> String {
        match &self.what {
            What::Effect(consequence) => consequence.name(),
            What::End { .. } => "the end".to_owned(),
            What::Undecided { .. } => "what could not be decided".to_owned(),
        }
    }

    /// `the mail `nudge` was sent to champion`, `it ended as `goal` (…)`.
    pub fn describe(&self) -> String {
        match &self.what {
            What::Effect(consequence) => {
                format!("{} {} {}", consequence.name(), consequence.verb, consequence.addressee)
            }
            What::End { state, reason } => {
                let why = reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
                format!("it ended as `{}`{why}", state.name())
            }
            What::Undecided { .. } => "it could not be decided".to_owned(),
        }
    }

    /// Whom it went to, in words.
    pub fn addressee(&self) -> &str {
        match &self.what {
            What::Effect(consequence) => &consequence.addressee,
            What::End { .. } | What::Undecided { .. } => "nobody",
        }
    }

    /// Whether it went to this role, colleague, channel or address.
    pub fn went_to(&self, to: &str) -> bool {
        match &self.what {
            What::Effect(consequence) => {
                let Consequence { names, addresses, .. } = &**consequence;
                names.iter().any(|name| name == to) || addresses.iter().any(|address| address.eq_ignore_ascii_case(to))
            }
            What::End { .. } | What::Undecided { .. } => false,
        }
    }

    /// The subject of a mail or notice, the title of a task.
    pub fn subject(&self) -> Option<&str> {
        match &self.what {
            What::Effect(consequence) => consequence.subject.as_deref(),
            What::End { .. } | What::Undecided { .. } => None,
        }
    }

    /// The variant of a mail; `None` where there is one text for all.
    pub fn variant(&self) -> Option<&str> {
        match &self.what {
            What::Effect(consequence) => consequence.variant.as_deref(),
            What::End { .. } | What::Undecided { .. } => None,
        }
    }

    /// Its whole text, subject or title first.
    pub fn text(&self) -> &str {
        match &self.what {
            What::Effect(consequence) => &consequence.text,
            What::End { reason, .. } => reason.as_deref().unwrap_or_default(),
            What::Undecided { reason } => reason,
        }
    }

    /// Whether a text stands in it: in what was written, or, for a mail, in
    /// what its reader sees.
    pub fn contains(&self, wanted: &str) -> bool {
        let text = self.text();
        let line = wording::one_line(wanted);
        let rendered = match &self.what {
            What::Effect(consequence) => consequence.rendered.as_deref().unwrap_or_default(),
            What::End { .. } | What::Undecided { .. } => "",
        };
        text.contains(wanted) || wording::one_line(text).contains(&line) || rendered.contains(&line)
    }
}
