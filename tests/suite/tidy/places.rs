//! Calls that have one place, so that time, chance and the environment are
//! always arguments.

use super::{Finding, Source};

/// What is forbidden, where it is allowed, and why.
const PLACES: [(&[&str], &[&str], &str); 4] = [
    (
        &["Utc::now", "SystemTime::now", "Local::now", "std::time::Instant::now"],
        &["src/clock.rs"],
        "the clock is read in src/clock.rs; everything else is told the time",
    ),
    (&["getrandom::", "rand::", "Uuid::new_v4", "thread_rng"], &["src/random.rs"], "chance comes from src/random.rs"),
    (
        &["env::var", "env::vars", "env::args", "env::temp_dir", "env::current_dir", "env::set_var", "env::home_dir"],
        &["src/cli/", "src/main.rs"],
        "the environment is read in src/cli",
    ),
    (
        &["println!", "print!", "eprintln!", "eprint!", "io::stdout", "io::stderr", "stdout()", "stderr()"],
        &["src/cli/output.rs", "src/telemetry.rs"],
        "src/cli/output.rs prints, so that no customer's text steers a terminal",
    ),
];

/// Elapsed time on sockets is measured by the runtime's own clock, which a test
/// can stop: `tokio::time::Instant`.
const RUNTIME_CLOCK: [&str; 1] = ["src/delivery/"];

pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let allowed = |places: &[&str]| places.iter().any(|place| source.file.starts_with(place));
    for (line, code) in source.numbered() {
        for (calls, places, why) in PLACES {
            for call in calls.iter().filter(|call| calls_it(code, call)) {
                if !allowed(places) {
                    let what = format!("`{call}`: {why}");
                    findings.push(Finding { file: source.file.clone(), line, what });
                }
            }
        }
        let runtime = source.lines.iter().any(|line| line.contains("tokio::time::") && line.contains("Instant"));
        if calls_it(code, "Instant::now") && !allowed(&["src/clock.rs"]) && !(runtime && allowed(&RUNTIME_CLOCK)) {
            let what = "`Instant::now`: elapsed time is measured with clock::Deadline".to_owned();
            findings.push(Finding { file: source.file.clone(), line, what });
        }
    }
    findings
}

fn calls_it(code: &str, call: &str) -> bool {
    code.match_indices(call).any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// SQL in texts outside of the store; the fact functions hold SQL expressions.
pub fn sql(source: &Source) -> Vec<Finding> {
    if ["src/store/", "src/postgres/", "src/rule/functions/"].iter().any(|place| source.file.starts_with(place)) {
        return Vec::new();
    }
    let is_sql = |text: &str| {
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        let has = |first: &str, second: &str| words.windows(2).any(|two| two[0] == first && two[1] == second);
        let starts = |word: &str| words.first().is_some_and(|first| first == word);
        has("insert", "into")
            || has("delete", "from") && starts("delete")
            || starts("select") && words.iter().any(|word| word == "from")
            || starts("with") && has("as", "(select")
            || starts("update") && words.get(2).is_some_and(|word| word == "set")
            || starts("create") && has("create", "table")
    };
    let findings = source.texts.iter().filter(|(_, text)| is_sql(text));
    findings
        .map(|(line, _)| Finding { file: source.file.clone(), line: *line, what: "SQL stands in src/store".to_owned() })
        .collect()
}

/// Words of a message's row that stand as texts outside of their home, where a
/// mistyped one would compile. `words` are the states and channels that nothing
/// else is called by.
pub fn message_words(source: &Source, words: &[&str]) -> Vec<Finding> {
    // What is written here is another thing by the same name.
    const OTHERS: [(&str, &str); 12] = [
        // The state of a request to enroll.
        ("src/store/enrollments/enroll_requests.rs", "planned"),
        // The step at which an enrollment sends.
        ("src/enrollment/state.rs", "sending"),
        // Keys of JSON.
        ("src/cli/person.rs", "suppressed"),
        ("src/cli/plan/mod.rs", "suppressed"),
        // Where an id comes from.
        ("src/ids.rs", "notice"),
        // The step kinds `notify` and `webhook`.
        ("src/action/", "notice"),
        ("src/effect.rs", "webhook"),
        ("src/action/webhook.rs", "webhook"),
        // Keys of the configuration.
        ("src/config/notify.rs", "slack"),
        ("src/config/answers.rs", "webhook"),
        // A key of a guardrail.
        ("src/playbook/trips.rs", "bounced"),
        // An action in a delivery report.
        ("src/delivery/report/delivery_status.rs", "expired"),
    ];
    const HOMES: [&str; 3] = ["src/message/", "src/store/messages/", "src/rule/functions/"];
    if HOMES.iter().any(|home| source.file.starts_with(home)) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (line, text) in &source.texts {
        let quoted = |word: &str| text.contains("keepwell.messages") && text.contains(&format!("'{word}'"));
        for word in words.iter().filter(|word| text == *word || quoted(word)) {
            if !OTHERS.iter().any(|(file, other)| source.file.starts_with(file) && other == word) {
                let what = format!("`{word}` is a word of messages: take it from src/message");
                findings.push(Finding { file: source.file.clone(), line: *line, what });
            }
        }
    }
    findings
}

/// Names of step kinds that stand as texts in too many files.
pub fn kind_names(sources: &[Source], kinds: &[&str], most: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    for kind in kinds {
        let named = sources.iter().filter(|source| source.texts.iter().any(|(_, text)| text == kind));
        let files: Vec<&str> = named.map(|source| source.file.as_str()).collect();
        if files.len() > most {
            let what = format!("the step kind `{kind}` stands in {} files: {}", files.len(), files.join(", "));
            findings.push(Finding { file: files[0].to_owned(), line: 1, what });
        }
    }
    findings
}

#[test]
fn a_call_out_of_its_place_is_found() {
    let count = |file: &str, text: &str| check(&Source::read(file, text)).len();
    assert_eq!(count("src/rule/x.rs", "let now = Utc::now();"), 1);
    assert_eq!(count("src/worker/x.rs", "let now = std::time::SystemTime::now();"), 1);
    assert_eq!(count("src/worker/x.rs", "let now = Instant::now();"), 1);
    assert_eq!(count("src/delivery/x.rs", "use std::time::Instant;\nlet now = Instant::now();"), 1);
    assert_eq!(count("src/delivery/x.rs", "use tokio::time::Instant;\nlet now = Instant::now();"), 0);
    assert_eq!(count("src/store/x.rs", "let id = Uuid::new_v4();"), 1);
    assert_eq!(count("src/store/x.rs", "let home = std::env::var(\"HOME\");"), 1);
    assert_eq!(count("src/cli/x.rs", "let home = std::env::var(\"HOME\");"), 0);
    assert_eq!(count("src/cli/x.rs", "println!(\"{name}\"); eprint!(\"{name}\");"), 2);
    assert_eq!(count("src/cli/x.rs", "use std::io::stderr;\nwriteln!(stderr(), \"{name}\");"), 2);
    assert_eq!(count("src/cli/output.rs", "writeln!(std::io::stdout(), \"{line}\");"), 0);
    assert_eq!(count("src/clock.rs", "Utc::now()"), 0);
    assert_eq!(count("src/rule/x.rs", "// Utc::now()\nlet version = env!(\"CARGO_PKG_VERSION\"); operand::x();"), 0);
}

#[test]
fn sql_out_of_its_place_is_found() {
    let count = |file: &str, text: &str| sql(&Source::read(file, text)).len();
    assert_eq!(count("src/worker/x.rs", "query(\"select id\n from x\")"), 1);
    assert_eq!(count("src/worker/x.rs", "query(r#\"UPDATE x SET y = 1\"#)"), 1);
    assert_eq!(count("src/worker/x.rs", "query(\"insert into x values (1)\"); query(\"delete from x\")"), 2);
    assert_eq!(count("src/worker/x.rs", "// select x from y\nlet x = \"Select a playbook\"; \"update the file\""), 0);
    assert_eq!(count("src/store/x.rs", "query(\"select id from x\")"), 0);
    assert_eq!(count("src/rule/functions/x.rs", "\"(select count(*) from {events})\""), 0);
}

#[test]
fn a_word_of_messages_out_of_its_home_is_found() {
    let count =
        |file: &str, text: &str| message_words(&Source::read(file, text), &["planned", "sending", "slack"]).len();
    assert_eq!(count("src/web/x.rs", "let x = \"planned\"; f(\"slack\");"), 2);
    assert_eq!(count("src/store/views/x.rs", "\"select 1 from keepwell.messages where state = 'sending'\""), 1);
    assert_eq!(count("src/store/views/x.rs", "\"select 1 from keepwell.enrollments where phase = 'sending'\""), 0);
    assert_eq!(count("src/web/x.rs", "\"it is planned for today\""), 0);
    assert_eq!(count("src/message/x.rs", "\"planned\""), 0);
    assert_eq!(count("src/enrollment/state.rs", "\"sending\" \"slack\""), 1);
}

#[test]
fn a_step_kind_in_too_many_files_is_found() {
    let sources: Vec<Source> =
        ["a", "b", "c"].iter().map(|name| Source::read(&format!("src/{name}.rs"), "f(\"survey\")")).collect();
    assert_eq!(kind_names(&sources, &["survey", "task"], 2).len(), 1);
    assert_eq!(kind_names(&sources, &["survey", "task"], 3).len(), 0);
}
