//! `contains(text, part)`.

use serde_json::json;

use super::{Place, history, table};

#[test]
fn a_text_is_looked_through() {
    let mut history = history();
    history.traits = json!({ "plan": "pro annual", "seats": 7 }).as_object().cloned().unwrap_or_default();
    table(
        Place::When,
        &history,
        &[
            (r#"contains(account.name, "cm")"#, "true"),
            (r#"contains(account.name, "Acme") && !contains(account.name, "acme")"#, "true"),
            (r#"contains(account.name, "é")"#, "false"),
            (r#"account.tier != none && contains(account.tier, "A")"#, "true"),
            (r#"contains(account.tier ?? "none", "one")"#, "false"),
            // It is known from then on that there is a text.
            (r#"contains(account.tier ?? "", "A") && (account.tier ?? "") < "B""#, "true"),
            (r#"contains(account.traits.plan ?? "", "annual")"#, "true"),
            (r#"account.traits.gone == none || contains(account.traits.gone, "x")"#, "true"),
            (
                r#"contains(account.traits.seats ?? "", "7")"#,
                "undecided: account.traits.seats is the number 7, and `contains` needs text",
            ),
            (r#"contains(account.tier, "A")"#, "refused: KW0207 `account.tier` can be missing"),
            (
                r#"contains(account.mrr, "5")"#,
                "refused: KW0205 `contains` looks for a text in a text; `account.mrr` is a number",
            ),
            (r#"contains(account.name)"#, "refused: KW0205 `contains` takes a text and the part to look for"),
            (r#""cm" in account.name"#, "refused: KW0206 `in` needs a list, not text"),
            (r#"account.name.contains("cm")"#, "refused: KW0201 `account.name` is text and has no functions"),
            // A list has members, as with `in`.
            (r#"contains(["A", "B"], account.tier)"#, "true"),
        ],
    );
}
