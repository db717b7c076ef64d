//! `for: portfolio`: a playbook about all accounts together, or about those of each CSM.

use super::Source;
use super::SubjectKind;
use super::reader::{Fields, Key, Shape};

/// How many of those that match a text lists, unless the playbook says so.
const LIMIT: i64 = 50;
/// The most that it lists.
const MOST: i64 = 500;

/// What stands for `when` where only `matching` says who it is about.
pub(super) const WHOEVER_MATCHES: &str = "matching_count > 0";

/// What a portfolio can be divided by.
const PER: [(&str, bool); 1] = [("csm", true)];

/// The keys that only a playbook for the portfolio has.
pub(super) const KEYS: [Key; 4] = [
    Key::new(
        "per",
        Shape::Words(&["csm"]),
        "With `for: portfolio`: `csm` looks at the accounts of each CSM apart. Default: all accounts together.",
    ),
    Key::new(
        "matching",
        Shape::Expression,
        "With `for: portfolio`: a condition on an account; texts list those for which it holds with `{% for account in matching %}`.",
    ),
    Key::new(
        "order",
        Shape::Expression,
        "With `matching`: what the list is sorted by, the largest first, such as `account.mrr`. Default: the name.",
    ),
    Key::new(
        "limit",
        Shape::Whole { least: 1, most: MOST },
        "With `matching`: how many are listed at most. Default: 50.",
    ),
];

/// The keys that a playbook for the portfolio has no use for: they are about one account.
const NOT_HERE: [&str; 9] =
    ["stages", "on", "existing", "goal", "goal_window", "exit", "suppress", "holdout", "mail_priority"];

/// What a playbook for the portfolio is about.
#[derive(Clone, Debug)]
pub struct Portfolio {
    /// Whether each CSM is a subject of its own; else the whole is one.
    pub per_csm: bool,
    pub matching: Option<Matching>,
}

/// The accounts that its texts list.
#[derive(Clone, Debug)]
pub struct Matching {
    pub condition: Source,
    /// The largest first; the name where nothing is said.
    pub order: Option<Source>,
    pub limit: usize,
}

/// Reads its keys; those that do not go with the subject are reported.
pub(super) fn read(fields: &mut Fields<'_, '_>, subject: SubjectKind) -> Option<Portfolio> {
    let is_portfolio = subject == SubjectKind::Portfolio;
    let per_csm = fields.one_of("per", &PER).unwrap_or(false);
    let condition = fields.expression("matching");
    let order = fields.expression("order");
    let limit = fields.int_within("limit", 1, MOST).unwrap_or(LIMIT);
    if !is_portfolio {
        for key in KEYS.iter().map(|key| key.name) {
            if let Some(at) = fields.key_place(key) {
                let message = format!("`{key}` belongs to a playbook `for: portfolio`");
                fields.error_with_help("KW0104", at, message, "add `for: portfolio`, or remove it");
            }
        }
        return None;
    }
    for key in NOT_HERE {
        if let Some(at) = fields.key_place(key) {
            let message = format!("a playbook `for: portfolio` has no `{key}`: it is not about one account");
            fields.error_with_help("KW0104", at, message, "remove it; `matching` says which accounts are meant");
        }
    }
    let has_matching = fields.has("matching");
    for key in ["order", "limit"] {
        if let Some(at) = fields.key_place(key).filter(|_| !has_matching) {
            let help = "add `matching:` with a condition on an account";
            fields.error_with_help("KW0104", at, format!("`{key}` does not go without `matching`"), help);
        }
    }
    let limit = usize::try_from(limit).unwrap_or(1);
    Some(Portfolio { per_csm, matching: condition.map(|condition| Matching { condition, order, limit }) })
}
