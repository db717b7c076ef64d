//! A sheet as text for a terminal.

use unicode_width::UnicodeWidthStr;

use super::Sheet;

/// A line for each figure, for what all are worth, and for each goal: what a notice and
/// a mail say.
pub fn summary_lines(sheet: &Sheet) -> Vec<String> {
    let figures = sheet.rows.iter().map(|row| {
        let change = if row.change.is_empty() { String::new() } else { format!(" ({})", row.change) };
        // A figure that shall fall has no worth, and its rate is in the sum all the same.
        let worth: Vec<&str> = row.worth.iter().chain(&row.rate).map(String::as_str).collect();
        let worth = if worth.is_empty() { String::new() } else { format!("; {}", worth.join(", ")) };
        format!("{}{}{} → {}{change}{worth}", row.label, sheet.colon, row.before, row.after)
    });
    let goals = sheet.goals.iter().map(|goal| format!("{}{}{}", goal.label, sheet.colon, goal.standing));
    figures.chain(sheet.gain.clone()).chain(sheet.not_counted.clone()).chain(goals).collect()
}

/// The sheet as lines, the columns of its figures below each other.
pub fn plain_text(sheet: &Sheet) -> String {
    let mut lines = vec![format!("{}{}{}", sheet.title, sheet.colon, sheet.account), sheet.dates.clone()];
    lines.extend(sheet.intro.iter().flat_map(|intro| ["".to_owned(), intro.clone()]));
    lines.push(String::new());
    let columns = if sheet.has_money() { 5 } else { 4 };
    let mut table = vec![std::iter::once(String::new()).chain(sheet.headings.iter().cloned()).collect::<Vec<_>>()];
    table.extend(sheet.rows.iter().map(|row| {
        let worth = row.worth.clone().unwrap_or_default();
        vec![row.label.clone(), row.before.clone(), row.after.clone(), row.change.clone(), worth]
    }));
    let width = |column: usize| table.iter().map(|row| row[column].width()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in &table {
        let cells = row.iter().zip(&widths).enumerate().map(|(place, (text, width))| {
            let space = " ".repeat(width.saturating_sub(text.width()));
            if place == 0 { format!("{text}{space}") } else { format!("{space}{text}") }
        });
        lines.push(cells.collect::<Vec<_>>().join("  ").trim_end().to_owned());
    }
    let rates = sheet.rows.iter().filter_map(|row| Some(format!("{}{}{}", row.label, sheet.colon, row.rate.as_ref()?)));
    let closing: Vec<String> = sheet.gain.iter().chain(&sheet.not_counted).cloned().chain(rates).collect();
    if !closing.is_empty() {
        lines.push(String::new());
        lines.extend(closing);
    }
    if !sheet.goals.is_empty() {
        lines.extend([String::new(), sheet.goals_heading.clone()]);
        lines.extend(sheet.goals.iter().map(|goal| format!("  {}{}{}", goal.label, sheet.colon, goal.standing)));
    }
    lines.join("\n")
}
