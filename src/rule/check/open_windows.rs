//! Windows of time that are open at one end: `days_until(t) <= 60` is also true
//! long after `t`, and `days_since(t) <= 30` long before a `t` that lies ahead.
//! They are warnings about the condition that lets subjects in.

use rhai::{Expr, Position, Stmt};

use super::canonical::inside_count;
use super::checker::Checker;
use super::constant_clauses::mirror;
use super::guards::quietly;
use super::kind::Kind;

/// Words in the names of times that mostly lie ahead, also without their last `s`.
const AHEAD: [&str; 11] =
    ["renewal", "renews", "ends", "expires", "expiry", "expiration", "due", "deadline", "next", "until", "target"];

/// What a comparison says of a time.
struct Bound {
    /// The time, as canonical text.
    time: String,
    /// Whether it lies before that, not behind it.
    is_upper: bool,
    /// From now, in hours; `None` where it is one exact instant or day.
    hours: Option<f64>,
    /// The comparison as it is written, and what closes the window.
    text: String,
    other_end: String,
    position: Position,
}

impl Checker<'_> {
    /// Warns of windows whose other end no clause beside them says.
    pub(crate) fn remark_open_windows(&mut self, condition: &Expr) {
        self.windows(condition, &mut Vec::new());
    }

    /// `outer` are the bounds that hold as well where the condition is asked.
    fn windows(&mut self, condition: &Expr, outer: &mut Vec<Bound>) {
        let mut clauses = Vec::new();
        conjuncts(condition, &mut clauses);
        let before = outer.len();
        for clause in &clauses {
            let found = self.bounds(clause);
            outer.extend(found);
        }
        // The other end may stand in one of several ways.
        let mut ends: Vec<(String, bool)> = outer.iter().map(|bound| (bound.time.clone(), bound.is_upper)).collect();
        clauses.iter().for_each(|clause| self.ends_within(clause, &mut ends));
        // What a function of `scripts/` asks for is not looked at.
        let is_hidden = |clause: &&Expr| matches!(clause, Expr::FnCall(call, _) if !call.namespace.is_empty());
        if !clauses.iter().any(is_hidden) {
            for bound in &outer[before..] {
                let is_closed = ends.iter().any(|(time, is_upper)| *time == bound.time && *is_upper != bound.is_upper);
                if !is_closed && is_doubtful(bound) {
                    let message = match bound.is_upper {
                        true => format!("`{}` stays true for ever after that time", bound.text),
                        false => format!("`{}` is also true as long as that time lies ahead", bound.text),
                    };
                    let help = format!("write `{} && {}`", bound.other_end, bound.text);
                    self.warn("KW0222", bound.position, message, Some(help));
                }
            }
        }
        for clause in clauses {
            if let Expr::Or(ways, _) = clause {
                ways.iter().for_each(|way| self.windows(way, outer));
            }
        }
        outer.truncate(before);
    }

    /// The ends of windows inside of a clause that is one of several ways.
    fn ends_within(&mut self, clause: &Expr, ends: &mut Vec<(String, bool)>) {
        let Expr::Or(ways, _) = clause else { return };
        for way in ways.iter() {
            let mut clauses = Vec::new();
            conjuncts(way, &mut clauses);
            for clause in clauses {
                ends.extend(self.bounds(clause).into_iter().map(|bound| (bound.time, bound.is_upper)));
                self.ends_within(clause, ends);
            }
        }
    }

    /// What a clause says of a time.
    fn bounds(&mut self, clause: &Expr) -> Vec<Bound> {
        let Expr::FnCall(call, position) = clause else { return Vec::new() };
        let [a, b] = call.args.as_slice() else { return Vec::new() };
        if !call.namespace.is_empty() {
            return Vec::new();
        }
        let operator = call.name.as_str();
        let (a, b) = (quietly(self, a), quietly(self, b));
        let exact = |time: String| {
            [true, false].map(|is_upper| Bound {
                time: time.clone(),
                is_upper,
                hours: None,
                text: String::new(),
                other_end: String::new(),
                position: *position,
            })
        };
        if ["==", "contains"].contains(&operator) {
            let value = if operator == "contains" { &b.1 } else { &a.1 };
            let time = count_of(value).map_or(value.as_str(), |count| count.time);
            return exact(time.to_owned()).into();
        }
        if !["<", "<=", ">", ">="].contains(&operator) {
            return Vec::new();
        }
        let written = format!("{} {operator} {}", a.1, b.1);
        let sides = [(&a, &b, operator), (&b, &a, mirror(operator))];
        let found = sides.into_iter().find_map(|(value, number, operator)| {
            counted(&value.1, operator, &number.1).or_else(|| {
                let is_time = matches!(value.0, Kind::Time | Kind::Attribute(..));
                instant(&value.1, operator, &number.1).filter(|_| is_time)
            })
        });
        let bound = |(time, is_upper, hours, other_end): (String, bool, f64, String)| Bound {
            time,
            is_upper,
            hours: Some(hours),
            text: written,
            other_end,
            position: *position,
        };
        found.map(bound).into_iter().collect()
    }
}

/// The parts of the outermost `&&`.
fn conjuncts<'e>(expr: &'e Expr, clauses: &mut Vec<&'e Expr>) {
    match expr {
        Expr::And(parts, _) => parts.iter().for_each(|part| conjuncts(part, clauses)),
        Expr::Stmt(block) => match block.statements() {
            [Stmt::Expr(inner)] => conjuncts(inner, clauses),
            _ => clauses.push(expr),
        },
        _ => clauses.push(expr),
    }
}

/// A count of days or hours.
struct Count<'t> {
    time: &'t str,
    /// How many hours it counts as one.
    unit: f64,
    is_until: bool,
}

/// The count that a canonical text is, with or without a default.
fn count_of(text: &str) -> Option<Count<'_>> {
    let text = text.strip_prefix('(').and_then(|inner| inner.split_once(" ?? ")).map_or(text, |(count, _)| count);
    let (unit, is_until) = match text.split_once('(')?.0 {
        "days_since" => (24.0, false),
        "days_until" => (24.0, true),
        "hours_since" => (1.0, false),
        "hours_until" => (1.0, true),
        _ => return None,
    };
    Some(Count { time: inside_count(text)?, unit, is_until })
}

/// `days_until(t) <= 60`: the time, on which side it lies, from when on, and the
/// other end of the window.
fn counted(value: &str, operator: &str, number: &str) -> Option<(String, bool, f64, String)> {
    let (count, number) = (count_of(value)?, number.parse::<f64>().ok()?);
    // `< 1` is what `<= 0` is.
    let whole = match operator {
        "<" => number - 1.0,
        ">" => number + 1.0,
        _ => number,
    };
    let is_upper = operator.starts_with('<') == count.is_until;
    let hours = if count.is_until { whole } else { -whole } * count.unit;
    let other_end = format!("{value} {} 0", if operator.starts_with('<') { ">=" } else { "<=" });
    Some((count.time.to_owned(), is_upper, hours, other_end))
}

/// `t <= now + days(60)`, likewise.
fn instant(value: &str, operator: &str, other: &str) -> Option<(String, bool, f64, String)> {
    let (time, own) = moved(value)?;
    let (now, by) = moved(other)?;
    if now != "now" || time == "now" {
        return None;
    }
    let is_upper = operator.starts_with('<');
    let other_end = if is_upper { format!("{time} >= now") } else { format!("{time} <= now") };
    Some((time.to_owned(), is_upper, by - own, other_end))
}

/// A time that is moved by a span of so many hours, as `(now + days(60))`.
fn moved(text: &str) -> Option<(&str, f64)> {
    let Some(inner) = text.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) else {
        return Some((text, 0.0));
    };
    let spans = [(" + days(", 24.0), (" - days(", -24.0), (" + hours(", 1.0), (" - hours(", -1.0)];
    spans.into_iter().find_map(|(sign, unit)| {
        let (time, count) = inner.split_once(sign)?;
        Some((time, count.strip_suffix(')')?.parse::<f64>().ok()? * unit))
    })
}

/// Whether a bound alone is likely not all that was meant: it reaches over now,
/// to an end that the time has not, or has left, for most subjects.
fn is_doubtful(bound: &Bound) -> bool {
    let Some(hours) = bound.hours else { return false };
    let words = || bound.time.rsplit('.').next().unwrap_or_default().split(|c: char| !c.is_alphanumeric());
    let is_ahead = |word: &str| AHEAD.iter().any(|known| *known == word || known.strip_suffix('s') == Some(word));
    match bound.is_upper {
        true => hours > 0.0,
        false => hours < 0.0 && words().any(is_ahead),
    }
}
