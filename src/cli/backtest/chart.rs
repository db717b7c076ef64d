//! Firings of each week: as bars in the terminal, as SVG and as CSV.

use std::fmt::Write as _;

use chrono::{Datelike, Days, NaiveDate};

use crate::clock::Instant;
use crate::printable::csv_field;
use crate::rehearsal::backtest::{Period, Tally};

/// The longest bar, in characters.
const WIDTH: usize = 40;
/// More weeks than these are gathered by month.
const MOST_WEEKS: usize = 60;

/// One row of the chart: what it is called, and how many fired.
type Bar = (NaiveDate, u64);

/// How many fired in each week (that begins on a Monday, in UTC), from the first
/// to the last of the period; where these are many, in each month.
fn count(period: &Period, tally: &Tally) -> Vec<Bar> {
    let weeks = (period.to - period.from).num_days() / 7;
    let by_month = usize::try_from(weeks).is_ok_and(|weeks| weeks > MOST_WEEKS);
    let begin = |at: Instant| {
        let date = at.date_naive();
        let back = if by_month { date.day0() } else { date.weekday().num_days_from_monday() };
        date.checked_sub_days(Days::new(back.into())).unwrap_or(date)
    };
    let next = |date: &NaiveDate| match by_month {
        true => date.checked_add_months(chrono::Months::new(1)),
        false => date.checked_add_days(Days::new(7)),
    };
    let last = begin(period.to);
    let dates = std::iter::successors(Some(begin(period.from)), next).take_while(|date| *date <= last);
    let mut bars: Vec<Bar> = dates.map(|date| (date, 0)).collect();
    for firing in &tally.firings {
        let date = begin(firing.slot);
        if let Ok(place) = bars.binary_search_by_key(&date, |bar| bar.0) {
            bars[place].1 += 1;
        }
    }
    bars
}

/// One line for each week in which something fired, and one for several others in a row.
pub(super) fn bars(period: &Period, tally: &Tally) -> Vec<String> {
    let bars = count(period, tally);
    let most = bars.iter().map(|bar| bar.1).max().unwrap_or_default();
    if most == 0 {
        return Vec::new();
    }
    let bar = |(date, count): &Bar| {
        // Whoever fired is seen.
        let length = (*count as usize * WIDTH).div_ceil(most as usize);
        format!("{date}  {:<WIDTH$}  {count}", "█".repeat(length))
    };
    let mut lines = Vec::new();
    for run in bars.chunk_by(|one, next| one.1 == 0 && next.1 == 0) {
        match run {
            [(first, _), .., (last, _)] => lines.push(format!("{first}  nothing until {last}")),
            run => lines.extend(run.iter().map(bar)),
        }
    }
    lines
}

/// One line for each firing: its slot, account and contact.
pub(super) fn csv(tally: &Tally) -> String {
    let mut text = "slot,account,contact\n".to_owned();
    for firing in &tally.firings {
        let slot = firing.slot.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
        let _ = writeln!(text, "{slot},{},{}", csv_field(&firing.subject.account), csv_field(&firing.subject.contact));
    }
    text
}

/// The chart as a picture of its own, in the colours of its reader's page.
pub(super) fn svg(period: &Period, tally: &Tally) -> String {
    const HEIGHT: u64 = 120;
    const STEP: u64 = 14;
    let bars = count(period, tally);
    let most = bars.iter().map(|bar| bar.1).max().unwrap_or_default().max(1);
    let width = 60 + STEP * bars.len() as u64;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {}\" role=\"img\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<style>text {{ fill: #444 }} rect {{ fill: #2f6f8f }} \
         @media (prefers-color-scheme: dark) {{ text {{ fill: #ccc }} rect {{ fill: #7fb8d4 }} }}</style>\n",
        HEIGHT + 50
    );
    let _ = writeln!(text, "<title>{} firings</title>", tally.firings.len());
    let _ = writeln!(text, "<text x=\"4\" y=\"24\">{most}</text>\n<text x=\"4\" y=\"{}\">0</text>", HEIGHT + 20);
    for (place, (date, count)) in bars.iter().enumerate() {
        let (x, height) = (40 + STEP * place as u64, (count * HEIGHT).div_ceil(most));
        let _ = writeln!(
            text,
            "<rect x=\"{x}\" y=\"{}\" width=\"{}\" height=\"{height}\"><title>{date}: {count}</title></rect>",
            20 + HEIGHT - height,
            STEP - 3
        );
        if place % 8 == 0 {
            let _ = writeln!(text, "<text x=\"{x}\" y=\"{}\">{date}</text>", HEIGHT + 38);
        }
    }
    text.push_str("</svg>\n");
    text
}
