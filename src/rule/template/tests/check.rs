use super::*;
use crate::diagnostic::Severity;
use crate::playbook::{Layout as Placing, Origin};

/// One finding as `column code message | help`.
fn findings(template: &str, known: &[&str], mail: bool) -> Vec<String> {
    let (compiled, found) = compile_with(&source(template), Escape::Plain, known, mail);
    assert_eq!(compiled.is_none(), found.iter().any(Diagnostic::is_error), "{template}");
    found
        .iter()
        .map(|one| {
            let help = one.help.as_deref().map_or(String::new(), |help| format!(" | {help}"));
            // The text starts in column 11.
            format!("{} {} {}{help}", one.column - 10, one.code, one.message)
        })
        .collect()
}

fn expect(template: &str, expected: &[&str]) {
    assert_eq!(findings(template, &[], true), expected, "{template}");
}

#[test]
fn unknown_names_are_found_where_they_stand() {
    for (template, expected) in [
        ("{{ acount.name }}", "4 KW0302 unknown name `acount` | did you mean `account`?"),
        ("{{ first_name }}", "4 KW0302 unknown name `first_name` | did you mean `recipient.first_name`?"),
        ("{{ mrr }}", "4 KW0302 unknown name `mrr` | did you mean `account.mrr`?"),
        ("{{ null }}", "4 KW0302 unknown name `null` | the missing value is `none`"),
        ("{{ days_since }}", "4 KW0302 unknown name `days_since` | `days_since` is a function: `days_since(…)`"),
        ("a {{ account.nmae }}", "14 KW0202 `account` has no `nmae` | did you mean `name`?"),
        ("{{ account.events }}", "12 KW0202 `account` has no `events` | `events` is a method: `account.events(…)`"),
        ("{{ account.traits }}", "12 KW0202 `account` has no `traits` | name one of them: `account.traits.plan`"),
        ("{{ entry.teir }}", "10 KW0202 `entry` has no `teir` | did you mean `tier`?"),
        ("{{ recipient.emial }}", "14 KW0202 `recipient` has no `emial` | did you mean `email`?"),
        ("{{ csm.mail }}", "8 KW0202 `csm` has no `mail` | did you mean `email`?"),
        ("{{ account }}", "4 KW0302 `account` as a whole has no text | `account.name`"),
        ("{{ csm }}", "4 KW0302 `csm` as a whole has no text | `csm.name`"),
        (
            "{{ contact.name }}",
            "4 KW0212 `contact` is available in playbooks with `for: contact` | who gets this message is `recipient`",
        ),
        ("{{ account.name.first }}", "17 KW0202 there is no `first` here: a single value has no parts"),
        ("{{ account.evnts(\"login\", 30) }}", "12 KW0201 unknown function `account.evnts` | did you mean `events`?"),
        ("{{ account.name() }}", "12 KW0201 unknown function `account.name` | it is a column: `account.name`"),
        ("{{ account.name.upper() }}", "17 KW0201 there is no method `upper` here | `upper` is a filter: `… | upper`"),
        ("{{ day_since(now) }}", "4 KW0201 unknown function `day_since` | did you mean `days_since`?"),
        ("{{ events(\"login\", 30) }}", "4 KW0201 unknown function `events` | it is a method: `account.events(…)`"),
        ("{{ answer(\"wy\") | default(0) }}", "11 KW0107 no survey step `wy` | did you mean `why`?"),
        ("{{ in_season(\"sumer\") }}", "14 KW0203 no season `sumer` | did you mean \"summer\"?"),
        (
            "{{ account.renewal_at | date:'%d' }}",
            "29 KW0301 `:` is not known here | a filter takes its argument in parentheses, as in `date(\"%-d %B\")`",
        ),
        (
            "{% if account.mrr > 1 %}a{% else if account.mrr > 0 %}b{% endif %}",
            "34 KW0301 `else if` is not known here | write `elif`",
        ),
        (
            "{{ account.renewal_at | default(\"soon\") | date(\"%d\") }}",
            "4 KW0206 `date` needs a time, and the default before it is text | put the default behind it: `… | date | default(\"…\")`",
        ),
        (
            "{{ account.renewal_at | date(\"DD.MM.YYYY\") }}",
            "30 KW0205 not a date pattern | `date(\"%-d %B %Y\")`: %-d day, %B month, %Y year, %H:%M time",
        ),
        ("{{ how_many(account.mrr) }}", "13 KW0205 `how_many` takes a list of conditions"),
        ("{{ how_many([account.mrr]) }}", "14 KW0206 `how_many` needs true or false in its list"),
        ("{{ account.name | uper }}", "19 KW0302 unknown filter `uper` | did you mean `upper`?"),
        (
            "{% if account.name is string %}a{% endif %}",
            "7 KW0302 unknown test `is string` | compare with `==`, or ask `is none`",
        ),
        ("{{ done(\"cal\") }}", "9 KW0107 no task step `cal` | did you mean `call`?"),
        ("{{ sent(\"call\") }}", "9 KW0107 no email step `call`"),
        ("{{ account.in_playbook(\"rescu\") }}", "12 KW0108 no playbook `rescu` | did you mean `rescue`?"),
        ("{{ since_step }}", "4 KW0212 `since_step` is available in `until` only | `since_entry`"),
    ] {
        expect(template, &[expected]);
    }
    let task = findings("{{ recipient.name }}", &[], false);
    assert_eq!(task, ["4 KW0212 `recipient` is not available here: this text has no single reader"]);
}

#[test]
fn wrong_arguments_and_types_are_found() {
    for (template, expected) in [
        (
            "{{ account.events(account.name, 30) }}",
            "19 KW0205 the arguments of `events` are written out: a text or a whole number",
        ),
        ("{{ account.events(\"login\") }}", "12 KW0205 `events` takes a name and days"),
        ("{{ account.events(name=\"login\") }}", "12 KW0205 `events` takes its arguments by position"),
        (
            "{{ account.events(\"login\", since_step) }}",
            "28 KW0212 `since_step` is available in `until` only | `since_entry`",
        ),
        ("{{ days_since() }}", "4 KW0205 `days_since` takes one argument, and 0 are given"),
        ("{{ days_since(account.name) }}", "15 KW0206 `days_since` needs a time"),
        ("{{ days(3) }}", "4 KW0206 `days(n)` is added to a time or taken from it | `account.renewal_at - days(3)`"),
        ("{{ account.name + days(3) }}", "4 KW0206 `days(n)` and `hours(n)` move a time, and this is none"),
        ("{{ period(\"decade\") }}", "11 KW0205 not a period | `week`, `month`, `quarter` or `year`"),
        ("{{ account.name | default }}", "19 KW0205 `default` needs a value | `x | default(\"…\")`"),
        ("{{ account.name | date }}", "4 KW0206 `date` needs a time, and this is text"),
        (
            "{{ now | date(\"%!\") }}",
            "15 KW0205 not a date pattern | `date(\"%-d %B %Y\")`: %-d day, %B month, %Y year, %H:%M time",
        ),
        ("{{ account.mrr | number(99) }}", "25 KW0205 `number` takes the number of decimals, 0 to 9"),
        ("{{ account.mrr | upper }}", "4 KW0206 `upper` needs text, and this is a number"),
        (
            "{{ account.mrr | number(1) * 2 }}",
            "4 KW0206 `*` needs numbers, and here is text | a filter binds closer: put the calculation in parentheses",
        ),
        ("{{ account.name + \"!\" }}", "4 KW0206 `+` needs numbers, and here is text | texts are joined with `~`"),
        (
            "{{ now - entry.at }}",
            "4 KW0206 `-` needs numbers, and here is a time | `days_since(t)` and `days_until(t)` count days",
        ),
        ("{% if account.seats == \"8\" %}a{% endif %}", "7 KW0206 `==` compares a whole number with text"),
        ("{{ [1, 2] }}", "4 KW0301 a list can only stand after `in`"),
        ("{{ account.name[0] }}", "4 KW0301 only a text in quotes can stand in `[ ]`"),
    ] {
        expect(template, &[expected]);
    }
}

#[test]
fn unreadable_templates_are_explained() {
    for (template, expected) in [
        ("Hi {{ account.name", "4 KW0301 this `{{` is never closed | end it with `}}`"),
        ("{{ account.name, {{ now }}", "1 KW0301 this `{{` is never closed | end it with `}}`"),
        ("{% if now", "1 KW0301 this `{%` is never closed | end it with `%}`"),
        ("a{% if now %}b", "2 KW0301 this `{% if %}` is never closed | end it with `{% endif %}`"),
        ("a{% endif %}", "2 KW0301 `{% endif %}` without an `{% if %}` before it"),
        (
            "{% for x in y %}{% endif %}",
            "1 KW0301 `{% for %}` is not available in templates | there are `{% if … %}`, `{% elif … %}`, `{% else %}` and `{% endif %}`",
        ),
        ("{% if now = 3 %}a{% endif %}", "11 KW0301 `=` does not compare | write `==`"),
        ("{% if now && now %}a{% endif %}", "11 KW0301 `&` is not known here | write `and`"),
        ("{% if now || now %}a{% endif %}", "12 KW0301 `||` is not known here | write `or`"),
        (
            "{{ account.tier ?? \"x\" }}",
            "17 KW0301 `?` is not known here | for a value that can be missing write `x | default(\"…\")`",
        ),
        ("{{ account.tier | default(“x”) }}", "27 KW0301 `“` is not known here | use straight quotes: \"…\""),
        ("{{ }}", "4 KW0301 the template cannot be read: unexpected `}}`"),
        ("{{ {1: 2} }}", "4 KW0301 `{` is not known here"),
        ("{# a", "1 KW0301 the template cannot be read: this `{#` is never closed"),
    ] {
        let found = findings(template, &[], true);
        assert_eq!(found.first().map(String::as_str), Some(expected), "{template}");
    }
}

#[test]
fn what_can_be_missing_is_a_warning() {
    expect(
        "{{ account.tier }}",
        &[
            "4 KW0303 `account.tier` can be missing; the text cannot be written then | {{ account.tier | default(\"…\") }}",
        ],
    );
    for template in [
        "{{ days_since(account.activated_at) }}",
        "{{ account.traits.plan }}",
        "{{ account.score(\"nps\") | number(1) }}",
        "{{ csm.name }}",
        "{{ outcome(\"call\") }}",
        "{{ entry.tier }}",
        "{{ \"a\" if account.seats == 1 }}",
        "{{ recipient.first_name }}",
        "{% if account.tier or account.name %}{{ account.tier }}{% endif %}",
        "{% if account.tier %}{% else %}{{ account.tier }}{% endif %}",
        "{% if account.tier %}{% endif %}{{ account.tier }}",
        "{% if csm %}{{ csm.manager_id }}{% endif %}",
    ] {
        let (compiled, found) = compile_with(&source(template), Escape::Plain, &[], true);
        assert!(compiled.is_some(), "{template}");
        let codes: Vec<_> = found.iter().map(|one| (one.severity, one.code)).collect();
        assert_eq!(codes, [(Severity::Warning, "KW0303")], "{template}");
    }
    expect(
        "{% if account.seats > 3 %}a{% endif %}",
        &[
            "7 KW0207 `account.seats` can be missing, and `>` needs a value | `account.seats != none and …`, or `(account.seats | default(…)) > …`",
        ],
    );
}

#[test]
fn guards_are_understood() {
    for template in [
        "{{ account.name }}",
        "{{ recipient.name }}",
        "{{ account.tier | default(\"\") }}",
        "{{ account.tier or account.name }}",
        "{% if account.tier %}{{ account.tier }}{% endif %}",
        "{% if account.tier != none %}{{ account.tier | lower }}{% endif %}",
        "{% if account.tier is not none and account.tier in [\"A\"] %}{{ account.tier }}{% endif %}",
        "{% if account.tier == \"A\" %}{{ account.tier }}{% endif %}",
        "{% if account.tier == none %}–{% else %}{{ account.tier }}{% endif %}",
        "{% if not account.tier %}–{% elif account.mrr > 3 %}{{ account.tier }}{% endif %}",
        "{% if account.seats != none and account.seats > 3 %}{{ account.seats }}{% endif %}",
        "{% if account.seats == none or account.seats > 3 %}a{% endif %}",
        "{% if (account.seats | default(0)) > 3 %}a{% endif %}",
        "{% if account.score(\"nps\") %}{{ account.score(\"nps\") + 1 }}{% endif %}",
        "{{ account.tier if account.tier else \"–\" }}",
        "{% if csm %}{{ csm.name }} {{ csm.email }}{% endif %}",
        "{% if account.activated_at %}{{ days_since(account.activated_at) }}{% endif %}",
        "{% if days_since(account.activated_at) %}{{ account.activated_at }}{% endif %}",
    ] {
        expect(template, &[]);
    }
    let known = ["account.renewal_at", "entry.renewal_at", "account.score(\"nps\")"];
    let template = "{{ account.renewal_at }} {{ account.score(\"nps\") }} {{ entry.renewal_at }}";
    assert_eq!(findings(template, &known, false), Vec::<String>::new());
}

#[test]
fn all_findings_come_together() {
    let found =
        findings("{{ acount.name }} {% if account.x %}{{ account.y }}{% else %}{{ nope }}{% endif %}", &[], true);
    assert_eq!(found.len(), 4, "{found:?}");
    let unreadable = findings("{% for a in b %}{% set c = 1 %}{% if now %}", &[], true);
    assert_eq!(unreadable.len(), 3, "{unreadable:?}");
}

#[test]
fn places_follow_the_block() {
    let source = Source {
        text: "Hi,\n\n  your {{ account.nmae }}\n".into(),
        origin: Origin {
            file: "playbooks/a.yaml".into(),
            start: Position { line: 20, column: 13 },
            layout: Placing::Block { first_line: 21, indent: 8, lead: 0 },
        },
    };
    let (_, found) = compile_with(&source, Escape::Markdown, &[], true);
    assert_eq!((found[0].line, found[0].column), (23, 8 + 19));
}

#[test]
fn hostile_texts_are_refused_quietly() {
    for text in [
        "{{ 1".to_owned() + " + 1".repeat(15_000).as_str() + " }}",
        "{{ ".to_owned() + "(".repeat(5_000).as_str() + "1" + ")".repeat(5_000).as_str() + " }}",
        "{{ ".to_owned() + "not ".repeat(5_000).as_str() + "1 }}",
        "{% if now %}".repeat(2_000) + "{% endif %}".repeat(2_000).as_str(),
        "{% if now %}".to_owned() + "{% elif now %}".repeat(2_000).as_str() + "{% endif %}",
        "x".repeat(65 * 1024),
        "{{".repeat(1_000),
        "{{ 340282366920938463463374607431768211456 }}".to_owned(),
        "{{ 99999999999999999999 }}".to_owned(),
        "{% %}{{ 'a".to_owned(),
        "{% raw %}".to_owned(),
    ] {
        let (compiled, found) = compile_with(&source(&text), Escape::Plain, &[], true);
        let start: String = text.chars().take(40).collect();
        assert!(compiled.is_none(), "{start}");
        assert!(found.iter().all(Diagnostic::is_error), "{start}");
        assert!(found.len() < 100_000 && !found.is_empty(), "{start}");
    }
}
