//! `docs/library.md` says of each part of the practice of customer success which
//! shipped files serve it, and of each file what it is for, how many cases it has
//! and what it did on the sample company. The page is made from the files here.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{TimeZone, Utc};
use keepwell::store::customers::sample::SampleCompany;
use serde_json::Value as Json;

use super::{read, root};
use crate::support::database;
use crate::support::program::{Home, shipped_files};

/// A Monday morning.
const ANCHOR: &str = "2026-03-02T09:00:00Z";

/// Each part of the practice with the ids of the files that serve it.
const PRACTICE: &[(&str, &[&str])] = &[
    (
        "The time to the first value is watched, and who is stuck is flagged",
        &[
            "slow-first-value",
            "time-to-first-value",
            "time-to-first-value-p75",
            "time-to-first-value-p90",
            "first-value-trend",
        ],
    ),
    ("Onboarding step by step, and help for who meets errors", &["first-login", "setup-errors"]),
    ("Falling usage as a sign of churn", &["usage-drop"]),
    (
        "Mail that fits the stage, by what people did",
        &["customer-lifecycle", "onboarding-tips", "first-login", "no-return"],
    ),
    ("Upsell and cross-sell only where conditions say that it helps", &["upgrade-offer", "addon-offer"]),
    (
        "Feedback is asked for, thanked for and carried to the product",
        &["quarterly-nps", "nps-follow-up", "csat-survey"],
    ),
    ("Tiers steer attention", &["account-tiers", "quiet-account"]),
    ("Not activated after the first month: the CSM steps in", &["no-activation"]),
    ("Visits are planned by usage, and made", &["visit-plan", "visits-made-rate"]),
    ("Portfolios of a size that one person can look after", &["no-csm", "accounts-per-csm", "weekly-risk-digest"]),
    (
        "The figures of the business",
        &[
            "churn-rate",
            "win-back-rate",
            "renewal-rate",
            "expansion-rate",
            "collection-rate",
            "referrals",
            "cost-per-account",
            "weekly-kpis",
        ],
    ),
    ("Win-back at the first signs of leaving", &["early-signs", "win-back"]),
    ("Promoters are asked for a referral", &["ask-referral", "referrals"]),
    ("Tips within a day of the sign-up", &["onboarding-tips"]),
    ("One index of many factors, reviewed monthly", &["health", "monthly-review"]),
    ("Core tasks, the first session, and who comes back", &["core-tasks", "no-return"]),
    ("From trial to paid", &["trial-to-paid", "trial-conversion-rate"]),
    (
        "CSAT and NPS at intervals, and their trend",
        &["quarterly-nps", "half-yearly-csat", "csat", "csat-trend", "nps", "nps-trend", "nps-drop"],
    ),
    ("What churn costs, and how many CSMs the revenue needs", &["churned-mrr", "csms-needed"]),
    (
        "Goals agreed with a customer, with milestones that are measured",
        &["first-success-plan", "core-features", "missed-goal"],
    ),
    ("An unused feature leads to a helpful offer", &["unused-feature"]),
    ("Monthly and quarterly reviews", &["monthly-review", "quarterly-review"]),
    ("Value reports: before and after, in money", &["value-report", "quarterly-review"]),
    ("Renewal as a confirmation, and growth found in seats", &["renewal", "seat-growth"]),
    ("Leading signs: usage, tickets, a champion who left", &["early-signs", "ticket-pattern", "champion-gone"]),
    ("A first success within 30 days", &["first-success", "first-success-plan"]),
    ("The same trouble in many tickets goes to the product", &["ticket-pattern"]),
    (
        "Retention, lifetime value, repeat purchase and upgrades",
        &[
            "retention-rate",
            "gross-revenue-retention",
            "net-revenue-retention",
            "lifetime-value",
            "repeat-purchase-rate",
            "upgrade-rate",
        ],
    ),
];

/// A shipped file.
struct Document {
    path: String,
    /// Its first key: `playbook`, `score`, ….
    kind: String,
    about: String,
    /// The remark at its head, without the keywords.
    remark: String,
}

impl Document {
    fn read(path: &str, text: &str) -> (String, Document) {
        let head = text.lines().take_while(|line| line.starts_with('#'));
        let head: Vec<&str> = head.map(|line| line.trim_start_matches('#').trim()).collect();
        let head = head.split(|line| line.is_empty()).map(|lines| lines.join(" "));
        let remark: Vec<String> = head.filter(|text| !text.is_empty() && !text.starts_with("Keywords:")).collect();
        let keys = || text.lines().filter_map(|line| line.split_once(": "));
        let (kind, id) = keys().find(|(key, _)| key.chars().all(char::is_alphabetic)).expect("a first key");
        let about = keys().find(|(key, _)| *key == "about").map_or("", |(_, about)| about).trim_matches('"');
        let document = Document {
            path: path.to_owned(),
            kind: kind.to_owned(),
            about: about.to_owned(),
            remark: remark.join("\n\n"),
        };
        (id.to_owned(), document)
    }
}

/// How many cases each file has, all of which pass.
fn cases(home: &Home) -> BTreeMap<String, String> {
    let answer = home.done(&["test"]).stdout;
    let lines = answer.lines().filter_map(|line| line.split_once(" ("));
    let counts =
        lines.filter_map(|(id, rest)| Some((id.to_owned(), rest.split_once(": ")?.1.split_once(" of ")?.0.to_owned())));
    counts.collect()
}

/// What each playbook did at its first run, and what each figure is.
fn results(home: &Home) -> BTreeMap<String, String> {
    home.done(&["run", "--once", "--at", ANCHOR]);
    let list = |command: &[&str], key: &str| -> Vec<Json> {
        let answer = home.run(&[command, &["--format", "json"]].concat());
        assert_eq!(answer.code, 0, "{answer:?}");
        answer.json()[key].as_array().expect("a list").clone()
    };
    let mut results = BTreeMap::new();
    for run in list(&["runs"], "runs") {
        let id = run["playbook"].as_str().unwrap().to_owned();
        let waiting = run["held"].as_u64().unwrap_or_else(|| run["held"]["count"].as_u64().unwrap_or(0));
        let mut result = format!("{} of {} enter", run["enrolled"], run["candidates"]);
        if waiting > 0 {
            write!(result, ", {waiting} wait for a person").unwrap();
        }
        for (reason, count) in run["skipped"].as_object().unwrap() {
            write!(result, ", {count} skipped ({reason})").unwrap();
        }
        results.insert(id, result);
    }
    for figure in list(&["kpi"], "kpis") {
        let value = match figure["value"].as_f64() {
            Some(value) => format!("{} {}", (value * 10.0).round() / 10.0, figure["unit"].as_str().unwrap()),
            None => figure["missing"].as_str().unwrap().to_owned(),
        };
        results.insert(figure["id"].as_str().unwrap().to_owned(), value);
    }
    let mut goals = BTreeMap::<String, usize>::new();
    for goal in list(&["goals"], "goals") {
        *goals.entry(goal["plan"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    results.extend(goals.into_iter().map(|(id, count)| (id, format!("{count} goals are measured"))));
    let mut scores = BTreeMap::<String, usize>::new();
    for score in list(&["scores"], "scores") {
        *scores.entry(score["name"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    results.extend(scores.into_iter().map(|(id, count)| (id, format!("{count} accounts have it"))));
    results
}

fn page(
    documents: &BTreeMap<String, Document>,
    cases: &BTreeMap<String, String>,
    results: &BTreeMap<String, String>,
) -> String {
    let mut page = String::from(
        "# The library\n\nThe files of [`playbooks/`](../playbooks), by what they are for. `keepwell new ID` begins a file of your own with one of them.\n\n\
         What they did is what one run did on the made-up company of `keepwell demo`, as it is on Monday, 2 March 2026 at 9:00 UTC: how many of those whose condition holds entered, \
         what a figure is, and who has a score. The suite makes this page from the files and that run, and fails where they differ.\n\n\
         | part of the practice | files |\n|---|---|\n",
    );
    let link = |id: &str| format!("[{id}](#{id})");
    for (title, ids) in PRACTICE {
        let links: Vec<String> = ids.iter().map(|id| link(id)).collect();
        writeln!(page, "| {title} | {} |", links.join(", ")).unwrap();
    }
    let mut areas = BTreeMap::<&str, Vec<(&String, &Document)>>::new();
    for (id, document) in documents {
        areas.entry(document.path.rsplit_once('/').unwrap().0).or_default().push((id, document));
    }
    for (area, documents) in areas {
        writeln!(page, "\n## {area}").unwrap();
        for (id, Document { path, kind, about, remark }) in documents {
            let counted = cases.get(id).map_or("0", String::as_str);
            let noun = if counted == "1" { "case" } else { "cases" };
            let result = results.get(id).map_or(String::new(), |result| format!("; on the sample company: {result}"));
            write!(page, "\n### {id}\n\n{about}\n\n{remark}\n\n[A `{kind}`](../{path}), {counted} {noun}{result}.\n")
                .unwrap();
        }
    }
    page
}

#[tokio::test]
async fn the_library_is_what_the_files_are_and_did() {
    let database = database::fresh().await;
    let anchor = Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0).unwrap();
    SampleCompany::generate(anchor, 320).insert(&database.pool().await, |_, _, _| {}).await.unwrap();
    let mut home = Home::new("library");
    let shipped = shipped_files();
    shipped.iter().for_each(|(file, text)| home.write(file, text));
    let cases = cases(&home);
    home.set("DATABASE_URL", &database.url);
    let results = results(&home);

    let playbooks = shipped.iter().filter(|(file, _)| file.starts_with("playbooks/"));
    let documents: BTreeMap<String, Document> = playbooks.map(|(file, text)| Document::read(file, text)).collect();
    let named: Vec<&str> = PRACTICE.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
    for (id, document) in &documents {
        assert!(named.contains(&id.as_str()), "{} serves no part of the practice", document.path);
        assert!(
            !document.about.is_empty() && !document.remark.is_empty(),
            "{}: nobody knows when to use it",
            document.path
        );
        assert!(cases.get(id).is_some_and(|count| count != "0"), "{} has no case", document.path);
    }
    for id in named {
        assert!(documents.contains_key(id), "{id} is not shipped");
    }

    let page = page(&documents, &cases, &results);
    if read("docs/library.md") != page {
        let made = root().join("target/library.md");
        std::fs::write(&made, page).unwrap();
        panic!("docs/library.md is not what the files are and did: copy {} over it", made.display());
    }
}
