//! What `{% if … %}` opens and `{% endif %}` closes.

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
                    before: std::mem::take(&mut self.nodes),
                    outside: outside.clone(),
                    otherwise: outside,
                };
                self.condition(&mut open, condition);
                self.open.push(open);
            }
            Ok(tag) => match self.open.pop() {
                Some(open) => self.further(open, tag, at),
                None => {
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
