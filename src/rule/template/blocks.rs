//! What `{% if … %}` opens and `{% endif %}` closes.

use std::collections::HashSet;

use super::compiler::{OpenIf, TextCompiler};
use super::node::{Arm, Node};
use super::split::{self, Fragment, Spot, UNREADABLE};
use super::tag::{self, Tag};
use crate::rule::compile::Wanted;

/// How deep `if`s nest.
const DEEPEST_IF: usize = 30;

impl TextCompiler<'_> {
    pub(super) fn tag(&mut self, inside: Fragment, at: Spot) {
        if self.refuse_trimming(inside) {
            // What is meant is known all the same.
            return self.keyword(Fragment { text: inside.text.trim_matches(['-', '+']), ..inside }, at);
        }
        self.keyword(inside, at);
    }

    fn keyword(&mut self, inside: Fragment, at: Spot) {
        match tag::read(inside) {
            Err((message, help)) => self.error(UNREADABLE, at, message, help.as_deref()),
            Ok(Tag::If(condition)) => {
                if self.open.len() == DEEPEST_IF {
                    self.error(UNREADABLE, at, "too many `{% if %}`s inside each other", None);
                }
                let outside = self.known.clone();
                let mut open = OpenIf {
                    at,
                    arms: Vec::new(),
                    condition: None,
                    has_else: false,
                    is_loop: false,
                    on_lines: false,
                    before: std::mem::take(&mut self.nodes),
                    outside: outside.clone(),
                    otherwise: outside,
                };
                self.condition(&mut open, condition);
                self.open.push(open);
            }
            Ok(Tag::For) => {
                let on_lines = self.ends_line(inside);
                self.begin_loop(at, on_lines);
            }
            Ok(Tag::EndFor) => match self.open.pop() {
                Some(open) if open.is_loop => {
                    let nodes = std::mem::replace(&mut self.nodes, open.before);
                    self.known = open.outside;
                    self.nodes.push(Node::For { nodes, on_lines: open.on_lines });
                }
                open => {
                    self.open.extend(open);
                    self.error(UNREADABLE, at, "`{% endfor %}` without a `{% for %}` before it", None);
                }
            },
            Ok(tag) => match self.open.pop() {
                Some(open) if !open.is_loop => self.further(open, tag, at),
                open => {
                    self.open.extend(open);
                    let name = match tag {
                        Tag::EndIf => "endif",
                        Tag::Else => "else",
                        _ => "elif",
                    };
                    let message = format!("`{{% {name} %}}` without an `{{% if %}}` before it");
                    self.error(UNREADABLE, at, message, None);
                }
            },
        }
    }

    /// Whether a tag is the last of its line.
    fn ends_line(&self, inside: Fragment) -> bool {
        let text: &str = &self.source.text;
        let start = (inside.text.as_ptr() as usize).checked_sub(text.as_ptr() as usize);
        let behind = start.and_then(|start| text.get(start + inside.text.len()..));
        let behind = behind.and_then(|behind| behind.split_once("%}")).map_or("", |(_, rest)| rest);
        behind.starts_with(['\n', '\r'])
    }

    fn begin_loop(&mut self, at: Spot, on_lines: bool) {
        let known = match self.scope.matching {
            Some(known) if !self.is_in_loop() => known.clone(),
            Some(_) => {
                self.error(UNREADABLE, at, "a `{% for %}` cannot stand inside another one", None);
                HashSet::new()
            }
            None => {
                let help = "a playbook `for: portfolio` that says `matching:` can list them";
                self.error(UNREADABLE, at, "there are no accounts to list here", Some(help));
                HashSet::new()
            }
        };
        let outside = std::mem::replace(&mut self.known, known);
        self.open.push(OpenIf {
            at,
            arms: Vec::new(),
            condition: None,
            has_else: false,
            is_loop: true,
            on_lines,
            before: std::mem::take(&mut self.nodes),
            outside: outside.clone(),
            otherwise: outside,
        });
    }

    /// A tag that goes on with an `if`, or ends it.
    fn further(&mut self, mut open: OpenIf, tag: Tag, at: Spot) {
        let nodes = std::mem::take(&mut self.nodes);
        let otherwise = match open.condition.take() {
            Some((condition, place)) => {
                open.arms.push(Arm { condition, nodes, place });
                Vec::new()
            }
            None => nodes,
        };
        self.known = open.otherwise.clone();
        match tag {
            Tag::EndIf => {
                self.known = open.outside;
                self.nodes = open.before;
                self.nodes.push(Node::If { arms: open.arms, otherwise });
                return;
            }
            _ if open.has_else => {
                let name = if tag == Tag::Else { "else" } else { "elif" };
                self.error(UNREADABLE, at, format!("`{{% {name} %}}` after `{{% else %}}`"), None);
            }
            Tag::Elif(condition) => self.condition(&mut open, condition),
            _ => open.has_else = true,
        }
        self.open.push(open);
    }

    /// Compiles a condition and sets what is known where it holds.
    fn condition(&mut self, open: &mut OpenIf, condition: Fragment) {
        let (parts, within) = split::filters(condition);
        if let Some(at) = within.first().copied().or_else(|| parts.get(1).map(|part| part.at)) {
            let help = "\"or\" is `||`, and a default is `(account.seats ?? 0)`";
            return self.error(UNREADABLE, at, "a filter does not belong in a condition", Some(help));
        }
        let Some(checked) = self.expression(condition, Wanted::Verdict) else { return };
        self.known.extend(checked.rule.proves().iter().cloned());
        open.otherwise.extend(checked.if_false);
        open.condition = Some((checked.rule, self.place(condition.at)));
    }
}
