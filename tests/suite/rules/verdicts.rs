//! Expressions with what they decide about the account.

use keepwell::facts::Value;
use keepwell::rule::Wanted;

use super::{Place, World, at, history, now, table};

#[test]
fn guards_and_short_circuits() {
    table(
        Place::When,
        &history(),
        &[
            (r#"account.score("nps") != none && account.score("nps") < 7"#, "true"),
            (r#"account.score("nps") == none || account.score("nps") < 7"#, "true"),
            (r#"account.score("csat") != none && account.score("csat") < 7"#, "false"),
            (r#"account.score("csat") == none || account.score("csat") < 7"#, "true"),
            (r#"!(account.score("csat") == none) && account.score("csat") < 7"#, "false"),
            (r#"none != account.score("nps") && account.score("nps") < 7"#, "true"),
            (r#"(account.score("csat") ?? 10) < 7"#, "false"),
            (r#"(account.score("nps") ?? 10) < 7"#, "true"),
            (r#"(account.seats_used ?? 0) < account.mrr"#, "true"),
            (r#"(account.stage ?? "x") == "x""#, "true"),
            (r#"account.activated_at == none && days_since(account.signed_up_at) >= 30"#, "true"),
            (r#"account.activated_at == none || days_since(account.activated_at) > 3"#, "true"),
            (r#"account.activated_at != none && days_since(account.activated_at) > 3"#, "false"),
            (r#"(days_since(account.activated_at) ?? 0) > 3"#, "false"),
            (r#"account.tier in ["A", "B"] && account.tier < "B""#, "true"),
            (r#"account.tier == "A" && account.tier < "B""#, "true"),
            // What comes first decides; what is never reached does no harm.
            ("account.mrr < 0 && 1 / 0 > 1", "false"),
            ("account.mrr > 0 || 1 / 0 > 1", "true"),
            ("1 / 0 > 1 && account.mrr < 0", "undecided: division by zero"),
            ("1 / 0 > 1 || account.mrr > 0", "undecided: division by zero"),
            // A guard in the wrong order, or for another value, is none.
            (
                r#"account.score("nps") < 7 && account.score("nps") != none"#,
                "refused: KW0207 `account.score(\"nps\")` can be missing",
            ),
            (
                r#"account.score("nps") != none || account.score("nps") < 7"#,
                "refused: KW0207 `account.score(\"nps\")` can be missing",
            ),
            (
                r#"account.score("nps") != none && account.score("csat") < 7"#,
                "refused: KW0207 `account.score(\"csat\")` can be missing",
            ),
            ("account.seats + 1 > 3", "refused: KW0207 `account.seats` can be missing"),
            (
                "days_since(account.activated_at) > 3",
                "refused: KW0207 `days_since(account.activated_at)` can be missing",
            ),
        ],
    );
}

#[test]
fn values_compare_and_calculate_as_in_a_spreadsheet() {
    table(
        Place::When,
        &history(),
        &[
            ("7 / 2 == 3.5", "true"),
            ("6 / 2 == 3", "true"),
            ("1 == 1.0 && 1 < 1.5 && 2.0 > 1", "true"),
            ("0.1 + 0.2 > 0.3", "true"),
            ("7 % 2 == 1 && -7 + 10 == 3 && 2 * 3 - 1 == 5", "true"),
            ("account.mrr * 2 == 10001", "true"),
            ("account.mrr / 2 > 2500 && account.mrr / 2 < 2501", "true"),
            ("-account.mrr < 0", "true"),
            ("9223372036854775807 + 1 > 0", "undecided: the number is too large"),
            ("9223372036854775807 * 2 > 0", "undecided: the number is too large"),
            ("-9223372036854775807 - 2 > 0", "undecided: the number is too large"),
            ("account.mrr / 0 > 1", "undecided: division by zero"),
            ("account.mrr % 0 > 1", "undecided: division by zero"),
            ("account.mrr / (account.mrr - account.mrr) > 1", "undecided: division by zero"),
            (r#"account.tier == "A""#, "true"),
            (r#"account.tier == "a""#, "false"),
            (r#"account.name < "B""#, "true"),
            (r#"account.name + "!" == "Acme!""#, "true"),
            (r#"account.tier in ["A", "B"]"#, "true"),
            (r#"account.tier in ["B"]"#, "false"),
            (r#"!(account.tier in ["B"])"#, "true"),
            (r#"account.stage in ["B"]"#, "false"),
            (r#"account.stage in ["B", none]"#, "true"),
            ("account.seats in [1, 10.0]", "true"),
            ("account.activated_at == none", "true"),
            ("account.activated_at != none", "false"),
            ("account.activated_at == account.churned_at", "true"),
            ("account.stage != \"x\"", "true"),
            ("account.seats == 10", "true"),
            ("account.seats_used == 10", "false"),
            ("account.seats_used != 10", "true"),
            ("none == none", "true"),
        ],
    );
}

#[test]
fn attributes_take_the_kind_they_are_compared_with() {
    table(
        Place::When,
        &history(),
        &[
            (r#"account.traits.plan == "pro""#, "true"),
            ("account.traits.seats == 7 && account.traits.seats == 7.0", "true"),
            ("account.traits.seats != none && account.traits.seats > 6", "true"),
            ("(account.traits.ratio ?? 0) * 2 == 1", "true"),
            ("account.traits.vip == true", "true"),
            ("account.traits.vip ?? false", "true"),
            ("account.traits.gone == none && account.traits.never == none", "true"),
            ("account.traits.list != none", "true"),
            (r#"account.traits.plan in ["pro", "max"]"#, "true"),
            ("account.traits.trial_ends != none && days_until(account.traits.trial_ends) == 10", "true"),
            ("account.traits.trial_ends != none && account.traits.trial_ends > now", "true"),
            ("account.traits.trial_ends > now", "refused: KW0207 `account.traits.trial_ends` can be missing"),
            ("-(account.traits.seats ?? 1) < 0", "true"),
            ("account.traits.vip", "refused: KW0207 `account.traits.vip` can be missing"),
            (
                r#"account.traits.plan == "pro" && account.traits.plan == 5"#,
                "refused: KW0206 `account.traits.plan` is read as a number here and as text before…",
            ),
        ],
    );
}

#[test]
fn what_is_legal_and_cannot_be_meant_is_a_warning() {
    let world = World::new(Place::When);
    for (text, expected) in [
        ("account.mrr != none", "KW0210"),
        ("account.tier == account.tier", "KW0210"),
        (r#"account.events("login", 30) >= 0"#, "KW0210"),
        (r#"0 > account.open_tickets()"#, "KW0210"),
        (r#"account.tier == "A" && account.tier == "B""#, "KW0210"),
        ("1 < 2", "KW0210"),
        ("days_since(account.signed_up_at) == 30", "KW0211"),
        ("days_since(account.signed_up_at) in [30, 60]", "KW0211"),
        (r#"account.events("login", 30) > 0"#, ""),
        (r#"account.tier == "A" || account.tier == "B""#, ""),
        (r#"account.tier == "A" && account.stage == "B""#, ""),
        ("account.traits.plan != none", ""),
        ("true", ""),
    ] {
        let (rule, problems) = world.compile(text, Wanted::Verdict);
        let codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
        assert!(rule.is_some(), "{text}");
        assert_eq!(codes.join(" "), expected, "{text}");
    }
}

#[test]
fn times_count_in_whole_units_rounded_down() {
    let mut history = history();
    history.account.insert("activated_at".into(), Value::Time(now() - chrono::Duration::minutes(90)));
    history.account.insert("churned_at".into(), Value::Time(now() - chrono::Duration::seconds(2 * 86_400 - 1)));
    table(
        Place::When,
        &history,
        &[
            ("days_since(account.signed_up_at) == 46", "true"),
            ("account.renewal_at != none && days_until(account.renewal_at) == 1", "true"),
            ("account.renewal_at != none && hours_until(account.renewal_at) == 36", "true"),
            ("account.renewal_at != none && days_since(account.renewal_at) == -2", "true"),
            ("account.activated_at != none && hours_since(account.activated_at) == 1", "true"),
            ("account.activated_at != none && hours_until(account.activated_at) == -2", "true"),
            ("account.churned_at != none && days_since(account.churned_at) == 1", "true"),
            ("account.signed_up_at < now - days(45) && account.signed_up_at >= now - days(46)", "true"),
            ("account.signed_up_at + hours(24) == account.signed_up_at + days(1)", "true"),
            ("days(2) > hours(47)", "true"),
            ("month(now) == 3 && day(now) == 2 && weekday(now) == 1", "true"),
            (r#"period("week") == "2026-W10" && period("quarter") == "2026-Q1""#, "true"),
            (r#"period("month") == "2026-03" && period("year") == "2026""#, "true"),
            ("now + days(200000000) > now", "undecided: the time lies too far away"),
            ("now + days(9223372036854775807) > now", "undecided: the span is too long"),
            ("now + hours(-9223372036854775807) > now", "undecided: the span is too long"),
        ],
    );
}

#[test]
fn calendar_functions_follow_the_zone() {
    let mut world = World::new(Place::When);
    let mut history = history();
    history.account.insert("renewal_at".into(), Value::Time(at("2026-12-31T23:30:00Z")));
    let text = "account.renewal_at != none && month(account.renewal_at) == 1 && weekday(account.renewal_at) == 5";
    assert_eq!(world.verdict(text, &history), "false");
    world.zone = chrono_tz::Europe::Berlin;
    assert_eq!(world.verdict(text, &history), "true");
}

#[test]
fn values_for_dates_and_keys() {
    let world = World::new(Place::Step);
    let renewal = now() + chrono::Duration::hours(36);
    assert_eq!(world.value("account.renewal_at ?? now", Wanted::Time), Ok(Value::Time(renewal)));
    let early = "(account.renewal_at ?? now) - days(90)";
    assert_eq!(world.value(early, Wanted::Time), Ok(Value::Time(renewal - chrono::Duration::days(90))));
    assert_eq!(world.value("account.renewal_at", Wanted::Key), Ok(Value::Time(renewal)));
    assert_eq!(world.value("account.activated_at", Wanted::Key), Ok(Value::Null));
    assert_eq!(world.value("period(\"month\")", Wanted::Key), Ok(Value::text("2026-03")));
    assert_eq!(world.value("account.traits.plan", Wanted::Text), Ok(Value::text("pro")));
    assert!(world.value("account.mrr", Wanted::Text).is_err());
    assert!(world.value("[1]", Wanted::Key).is_err());
}

#[test]
fn a_date_before_a_column_that_can_be_missing_is_missing_itself() {
    let world = World::new(Place::Step);
    let renewal = now() + chrono::Duration::hours(36);
    let text = "account.renewal_at - days(90)";
    assert_eq!(world.value(text, Wanted::Time), Ok(Value::Time(renewal - chrono::Duration::days(90))));
    assert_eq!(world.value("account.churned_at - days(90)", Wanted::Time), Ok(Value::Null));
}

#[test]
fn the_enrollment_is_seen_in_its_steps() {
    table(
        Place::Wait,
        &history(),
        &[
            (r#"done("call") && sent("nudge")"#, "true"),
            (r#"outcome("call") == "reached""#, "true"),
            (r#"answer("why") != none && answer("why") >= 9"#, "true"),
            (r#"(answer("why") ?? 0) + 1 == 10"#, "true"),
            (r#"answer("words") == none"#, "true"),
            (r#"answer("words") == 3"#, "refused: KW0206 …"),
            (r#"answer("why") > 3"#, "refused: KW0207 …"),
            (r#"answer("wy") == none"#, "refused: KW0107 there is no survey step \"wy\"…"),
            (r#"outcome("call") != none && outcome("call") in ["no answer"]"#, "false"),
            (r#"entry.tier == "B" && account.tier == "A""#, "true"),
            ("entry.renewal_at == none", "true"),
            ("entry.renewal_at != account.renewal_at", "true"),
            ("account.mrr > entry.mrr", "true"),
            ("days_since(entry.at) == 5", "true"),
            (r#"account.events("login", since_entry) == 2 && account.events("login", since_step) == 1"#, "true"),
            (r#"account.events("login", 30) == 2 && account.events("login", 3) == 2"#, "true"),
            ("entry.name == \"x\"", "undecided: `entry.name` was not kept at enrollment"),
            (r#"done("cal")"#, "refused: KW0107 there is no task step \"cal\""),
            (r#"sent("call")"#, "refused: KW0107 there is no email step \"call\""),
            (r#"account.in_playbook("rescue") && account.open_tickets("urgent") == 1"#, "true"),
            (r#"account.in_playbook("other")"#, "refused: KW0108 there is no playbook \"other\""),
        ],
    );
    table(
        Place::When,
        &history(),
        &[
            (r#"done("call")"#, "refused: KW0212 `done` is not available here: there is no enrollment yet"),
            ("entry.mrr > 5", "refused: KW0212 `entry` is not available here: there is no enrollment yet"),
            (
                r#"account.events("login", since_entry) > 1"#,
                "refused: KW0212 `since_entry` is not available here: there is no enrollment yet",
            ),
        ],
    );
    table(
        Place::Step,
        &history(),
        &[
            (
                r#"account.events("login", since_step) > 1"#,
                "refused: KW0212 `since_step` is only available in a wait's `until`",
            ),
            ("contact.name == \"x\"", "refused: KW0212 `contact` is only there in contact playbooks"),
        ],
    );
}

#[test]
fn recorded_figures_are_there_for_all_accounts_together() {
    let refused = "refused: KW0212 `kpi` is not available here: a recorded figure is about all accounts together…";
    table(
        Place::Portfolio,
        &history(),
        &[
            (r#"kpi("churn-rate") == none"#, "true"),
            (r#"kpi_change("churn-rate", 7) == none"#, "true"),
            (r#"kpi("churn-rate") > 3"#, "refused: KW0207 `kpi(\"churn-rate\")` can be missing…"),
            (r#"kpi("churn-rate") != none && kpi("churn-rate") > 3"#, "false"),
            (r#"kpi("churn-rate") != none && kpi("nps") > 3"#, "refused: KW0207 `kpi(\"nps\")` can be missing…"),
            (
                r#"kpi_change("nps", 7) != none && kpi_change("nps", 8) > 3"#,
                "refused: KW0207 `kpi_change(\"nps\", 8)` can be…",
            ),
            (r#"(kpi("nps") ?? 5) - (kpi_change("nps", 7) ?? 1) == 4"#, "true"),
            (r#"kpi() == none"#, "refused: KW0205 `kpi` takes the id of a KPI in quotes…"),
            (r#"kpi("nps", 7) == none"#, "refused: KW0205 `kpi` takes the id of a KPI in quotes…"),
            (r#"kpi(7) == none"#, "refused: KW0205 `kpi` takes the id of a KPI in quotes…"),
            (r#"kpi("n" + "ps") == none"#, "refused: KW0205 `kpi` takes the id of a KPI in quotes…"),
            (r#"kpi_change("nps") == none"#, "refused: KW0205 `kpi_change` takes the id of a KPI in quotes and a…"),
            (r#"kpi_change("nps", 0) == none"#, "refused: KW0205 `kpi_change` needs a number of days from 1…"),
            (r#"kpi_change("nps", "7") == none"#, "refused: KW0205 `kpi_change` needs a number of days from 1…"),
            (r#"kpi_change("nps", 3651) == none"#, "refused: KW0205 `kpi_change` needs a number of days from 1…"),
            (r#"share_of((kpi("nps") ?? 0) > account.mrr) != none"#, refused),
            (r#"health::half(kpi("nps") ?? 4) == 2"#, "true"),
            (r#"kp("nps") == none"#, "refused: KW0201 unknown function `kp`…"),
        ],
    );
    table(Place::When, &history(), &[(r#"kpi("churn-rate") == none"#, refused)]);
    table(Place::Wait, &history(), &[(r#"kpi("churn-rate") == none"#, refused)]);
}
