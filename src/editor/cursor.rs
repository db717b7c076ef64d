//! Where in a playbook a place of its text is, also while the text cannot be
//! parsed: lines and their indentation say so, brackets and quotes on the way
//! to it say the rest.

use std::ops::Range;

use super::flow;
use super::spot::{Cursor, PathPart, Spot, indent, key};

/// A line by what stands on it.
#[derive(Debug)]
struct Line {
    /// The columns of its dashes.
    dashes: Vec<usize>,
    /// Its key, with the column behind the colon.
    key: Option<(Range<usize>, usize)>,
    /// Where the rest begins: a value, or text.
    rest: usize,
}

impl Line {
    fn read(line: &str) -> Line {
        let mut dashes = Vec::new();
        let mut at = indent(line);
        while line[at..].starts_with("- ") || &line[at..] == "-" {
            dashes.push(at);
            at += 1;
            at += indent(&line[at..]);
        }
        let key = key(&line[at..]).map(|(key, colon)| (at + key.start..at + key.end, at + colon));
        let rest = match &key {
            Some((_, behind)) => behind + indent(&line[*behind..]),
            None => at,
        };
        Line { dashes, key, rest }
    }

    /// The column of the first thing on it.
    fn first(&self) -> usize {
        self.dashes.first().copied().unwrap_or_else(|| self.node())
    }

    /// The column of its key or, without one, of its text.
    fn node(&self) -> usize {
        self.key.as_ref().map_or(self.rest, |(key, _)| key.start)
    }
}

fn is_blank(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// Whether a value is the header of a text behind `|` or `>`.
fn is_header(value: &str) -> bool {
    let value = value.split(" #").next().unwrap_or("").trim_end();
    let is_mark = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-');
    value.strip_prefix(['|', '>']).is_some_and(|rest| rest.chars().all(is_mark))
}

/// Says where a byte of a text is.
pub fn find(text: &str, offset: usize) -> Cursor {
    let offset = floor(text, offset);
    let lines: Vec<&str> = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    let starts: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let row = starts.partition_point(|start| *start <= offset).saturating_sub(1);
    let column = (offset - starts[row]).min(lines[row].len());
    let line = lines[row];
    let here = Line::read(line);
    let is_empty = line.trim().is_empty();
    // On an empty line the cursor says how deep one is.
    let first = if is_empty { column } else { here.first().min(column) };
    let ancestors =
        ancestors(&lines[..row], first, !is_empty && here.dashes.first().is_some_and(|dash| *dash <= column));

    // A text that an earlier line begins goes on here, whatever it looks like.
    let open = ancestors.iter().rposition(|ancestor| !ancestor.value(&lines).is_empty());
    if let Some(index) = open {
        let ancestor = &ancestors[index];
        let path = path(&ancestors[index..]);
        let value = ancestor.value(&lines);
        let start = starts[ancestor.row] + ancestor.rest;
        if is_header(value) {
            return Cursor { path, spot: Spot::Value { at: starts[ancestor.row + 1].min(offset) } };
        }
        return flow::find(text, start, offset, path, true);
    }

    let mut way = path(&ancestors);
    way.extend(here.dashes.iter().filter(|dash| **dash < column).map(|_| PathPart::Item));
    if let Some((_, behind)) = here.key.as_ref().filter(|(_, behind)| column >= *behind) {
        let key = here.key.as_ref().map_or("", |(key, _)| &line[key.clone()]);
        way.push(PathPart::Key(key.to_owned()));
        let start = starts[row] + here.rest.max(*behind).min(column);
        return flow::find(text, start, offset, way, true);
    }
    let node = if is_empty { column } else { here.node().min(column) };
    let is_flow = here.key.is_none() && line[here.rest..].starts_with(['{', '[', '"', '\'']) && column > here.rest;
    let is_remark = line[here.rest..].starts_with('#') && column > here.rest;
    if is_remark {
        return Cursor { path: way, spot: Spot::Comment };
    }
    if is_flow {
        return flow::find(text, starts[row] + here.rest, offset, way, false);
    }
    let siblings = siblings(&lines, row, node);
    Cursor { path: way, spot: Spot::Start { at: starts[row] + node, siblings } }
}

fn floor(text: &str, mut offset: usize) -> usize {
    offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// A key or a dash on an earlier line that a place is inside of.
#[derive(Debug)]
struct Ancestor {
    part: PathPart,
    row: usize,
    /// Where its value begins; the line's end where more stands between.
    rest: usize,
}

impl Ancestor {
    /// What stands behind it on its line, without a comment.
    fn value<'l>(&self, lines: &[&'l str]) -> &'l str {
        let value = lines[self.row].get(self.rest..).unwrap_or("").trim();
        if value.starts_with('#') { "" } else { value }
    }
}

/// What of the lines above a column is inside of, from the innermost out.
/// `is_item`: a dash stands in that column, so that a key there has it in it.
fn ancestors(lines: &[&str], column: usize, is_item: bool) -> Vec<Ancestor> {
    let (mut limit, mut is_item) = (column, is_item);
    let mut found = Vec::new();
    for (row, line) in lines.iter().enumerate().rev().filter(|(_, line)| !is_blank(line)) {
        let here = Line::read(line);
        let is_own_list = is_item && here.dashes.is_empty() && here.key.is_some() && here.first() == limit;
        if here.first() >= limit && !is_own_list {
            continue;
        }
        if let Some((key, _)) = here.key.as_ref().filter(|(key, _)| key.start < limit || is_own_list) {
            found.push(Ancestor { part: PathPart::Key(line[key.clone()].to_owned()), row, rest: here.rest });
        }
        for (index, _) in here.dashes.iter().enumerate().rev().filter(|(_, dash)| **dash < limit) {
            // Behind a dash stands its item, unless that is text alone.
            let is_text = here.key.is_none() && index + 1 == here.dashes.len();
            found.push(Ancestor { part: PathPart::Item, row, rest: if is_text { here.rest } else { line.len() } });
        }
        limit = here.first();
        is_item = !here.dashes.is_empty();
        if limit == 0 && !is_item {
            break;
        }
    }
    found
}

/// The way to the value of the first of these.
fn path(ancestors: &[Ancestor]) -> Vec<PathPart> {
    ancestors.iter().rev().map(|ancestor| ancestor.part.clone()).collect()
}

/// The other keys of the mapping that a column of a line belongs to.
fn siblings(lines: &[&str], row: usize, column: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut take = |line: &str| {
        let here = Line::read(line);
        let key = here.key.filter(|(key, _)| key.start == column);
        found.extend(key.map(|(key, _)| line[key].to_owned()));
        here.dashes.first().is_some_and(|dash| *dash < column)
    };
    let is_whole = |line: &&&str| is_blank(line) || indent(line) >= column;
    let begins_item = Line::read(lines[row]).dashes.iter().any(|dash| *dash < column);
    if !begins_item {
        for line in lines[..row].iter().rev() {
            let here = Line::read(line);
            let belongs = is_blank(line) || here.node() >= column;
            if !belongs || (!is_blank(line) && take(line)) {
                break;
            }
        }
    }
    for line in lines[row + 1..].iter().take_while(is_whole).filter(|line| !is_blank(line)) {
        if Line::read(line).dashes.first().is_none_or(|dash| *dash > column) {
            take(line);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The way to the place of `‸`, and what stands there.
    fn at(text: &str) -> (String, Cursor) {
        let offset = text.find('‸').expect("a place");
        let text = text.replace('‸', "");
        let cursor = find(&text, offset);
        let path: Vec<&str> = cursor
            .path
            .iter()
            .map(|part| match part {
                PathPart::Key(key) => key.as_str(),
                PathPart::Item => "-",
            })
            .collect();
        let spot = match &cursor.spot {
            Spot::Start { at, siblings } => format!("start {:?} beside {}", &text[*at..offset], siblings.join(" ")),
            Spot::Value { at } => format!("value {:?}", &text[*at..offset]),
            Spot::Comment => "comment".to_owned(),
        };
        (format!("{} {spot}", path.join(".")), cursor)
    }

    #[test]
    fn places_are_found_by_lines() {
        for (text, expected) in [
            ("pl‸", " start \"pl\" beside "),
            ("playbook: a\n‸\nsteps:\n", " start \"\" beside playbook steps"),
            ("mode: li‸", "mode value \"li\""),
            ("mode:‸", "mode value \"\""),
            ("mo‸de: live\nwhen: x", " start \"mo\" beside when"),
            ("steps:\n  - em‸", "steps.- start \"em\" beside "),
            ("steps:\n- em‸", "steps.- start \"em\" beside "),
            ("steps:\n  ‸", "steps start \"\" beside "),
            (
                "steps:\n  - wait: 3d\n  - task:\n      to: csm\n      ti‸\n      due: x\n  - end: x",
                "steps.-.task start \"ti\" beside to due",
            ),
            ("steps:\n  - task:\n      outcomes:\n        - ‸", "steps.-.task.outcomes.- start \"\" beside "),
            ("steps:\n- task:\n    to: c‸\nwhen: x", "steps.-.task.to value \"c\""),
            (
                "steps:\n  - branch:\n      - if: a\n        steps:\n          - end: ‸",
                "steps.-.branch.-.steps.-.end value \"\"",
            ),
            ("steps:\n  - branch:\n      - if: a\n        st‸", "steps.-.branch.- start \"st\" beside if"),
            ("about: x # wh‸", "about comment"),
            ("# wh‸\nabout: x", " comment"),
        ] {
            assert_eq!(at(text).0, expected, "{text}");
        }
    }

    #[test]
    fn places_are_found_inside_of_texts_and_braces() {
        for (text, expected) in [
            ("when: |\n  account.mrr > 5\n    && acc‸\nsteps:", "when value \"  account.mrr > 5\\n    && acc\""),
            ("when: |\n  ‸", "when value \"  \""),
            ("when:\n  account.mrr > 5\n  && acc‸", "when start \"&& acc\" beside "),
            ("when: account.mrr > 5\n  && acc‸", "when value \"account.mrr > 5\\n  && acc\""),
            ("when: \"acc‸", "when value \"acc\""),
            (
                "steps:\n  - email:\n      body: |\n        Hello: you\n\n        - one: {{ acc‸",
                "steps.-.email.body value \"        Hello: you\\n\\n        - one: {{ acc\"",
            ),
            ("steps:\n  - email: { to: ow‸ }", "steps.-.email.to value \"ow\""),
            ("steps:\n  - email: { to: owner, su‸", "steps.-.email start \"su\" beside to"),
            ("steps:\n  - { email: { to: owner }, ‸", "steps.- start \"\" beside email"),
            ("statuses: [active, tr‸]", "statuses.- start \"tr\" beside "),
            (
                "tests:\n  - events:\n      login: [-3d,\n              -4‸",
                "tests.-.events.login.- start \"-4\" beside ",
            ),
            ("tests:\n  - expect:\n      - { after: 3d, email: as‸ }", "tests.-.expect.-.email value \"as\""),
            ("reentry: { once_per: period(\"qu‸", "reentry.once_per value \"period(\\\"qu\""),
            (
                "steps:\n  - wait: { until: account.events(\"login\", 3‸",
                "steps.-.wait.until value \"account.events(\\\"login\\\", 3\"",
            ),
            ("steps:\n  - task: { title: \"a, {{ acc‸", "steps.-.task.title value \"a, {{ acc\""),
        ] {
            assert_eq!(at(text).0, expected, "{text}");
        }
    }

    #[test]
    fn no_place_of_any_text_is_too_much() {
        let text = "steps:\n  - task: { title: \"é, ' {{ acc\", to: [a\n- x: |\n    ü: '\n  }: ]\n\t- \"\n";
        for offset in 0..=text.len() {
            find(text, offset);
            find(&text[..floor(text, offset)], offset);
        }
    }
}
