//! Answers for people and for programs.

use serde_json::Value as Json;

/// Prints one JSON document.
pub fn json(document: &Json) {
    say!("{document:#}");
}

/// Prints rows as a table of these columns; a missing value is `-`.
pub fn table(rows: &[Json], columns: &[&str]) {
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|column| cell(&row[*column])).collect()).collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| cells.iter().map(|row| row[at].chars().count()).chain([column.len()]).max().unwrap_or(0))
        .collect();
    let line = |row: &[String]| {
        let padded: Vec<String> = row.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}")).collect();
        say!("{}", padded.join("  ").trim_end());
    };
    line(&columns.iter().map(|column| column.to_uppercase().replace('_', " ")).collect::<Vec<_>>());
    cells.iter().for_each(|row| line(row));
}

fn cell(value: &Json) -> String {
    let text = match value {
        Json::Null => "-".to_owned(),
        // Instants to the minute are enough for a table.
        Json::String(text) => match chrono::DateTime::parse_from_rfc3339(text) {
            Ok(time) => time.to_utc().format("%Y-%m-%d %H:%M").to_string(),
            Err(_) => text.clone(),
        },
        Json::Object(map) => map.iter().map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    let short: String = text.chars().take(60).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
