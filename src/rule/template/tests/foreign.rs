//! Spellings of Jinja, Liquid and others: each says what to write here.

use super::check::expect_all;

#[test]
fn jinja_and_liquid_get_the_right_spelling() {
    let conditions = [
        ("account.mrr > 1 and done(\"call\")", "23 KW0208 `and` is not spelt like this here | write `&&`"),
        ("account.mrr > 1 or done(\"call\")", "23 KW0208 `or` is not spelt like this here | write `||`"),
        (
            "not done(\"call\")",
            "7 KW0208 `not` is not spelt like this here | write `!(…)` around what it turns round, or `!=`",
        ),
        ("account.tier is none", "20 KW0208 `is` is not an operator here | write `== none`"),
        ("account.tier is not none", "20 KW0208 `is` is not an operator here | write `!= none`"),
        ("account.tier is defined", "20 KW0208 `is` is not an operator here | write `!= none`"),
        ("account.tier is not defined", "20 KW0208 `is` is not an operator here | write `== none`"),
        ("account.tier is undefined", "20 KW0208 `is` is not an operator here | write `== none`"),
        ("account.tier == null", "23 KW0208 `null` is not spelt like this here | write `none`"),
        ("account.tier == 'A'", "23 KW0208 text stands in double quotes | write \"A\""),
        ("account.mrr = 5", "19 KW0208 `=` does not compare | write `==`"),
        (
            "account.name contains \"x\"",
            "20 KW0208 `contains` is not an operator here | write `contains(text, \"part\")`; a whole text is compared with `==`, or `in [\"…\", \"…\"]`",
        ),
        ("account.tier == blank", "23 KW0203 unknown name `blank` | write `none`"),
    ]
    .map(|(condition, expected)| (format!("{{% if {condition} %}}a{{% endif %}}"), expected));
    expect_all(conditions.iter().map(|(template, expected)| (template.as_str(), std::slice::from_ref(expected))));
    let cases = [
        ("{{ account.tier|default('A') }}", "25 KW0208 text stands in double quotes | write \"A\""),
        ("{{ account.tier | default(“A”) }}", "27 KW0208 text stands in straight double quotes | write \"A\""),
        (
            "{{ \"a\" ~ account.name }}",
            "8 KW0208 `~` is not an operator here | texts are put together with `+`; values stand beside one another: `{{ a }} {{ b }}`",
        ),
        (
            "{{ \"a\" if done(\"call\") else \"b\" }}",
            "8 KW0208 `if` does not choose inside of `{{ … }}` | write `{% if … %}…{% else %}…{% endif %}` around the words",
        ),
        ("{{ $account.name }}", "4 KW0208 a name stands without `$` | write the name alone"),
        ("Hi ${account.name}", "4 KW0304 `${account.name}` is printed as it stands | write `{{ account.name }}`"),
        ("Hi {first_name}", "4 KW0304 `{first_name}` is printed as it stands | write `{{ recipient.first_name }}`"),
        ("Hi *|FNAME|*", "4 KW0304 `*|FNAME|*` is printed as it stands | write `{{ recipient.first_name }}`"),
        ("{{ name }}", "4 KW0203 unknown name `name` | write `recipient.name`"),
        (
            "{{ account.traits[\"plan\"] }}",
            "18 KW0213 `[…]` behind a value is not available in an expression | a part of a value is written with a dot: `account.mrr`",
        ),
        (
            "{{- account.name }}",
            "3 KW0301 blanks are not trimmed by a sign at the braces | leave it out: a tag alone on its line leaves no empty line; a negative number is written `{{ -5 }}`",
        ),
        (
            "{% if done(\"call\") -%}a{% endif %}",
            "20 KW0301 blanks are not trimmed by a sign at the braces | leave it out: a tag alone on its line leaves no empty line; a negative number is written `{{ -5 }}`",
        ),
        (
            "{{{ account.name }}}",
            "3 KW0301 `{{{` is not known here | write two braces: a printed value is always text and never markup",
        ),
        ("{{ }}", "3 KW0301 nothing is printed here | write `{{ account.name }}`"),
        (
            "{{ account.renewal_at | date: \"%d\" }}",
            "29 KW0301 `:` is not known here | a filter takes its argument in parentheses, as in `date(\"%-d %B\")`",
        ),
        ("{{ account.name | uper }}", "19 KW0302 unknown filter `uper` | did you mean `upper`?"),
        (
            "{{ account.name | shout }}",
            "19 KW0302 unknown filter `shout` | there are `default`, `date`, `number`, `money`, `percent`, `upper`, `lower`, `capitalize` and `url`",
        ),
        (
            "{{ account.name | escape }}",
            "19 KW0302 unknown filter `escape` | leave it out: a printed value is always text and never markup",
        ),
        ("{{ account.name | upcase }}", "19 KW0302 unknown filter `upcase` | write `upper`"),
        ("{{ account.name | title }}", "19 KW0302 unknown filter `title` | write `capitalize`"),
        ("{{ account.mrr | round }}", "18 KW0302 unknown filter `round` | write `number(0)`, with how many decimals"),
        ("{{ account.mrr | currency }}", "18 KW0302 unknown filter `currency` | write `money(\"EUR\")`"),
        ("{{ account.name | urlencode }}", "19 KW0302 unknown filter `urlencode` | write `url`"),
        (
            "{{ account.mrr | account.tier }}",
            "18 KW0301 a filter is needed behind `|` | a default is `| default(\"…\")`, and \"or\" is `||`",
        ),
        (
            "{% for x in y %}",
            "1 KW0301 `{% for %}` lists the accounts that match | write `{% for account in matching %}`",
        ),
        (
            "{% for account in matching %}{% endfor %}",
            "1 KW0301 there are no accounts to list here | a playbook `for: portfolio` that says `matching:` can list them",
        ),
        (
            "{% unless done(\"call\") %}",
            "1 KW0301 `{% unless %}` is not available in templates | write `{% if !(…) %}`",
        ),
        (
            "{% assign x = 1 %}",
            "1 KW0301 `{% assign %}` is not available in templates | a text has no variables: write the expression where it is printed",
        ),
        ("a{% endif %}", "2 KW0301 `{% endif %}` without an `{% if %}` before it"),
        ("a{% else %}", "2 KW0301 `{% else %}` without an `{% if %}` before it"),
        ("{% if done(\"call\") %}a{% else %}b{% else %}c{% endif %}", "34 KW0301 `{% else %}` after `{% else %}`"),
        ("{% if done(\"call\") %}a{% else if x %}{% endif %}", "23 KW0301 `else if` is not known here | write `elif`"),
        ("a{% if done(\"call\") %}b", "2 KW0301 this `{% if %}` is never closed | end it with `{% endif %}`"),
        ("Hi {{ account.name", "4 KW0301 this `{{` is never closed | end it with `}}`"),
        ("{{ account.name, {{ now }}", "1 KW0301 this `{{` is never closed | end it with `}}`"),
        ("{# a", "1 KW0301 this `{#` is never closed | end it with `#}`"),
    ];
    expect_all(cases.iter().map(|(template, expected)| (*template, std::slice::from_ref(expected))));
}
