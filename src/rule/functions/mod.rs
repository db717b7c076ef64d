//! Fact functions: what a condition can ask of an account's past, such as
//! `account.events("login", 30)`.
//!
//! One file each, holding its name, parameters and type, its meaning as a SQL
//! expression for one account, mostly also for all accounts in one pass, and the
//! same meaning in memory. The list below is the only other place that knows it.
//! A test runs all meanings over the same histories. `function` says what a fact
//! function is, `window` what one call looks at, `pass` how all accounts are
//! answered at once; `fold` answers from a history in memory; `changes` says when a
//! value can change; `named_rows` says which rows are asked for by names, `sessions` what a session is,
//! `fold_case` what a text is without its case. `store_names`
//! says which names of the customer store are asked for, `own_acts` what an
//! enrollment sees of what it did itself. `global` and `ago`
//! describe what is not asked of an account's facts.
//!
//! All of them see what happened strictly before `as_of`; a window of days
//! starts exactly that many times 24 hours before and includes its start.

pub mod ago;
mod always_there;
mod changes;
pub mod fold;
mod fold_case;
mod function;
pub mod global;
mod named_rows;
mod own_acts;
mod pass;
mod sessions;
mod store_names;
mod window;

pub use always_there::is_always_there;
pub use band::BAND;
pub use changes::{change_instants, change_instants_until, change_times_of_day};
pub use event_before::EVENT_BEFORE;
pub use fold_case::folded;
pub use function::{Example, FactSource, Function, Gives, Param, ParamKind, UnknownCell, pair};
pub use has_plan::has_plan;
pub use label::LABEL;
pub use named_rows::{RowNeed, row_needs};
pub use own_acts::{acts_read, count_own_acts};
pub use pass::{Pass, PassFold};
pub use sessions::gap;
pub use store_names::{attribute_of, names_of, plans_of, property_name, scores_of, standings_of, texts};
pub use window::{Window, before, days_back};

/// Declares the files of this folder that hold a function, and lists them.
macro_rules! functions {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*

        /// Every fact function, in the order of the reference.
        pub const FUNCTIONS: &[&dyn Function] = &[$(&$name::Fact),*];
    };
}

functions! {
    events,
    event_change,
    event_sum,
    days_since_event,
    event_at,
    event_before,
    active_days,
    active_contacts,
    first_session_minutes,
    session_minutes,
    days_to_return,
    used,
    hours_between,
    funnel,
    score,
    score_change,
    days_since_score,
    score_at,
    score_factor,
    band,
    goal_progress,
    goals_missed,
    has_plan,
    answer_text,
    open_tickets,
    tickets,
    tickets_about,
    open_tasks,
    days_since_touch,
    days_since_survey,
    in_playbook,
    reached_goal,
    days_since_playbook,
    contacts,
    left,
    owner,
    days_since_change,
    change,
    days_in_stage,
    stage_before,
    label,
}

/// The function of that exact name.
pub fn find(name: &str) -> Option<&'static dyn Function> {
    FUNCTIONS.iter().copied().find(|function| function.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Arg;

    #[test]
    fn names_are_unique_and_found() {
        for function in FUNCTIONS {
            let found = find(function.name()).expect("it is listed");
            assert_eq!(found.summary(), function.summary());
            assert!(!function.examples().is_empty(), "{}", function.name());
            for example in function.examples() {
                let call = format!("account.{}(", function.name());
                assert!(example.expression.contains(&call), "{example:?}");
            }
        }
        let mut names: Vec<_> = FUNCTIONS.iter().map(|function| function.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FUNCTIONS.len());
        assert!(find("event").is_none());
    }

    #[test]
    fn arguments_are_matched_with_parameters() {
        let text = |word: &str| Arg::Text(word.to_owned());
        let pairs = |name: &str, args: &[Arg]| {
            pair(find(name).expect("it is listed"), args)
                .map(|pairs| pairs.iter().map(|(param, _)| param.name).collect::<Vec<_>>())
        };
        assert_eq!(pairs("active_contacts", &[Arg::Int(30)]), Some(vec!["days"]));
        assert_eq!(pairs("active_contacts", &[text("login"), Arg::SinceEntry]), Some(vec!["name", "days"]));
        assert_eq!(pairs("score_change", &[text("nps")]), Some(vec!["name"]));
        assert_eq!(pairs("open_tickets", &[]), Some(vec![]));
        assert_eq!(pairs("events", &[text("login")]), None);
        assert_eq!(pairs("events", &[text("login"), Arg::Int(0)]), None);
        assert_eq!(pairs("events", &[Arg::Int(1), text("login")]), None);
        assert_eq!(pairs("score", &[Arg::SinceEntry]), None);
    }
}
