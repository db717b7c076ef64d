//! The functions of expressions that are not asked of an account: one list for
//! the checker, for templates and for the reference.

use super::function::Example;
use crate::facts::Type;

/// What is told of a function.
#[derive(Clone, Copy, Debug)]
pub struct FreeFunction {
    pub name: &'static str,
    /// As a call is written: `days_since(t)`.
    pub signature: &'static str,
    /// `None` is a span of time.
    pub gives: Option<Type>,
    /// Whether it can be missing.
    pub nullable: bool,
    /// One sentence for authors.
    pub summary: &'static str,
    /// Shown to authors, and tested.
    pub example: Example,
    pub place: FunctionPlace,
}

/// Where a function can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionPlace {
    Everywhere,
    /// Where there is an enrollment, so not in `when`.
    Enrollment,
    /// In a playbook `for: portfolio`, where it is about all accounts together.
    Portfolio,
}

/// The recorded figure of a KPI.
pub const KPI: &str = "kpi";
/// How much it has changed.
pub const KPI_CHANGE: &str = "kpi_change";

/// The address of a success plan's page for its customer.
pub const PLAN_LINK: &str = "plan_link";

/// The instant of the facts, as expressions name it.
pub const NOW: &str = "now";

/// Those of the functions below whose value depends on `now` though they do not name it.
pub const CLOCK_FUNCTIONS: [&str; 7] =
    ["days_since", "days_until", "hours_since", "hours_until", "period", "in_season", "plan_link"];

macro_rules! place_or {
    () => {
        FunctionPlace::Everywhere
    };
    ($place:ident) => {
        FunctionPlace::$place
    };
}

macro_rules! functions {
    ($($name:ident $params:literal $(only $place:ident)? gives $gives:expr, nullable $nullable:literal, $summary:literal,
       $example:literal: $meaning:literal;)*) => {
        /// Every such function, in the order of the reference.
        pub const FREE: &[FreeFunction] = &[$(FreeFunction {
            name: stringify!($name),
            signature: concat!(stringify!($name), $params),
            gives: $gives,
            nullable: $nullable,
            summary: $summary,
            example: Example { expression: $example, meaning: $meaning },
            place: place_or!($($place)?),
        }),*];
    };
}

functions! {
    days_since "(t)" gives Some(Type::Int), nullable true,
        "Whole days of 24 hours since a time, rounded down; none exactly when the time is.",
        "days_since(account.signed_up_at) >= 30": "They signed up at least 30 days ago.";
    days_until "(t)" gives Some(Type::Int), nullable true,
        "Whole days of 24 hours until a time, rounded down; none exactly when the time is.",
        "account.renewal_at != none && days_until(account.renewal_at) <= 90": "The renewal is at most 90 days away.";
    hours_since "(t)" gives Some(Type::Int), nullable true,
        "Whole hours since a time, rounded down; none exactly when the time is.",
        "hours_since(account.signed_up_at) < 48": "They signed up within the last two days.";
    hours_until "(t)" gives Some(Type::Int), nullable true,
        "Whole hours until a time, rounded down; none exactly when the time is.",
        "(hours_until(account.renewal_at) ?? 9999) <= 72": "The renewal is at most three days away.";
    days "(n)" gives None, nullable false,
        "A span of so many times 24 hours, to add to a time or take from it.",
        "account.signed_up_at > now - days(30)": "They signed up within the last 30 days.";
    hours "(n)" gives None, nullable false,
        "A span of so many hours, to add to a time or take from it.",
        "account.signed_up_at > now - hours(36)": "They signed up within the last 36 hours.";
    month "(t)" gives Some(Type::Int), nullable true,
        "1 (January) to 12, in the playbook's zone; none exactly when the time is.",
        "month(now) != 12": "It is not December.";
    day "(t)" gives Some(Type::Int), nullable true,
        "1 to 31, the day of the month, in the playbook's zone; none exactly when the time is.",
        "month(account.signed_up_at) == month(now) && day(account.signed_up_at) == day(now)": "They signed up on this day of a year.";
    weekday "(t)" gives Some(Type::Int), nullable true,
        "1 (Monday) to 7 (Sunday), in the playbook's zone; none exactly when the time is.",
        "weekday(now) <= 5": "It is Monday to Friday.";
    period "(unit)" gives Some(Type::Text), nullable false,
        "The current calendar week, month, quarter or year, in the playbook's zone, such as 2026-Q1.",
        "account.traits.reviewed_in != period(\"quarter\")": "There was no review in this quarter yet.";
    in_season "(name)" gives Some(Type::Bool), nullable false,
        "Whether today, in the playbook's zone, lies in that season of the configuration.",
        "!in_season(\"summer\")": "The summer lull is over.";
    contains "(text, part)" gives Some(Type::Bool), nullable false,
        "Whether a text has that part somewhere in it, written exactly so.",
        "contains(account.name, \"GmbH\")": "GmbH stands in the name.";
    how_many "([conditions])" gives Some(Type::Int), nullable false,
        "How many of the conditions hold; one that cannot be decided counts as false.",
        "how_many([account.tier == \"A\", account.mrr >= 5000, account.events(\"login\", 30) > 50]) >= 2":
            "At least two of three signs of a large customer.";
    percentile_of "(expr, where)" gives Some(Type::Float), nullable true,
        "Where the account's own value stands among those of all accounts in `statuses`, or of those for whom `where` holds, \
         from 0 to 100: the share below it and half of those equal; none without a value.",
        "(percentile_of(account.events(\"login\", 30)) ?? 50) < 20": "Four of five accounts log in more often.";
    median_of "(expr, where)" gives Some(Type::Float), nullable true,
        "The middle value of all accounts in `statuses`, or of those for whom `where` holds; none where nobody has a value.",
        "account.hours_between(\"signed_up\", \"first_report\") != none \
         && account.hours_between(\"signed_up\", \"first_report\") > (median_of(account.hours_between(\"signed_up\", \"first_report\")) ?? 0)":
            "They were slower to their first report than most.";
    quantile_of "(expr, percent, where)" gives Some(Type::Float), nullable true,
        "The value that so many percent of all accounts in `statuses`, or of those for whom `where` holds, do not exceed, \
         between two values in proportion; none where nobody has a value.",
        "account.mrr >= (quantile_of(account.mrr, 90) ?? 0)": "They are among the tenth that pays most.";
    mean_of "(expr, where)" gives Some(Type::Float), nullable true,
        "The mean of all accounts in `statuses`, or of those for whom `where` holds; none where nobody has a value.",
        "account.mrr > 2 * (mean_of(account.mrr, account.tier == \"A\") ?? 0)": "They pay twice as much as large customers do on average.";
    sum_of "(expr, where)" gives Some(Type::Float), nullable false,
        "The values of all accounts in `statuses`, or of those for whom `where` holds, added up; 0 of nobody.",
        "account.mrr * 20 > sum_of(account.mrr)": "More than a twentieth of all revenue is theirs.";
    count_of "(where)" gives Some(Type::Float), nullable false,
        "How many accounts there are for whom `where` holds, whatever their status.",
        "count_of(account.open_tickets(\"urgent\") > 0) >= 10": "Ten customers have an urgent ticket at this time.";
    distinct_of "(expr, where)" gives Some(Type::Float), nullable false,
        "How many different values all accounts in `statuses`, or those for whom `where` holds, have.",
        "distinct_of(account.csm_id) < 3": "Fewer than three CSMs look after all accounts.";
    share_of "(condition, where)" gives Some(Type::Float), nullable true,
        "For how many of all accounts in `statuses`, or of those for whom `where` holds, the condition is true, from 0 to 100; \
         one that cannot be decided does not count.",
        "(share_of(account.events(\"login\", 7) == 0, account.tier == \"A\") ?? 0) > 30": "Three of ten large customers were away for a week.";
    trend_of "(expr, days, where)" gives Some(Type::Float), nullable true,
        "By how many percent the mean of all accounts in `statuses`, or of those for whom `where` holds, has changed since so \
         many days ago; none where there was no mean, or it was 0.",
        "(trend_of(account.events(\"login\", 30), 30) ?? 0) < -10": "All in all they log in less than a month ago.";
    plan_link "(plan)" gives Some(Type::Text), nullable true,
        "The address at which the customer sees that success plan of the account, for a mail or a task; it leads there for 180 days. \
         None where the account does not have the plan.",
        "plan_link(\"first-success\") == none": "The account does not have that plan.";
    kpi "(id)" only Portfolio gives Some(Type::Float), nullable true,
        "The latest recorded figure of the document `kpi: id`; none before the first one, and where there was no figure.",
        "(kpi(\"churn-rate\") ?? 0) > 3": "More than 3 percent of the customers left within a month.";
    kpi_change "(id, days)" only Portfolio gives Some(Type::Float), nullable true,
        "By how much the recorded figure has changed against the latest one of at least that many days before, in its own unit; \
         none where none was made in as many days before that, or its unit was another.",
        "(kpi_change(\"churn-rate\", 7) ?? 0) > 0.5": "The churn rate is half a point higher than a week ago.";
    done "(step)" only Enrollment gives Some(Type::Bool), nullable false,
        "Whether a person completed the task of that step.",
        "done(\"call\")": "The call has been made.";
    outcome "(step)" only Enrollment gives Some(Type::Text), nullable true,
        "The outcome that was chosen for the task of that step; none until then.",
        "outcome(\"call\") == \"reached\"": "Somebody was reached.";
    sent "(step)" only Enrollment gives Some(Type::Bool), nullable false,
        "Whether the mail server accepted a mail of that step.",
        "sent(\"nudge\")": "The nudge is on its way.";
    answer "(step)" only Enrollment gives Some(Type::Int), nullable true,
        "The latest answer to that survey: its score as a whole number, or its text; none until then.",
        "(answer(\"why\") ?? 10) <= 6": "They are not likely to recommend us.";
}

/// The function of that exact name.
pub fn find(name: &str) -> Option<&'static FreeFunction> {
    FREE.iter().find(|function| function.name == name)
}

/// Every name, for suggestions.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    FREE.iter().map(|function| function.name)
}
