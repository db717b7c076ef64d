//! `language_guide`: the reference for authors, by section.

use serde_json::{Value as Json, json};

use crate::cli::mcp::arguments::{Arguments, Parameter};
use crate::cli::mcp::tool::Tool;

const DOCUMENT: &str = include_str!("../../../../docs/playbooks.md");

pub const TOOL: Tool = Tool {
    name: "language_guide",
    title: "The language of playbooks",
    about: "The reference of the YAML keys, expressions, steps, templates and test cases. Without `section` it lists \
            the sections, with it it gives the text of that one in Markdown.",
    parameters: &[Parameter::text("section", "The name of a section, as the list gives it.")],
    answers: &[("sections", "array")],
    writes: false,
    call: |_, arguments| Box::pin(async { call(arguments) }),
};

fn call(arguments: &Arguments) -> anyhow::Result<Json> {
    let sections = sections();
    let Some(wanted) = arguments.text("section") else {
        let names: Vec<Json> = sections.iter().map(|one| json!({ "section": one.name, "level": one.level })).collect();
        return Ok(json!({ "sections": names }));
    };
    let found = sections.iter().find(|section| section.name.to_lowercase() == wanted.trim().to_lowercase());
    let Some(found) = found else {
        let names: Vec<&str> = sections.iter().map(|section| section.name).collect();
        anyhow::bail!("there is no section `{wanted}`; the sections are {}", names.join(", "));
    };
    Ok(json!({ "sections": [{ "section": found.name, "level": found.level, "text": found.text }] }))
}

/// A heading and what stands below it.
#[derive(Debug)]
struct Section {
    name: &'static str,
    /// 1 for the whole document's beginning, 2 and 3 for what is inside of it.
    level: usize,
    /// With the headings and texts inside of it; of the document what stands
    /// before its first section of level 2.
    text: &'static str,
}

/// The sections in order.
fn sections() -> Vec<Section> {
    let mut headings: Vec<(usize, usize, &'static str)> = Vec::new();
    let (mut at, mut in_example) = (0, false);
    for line in DOCUMENT.split_inclusive('\n') {
        if line.starts_with("```") {
            in_example = !in_example;
        }
        let level = line.bytes().take_while(|byte| *byte == b'#').count();
        let name = line[level..].strip_prefix(' ').filter(|_| level > 0 && !in_example);
        if let Some(name) = name {
            headings.push((at, level, name.trim()));
        }
        at += line.len();
    }
    let section = |(index, (begin, level, name)): (usize, &(usize, usize, &'static str))| {
        let ends = headings[index + 1..].iter().find(|(_, next, _)| *next <= (*level).max(2));
        let end = ends.map_or(DOCUMENT.len(), |(at, ..)| *at);
        Section { name, level: *level, text: DOCUMENT[*begin..end].trim_end() }
    };
    headings.iter().enumerate().map(section).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sections_are_the_whole_document_and_each_has_its_name_alone() {
        let sections = sections();
        let outer: Vec<&str> = sections.iter().filter(|one| one.level < 3).map(|one| one.text).collect();
        assert_eq!(outer.join("\n\n"), DOCUMENT.trim_end());
        for section in &sections {
            assert!(section.text.starts_with(&format!("{} {}", "#".repeat(section.level), section.name)), "{section:?}");
            assert_eq!(sections.iter().filter(|other| other.name == section.name).count(), 1, "{}", section.name);
        }
        let steps = sections.iter().find(|section| section.name == "Steps").map(|section| section.text);
        assert!(steps.is_some_and(|text| text.contains("\n### People\n") && !text.contains("\n## ")), "{steps:?}");
    }
}
