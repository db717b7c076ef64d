use super::*;
use crate::diagnostic::Severity;
use crate::playbook::{Layout as Placing, Origin};

/// One finding as `column code message | help`.
fn findings(template: &str, known: &[&str], mail: bool) -> Vec<String> {
    let (compiled, found) = compile_with(&engines(), &source(template), Escape::Plain, known, mail);
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

/// Each of these templates has these findings and no others; all that are wrong
/// are shown at once.
pub(super) fn expect_all<'a>(cases: impl IntoIterator<Item = (&'a str, &'a [&'a str])>) {
    let mut wrong = Vec::new();
    for (template, expected) in cases {
        let found = findings(template, &[], true);
        if found != expected {
            wrong.push(format!("{template}\n  found    {found:?}\n  expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unknown_names_are_found_where_they_stand() {
    let cases = [
        ("{{ acount.name }}", "4 KW0203 unknown name `acount` | did you mean `account`?"),
        ("{{ recipent.name }}", "4 KW0203 unknown name `recipent` | did you mean `recipient`?"),
        ("{{ first_name }}", "4 KW0203 unknown name `first_name` | write `recipient.first_name`"),
        ("{{ mrr }}", "4 KW0203 unknown name `mrr` | write `account.mrr`"),
        ("{{ customer.name }}", "4 KW0203 unknown name `customer` | write `account`"),
        ("{{ days_since }}", "4 KW0203 unknown name `days_since` | `days_since` is a function: write `days_since(…)`"),
        ("a {{ account.nmae }}", "14 KW0202 unknown fact `account.nmae` | did you mean `account.name`?"),
        ("{{ recipient.emial }}", "14 KW0202 unknown fact `recipient.emial` | did you mean `recipient.email`?"),
        ("{{ csm.mail }}", "8 KW0202 unknown fact `csm.mail` | did you mean `csm.email`?"),
        ("{{ account }}", "4 KW0302 `account` is a whole account or contact, which has no text | write `account.name`"),
        ("{{ csm }}", "4 KW0302 `csm` is a whole person, which has no text | write `csm.name`"),
        (
            "{{ account.traits }}",
            "12 KW0302 `account.traits` is all the attributes, which has no text | write `account.traits.plan`",
        ),
        ("{{ entry }}", "4 KW0302 `entry` is the whole enrollment, which has no text | write `entry.at`"),
        ("{{ none }}", "4 KW0302 `none` has no text"),
        (
            "{{ contact.name }}",
            "4 KW0212 `contact` is only there in contact playbooks | who gets this message is `recipient`",
        ),
        ("{{ account.name.first }}", "17 KW0202 `account.name` is text and has no parts"),
        ("{{ playbook.id }}", "13 KW0202 `playbook` is text and has no parts"),
        ("{{ account.evnts(\"login\", 30) }}", "12 KW0201 unknown function `evnts` | did you mean `events`?"),
        (
            "{{ account.name.upper() }}",
            "17 KW0201 `account.name` is text and has no functions | `upper` is a filter: write `… | upper` before `}}`",
        ),
        (
            "{{ money(account.mrr) }}",
            "4 KW0201 unknown function `money` | `money` is a filter: write `… | money` before `}}`",
        ),
        ("{{ day_since(now) }}", "4 KW0201 unknown function `day_since` | did you mean `days_since`?"),
        (
            "{{ events(\"login\", 30) }}",
            "4 KW0201 unknown function `events` | it is asked of the account: `account.events(…)`",
        ),
        ("{{ answer(\"wy\") | default(0) }}", "11 KW0107 there is no survey step \"wy\" | did you mean \"why\"?"),
        (
            "{% if in_season(\"sumer\") %}a{% endif %}",
            "17 KW0203 there is no season \"sumer\" | did you mean \"summer\"?",
        ),
        ("{{ done(\"cal\") }}", "9 KW0107 there is no task step \"cal\" | did you mean \"call\"?"),
        ("{{ sent(\"call\") }}", "9 KW0107 there is no email step \"call\""),
        ("{{ account.in_playbook(\"rescu\") }}", "24 KW0108 there is no playbook \"rescu\" | did you mean \"rescue\"?"),
        ("{{ since_step }}", "4 KW0212 `since_step` is only available in a wait's `until`"),
        (
            "{{ since_entry }}",
            "4 KW0212 `since_entry` stands where a method takes days | write `account.events(\"login\", since_entry)`; the time itself is `entry.at`",
        ),
    ];
    expect_all(cases.iter().map(|(template, expected)| (*template, std::slice::from_ref(expected))));
    let task = findings("{{ recipient.name }}", &[], false);
    assert_eq!(task, ["4 KW0212 `recipient` is not available here: this text has no single reader"]);
}

#[test]
fn wrong_arguments_and_types_are_found() {
    let cases = [
        (
            "{{ account.events(account.name, 30) }}",
            "27 KW0205 `events` takes literal arguments, such as \"login\" and 30",
        ),
        (
            "{{ account.events(\"login\") }}",
            "12 KW0205 `events` takes a name in quotes and a number of days from 1, and perhaps properties such as `#{plan: \"pro\"}` | for example `account.events(\"login\", 30) < 3`",
        ),
        ("{{ days_since() }}", "4 KW0205 `days_since` takes one argument"),
        ("{{ days_since(account.name) }}", "23 KW0205 `days_since` needs a time; `account.name` is text"),
        (
            "{{ days(3) }}",
            "4 KW0302 `days(3)` is a span of time, which has no text | write `account.renewal_at - days(3)`",
        ),
        ("{{ account.name | default }}", "19 KW0205 `default` needs a value | `x | default(\"…\")`"),
        ("{{ account.name | default(nope) }}", "27 KW0203 unknown name `nope` | did you mean `none`?"),
        ("{{ account.name | date }}", "4 KW0206 `date` needs a time, and this is text"),
        (
            "{{ now | date(\"%!\") }}",
            "15 KW0205 not a date pattern | `date(\"%-d %B %Y\")`: %-d day, %B month, %Y year, %H:%M time",
        ),
        (
            "{{ now | date(\"DD.MM.YYYY\") }}",
            "15 KW0205 not a date pattern | `date(\"%-d %B %Y\")`: %-d day, %B month, %Y year, %H:%M time",
        ),
        (
            "{{ now | default(\"soon\") | date(\"%d\") }}",
            "4 KW0206 `date` needs a time, and the default before it is text | put the default behind it: `… | date | default(\"…\")`",
        ),
        ("{{ account.mrr | number(99) }}", "25 KW0205 `number` takes the number of decimals, 0 to 9"),
        (
            "{{ account.mrr | number(account.name) }}",
            "18 KW0205 the argument of `number` is written out: a text or a number",
        ),
        ("{{ account.mrr | upper }}", "4 KW0206 `upper` needs text, and this is a number"),
        ("{{ account.name | money(\"EUR\") }}", "4 KW0206 `money` needs a number, and this is text"),
        ("{{ account.mrr | money }}", "18 KW0205 `money` needs a currency | write its code, as in `money(\"EUR\")`"),
        ("{{ account.mrr | money(\"€\") }}", "24 KW0205 not a currency | write its code, as in `money(\"EUR\")`"),
        ("{{ account.name | upper(2) }}", "25 KW0205 `upper` takes no argument"),
        (
            "{{ account.mrr | number(1) * 2 }}",
            "24 KW0301 nothing follows the filter `number` | calculate before the `|`; another filter stands behind another `|`",
        ),
        (
            "{{ account.name + account.mrr }}",
            "17 KW0206 `+` cannot calculate with text and a number | values stand beside one another: `{{ account.name }}{{ account.mrr }}`",
        ),
        ("{{ now - entry.at }}", "8 KW0206 two times cannot be subtracted | write `days_since(entry.at)`"),
        (
            "{% if account.mrr == \"8\" %}a{% endif %}",
            "19 KW0206 `==` compares a number (`account.mrr`) with text (`\"8\"`) | write the number without quotes: 8",
        ),
        ("{{ [1, 2] }}", "4 KW0302 `[1, 2]` is a list, which has no text"),
        (
            "{% if account.name %}a{% endif %}",
            "15 KW0209 true or false is needed here; this gives text | compare it, as in `account.name == \"…\"`",
        ),
        (
            "{% if csm %}a{% endif %}",
            "7 KW0209 true or false is needed here; this gives a whole person | write `csm != none`",
        ),
        (
            "{% if (account.tier | default(\"A\")) == \"A\" %}a{% endif %}",
            "21 KW0301 a filter does not belong in a condition | \"or\" is `||`, and a default is `(account.seats ?? 0)`",
        ),
        (
            "{{ (account.seats | default(0)) + 1 }}",
            "19 KW0301 `|` does not belong in parentheses | a filter stands at the end, before `}}`; a default within is `(account.seats ?? 0)`, and \"or\" is `||`",
        ),
    ];
    expect_all(cases.iter().map(|(template, expected)| (*template, std::slice::from_ref(expected))));
}

#[test]
fn what_can_be_missing_is_a_warning() {
    expect_all([
        (
            "{{ account.tier }}",
            &[
                "4 KW0303 `account.tier` can be missing; the text cannot be written then | {{ account.tier | default(\"…\") }}",
            ][..],
        ),
        (
            "{{ days_since(account.activated_at) | number(1) }}",
            &[
                "4 KW0303 `account.activated_at` can be missing; the text cannot be written then | {% if account.activated_at != none %}{{ days_since(account.activated_at) | number(1) }}{% endif %}",
            ][..],
        ),
    ]);
    for template in [
        "{{ days_since(account.activated_at) }}",
        "{{ account.traits.plan }}",
        "{{ account.score(\"nps\") | number(1) }}",
        "{{ csm.name }}",
        "{{ csm.traits.team }}",
        "{{ outcome(\"call\") }}",
        "{{ entry.tier }}",
        "{{ recipient.first_name }}",
        "{{ account.tier ?? account.stage }}",
        "{{ account.tier | default(account.stage) }}",
        "{% if account.tier != none || account.name != \"\" %}{{ account.tier }}{% endif %}",
        "{% if account.tier != none %}{% else %}{{ account.tier }}{% endif %}",
        "{% if account.tier != none %}{% endif %}{{ account.tier }}",
        "{% if csm != none %}{{ csm.manager_id }}{% endif %}",
    ] {
        let (compiled, found) = compile_with(&engines(), &source(template), Escape::Plain, &[], true);
        assert!(compiled.is_some(), "{template}: {found:?}");
        let codes: Vec<_> = found.iter().map(|one| (one.severity, one.code)).collect();
        assert_eq!(codes, [(Severity::Warning, "KW0303")], "{template}");
    }
    // What is calculated with needs a guard, as in conditions.
    for (template, expected) in [
        (
            "{% if account.seats > 3 %}a{% endif %}",
            "7 KW0207 `account.seats` can be missing | write `account.seats != none && …` before it",
        ),
        (
            "{{ account.seats + 1 }}",
            "4 KW0207 `account.seats` can be missing | write `account.seats != none && …` before it, or give a default: `(account.seats ?? 0)`",
        ),
    ] {
        let found = findings(template, &[], true);
        // The place is that of the value, which stands behind the dot.
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].split_once(' ').map(|(_, rest)| rest), expected.split_once(' ').map(|(_, rest)| rest));
    }
}

#[test]
fn guards_are_understood() {
    let templates = [
        "{{ account.name }}",
        "{{ recipient.name }}",
        "{{ account.tier | default(\"\") }}",
        "{{ account.tier ?? account.name }}",
        "{% if account.tier != none %}{{ account.tier }}{% endif %}",
        "{% if account.tier != none %}{{ account.tier | lower }}{% endif %}",
        "{% if account.tier != none && account.tier in [\"A\"] %}{{ account.tier }}{% endif %}",
        "{% if account.tier == \"A\" %}{{ account.tier }}{% endif %}",
        "{% if account.tier == none %}–{% else %}{{ account.tier }}{% endif %}",
        "{% if account.tier == none %}–{% elif account.mrr > 3 %}{{ account.tier }}{% else %}{{ account.tier }}{% endif %}",
        "{% if account.tier != none %}{% if account.mrr > 3 %}{{ account.tier }}{% endif %}{% endif %}",
        "{% if account.seats != none && account.seats > 3 %}{{ account.seats + 1 }}{% endif %}",
        "{% if account.seats == none || account.seats > 3 %}a{% endif %}",
        "{% if account.seats == none || account.tier == none %}a{% else %}{{ account.seats * 2 }} {{ account.tier }}{% endif %}",
        "{% if (account.seats ?? 0) > 3 %}a{% endif %}",
        "{% if account.score(\"nps\") != none %}{{ account.score(\"nps\") + 1 }}{% endif %}",
        "{% if csm != none %}{{ csm.name }} {{ csm.email }}{% endif %}",
        "{% if csm.email != none %}{{ csm.name }} {{ csm.email }}{% endif %}",
        "{% if account.activated_at != none %}{{ days_since(account.activated_at) }}{% endif %}",
        "{% if days_since(account.activated_at) != none %}{{ account.activated_at }}{% endif %}",
        "{% if days_until(account.signed_up_at) == 1 %}tomorrow{% endif %}",
    ];
    expect_all(templates.map(|template| (template, &[][..])));
    let known = ["account.renewal_at", "entry.renewal_at", "account.score(\"nps\")"];
    let template = "{{ account.renewal_at }} {{ account.score(\"nps\") + 1 }} {{ entry.renewal_at }}";
    assert_eq!(findings(template, &known, false), Vec::<String>::new());
}

#[test]
fn all_findings_come_together() {
    let found =
        findings("{{ acount.name }} {% if account.x %}{{ account.y }}{% else %}{{ nope }}{% endif %}", &[], true);
    assert_eq!(found.len(), 4, "{found:?}");
    let unreadable = findings("{% for a in b %}{% set c = 1 %}{% if account.mrr > 1 %}", &[], true);
    assert_eq!(unreadable.len(), 3, "{unreadable:?}");
}

#[test]
fn places_follow_the_block() {
    for (text, line, column) in [
        ("Hi,\n\n  your {{ account.nmae }}\n", 23, 8 + 19),
        ("Hi,\n{% if account.mrr > 5\n   && account.nmae == 1 %}x{% endif %}\n", 23, 8 + 15),
        ("Hi {{ account.name }} {{ account.name | default(acount) }}\n", 21, 8 + 49),
    ] {
        let source = Source {
            text: text.into(),
            origin: Origin {
                file: "playbooks/a.yaml".into(),
                start: Position { line: 20, column: 13 },
                layout: Placing::Block { first_line: 21, indent: 8, lead: 0 },
            },
        };
        let (_, found) = compile_with(&engines(), &source, Escape::Markdown, &[], true);
        assert_eq!((found[0].line, found[0].column), (line, column), "{found:?}");
    }
    let source = Source {
        text: "{{ account.nmae }}".into(),
        origin: Origin {
            file: "playbooks/a.yaml".into(),
            start: Position { line: 20, column: 13 },
            layout: Placing::Opaque,
        },
    };
    let (_, found) = compile_with(&engines(), &source, Escape::Markdown, &[], true);
    assert_eq!((found[0].line, found[0].column), (20, 13));
    assert!(found[0].message.ends_with(", somewhere in this value"), "{found:?}");
}

#[test]
fn hostile_texts_are_refused_quietly() {
    for text in [
        "{{ 1".to_owned() + " + 1".repeat(15_000).as_str() + " }}",
        "{{ ".to_owned() + "(".repeat(5_000).as_str() + "1" + ")".repeat(5_000).as_str() + " }}",
        "{{ ".to_owned() + "!".repeat(5_000).as_str() + "true }}",
        "{{ ".to_owned() + "-".repeat(5_000).as_str() + "1 }}",
        "{{ ".to_owned() + "[".repeat(5_000).as_str() + "]".repeat(5_000).as_str() + " }}",
        "{{ account.name".to_owned()
            + " | default(account.tier".repeat(3_000).as_str()
            + ")".repeat(3_000).as_str()
            + " }}",
        "{% if done(\"call\") %}".repeat(1_500) + "{% endif %}".repeat(1_500).as_str(),
        "{% if done(\"call\") %}".to_owned() + "{% elif done(\"call\") %}".repeat(2_000).as_str() + "{% endif %}",
        "{{ account.name }}".repeat(3_000),
        "x".repeat(65 * 1024),
        "{{".repeat(1_000),
        "{%".repeat(1_000),
        "{#".repeat(1_000),
        "{{ \"".repeat(1_000),
        "{{ | }}".repeat(1_000),
        "{% %}{{ 'a".to_owned(),
        "{% raw %}".to_owned(),
        "{{ loop { } }}".to_owned(),
        "{{ while true { } }}".to_owned(),
        "{{ let x = 5 }}".to_owned(),
        "{{ import \"x\" }}".to_owned(),
        "{{ eval(\"1\") }}".to_owned(),
        "{{ |x| x }}".to_owned(),
        "{{ account.name = \"x\" }}".to_owned(),
        "{{ `${account.name}` }}".to_owned(),
        "{{ fn f() { } }}".to_owned(),
        "{{ health::nope(1) }}".to_owned(),
        "{{ this }}".to_owned(),
    ] {
        let begun = std::time::Instant::now();
        let (compiled, found) = compile_with(&engines(), &source(&text), Escape::Plain, &[], true);
        let start: String = text.chars().take(40).collect();
        assert!(compiled.is_none(), "{start}");
        assert!(found.iter().any(Diagnostic::is_error), "{start}");
        assert!(found.len() <= 3_001, "{start}");
        assert!(begun.elapsed().as_secs() < 20, "{start}: {:?}", begun.elapsed());
    }
}
