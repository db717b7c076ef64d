//! Charts of the overview: our own SVG, in its own units, coloured by classes.

use serde::Serialize;

use crate::web::language::say;
use crate::web::page::list_in_words;

/// The picture, as wide as a card: so its letters keep their size.
const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 112.0;
/// Where what is drawn begins and ends; below stand the names.
const TOP: f64 = 18.0;
const BOTTOM: f64 = 92.0;
const SIDE: f64 = 6.0;

/// A value with its name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ChartValue {
    pub name: String,
    /// The name where there is little room.
    #[serde(skip)]
    pub short: String,
    /// `None`: there is none.
    pub value: Option<f64>,
    /// As people read it.
    pub text: String,
    pub href: Option<String>,
    /// Whether it is the one that the page is about.
    #[serde(skip)]
    pub is_current: bool,
}

/// A chart, with everything that the template writes.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct OverviewChart {
    width: f64,
    height: f64,
    /// `img`, or `group` where there are links in it.
    role: &'static str,
    /// What it shows, for those who cannot see it.
    label: String,
    /// Where zero is.
    zero: Option<String>,
    /// `x,y x,y …` of a polyline; empty where there is no line.
    line: String,
    dots: Vec<ChartDot>,
    bars: Vec<ChartBar>,
    texts: Vec<ChartText>,
}

#[derive(Debug, PartialEq, Serialize)]
struct ChartDot {
    x: String,
    y: String,
    class: &'static str,
    title: String,
}

#[derive(Debug, PartialEq, Serialize)]
struct ChartBar {
    x: String,
    y: String,
    width: String,
    height: String,
    class: &'static str,
    title: String,
    href: Option<String>,
}

#[derive(Debug, PartialEq, Serialize)]
struct ChartText {
    x: String,
    y: String,
    class: &'static str,
    text: String,
}

fn place(number: f64) -> String {
    format!("{number:.1}")
}

fn class(is_current: bool) -> &'static str {
    if is_current { "current" } else { "other" }
}

fn title(value: &ChartValue) -> String {
    say!("{name}: {value}", name = value.name, value = value.text)
}

/// The course of values from left to right, each at its place, those that are missing
/// left out; `None` of fewer than two.
pub(super) fn course(what: &str, values: &[ChartValue]) -> Option<OverviewChart> {
    let known: Vec<(usize, f64, &ChartValue)> =
        values.iter().enumerate().filter_map(|(index, one)| Some((index, one.value?, one))).collect();
    let ((_, _, first), (_, _, last)) = (known.first()?, known.last()?);
    if known.len() < 2 {
        return None;
    }
    let least = known.iter().map(|(_, value, _)| *value).fold(f64::INFINITY, f64::min);
    let most = known.iter().map(|(_, value, _)| *value).fold(f64::NEG_INFINITY, f64::max);
    let step = (WIDTH - 2.0 * SIDE) / (values.len() - 1).max(1) as f64;
    let x = |index: usize| SIDE + step * index as f64;
    let y = |value: f64| match most - least {
        range if range > 0.0 => TOP + (BOTTOM - TOP - 6.0) * (1.0 - (value - least) / range),
        _ => (TOP + BOTTOM) / 2.0,
    };
    let points: Vec<String> =
        known.iter().map(|(index, value, _)| format!("{:.1},{:.1}", x(*index), y(*value))).collect();
    let dot = |(index, value, one): &(usize, f64, &ChartValue)| ChartDot {
        x: place(x(*index)),
        y: place(y(*value)),
        class: class(one.is_current),
        title: title(one),
    };
    let (begin, end) = (values.first().unwrap_or(first), values.last().unwrap_or(last));
    let text = |x: f64, class: &'static str, text: &str| ChartText {
        x: place(x),
        y: place(HEIGHT - 4.0),
        class,
        text: text.to_owned(),
    };
    Some(OverviewChart {
        width: WIDTH,
        height: HEIGHT,
        role: "img",
        label: say!(
            "{what}: from {first} in {begin} to {last} in {end}",
            what = what,
            first = first.text,
            begin = first.name,
            last = last.text,
            end = last.name
        ),
        zero: (least < 0.0 && most > 0.0).then(|| place(y(0.0))),
        line: points.join(" "),
        dots: known.iter().map(dot).collect(),
        bars: Vec::new(),
        texts: vec![text(SIDE, "first", &begin.name), text(WIDTH - SIDE, "last", &end.name)],
    })
}

/// A bar for each value, from zero up; `None` where all are zero or missing.
pub(super) fn bars(what: &str, values: &[ChartValue]) -> Option<OverviewChart> {
    let most = values.iter().filter_map(|one| one.value).fold(0.0, f64::max);
    if most <= 0.0 {
        return None;
    }
    let slot = (WIDTH - 2.0 * SIDE) / values.len() as f64;
    let gap = if slot > 40.0 { 12.0 } else { 5.0 };
    // Where there is little room, only the highest and the current one say theirs.
    let says = |one: &ChartValue| slot > 40.0 || one.is_current || one.value == Some(most);
    let (mut bars, mut texts) = (Vec::new(), Vec::new());
    for (index, one) in values.iter().enumerate() {
        let middle = SIDE + slot * (index as f64 + 0.5);
        let height = (BOTTOM - TOP) * one.value.unwrap_or(0.0).max(0.0) / most;
        texts.push(ChartText { x: place(middle), y: place(HEIGHT - 4.0), class: "name", text: one.short.clone() });
        if height <= 0.0 {
            continue;
        }
        if says(one) {
            let (x, y) = (place(middle), place(BOTTOM - height - 4.0));
            texts.push(ChartText { x, y, class: "value", text: one.text.clone() });
        }
        bars.push(ChartBar {
            x: place(SIDE + slot * index as f64 + gap / 2.0),
            y: place(BOTTOM - height),
            width: place(slot - gap),
            height: place(height),
            class: class(one.is_current),
            title: title(one),
            href: one.href.clone(),
        });
    }
    let label = list_in_words(&values.iter().map(title).collect::<Vec<_>>());
    Some(OverviewChart {
        width: WIDTH,
        height: HEIGHT,
        role: if bars.iter().any(|bar| bar.href.is_some()) { "group" } else { "img" },
        label: say!("{name}: {value}", name = what, value = label),
        zero: Some(place(BOTTOM)),
        line: String::new(),
        dots: Vec::new(),
        bars,
        texts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str, value: Option<f64>) -> ChartValue {
        let text = value.map_or("–".to_owned(), |value| value.to_string());
        ChartValue { name: name.to_owned(), short: name.to_owned(), value, text, href: None, is_current: false }
    }

    #[test]
    fn a_course_has_each_value_at_its_place() {
        let found = course("NPS", &[value("a", Some(-10.0)), value("b", None), value("c", Some(30.0))]);
        let found = found.expect("there is one");
        assert_eq!(found.line, "6.0,86.0 314.0,18.0");
        assert_eq!(found.label, "NPS: from -10 in a to 30 in c");
        assert_eq!(found.zero.as_deref(), Some("69.0"));
        assert_eq!(course("NPS", &[value("a", Some(1.0)), value("b", None)]), None);
        assert_eq!(course("NPS", &[]), None);
        let flat = course("NPS", &[value("a", Some(1.0)), value("b", Some(1.0))]).expect("there is one");
        assert_eq!(flat.line, "6.0,55.0 314.0,55.0");
    }

    #[test]
    fn bars_stand_on_zero() {
        let found = bars("Tasks", &[value("a", Some(4.0)), value("b", Some(0.0)), value("c", Some(2.0))]);
        let found = found.expect("there is one");
        let heights: Vec<&str> = found.bars.iter().map(|bar| bar.height.as_str()).collect();
        assert_eq!(heights, ["74.0", "37.0"]);
        assert_eq!(found.label, "Tasks: a: 4, b: 0, c: 2");
        assert_eq!(bars("Tasks", &[value("a", Some(0.0)), value("b", None)]), None);
    }
}
