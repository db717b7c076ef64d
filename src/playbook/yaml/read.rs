//! The event pass: text to [`Node`]s.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::lines::{Lines, place};
use super::plain_scalar::resolve;
use super::{Entry, MAX_BYTES, MAX_DEPTH, MAX_NODES, Node, NodeValue, mistakes};
use crate::diagnostic::{Diagnostic, Position};
use crate::playbook::{Layout, Origin, Source};

/// Reads one YAML document. Adds what is wrong to `problems`; `None` when no
/// tree could be built. A tree next to errors is good for finding more of them.
pub fn read(file: &Arc<str>, text: &str, problems: &mut Vec<Diagnostic>) -> Option<Node> {
    let start = Position { line: 1, column: 1 };
    if text.len() > MAX_BYTES {
        problems.push(too_large(file));
        return None;
    }
    if let Some(at) = control_character(text) {
        let message = "a control character: this is not a text file";
        problems.push(Diagnostic::error("KW0001", file, at, message));
        return None;
    }
    let mut tree =
        Tree { file, lines: Lines::new(text), problems, stack: Vec::new(), root: None, documents: 0, nodes: 0 };
    match tree.build() {
        Ok(()) => Some(tree.root.unwrap_or(Node { place: start, value: NodeValue::Null })),
        Err(problem) => {
            // What ends the reading is not doubted as well.
            tree.problems
                .retain(|found| found.is_error() || (found.line, found.column) != (problem.line, problem.column));
            if !tree.problems.contains(&problem) {
                tree.problems.push(*problem);
            }
            None
        }
    }
}

/// The first character that text files do not hold: a zero byte, an escape, a
/// byte order mark after the start.
fn control_character(text: &str) -> Option<Position> {
    let odd = |c: char| c == '\u{feff}' || (c.is_control() && !"\t\n\r\u{85}".contains(c));
    let found = text.find(odd)?;
    let before = &text[..found];
    let line = before.split('\n').count();
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Some(Position { line: u32::try_from(line).unwrap_or(u32::MAX), column: u32::try_from(column).unwrap_or(u32::MAX) })
}

/// The error for a file above [`MAX_BYTES`].
pub(crate) fn too_large(file: &str) -> Diagnostic {
    Diagnostic::error(
        "KW0005",
        file,
        Position { line: 1, column: 1 },
        format!("this file is larger than {} KiB", MAX_BYTES / 1024),
    )
    .help("split it into several files")
}

/// Where a value and, in a mapping, its key stand in the text.
struct Piece {
    key: Option<Span>,
    value: Span,
    plain: bool,
}

struct Mapping {
    place: Position,
    flow: bool,
    entries: Vec<Entry>,
    pieces: Vec<Piece>,
    /// Where each key was first seen.
    seen: HashMap<String, Position>,
    /// The key whose value comes next.
    key: Option<(String, Span)>,
}

struct Sequence {
    place: Position,
    flow: bool,
    items: Vec<Node>,
    pieces: Vec<Piece>,
}

enum Frame {
    Mapping(Mapping),
    Sequence(Sequence),
}

struct Tree<'a> {
    file: &'a Arc<str>,
    lines: Lines<'a>,
    problems: &'a mut Vec<Diagnostic>,
    stack: Vec<Frame>,
    root: Option<Node>,
    documents: usize,
    nodes: usize,
}

/// What ends the pass; boxed because it is rare.
type Fatal = Box<Diagnostic>;

impl Tree<'_> {
    fn build(&mut self) -> Result<(), Fatal> {
        let mut parser = Parser::new_from_str(self.lines.text);
        while let Some(event) = parser.next_event() {
            match event {
                Ok((event, span)) => self.event(event, span)?,
                Err(error) => return Err(Box::new(mistakes::explain(self.file, &self.lines, &error))),
            }
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Fatal> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let message = "a second document starts here: a file holds exactly one";
                    return Err(self.fatal("KW0002", place(span.start), message));
                }
                Ok(())
            }
            Event::Alias(_) => {
                self.no_anchor(span.start);
                // Some text, so that nothing is said to be missing.
                let origin = Origin { file: self.file.clone(), start: place(span.start), layout: Layout::Opaque };
                let text = "*".into();
                self.add(NodeValue::Text(Source { text, origin }), span, false)
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.properties(anchor, tag.as_deref(), span.start);
                self.scalar(&text, style, span)
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(anchor, tag.as_deref(), span.start)?;
                self.stack.push(Frame::Sequence(Sequence {
                    place: place(span.start),
                    flow: self.starts_with('[', span.start),
                    items: Vec::new(),
                    pieces: Vec::new(),
                }));
                Ok(())
            }
            Event::MappingStart(anchor, tag) => {
                self.open(anchor, tag.as_deref(), span.start)?;
                self.stack.push(Frame::Mapping(Mapping {
                    place: place(span.start),
                    flow: self.starts_with('{', span.start),
                    entries: Vec::new(),
                    pieces: Vec::new(),
                    seen: HashMap::new(),
                    key: None,
                }));
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            _ => Ok(()),
        }
    }

    /// Before a collection starts: depth, and whether one may stand here.
    fn open(&mut self, anchor: usize, tag: Option<&Tag>, start: Marker) -> Result<(), Fatal> {
        self.properties(anchor, tag, start);
        if self.stack.len() >= MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(self.fatal("KW0005", place(start), message));
        }
        if let Some(Frame::Mapping(Mapping { key: None, place: outer, .. })) = self.stack.last() {
            let outer = *outer;
            if self.starts_with('{', start) {
                let problem = mistakes::starts_with(self.file, outer, '{');
                return Err(Box::new(problem));
            }
            return Err(self.fatal("KW0002", place(start), "a key must be text"));
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Result<(), Fatal> {
        if let Some(Frame::Mapping(mapping)) = self.stack.last_mut()
            && mapping.key.is_none()
        {
            if text.is_empty() && style == ScalarStyle::Plain {
                let message = "a key is missing before `:`";
                return Err(self.fatal("KW0002", place(span.start), message));
            }
            mapping.key = Some((text.to_owned(), span));
            if mistakes::has_hard_space(text) {
                return Err(Box::new(mistakes::hard_space(self.file, place(span.start))));
            }
            return Ok(());
        }
        let plain = style == ScalarStyle::Plain;
        if plain {
            self.remark_plain(text, span);
        }
        let value = plain.then(|| resolve(text)).flatten().unwrap_or_else(|| {
            NodeValue::Text(Source { text: text.into(), origin: self.lines.origin(self.file, text, style, span) })
        });
        self.add(value, span, plain)
    }

    /// Says what a value without quotes is likely not meant to be.
    fn remark_plain(&mut self, text: &str, span: Span) {
        let key = match self.stack.last() {
            Some(Frame::Mapping(Mapping { key: Some((key, _)), .. })) => key.as_str(),
            _ => "",
        };
        let rest = self.lines.text[self.lines.byte(span.start)..].strip_prefix(text).unwrap_or_default();
        if let Some(ahead) = mistakes::cut_by_remark(key, text, rest) {
            let start = place(span.start);
            let ahead = u32::try_from(text.chars().count() + ahead).unwrap_or(u32::MAX);
            let at = Position { column: start.column.saturating_add(ahead), ..start };
            self.problems.push(mistakes::remark(self.file, at, false));
        } else if mistakes::is_quoted_in_curls(key, text) {
            let message = "curly quotes are letters to YAML, and part of this value";
            let problem = Diagnostic::warning("KW0006", self.file, place(span.start), message);
            self.problems.push(problem.help("type straight ones: `\"`"));
        } else if mistakes::has_hard_space(text) {
            self.problems.push(mistakes::hard_space(self.file, place(span.start)));
        }
    }

    fn close(&mut self, end: Span) -> Result<(), Fatal> {
        let (start, value) = match self.stack.pop() {
            Some(Frame::Mapping(mut mapping)) => {
                if mapping.flow {
                    self.join_entries(&mut mapping);
                }
                (mapping.place, NodeValue::Mapping(mapping.entries))
            }
            Some(Frame::Sequence(mut sequence)) => {
                if sequence.flow {
                    self.join_items(&mut sequence);
                }
                (sequence.place, NodeValue::Sequence(sequence.items))
            }
            None => return Ok(()),
        };
        self.add_node(Node { place: start, value }, end, false)
    }

    fn add(&mut self, value: NodeValue, span: Span, plain: bool) -> Result<(), Fatal> {
        let node = Node { place: place(span.start), value };
        self.add_node(node, span, plain)
    }

    fn add_node(&mut self, node: Node, span: Span, plain: bool) -> Result<(), Fatal> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message = format!("more than {MAX_NODES} values in one file");
            return Err(self.fatal("KW0005", node.place, message));
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Frame::Sequence(sequence)) => {
                sequence.items.push(node);
                sequence.pieces.push(Piece { key: None, value: span, plain });
            }
            Some(Frame::Mapping(mapping)) => {
                let Some((key, key_span)) = mapping.key.take() else {
                    return Err(self.fatal("KW0002", node.place, "a key must be text"));
                };
                let key_place = place(key_span.start);
                if let Some(first) = mapping.seen.get(&key) {
                    let message = format!("the key `{key}` appears twice");
                    let help = format!("the first one is on line {}", first.line);
                    self.problems.push(Diagnostic::error("KW0003", self.file, key_place, message).help(help));
                    return Ok(());
                }
                mapping.seen.insert(key.clone(), key_place);
                mapping.entries.push(Entry { key, key_place, node });
                mapping.pieces.push(Piece { key: Some(key_span), value: span, plain });
            }
        }
        Ok(())
    }

    /// Puts values of `{ }` together again that a comma cut: what follows the
    /// comma became keys without values.
    fn join_entries(&mut self, mapping: &mut Mapping) {
        let mut index = 0;
        while index < mapping.entries.len() {
            let text = mapping.entries[index].node.as_text();
            if mapping.pieces[index].plain && text.is_some_and(mistakes::is_cut) {
                let stray = |at: &usize| matches!(mapping.entries[*at].node.value, NodeValue::Null);
                let start = mapping.pieces[index].value.start;
                let joined = (index + 1..mapping.entries.len()).take_while(stray).find_map(|last| {
                    let end = mapping.pieces[last].key?.end;
                    let whole = self.lines.between(start, end);
                    (!mistakes::is_cut(whole)).then_some((last, whole))
                });
                if let Some((last, whole)) = joined {
                    let node = self.rejoin(start, whole, "{ }");
                    mapping.entries[index].node = node;
                    mapping.entries.drain(index + 1..=last);
                    mapping.pieces.drain(index + 1..=last);
                }
            }
            index += 1;
        }
    }

    /// The same for the values of `[ ]`.
    fn join_items(&mut self, sequence: &mut Sequence) {
        let mut index = 0;
        while index < sequence.items.len() {
            let text = sequence.items[index].as_text();
            if sequence.pieces[index].plain && text.is_some_and(mistakes::is_cut) {
                let start = sequence.pieces[index].value.start;
                // A call with more arguments than this is not what was cut.
                let end = sequence.items.len().min(index + 9);
                let joined = (index + 1..end).find_map(|last| {
                    let whole = self.lines.between(start, sequence.pieces[last].value.end);
                    (!mistakes::is_cut(whole)).then_some((last, whole))
                });
                if let Some((last, whole)) = joined {
                    sequence.items[index] = self.rejoin(start, whole, "[ ]");
                    sequence.items.drain(index + 1..=last);
                    sequence.pieces.drain(index + 1..=last);
                }
            }
            index += 1;
        }
    }

    /// Reports a value that a comma ends too early, and returns it as it was meant.
    fn rejoin(&mut self, start: Marker, whole: &str, around: &str) -> Node {
        let start = place(start);
        let message = format!("a comma inside `{around}` ends this value too early");
        self.problems.push(Diagnostic::error("KW0007", self.file, start, message).help(mistakes::OWN_LINES));
        let layout = if whole.contains(['\n', '\r']) { Layout::Opaque } else { Layout::Inline };
        Node {
            place: start,
            value: NodeValue::Text(Source {
                text: whole.into(),
                origin: Origin { file: self.file.clone(), start, layout },
            }),
        }
    }

    /// Reports an anchor or a tag on a value.
    fn properties(&mut self, anchor: usize, tag: Option<&Tag>, start: Marker) {
        let Some(tag) = tag else {
            if anchor > 0 {
                self.no_anchor(start);
            }
            return;
        };
        // The span is the value's; the tag stands before it, perhaps a line above.
        let found = mistakes::special_before(&self.lines, start, '!');
        let at = found.unwrap_or(place(start));
        let problem = if tag.is_yaml_core_schema() {
            Diagnostic::error("KW0004", self.file, at, "YAML tags are not allowed here")
                .help("remove the tag; put text in quotes")
        } else {
            mistakes::starts_with(self.file, at, '!')
        };
        self.problems.push(problem);
    }

    fn no_anchor(&mut self, start: Marker) {
        let message = "YAML anchors (`&name`) and aliases (`*name`) are not allowed";
        self.problems.push(
            Diagnostic::error("KW0004", self.file, place(start), message)
                .help("write the value out; text that starts with `&` or `*` goes in quotes"),
        );
    }

    fn starts_with(&self, c: char, at: Marker) -> bool {
        self.lines.text[self.lines.byte(at)..].starts_with(c)
    }

    fn fatal(&self, code: &'static str, at: Position, message: impl Into<String>) -> Fatal {
        Box::new(Diagnostic::error(code, self.file, at, message))
    }
}
