//! Who may import whom: folders in reading order, and crates that only some of
//! them may name.

use super::{Finding, Source};

/// Nothing imports from a later place. `config` reads playbook types and stands
/// after them.
const ORDER: [&[&str]; 24] = [
    &["printable"],
    &[
        "address",
        "clock",
        "ids",
        "plan_link",
        "random",
        "side_by_side",
        "signature",
        "statistics",
        "diagnostic",
        "telemetry",
        "timestamp",
        "user",
        "zone",
    ],
    &["postgres"],
    &["import"],
    &["playbook"],
    &["config"],
    &["facts"],
    &["rule"],
    &["customer_words"],
    &["value_report"],
    &["message"],
    &["effect"],
    &["action"],
    &["catalog"],
    &["evaluation"],
    &["enrollment"],
    &["impact"],
    &["store"],
    &["delivery"],
    &["rehearsal"],
    &["editor"],
    &["worker"],
    &["web"],
    &["cli"],
];

/// A crate and the only places that may name it.
const CRATES: [(&str, &[&str]); 13] = [
    ("argon2", &["user"]),
    ("sqlx", &["postgres", "store"]),
    ("lettre", &["delivery"]),
    ("mail_parser", &["delivery"]),
    ("hyper", &["delivery", "web"]),
    ("axum", &["web"]),
    ("rhai", &["rule", "action"]),
    ("minijinja", &["web"]),
    ("clap", &["cli", "main"]),
    ("lsp_server", &["cli"]),
    ("lsp_types", &["cli"]),
    ("tokio", &["postgres", "store", "delivery", "worker", "web", "cli", "main"]),
    ("saphyr_parser", &["playbook"]),
];

fn place(module: &str) -> Option<usize> {
    ORDER.iter().position(|places| places.contains(&module))
}

pub fn check(source: &Source) -> Vec<Finding> {
    let module = source.module();
    let mut findings = Vec::new();
    let mut find = |line: usize, what: String| findings.push(Finding { file: source.file.clone(), line, what });
    if !["main", "lib"].contains(&module) && place(module).is_none() {
        find(1, format!("`{module}` has no place in the order of the folders"));
    }
    for (line, code) in source.numbered() {
        for target in paths(code, "crate") {
            if let (Some(own), Some(other)) = (place(module), place(target))
                && other > own
            {
                find(line, format!("`{module}` comes before `{target}` and cannot import it"));
            }
        }
        for (name, places) in CRATES {
            if names_crate(code, name) && !places.contains(&module) {
                find(line, format!("only {} may name `{name}`", places.join(", ")));
            }
        }
    }
    findings
}

/// What follows each `crate::` in a line; braces are looked into.
fn paths<'a>(code: &'a str, start: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(&format!("{start}::")) {
        let rest = &code[at + start.len() + 2..];
        let list = rest
            .strip_prefix('{')
            .map_or(rest.split([';', ' ', ':', '(', ')', ',']).next(), |list| list.split('}').next());
        for path in list.unwrap_or("").split(',') {
            found.push(
                path.trim().split("::").next().unwrap_or("").trim_matches(|c: char| !c.is_alphanumeric() && c != '_'),
            );
        }
    }
    found
}

fn names_crate(code: &str, name: &str) -> bool {
    let joined = |c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '.';
    code.match_indices(&format!("{name}::")).any(|(at, _)| !code[..at].ends_with(joined))
        || code.trim_start().starts_with(&format!("use {name};"))
}

#[test]
fn a_wrong_import_is_found() {
    let told = |file: &str, text: &str| -> Vec<String> {
        check(&Source::read(file, text)).iter().map(|finding| format!("{} {}", finding.line, finding.what)).collect()
    };
    assert_eq!(
        told("src/rule/mod.rs", "use crate::facts::Cell;\nuse crate::store::facts;\n"),
        ["2 `rule` comes before `store` and cannot import it"]
    );
    assert_eq!(told("src/facts/x.rs", "fn f() { crate::rule::go(); }").len(), 1);
    assert_eq!(told("src/facts/x.rs", "use crate::{clock::Instant, web::page};").len(), 1);
    assert_eq!(told("src/enrollment/x.rs", "use sqlx::Row;\nlet x = tokio::spawn(y);").len(), 2);
    assert_eq!(told("src/worker/x.rs", "use axum::Router;\nuse lettre::Address;").len(), 2);
    assert_eq!(told("src/novelty/x.rs", "").len(), 1);
    let fine = "// use crate::web;\nlet x = \"crate::web::y\";\n#[cfg(test)]\nmod tests {\n use crate::web;\n}\n";
    assert!(told("src/facts/x.rs", fine).is_empty());
    assert!(told("src/store/mod.rs", "use sqlx::Row;\nuse crate::rule::Rule;").is_empty());
    assert!(told("src/lib.rs", "pub mod web;").is_empty());
}
