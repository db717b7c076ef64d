use super::*;

#[test]
fn values_read_as_in_a_sentence() {
    for (template, expected) in [
        ("Hello", "Hello"),
        ("{{ account.name }}", "Acme *GmbH* {{7*7}}"),
        ("{{ account.mrr }}", "1234567.5"),
        ("{{ account.score(\"nps\") }}", "4"),
        ("{{ account.seats_used / account.seats }}", "0.75"),
        ("{{ 7 / 2 }} {{ 7 % 4 }} {{ 2 + 3 * 4 }} {{ -(1 - 3) }}", "3.5 3 14 2"),
        ("{{ 9223372036854775807 + 1 }}", "9223372036854775808"),
        ("{{ account.renewal_at }}", "5 March 2026"),
        // 23:30 UTC is the next day in Berlin.
        ("{{ account.signed_up_at }}", "16 January 2026"),
        ("{{ now }}", "2 March 2026"),
        ("{{ account.traits.plan }}", "Gold"),
        ("{{ account.traits[\"plan\"] }}", "Gold"),
        ("{{ account.traits.beta }}", "yes"),
        ("{{ account.in_playbook(\"rescue\") }}", "no"),
        ("{{ account.events(\"login\", 30) }}", "4"),
        ("{{ account.events('login', since_entry) }}", "2"),
        ("{{ entry.at }}, {{ entry.renewal_at }}", "20 February 2026, 1 March 2026"),
        ("{{ recipient.name }} {{ recipient.email }}", "Zoë_Smith zoe@acme.example"),
        ("{{ recipient.traits.team }}", "Data"),
        ("{{ csm.name }} <{{ csm.email }}> {{ csm.id }}", "Kim <kim@us.example> csm-1"),
        ("{{ playbook }} {{ playbook.id }}", "rescue rescue"),
        ("{{ days_since(account.signed_up_at) }}", "45"),
        ("{{ days_until(account.renewal_at) }}", "3"),
        ("{{ hours_since(entry.at) }} {{ hours_until(account.renewal_at) }}", "240 72"),
        ("{{ month(now) }} {{ weekday(now) }}", "3 1"),
        // In the playbook's zone, not the reader's.
        ("{{ weekday(account.signed_up_at) }}", "4"),
        ("{{ period(\"quarter\") }} {{ period(\"week\") }}", "2026-Q1 2026-W10"),
        ("{{ \"quiet\" if in_season(\"summer\") else \"busy\" }}", "busy"),
        ("{{ how_many([account.seats > 5, account.mrr < 0, done(\"call\")]) }}", "2"),
        // What fails counts as false.
        ("{{ how_many([1 / 0 > 1, account.traits.gone > 3, true]) }}", "1"),
        ("{{ account.renewal_at - days(90) }}", "5 December 2025"),
        ("{{ days(2) + now + hours(16) }}", "5 March 2026"),
        ("{{ now + days(account.seats) }}", "10 March 2026"),
        ("{{ done(\"call\") }} {{ done(\"escalate\") }} {{ sent(\"nudge\") }}", "yes no yes"),
        ("{{ outcome(\"call\") }}", "no answer"),
        ("{{ answer(\"why\") | default(10) }}", "9"),
        ("{{ \"a\" ~ account.seats ~ \"b\" }}", "a8b"),
        ("{{ \"yes!\" if account.seats > 5 else \"no!\" }}", "yes!"),
        ("a{# a remark #}b", "ab"),
    ] {
        assert_eq!(rendered(template).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn a_date_is_the_same_for_every_reader() {
    let in_new_york = |template: &str| rendered_in(chrono_tz::America::New_York, template, Escape::Plain, "en");
    for (template, expected) in [
        ("{{ entry.activated_at }}", "1 March 2026"),
        ("{{ entry.activated_at | date(\"%A, %-d %B\") }}", "Sunday, 1 March"),
        ("{{ entry.activated_at - days(7) }}", "22 February 2026"),
        // An instant of the day is one where its reader is.
        ("{{ now - hours(8) }}", "1 March 2026"),
    ] {
        assert_eq!(in_new_york(template).as_deref(), Ok(expected), "{template}");
    }
}

/// 1 March is the date of `entry.activated_at`, and `now` is the evening of that day in Honolulu.
#[test]
fn a_date_counts_in_the_zone_of_its_playbook() {
    let facts = facts();
    let progress = progress();
    let context = RenderContext {
        facts: &facts,
        progress: Some(&progress),
        recipient: None,
        csm: None,
        playbook: "rescue",
        zone: chrono_tz::UTC,
        playbook_zone: chrono_tz::Pacific::Honolulu,
        locale: "en",
    };
    for (template, expected) in [
        ("{{ month(entry.activated_at) }} {{ weekday(entry.activated_at) }}", "3 7"),
        ("{{ hours_since(entry.activated_at) }}", "22"),
        ("{% if entry.activated_at < now - hours(21) %}yes{% else %}no{% endif %}", "yes"),
        ("{{ entry.activated_at }}", "1 March 2026"),
    ] {
        assert_eq!(compiled(template, Escape::Plain).render(&context).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn filters_shape_values() {
    for (template, expected) in [
        ("{{ account.tier | default(\"none yet\") }}", "none yet"),
        ("{{ account.stage | default(\"blank\") }}", "blank"),
        ("Hi {{ recipient.first_name | default(\"there\") }},", "Hi there,"),
        ("{{ recipient.first_name or \"there\" }}", "there"),
        ("{{ recipient.first_name | default(recipient.name) }}", "Zoë_Smith"),
        ("{{ account.traits.gone | default(0) }}", "0"),
        ("{{ outcome(\"escalate\") | default(\"open\") }}", "open"),
        ("{{ days_since(account.activated_at) | default(\"never\") }}", "never"),
        ("{{ (account.activated_at + days(2)) | default(\"never\") }}", "never"),
        ("{{ (account.score(\"csat\") * 2) | default(\"–\") }}", "–"),
        ("{{ account.renewal_at | date }}", "5 March 2026"),
        ("{{ account.renewal_at | date(\"%d.%m.%Y %H:%M\") }}", "05.03.2026 09:00"),
        ("{{ account.renewal_at | date(\"%a %-d %b\") }}", "Thu 5 Mar"),
        ("{{ account.mrr | number(2) }}", "1234567.50"),
        ("{{ account.seats | number(1) }} {{ account.score(\"nps\") | number }}", "8.0 4"),
        ("{{ (account.seats_used / account.seats) | percent }}", "75%"),
        ("{{ (1 / 3) | percent(1) }}", "33.3%"),
        // A change is percent already.
        ("{{ account.event_change(\"login\", 7) | percent }}", "-33%"),
        ("{{ account.traits.plan | upper }} {{ \"ÄB\" | lower }}", "GOLD äb"),
    ] {
        assert_eq!(rendered(template).as_deref(), Ok(expected), "{template}");
    }
    assert_eq!(
        rendered_as("{{ account.renewal_at | date(\"%A, %-d. %B\") }}", Escape::Plain, "de"),
        Ok("Donnerstag, 5. März".to_owned())
    );
    assert_eq!(rendered_as("{{ account.renewal_at }}", Escape::Plain, "zh-CN").as_deref(), Ok("2026年3月5日"));
}

#[test]
fn conditions_choose() {
    for (template, expected) in [
        ("{% if account.tier %}a{% else %}b{% endif %}", "b"),
        ("{% if account.tier == none %}a{% endif %}", "a"),
        ("{% if account.tier is none %}a{% endif %}", "a"),
        ("{% if account.traits.plan is defined %}a{% endif %}", "a"),
        ("{% if not account.stage %}a{% endif %}", "a"),
        ("{% if csm and recipient %}a{% endif %}", "a"),
        ("{% if account.seats == 8.0 %}a{% endif %}", "a"),
        ("{% if account.seats > 9 %}a{% elif account.seats > 7 %}b{% else %}c{% endif %}", "b"),
        ("{% if 1 < account.seats <= 8 %}a{% endif %}", "a"),
        ("{% if account.traits.plan in [\"Gold\", \"Silver\"] %}a{% endif %}", "a"),
        ("{% if account.tier not in [\"A\"] %}a{% endif %}", "a"),
        ("{% if \"GmbH\" in account.name %}a{% endif %}", "a"),
        ("{% if \"b\" in account.traits.tags %}a{% endif %}", "a"),
        ("{% if account.renewal_at > now and done(\"call\") %}a{% endif %}", "a"),
        ("{% if account.tier or account.traits.beta == true %}a{% endif %}", "a"),
        ("{% if account.renewal_at == entry.renewal_at %}a{% else %}b{% endif %}", "b"),
        // A tag on its own line leaves no empty line behind.
        ("- a\n  {% if account.seats > 7 %}\n- b\n  {% endif %}\n- c\n", "- a\n- b\n- c"),
    ] {
        assert_eq!(rendered(template).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn markdown_stays_literal() {
    let render = |template| rendered_as(template, Escape::Markdown, "en");
    assert_eq!(
        render("**Hi** {{ account.name }}, {{ account.mrr }}").as_deref(),
        Ok("**Hi** Acme \\*GmbH\\* \\{\\{7\\*7\\}\\}, 1234567\\.5")
    );
    assert_eq!(render("{{ recipient.name | upper }}").as_deref(), Ok("ZOË\\_SMITH"));
}

#[test]
fn failures_name_what_was_missing_and_where() {
    for (template, message, column) in [
        ("{{ account.tier }}", "`account.tier` is missing", 14),
        ("{{ account.traits.gone }}", "`account.traits.gone` is missing", 14),
        ("ab {{ days_since(account.activated_at) }}", "`account.activated_at` is missing", 28),
        ("{{ \"x\" ~ account.score(\"csat\") }}", "`account.score(\"csat\")` is missing", 20),
        ("{{ account.score(\"csat\") | number(1) }}", "`account.score(\"csat\")` is missing", 14),
        ("{% if account.score(\"csat\") < 3 %}a{% endif %}", "`account.score(\"csat\")` is missing", 17),
        ("{{ entry.tier }}", "`entry.tier` is missing", 14),
        ("{{ \"a\" if account.tier }}", "there is no value to print here", 14),
        ("{{ account.traits.tags }}", "a list or an object cannot be printed", 14),
        ("{{ account.locale }}", "`account.locale` is too long: over 64 KiB", 14),
        ("{{ 1 / (account.seats - 8) }}", "a division by zero", 14),
        ("{{ now + days(1000000000) }}", "this time lies too far away", 14),
        ("{{ account.traits.plan - 1 }}", "`-` needs numbers", 14),
        ("{{ days_since(entry.at) > account.traits.plan }}", "`>` cannot order these two values", 14),
        ("{{ account.churned_at }}", "`account.churned_at` was not read", 14),
    ] {
        let error = rendered(template).expect_err(template);
        assert_eq!(error.message, message, "{template}");
        assert_eq!((error.place.line, error.place.column), (7, column), "{template}");
    }
}

#[test]
fn nobody_is_named_as_such() {
    let facts = facts();
    let context = RenderContext {
        facts: &facts,
        progress: None,
        recipient: None,
        csm: None,
        playbook: "rescue",
        zone: chrono_tz::UTC,
        playbook_zone: chrono_tz::UTC,
        locale: "en",
    };
    for (template, expected) in [
        ("{{ csm.name }}", Err("`csm.name` is missing: this account has no CSM")),
        ("{{ recipient.name }}", Err("`recipient.name` is missing: the recipient is not a contact of this account")),
        ("{{ csm.name | default(\"us\") }}", Ok("us")),
        ("{% if csm %}{{ csm.name }}{% else %}–{% endif %}", Ok("–")),
        ("{{ entry.at }}", Err("`entry.at` is missing")),
        ("{{ done(\"call\") }}", Ok("no")),
    ] {
        let result = compiled(template, Escape::Plain).render(&context);
        let result = result.as_deref().map_err(|error| error.message.as_str());
        assert_eq!(result, expected, "{template}");
    }
}

#[test]
fn the_result_has_a_limit() {
    let long = "{{ account.traits.big }}".repeat(6);
    let mut facts = facts();
    let mut layout = (*facts.layout).clone();
    layout.add(attribute("big"));
    facts.layout = Arc::new(layout);
    facts.values.push(Value::text(&"y".repeat(60_000)));
    let context = RenderContext {
        facts: &facts,
        progress: None,
        recipient: None,
        csm: None,
        playbook: "rescue",
        zone: chrono_tz::UTC,
        playbook_zone: chrono_tz::UTC,
        locale: "en",
    };
    let error = compiled(&long, Escape::Plain).render(&context).expect_err("too long");
    assert_eq!(error.message, "the text is too long: over 256 KiB");
}

#[test]
fn what_it_reads_is_known() {
    let template = compiled(
        "{{ account.name }} {{ account.events(\"login\", 30) }} {{ account.name | upper }}\
         {% if account.traits.plan %}{{ entry.renewal_at }}{% endif %}{{ entry.at }}",
        Escape::Plain,
    );
    assert_eq!(
        template.cells(),
        [column("name"), call("events", vec![text("login"), Arg::Int(30)]), attribute("plan"),]
    );
    assert_eq!(template.entry_columns(), ["renewal_at"]);
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    shared(&template);
}
