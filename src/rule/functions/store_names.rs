//! Which names of the customer store a cell asks for: the event of
//! `account.events("login", 30)`, the key of `account.traits.plan`.

use std::borrow::Cow;

use super::always_there::is_always_there;
use super::function::{Param, ParamKind, pair};
use crate::facts::{Arg, Cell, CellPath, NameKind, Standing, Subject};

/// The names that a cell asks for, each as often as it stands there.
pub fn names_of(cell: &Cell) -> Vec<(NameKind, Cow<'_, str>)> {
    match cell.path.whenever() {
        CellPath::Trait(key) => vec![(attribute_of(cell.subject), key.into())],
        CellPath::Call { function, args } => {
            let pairs = super::find(function).and_then(|function| pair(function, args)).unwrap_or_default();
            let named = pairs.iter().filter_map(|(param, arg)| Some((param.names?, *arg)));
            let texts = named.flat_map(|(kind, arg)| texts(arg).into_iter().map(move |text| (kind, Cow::from(text))));
            let texts = texts.filter(|(kind, name)| !is_always_there(*kind, name));
            let properties = properties_of(&pairs).into_iter().map(|name| (NameKind::EventProperty, name.into()));
            texts.chain(properties).collect()
        }
        CellPath::Population(call) => call.reads().iter().flat_map(names_of).collect(),
        CellPath::Column(_) | CellPath::Ago { .. } | CellPath::Kpi(_) => Vec::new(),
    }
}

/// The properties that a call asks for, each with the event that has it; none
/// where it asks for events of any name.
pub fn properties_of(pairs: &[(&Param, &Arg)]) -> Vec<String> {
    let text = |name: &str| pairs.iter().find(|(param, _)| param.name == name).and_then(|(_, arg)| texts(arg).pop());
    let Some(event) = text("name").filter(|_| pairs.iter().any(|(param, _)| param.kind == ParamKind::Properties))
    else {
        return Vec::new();
    };
    let filters = pairs.iter().filter_map(|(_, arg)| match arg {
        Arg::Properties(filter) => Some(filter.iter().map(|(property, _)| property)),
        _ => None,
    });
    filters.flatten().map(|property| property_name(event, property)).collect()
}

/// What a property of an event is called among names: `order.plan`.
pub fn property_name(event: &str, property: &str) -> String {
    format!("{event}.{property}")
}

/// The names of scores that a cell asks for, be they the store's or made by
/// documents.
pub fn scores_of(cell: &Cell) -> Vec<&str> {
    let (function, args) = match cell.path.whenever() {
        CellPath::Call { function, args } => (function, args),
        CellPath::Population(call) => return call.reads().iter().flat_map(scores_of).collect(),
        CellPath::Column(_) | CellPath::Trait(_) | CellPath::Ago { .. } | CellPath::Kpi(_) => return Vec::new(),
    };
    let pairs = super::find(function).and_then(|function| pair(function, args)).unwrap_or_default();
    let is_score = |param: &Param| param.names == Some(NameKind::Score) || param.kind == ParamKind::OwnScore;
    pairs.into_iter().filter(|(param, _)| is_score(param)).flat_map(|(_, arg)| texts(arg)).collect()
}

/// The success plans that a cell asks for; `None` where it asks for all of them.
pub fn plans_of(cell: &Cell) -> Option<Vec<&str>> {
    let (function, args) = match cell.path.whenever() {
        CellPath::Call { function, args } => (function, args),
        CellPath::Population(call) => {
            let plans: Option<Vec<Vec<&str>>> = call.reads().iter().map(plans_of).collect();
            return plans.map(|plans| plans.into_iter().flatten().collect());
        }
        CellPath::Column(_) | CellPath::Trait(_) | CellPath::Ago { .. } | CellPath::Kpi(_) => return Some(Vec::new()),
    };
    let Some(function) = super::find(function) else { return Some(Vec::new()) };
    if !function.params().iter().any(|param| param.kind == ParamKind::OwnPlan) {
        return Some(Vec::new());
    }
    let pairs = pair(function, args).unwrap_or_default().into_iter();
    let named: Vec<&str> =
        pairs.filter(|(param, _)| param.kind == ParamKind::OwnPlan).flat_map(|(_, arg)| texts(arg)).collect();
    (!named.is_empty()).then_some(named)
}

/// What a cell asks of where an account stands, whoever says it.
pub fn standings_of(cell: &Cell) -> Vec<Standing> {
    match cell.path.whenever() {
        CellPath::Column(name) => Standing::of_column(cell.subject, name).into_iter().collect(),
        CellPath::Call { function, args } => {
            let sql = super::find(function).map_or("", |function| function.sql(args));
            let reads = |standing: &Standing| sql.contains(&format!("{{moves {}}}", standing.name()));
            Standing::ALL.into_iter().filter(reads).collect()
        }
        CellPath::Population(call) => call.reads().iter().flat_map(standings_of).collect(),
        CellPath::Trait(_) | CellPath::Ago { .. } | CellPath::Kpi(_) => Vec::new(),
    }
}

/// The texts of an argument.
pub fn texts(arg: &Arg) -> Vec<&str> {
    match arg {
        Arg::Text(text) => vec![text],
        Arg::Texts(texts) => texts.iter().map(String::as_str).collect(),
        Arg::Int(_) | Arg::Properties(_) | Arg::SinceEntry | Arg::SinceStep => Vec::new(),
    }
}

/// What the attributes of such a subject are.
pub fn attribute_of(subject: Subject) -> NameKind {
    match subject {
        Subject::Account => NameKind::AccountAttribute,
        Subject::Contact => NameKind::ContactAttribute,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::facts::{PopulationCall, PropertyFilter, PropertyValue};
    use crate::rule::functions::FUNCTIONS;

    #[test]
    fn every_text_is_declared_as_a_name() {
        for function in FUNCTIONS {
            for param in function.params() {
                let is_text = matches!(param.kind, ParamKind::Text | ParamKind::Texts);
                // The key of a JSON value inside an event is nothing that is recorded.
                let is_name = is_text && param.name != "property";
                assert_eq!(param.names.is_some(), is_name, "{}, {}", function.name(), param.name);
            }
        }
    }

    #[test]
    fn a_cell_asks_for_its_names() {
        use NameKind::{AccountAttribute, ContactAttribute, Event, EventProperty, Role, Score, Severity, Topic};
        let text = |word: &str| Arg::Text(word.to_owned());
        let texts = |words: &[&str]| Arg::Texts(words.iter().map(|word| (*word).to_owned()).collect());
        let plan = [("plan".to_owned(), PropertyValue::Text("pro".to_owned()))];
        let plan = Arg::Properties(PropertyFilter::new(plan.into()).expect("it is one"));
        let call = |function, args| CellPath::Call { function, args };
        let cases: Vec<(CellPath, &[(NameKind, &str)])> = vec![
            (call("events", vec![text("login"), Arg::Int(30)]), &[(Event, "login")]),
            (call("events", vec![text("login"), Arg::Int(30)]).ago(Some(7)), &[(Event, "login")]),
            (call("active_contacts", vec![Arg::Int(30)]), &[]),
            (call("active_contacts", vec![text("login"), Arg::Int(30)]), &[(Event, "login")]),
            (call("event_sum", vec![text("paid"), text("amount"), Arg::Int(30)]), &[(Event, "paid")]),
            (
                call("events", vec![text("paid"), Arg::Int(30), plan.clone()]),
                &[(Event, "paid"), (EventProperty, "paid.plan")],
            ),
            (call("used", vec![texts(&["a", "b"]), Arg::SinceEntry]), &[(Event, "a"), (Event, "b")]),
            (call("hours_between", vec![text("a"), text("b")]), &[(Event, "a"), (Event, "b")]),
            (call("score_change", vec![text("nps")]), &[(Score, "nps")]),
            (call("open_tickets", vec![]), &[]),
            (call("open_tickets", vec![text("urgent")]), &[(Severity, "urgent")]),
            (call("tickets", vec![text("any"), Arg::Int(30), text("billing")]), &[(Topic, "billing")]),
            (call("left", vec![text("owner"), Arg::Int(30)]), &[(Role, "owner")]),
            (call("label", vec![text("risk")]), &[]),
            (call("in_playbook", vec![text("rescue")]), &[]),
            (CellPath::Trait("plan".to_owned()), &[(AccountAttribute, "plan")]),
            (CellPath::Column("tier".to_owned()), &[]),
        ];
        for (path, expected) in cases {
            let cell = Cell { subject: Subject::Account, path };
            let names = names_of(&cell);
            let names: Vec<(NameKind, &str)> = names.iter().map(|(kind, name)| (*kind, &**name)).collect();
            assert_eq!(names, expected, "{cell}");
        }
        let cell = Cell { subject: Subject::Contact, path: CellPath::Trait("plan".to_owned()) };
        assert_eq!(names_of(&cell), [(ContactAttribute, "plan".into())]);
    }

    #[test]
    fn a_question_about_all_asks_for_what_it_reads_of_each() {
        let call = |function, args: &[&str]| {
            let args = args.iter().map(|word| Arg::Text((*word).to_owned())).collect();
            Cell { subject: Subject::Account, path: CellPath::Call { function, args } }
        };
        let about_all = |reads: Vec<Cell>| {
            let question = PopulationCall::new("mean_of(…)", "mean_of(…)", reads, Arc::new(()));
            Cell { subject: Subject::Account, path: CellPath::Population(question) }
        };
        let named = about_all(vec![call("score", &["health"]), call("goal_progress", &["launch", "reports"])]);
        assert_eq!(scores_of(&named), ["health"]);
        assert_eq!(plans_of(&named), Some(vec!["launch"]));
        assert_eq!(plans_of(&about_all(vec![call("goals_missed", &[]), call("score", &["health"])])), None);
    }
}
