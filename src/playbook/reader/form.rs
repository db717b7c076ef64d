//! What a mapping may hold, in one list: the reader refuses what is not in it,
//! and the schema for editors is made of it.

/// The keys of one mapping. Its reader asks for each of them, and for no other.
#[derive(Debug)]
pub struct Form {
    /// What it is in messages: `step email`, `guardrails`.
    pub name: &'static str,
    /// In groups, so that two mappings can have keys in common.
    pub keys: &'static [&'static [Key]],
    /// What its keys demand of each other.
    pub rules: &'static [KeyRule],
}

/// One key of a mapping.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub shape: Shape,
    /// What it means, for authors.
    pub summary: &'static str,
    pub is_required: bool,
}

/// What the keys of a mapping demand of each other.
#[derive(Debug)]
pub enum KeyRule {
    /// All keys of at least one of these lists are there.
    AnyOf(&'static [&'static [&'static str]]),
    /// Exactly one of these is there.
    OneOf(&'static [&'static str]),
    /// Exactly one of these is there, or the name of a kind of step that a case
    /// can expect.
    OneExpected(&'static [&'static str]),
    /// The first does not go without the second.
    Needs(&'static str, &'static str),
    /// The two do not go together.
    Excludes(&'static str, &'static str),
}

/// What a value may be, as far as a schema can say it: the reader refuses more.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Anything, missing values included.
    Any,
    /// A text, or a missing value.
    TextOrNothing,
    Text,
    /// Text with placeholders.
    Template,
    /// A text with placeholders, or one for each language.
    Localized,
    /// A condition or another expression.
    Expression,
    /// A script of several statements.
    Script,
    Boolean,
    Number,
    Whole {
        least: i64,
        most: i64,
    },
    /// A span of time.
    Span,
    /// A span of time without business days.
    Elapsed,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A text that fits a regular expression and is none of some words.
    Pattern {
        pattern: &'static str,
        but: &'static [&'static str],
        /// What to write, in words.
        wanted: &'static str,
    },
    /// A text for which an editor can propose names.
    Name(NameOf),
    /// The name of a time zone.
    Zone,
    List {
        of: &'static Shape,
        least: usize,
    },
    Form(&'static Form),
    /// A mapping whose keys are names of something.
    Map {
        keys: KeyNames,
        of: &'static Shape,
        least: usize,
    },
    /// One of several shapes.
    Either(&'static [Shape]),
    /// A shape that stands inside itself, by a name.
    Recursive(&'static str, &'static Shape),
    /// A list of steps.
    Steps {
        least: usize,
    },
}

/// What the keys of a free mapping are.
#[derive(Clone, Copy, Debug)]
pub enum KeyNames {
    /// Names that an editor can propose; others are possible.
    Of(NameOf),
    /// Texts that fit a regular expression.
    Pattern(&'static str),
}

/// What a name is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameOf {
    Playbook,
    /// A step of a playbook.
    Step,
    /// A later step, or `next` or `end`.
    Goto,
    /// Whom a mail goes to.
    Recipient,
    /// Who gets a task.
    Assignee,
    Status,
    Stage,
    /// A role as playbooks call it.
    Role,
    /// A role as the store calls it.
    StoreRole,
    Event,
    Score,
    Severity,
    AccountColumn,
    ContactColumn,
    CsmColumn,
    Label,
}

/// The id of a playbook.
pub const ID: Shape = Shape::text_like("^[a-z0-9-]{1,100}$", "lower-case letters, digits and `-`");
/// Where a wait can go on that is no step.
pub const GOTOS: [&str; 2] = ["next", "end"];
/// The id of a step.
pub const STEP_ID: Shape = Shape::Pattern {
    pattern: "^[A-Za-z0-9_-]{1,100}$",
    but: &GOTOS,
    wanted: "letters, digits, `-` and `_`; `next` and `end` are taken",
};
/// An e-mail address.
pub const ADDRESS: Shape = Shape::text_like(".@.", "an address, such as `name@example.com`");
/// A percentage up to 100.
pub const SHARE: Shape =
    Shape::text_like(r"^\s*0*(100(\.0*)?|[0-9]{1,2}(\.[0-9]*)?|\.[0-9]+)\s*%\s*$", "a percentage up to `100%`");
/// `3x`.
pub const TIMES: Shape = Shape::text_like(r"^\s*[0-9.eE+]+\s*x\s*$", "how many times, such as `3x`");
/// The name of an environment variable behind `env:`.
pub const VARIABLE: Shape =
    Shape::text_like("^env:[A-Za-z_][A-Za-z0-9_]*$", "`env:` and the name of an environment variable");
/// The word that turns something off.
pub const OFF: Shape = Shape::Words(&["off"]);
/// What to write for a span of time.
pub const SPAN_WORDS: &str = "a number and a unit: `30m`, `12h`, `3d`, `2w`";
/// Spans of time as authors write them.
pub const SPAN_PATTERN: &str = r"^\s*[0-9]{1,6}\s*(s|m|h|d|w|business days?)\s*$";
/// The same without business days.
pub const ELAPSED_PATTERN: &str = r"^\s*[0-9]{1,6}\s*[smhdw]\s*$";

impl Form {
    /// A mapping with these keys.
    pub const fn new(name: &'static str, keys: &'static [&'static [Key]]) -> Form {
        Form { name, keys, rules: &[] }
    }

    /// The same with rules.
    pub const fn rules(self, rules: &'static [KeyRule]) -> Form {
        Form { rules, ..self }
    }

    /// Every key, in the order in which messages list them.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter().flat_map(|group| group.iter())
    }

    /// The key of that name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }
}

impl Key {
    /// A key that may be left out.
    pub const fn new(name: &'static str, shape: Shape, summary: &'static str) -> Key {
        Key { name, shape, summary, is_required: false }
    }

    /// A key that must be there.
    pub const fn required(name: &'static str, shape: Shape, summary: &'static str) -> Key {
        Key { name, shape, summary, is_required: true }
    }
}

impl Shape {
    /// A text that fits a regular expression, and what to write in words.
    pub const fn text_like(pattern: &'static str, wanted: &'static str) -> Shape {
        Shape::Pattern { pattern, but: &[], wanted }
    }

    /// A list of at least so many.
    pub const fn list(of: &'static Shape, least: usize) -> Shape {
        Shape::List { of, least }
    }

    /// A mapping from names to values.
    pub const fn map(names: NameOf, of: &'static Shape) -> Shape {
        Shape::Map { keys: KeyNames::Of(names), of, least: 0 }
    }

    /// Whether it is one of just these words, or one shape of it is.
    pub fn has_words<'w>(&self, words: impl Iterator<Item = &'w str> + Clone) -> bool {
        match self {
            Shape::Words(known) => known.iter().copied().eq(words),
            Shape::Either(shapes) => shapes.iter().any(|shape| shape.has_words(words.clone())),
            _ => false,
        }
    }

    /// Whether it is a whole number within just these bounds, or one shape of it is.
    pub fn has_bounds(&self, bounds: (i64, i64)) -> bool {
        match self {
            Shape::Whole { least, most } => (*least, *most) == bounds,
            Shape::Either(shapes) => shapes.iter().any(|shape| shape.has_bounds(bounds)),
            _ => false,
        }
    }
}

/// The words of a list of words with their values.
pub const fn words<T, const N: usize>(pairs: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut at = 0;
    while at < N {
        words[at] = pairs[at].0;
        at += 1;
    }
    words
}
