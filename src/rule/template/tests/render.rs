use super::*;

#[test]
fn values_read_as_in_a_sentence() {
    for (template, expected) in [
        ("Hello", "Hello"),
        ("{{ account.name }}", "Acme *GmbH* {{7*7}}"),
        ("{{ account.mrr }}", "1234567.5"),
        ("{{ account.score(\"nps\") }}", "4"),
        ("{{ (account.seats_used ?? 0) / (account.seats ?? 1) }}", "0.75"),
        ("{{ 7 / 2 }} {{ 7 % 4 }} {{ 2 + 3 * 4 }} {{ -(1 - 3) }}", "3.5 3 14 2"),
        ("{{ account.renewal_at }}", "5 March 2026"),
        // 23:30 UTC is the next day in Berlin.
        ("{{ account.signed_up_at }}", "16 January 2026"),
        ("{{ now }}", "2 March 2026"),
        ("{{ account.traits.plan }}", "Gold"),
        ("{{ account.traits.beta }}", "yes"),
        ("{{ account.in_playbook(\"rescue\") }}", "no"),
        ("{{ account.events(\"login\", 30) }}", "4"),
        ("{{ account.events(\"login\", since_entry) }}", "2"),
        ("{{ entry.at }}, {{ entry.renewal_at }}", "20 February 2026, 1 March 2026"),
        ("{{ recipient.name }} {{ recipient.email }}", "Zoë_Smith zoe@acme.example"),
        ("{{ recipient.traits.team }}", "Data"),
        ("{{ csm.name }} <{{ csm.email }}> {{ csm.id }}", "Kim <kim@us.example> csm-1"),
        ("{{ csm.traits.team }} {{ csm.traits.phone | default(\"-\") }}", "EMEA -"),
        ("{{ playbook }}", "rescue"),
        ("{{ days_since(account.signed_up_at) }}", "45"),
        ("{{ days_until(account.renewal_at) }}", "3"),
        ("{{ hours_since(entry.at) }} {{ hours_until(account.renewal_at) }}", "240 72"),
        ("{{ month(now) }} {{ weekday(now) }}", "3 1"),
        // In the playbook's zone, not the reader's.
        ("{{ weekday(account.signed_up_at) }}", "4"),
        ("{{ period(\"quarter\") }} {{ period(\"week\") }}", "2026-Q1 2026-W10"),
        ("{% if in_season(\"summer\") %}quiet{% else %}busy{% endif %}", "busy"),
        ("{{ how_many([(account.seats ?? 0) > 5, account.mrr < 0, done(\"call\")]) }}", "2"),
        // What fails counts as false.
        ("{{ how_many([1 / (account.mrr - account.mrr) > 1, true]) }}", "1"),
        ("{{ account.renewal_at - days(90) }}", "5 December 2025"),
        ("{{ days(2) + now + hours(16) }}", "5 March 2026"),
        ("{{ now + days(account.seats ?? 0) }}", "10 March 2026"),
        ("{{ done(\"call\") }} {{ done(\"escalate\") }} {{ sent(\"nudge\") }}", "yes no yes"),
        ("{{ outcome(\"call\") }}", "no answer"),
        ("{{ answer(\"why\") ?? 10 }} {{ answer(\"why\") | default(10) }}", "9 9"),
        ("{{ \"a\" + account.name + \"b\" }}", "aAcme *GmbH* {{7*7}}b"),
        ("{% if (account.seats ?? 0) > 5 %}yes!{% else %}no!{% endif %}", "yes!"),
        ("{{ account.mrr > 5 || done(\"call\") }}", "yes"),
        ("{{ health::grade(account.mrr) }} {{ health::busy(account) }}", "high yes"),
        ("a{# a remark #}b", "ab"),
    ] {
        assert_eq!(rendered(template).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn a_date_is_the_same_for_every_reader() {
    let setting = Setting { zone: chrono_tz::America::New_York, ..BERLIN };
    for (template, expected) in [
        ("{{ entry.activated_at }}", "1 March 2026"),
        ("{{ entry.activated_at | date(\"%A, %-d %B\") }}", "Sunday, 1 March"),
        ("{{ entry.activated_at - days(7) }}", "22 February 2026"),
        ("{{ entry.activated_at ?? now }}", "1 March 2026"),
        ("{{ entry.activated_at | default(now) | date(\"%d\") }}", "01"),
        // An instant of the day is one where its reader is.
        ("{{ now - hours(8) }}", "1 March 2026"),
    ] {
        for playbook_zone in [chrono_tz::UTC, chrono_tz::Asia::Tokyo, chrono_tz::Pacific::Honolulu] {
            let result = rendered_for(Setting { playbook_zone, ..setting }, template);
            assert_eq!(result.as_deref(), Ok(expected), "{template} {playbook_zone}");
        }
    }
}

/// 1 March is the date of `entry.activated_at`, and `now` is the evening of that day in Honolulu.
#[test]
fn a_date_counts_in_the_zone_of_its_playbook() {
    let setting = Setting { zone: chrono_tz::UTC, playbook_zone: chrono_tz::Pacific::Honolulu, ..BERLIN };
    for (template, expected) in [
        (
            "{% if entry.activated_at != none %}{{ month(entry.activated_at) }} {{ weekday(entry.activated_at) }}{% endif %}",
            "3 7",
        ),
        ("{{ hours_since(entry.activated_at) }}", "22"),
        (
            "{% if entry.activated_at != none && entry.activated_at < now - hours(21) %}yes{% else %}no{% endif %}",
            "yes",
        ),
        ("{{ entry.activated_at }}", "1 March 2026"),
    ] {
        assert_eq!(rendered_for(setting, template).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn filters_shape_values() {
    for (template, expected) in [
        ("{{ account.tier | default(\"none yet\") }}", "none yet"),
        ("{{ account.stage | default(\"blank\") }}", "blank"),
        ("Hi {{ recipient.first_name | default(\"there\") }},", "Hi there,"),
        ("{{ recipient.first_name | default(recipient.name) }}", "Zoë_Smith"),
        ("{{ account.tier ?? \"none yet\" }}", "none yet"),
        ("{{ account.tier ?? account.traits.gone ?? 7 }}", "7"),
        ("{{ account.activated_at ?? \"never\" }}", "never"),
        ("{{ account.tier | default(account.traits.gone) | default(7) }}", "7"),
        ("{{ account.traits.gone | default(0) }}", "0"),
        ("{{ outcome(\"escalate\") | default(\"open\") }}", "open"),
        ("{{ days_since(account.activated_at) | default(\"never\") }}", "never"),
        ("{{ (account.activated_at + days(2)) | default(\"never\") }}", "never"),
        ("{{ account.activated_at + days(2) | default(\"never\") }}", "never"),
        ("{{ account.renewal_at | date }}", "5 March 2026"),
        ("{{ account.renewal_at | date(\"%d.%m.%Y %H:%M\") }}", "05.03.2026 09:00"),
        ("{{ account.renewal_at | date(\"%a %-d %b\") }}", "Thu 5 Mar"),
        ("{{ account.activated_at | date(\"%d\") | default(\"?\") }}", "?"),
        ("{{ account.mrr | number(2) }}", "1,234,567.50"),
        ("{{ account.seats | number(1) }} {{ account.score(\"nps\") | number }}", "8.0 4"),
        ("{{ account.mrr | money(\"EUR\") }}", "€1,234,567.50"),
        ("{{ -account.mrr | money(\"USD\") }}", "-$1,234,567.50"),
        ("{{ account.mrr | money(\"JPY\") }}", "¥1,234,568"),
        ("{{ 999 | money(\"CHF\") }}", "CHF\u{a0}999.00"),
        ("{{ (account.seats_used ?? 0) / (account.seats ?? 1) | percent }}", "75%"),
        ("{{ 1 / 3 | percent(1) }}", "33.3%"),
        // A change is percent already.
        ("{{ account.event_change(\"login\", 7) | percent }}", "-33%"),
        ("{{ account.event_change(\"login\", 7) ?? 0 | percent }}", "-33%"),
        ("{{ (account.event_change(\"login\", 7) ?? 0) / 100 | percent }}", "-33%"),
        ("{{ account.traits.plan | upper }} {{ \"ÄB\" | lower }}", "GOLD äb"),
        ("{{ \"épée GmbH\" | capitalize }} {{ \"\" | capitalize }}|", "Épée GmbH |"),
        ("{{ account.traits.plan | lower | capitalize }}", "Gold"),
        ("https://a.example/?q={{ \"a b&c=ü/1.5\" | url }}", "https://a.example/?q=a%20b%26c%3D%C3%BC%2F1.5"),
        ("{{ account.seats | url }}", "8"),
    ] {
        assert_eq!(rendered(template).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn dates_and_numbers_read_in_the_language_of_the_text() {
    for (locale, template, expected) in [
        ("de", "{{ account.renewal_at | date(\"%A, %-d. %B\") }}", "Donnerstag, 5. März"),
        ("zh-CN", "{{ account.renewal_at }}", "2026年3月5日"),
        ("de", "{{ account.mrr }} {{ 1 / 3 | percent(1) }} {{ 0.5 | number(2) }}", "1234567,5 33,3\u{a0}% 0,50"),
        ("de", "{{ account.mrr | number(2) }} {{ account.seats }}", "1.234.567,50 8"),
        ("de", "{{ account.mrr | money(\"EUR\") }}", "1.234.567,50\u{a0}€"),
        ("de-AT", "{{ account.mrr | money(\"EUR\") }}", "€\u{a0}1\u{a0}234\u{a0}567,50"),
        ("fr", "{{ account.mrr | money(\"EUR\") }}", "1\u{202f}234\u{202f}567,50\u{a0}€"),
        ("nl", "{{ account.mrr | money(\"EUR\") }}", "€\u{a0}1.234.567,50"),
        ("pt-BR", "{{ account.mrr | money(\"BRL\") }}", "R$\u{a0}1.234.567,50"),
        ("sv", "{{ account.renewal_at | date(\"%A %-d %B\") }}", "torsdag 5 mars"),
        ("xx", "{{ 12 | money(\"EUR\") }}", "€12.00"),
    ] {
        assert_eq!(rendered_for(Setting { locale, ..BERLIN }, template).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn conditions_choose() {
    for (template, expected) in [
        ("{% if account.tier != none %}a{% else %}b{% endif %}", "b"),
        ("{% if account.tier == none %}a{% endif %}", "a"),
        ("{% if account.traits.plan != none %}a{% endif %}", "a"),
        ("{% if csm != none && recipient != none %}a{% endif %}", "a"),
        ("{% if account.seats == 8.0 %}a{% endif %}", "a"),
        ("{% if account.mrr > 9000000 %}a{% elif account.mrr > 7 %}b{% else %}c{% endif %}", "b"),
        ("{% if account.mrr > 9000000 %}a{% elif account.mrr < 7 %}b{% else %}c{% endif %}", "c"),
        ("{% if account.mrr > 9000000 %}a{% endif %}|", "|"),
        ("{% if account.mrr > 7 %}{% if account.mrr > 8 %}a{% else %}b{% endif %}c{% endif %}", "ac"),
        ("{% if account.traits.plan in [\"Gold\", \"Silver\"] %}a{% endif %}", "a"),
        ("{% if !(account.tier in [\"A\"]) %}a{% endif %}", "a"),
        ("{% if account.mrr > 5 && done(\"call\") %}a{% endif %}", "a"),
        ("{% if account.tier == \"A\" || account.traits.beta == true %}a{% endif %}", "a"),
        ("{% if account.renewal_at == entry.renewal_at %}a{% else %}b{% endif %}", "b"),
        ("- a\n  {% if account.mrr > 7 %}\n- b\n  {% endif %}\n- c\n", "- a\n- b\n- c"),
    ] {
        assert_eq!(rendered(template).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn markdown_stays_literal() {
    let render = |template| rendered_for(Setting { escape: Escape::Markdown, ..BERLIN }, template);
    assert_eq!(
        render("**Hi** {{ account.name }}, {{ account.mrr }}").as_deref(),
        Ok("**Hi** Acme \\*GmbH\\* \\{\\{7\\*7\\}\\}, 1234567\\.5")
    );
    assert_eq!(render("{{ recipient.name | upper }}").as_deref(), Ok("ZOË\\_SMITH"));
    // A part of a link is not escaped: it has nothing to escape.
    assert_eq!(render("<https://a.example/{{ \"*a_b\" | url }}>").as_deref(), Ok("<https://a.example/%2Aa%5Fb>"));
    assert_eq!(render("{{ \"a.b\" | url | upper }}").as_deref(), Ok("A\\.B"));
}

/// What is put into an address does not end it, whether the author thought of it
/// or not; what was encoded stays as it is.
#[test]
fn values_in_addresses_are_encoded() {
    for (template, expected) in [
        (
            "[p](https://a.example/?t={{ account.name }}&x=1)",
            "[p](https://a.example/?t=Acme%20%2AGmbH%2A%20%7B%7B7%2A7%7D%7D&x=1)",
        ),
        (
            "[p](https://a.example/{{ account.seats }}/{{ recipient.name }})",
            "[p](https://a.example/8/Zo%C3%AB%5FSmith)",
        ),
        ("[p](https://a.example/?t={{ \"a b&c\" | url }})", "[p](https://a.example/?t=a%20b%26c)"),
        ("[p](https://a.example/?t={{ account.tier | url | default(\"a b\") }})", "[p](https://a.example/?t=a%20b)"),
        ("[p]({{ \"https://b.example/x y?q=1&r=2\" }})", "[p](https://b.example/x%20y?q=1&r=2)"),
        ("[p](https://{{ \"b.example\" }}/{{ \"a/b\" }})", "[p](https://b.example/a%2Fb)"),
        ("[p](mailto:{{ csm.email }}?subject={{ \"a b\" }})", "[p](mailto:kim@us.example?subject=a%20b)"),
        (
            "see https://a.example/{% if account.mrr > 7 %}{{ account.mrr }}{% endif %}, {{ \"a b\" }}",
            "see https://a.example/1234567.5, a b",
        ),
        (
            "[p](https://a.example/?m={{ account.mrr | number(2) }}&b={{ account.traits.beta }})",
            "[p](https://a.example/?m=1234567.50&b=true)",
        ),
        ("[p](https://a.example) {{ \"a b\" }}", "[p](https://a.example) a b"),
    ] {
        for escape in [Escape::Markdown, Escape::Plain] {
            // Without Markdown an address that is a value is one all by itself.
            if escape == Escape::Plain && template.starts_with("[p]({{") {
                continue;
            }
            let setting = Setting { escape, locale: "de", ..BERLIN };
            assert_eq!(rendered_for(setting, template).as_deref(), Ok(expected), "{template}");
        }
    }
}

#[test]
fn programs_read_values_as_json_has_them() {
    let template = "{\"b\": {{ account.traits.beta }}, \"m\": {{ account.mrr | number(2) }}, \"n\": {{ account.mrr }}, \"t\": \"{{ \"a\" + account.name }}\"}";
    let setting = Setting { escape: Escape::Json, locale: "de", ..BERLIN };
    let text = rendered_for(setting, template).expect("it renders");
    let json: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(json, json!({ "b": true, "m": 1_234_567.5, "n": 1_234_567.5, "t": "aAcme *GmbH* {{7*7}}" }));
    let value = |template| rendered_for(Setting { escape: Escape::JsonValue, locale: "de", ..BERLIN }, template);
    assert_eq!(value("{{ account.traits.beta }} {{ done(\"escalate\") }}").as_deref(), Ok("true false"));
}

/// People type blanks around what they type.
#[test]
fn what_the_store_holds_is_printed_without_the_blanks_around_it() {
    let mut facts = facts();
    let mut layout = (*facts.layout).clone();
    layout.add(attribute("title"));
    facts.layout = Arc::new(layout);
    facts.values.push(Value::text("  Big boss\u{a0}\n"));
    let text = rendered_of(facts, BERLIN, "<{{ account.traits.title }}> <{{ \" \" }}>");
    assert_eq!(text.as_deref(), Ok("<Big boss> < >"));
}

/// A blank name would leave a hole as a missing one does.
#[test]
fn what_the_store_holds_as_blanks_is_missing_in_a_mail() {
    let mail = |template| rendered_for(Setting { is_mail: true, ..BERLIN }, template);
    for template in
        ["Hi {{ account.stage }},", "{{ account.stage | upper }}", "{{ account.tier | default(account.stage) }}"]
    {
        assert_eq!(mail(template).expect_err(template).message, "`account.stage` is empty", "{template}");
        assert!(rendered(template).is_ok(), "{template}");
    }
    for (template, expected) in [
        ("{{ account.stage | default(\"blank\") }}", "blank"),
        ("{{ account.stage | default(\"\") }}!", "!"),
        ("{{ account.tier | default(account.stage) | default(\"\") }}!", "!"),
        ("{{ account.tier ?? \"\" }}!", "!"),
    ] {
        assert_eq!(mail(template).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn failures_name_what_was_missing_and_where() {
    for (template, message, column) in [
        ("{{ account.tier }}", "`account.tier` is missing", 14),
        ("{{ account.traits.gone }}", "`account.traits.gone` is missing", 14),
        ("ab {{ days_since(account.activated_at) }}", "`account.activated_at` is missing", 17),
        ("{{ account.activated_at + days(3) }}", "`account.activated_at` is missing", 14),
        ("{{ account.score(\"csat\") | number(1) }}", "`account.score(\"csat\")` is missing", 14),
        ("{{ account.tier ?? account.traits.gone }}", "`account.traits.gone` is missing", 14),
        ("{{ account.tier | default(account.traits.gone) }}", "`account.traits.gone` is missing", 14),
        ("{{ entry.tier }}", "`entry.tier` is missing", 14),
        ("{{ account.traits.tags }}", "a list or an object cannot be printed", 14),
        ("{{ account.locale }}", "this value is too long: over 64 KiB", 14),
        ("{{ 1 / (account.mrr - account.mrr) }}", "division by zero", 14),
        ("{{ now + days(1000000000) }}", "the time lies too far away", 14),
        ("{{ 9223372036854775807 + 1 }}", "the number is too large", 14),
        ("{{ account.traits.plan | number }}", "account.traits.plan is the text \"Gold\", and a number is needed", 14),
        (
            "{{ account.traits.plan | date | default(\"-\") }}",
            "account.traits.plan: Gold is not a date that can be read: write it as 2026-03-01 or 2026-03-01T09:00:00Z",
            14,
        ),
        ("{{ account.churned_at }}", "`account.churned_at` was not fetched", 14),
        (
            "{% if account.traits.beta == true %}{{ 1 / (account.mrr - account.mrr) }}{% endif %}",
            "division by zero",
            50,
        ),
        ("{% if 1 / (account.mrr - account.mrr) > 1 %}a{% endif %}", "division by zero", 17),
    ] {
        let error = rendered(template).expect_err(template);
        assert_eq!(error.message, message, "{template}");
        assert_eq!((error.place.line, error.place.column), (7, column), "{template}");
    }
}

#[test]
fn nobody_is_named_as_such() {
    let setting = Setting { zone: chrono_tz::UTC, peopled: false, ..BERLIN };
    for (template, expected) in [
        ("{{ csm.name }}", Err("`csm.name` is missing: this account has no CSM")),
        ("{{ recipient.name }}", Err("`recipient.name` is missing: the recipient is not a contact of this account")),
        ("{{ csm.name | default(\"us\") }}", Ok("us")),
        ("{{ csm.traits.team ?? \"us\" }}", Ok("us")),
        ("{% if csm != none %}{{ csm.name }}{% else %}–{% endif %}", Ok("–")),
        ("{% if recipient == none %}–{% endif %}", Ok("–")),
    ] {
        let result = rendered_for(setting, template);
        let result = result.as_deref().map_err(|error| error.message.as_str());
        assert_eq!(result, expected, "{template}");
    }
}

/// The facts with an attribute of so many characters.
fn with_big(length: usize) -> Facts {
    let mut facts = facts();
    let mut layout = (*facts.layout).clone();
    layout.add(attribute("big"));
    facts.layout = Arc::new(layout);
    facts.values.push(Value::text(&"y".repeat(length)));
    facts
}

#[test]
fn the_result_has_a_limit() {
    let long = "{{ account.traits.big }}".repeat(6);
    let error = rendered_of(with_big(60_000), BERLIN, &long).expect_err("too long");
    assert_eq!(error.message, "the text is too long: over 256 KiB");
    let one = rendered_of(with_big(60_000), BERLIN, "{{ account.traits.big }}").expect("it fits");
    assert_eq!(one.len(), 60_000);
}

/// What one expression may do, all expressions of a text may do together.
#[test]
fn the_work_of_one_text_has_a_limit() {
    let heavy = "{{ health::count(1500) }} ";
    assert_eq!(rendered(heavy).as_deref(), Ok("1500 "));
    assert_eq!(rendered(&heavy.repeat(2)).as_deref(), Ok("1500 1500 "));
    let result = rendered(&heavy.repeat(50));
    assert_eq!(result.map_err(|error| error.message), Err("it does too much work".to_owned()));
}

#[test]
fn what_it_reads_is_known() {
    let engines = engines();
    let template = compiled(
        &engines,
        "{{ account.name }} {{ account.events(\"login\", 30) }} {{ account.name | upper }}\
         {% if account.traits.plan != none %}{{ entry.renewal_at }}{% endif %}{{ entry.at }}\
         {{ account.tier | default(account.stage) }} {{ health::grade(5) }}",
        Escape::Plain,
    );
    assert_eq!(
        template.cells(),
        [
            column("name"),
            call("events", vec![text("login"), Arg::Int(30)]),
            attribute("plan"),
            column("tier"),
            column("stage"),
        ]
    );
    assert_eq!(template.entry_columns().iter().collect::<Vec<_>>(), ["renewal_at"]);
    assert_eq!(template.modules().iter().collect::<Vec<_>>(), ["health"]);
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    shared(&template);
}
