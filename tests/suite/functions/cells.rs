//! The cells of an account: columns, attributes, and calls of every function.

use super::*;

/// One connection: what a scan needs besides would wait for ever.
pub async fn pool(database: &database::TestDatabase) -> PgPool {
    PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(std::time::Duration::from_secs(20))
        .connect_with(database.options.clone())
        .await
        .expect("the test's database is there")
}

/// Literals worth trying for a parameter.
pub fn literals(function: &dyn Function, param: &Param) -> Vec<Arg> {
    let texts: &[&str] = match (param.name, param.kind) {
        (_, ParamKind::Texts) => {
            let lists: [&[&str]; 5] = [
                &["login"],
                &["import", "login", "rare"],
                &["login", "login", "login"],
                &["none such", "login"],
                &["rare", "it's", "{as_of}"],
            ];
            return lists.map(|list| Arg::Texts(list.iter().map(|&text| text.to_owned()).collect())).into();
        }
        (_, ParamKind::Properties) => {
            let filters: [&[(&str, PropertyValue)]; 4] = [
                &[("plan", PropertyValue::Text("pro".to_owned()))],
                &[("rows", PropertyValue::int(-3))],
                &[("it's", PropertyValue::Bool(true)), ("plan", PropertyValue::Text("it's".to_owned()))],
                &[("rows", PropertyValue::Number("2.5".to_owned()))],
            ];
            let filter = |properties: &&[(&str, PropertyValue)]| {
                let named = properties.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
                Arg::Properties(PropertyFilter::new(named.collect()).expect("there are some"))
            };
            return filters.iter().map(filter).collect();
        }
        ("first" | "then", _) => &["login", "import", "it's"],
        (_, ParamKind::Moves) => return [1, 2, 3, i64::MAX].map(Arg::Int).into(),
        (_, ParamKind::DaysAgo) => return [1, 7, 30, 40_000, i64::MAX].map(Arg::Int).into(),
        (_, ParamKind::Days) => {
            let days = [1, 7, 30, 40_000, i64::MAX].map(Arg::Int);
            return days.into_iter().chain([Arg::SinceEntry, Arg::SinceStep]).collect();
        }
        ("name", _) if function.name() == "answer_text" => &["nps", "quarterly", "none such"],
        ("name", _) if function.name().contains("score") => &["nps", "health", "fit", "csat"],
        (_, ParamKind::OwnScore) => &["health", "fit", "nps"],
        (_, ParamKind::Factor) => &["usage", "it's", "none such"],
        (_, ParamKind::OwnPlan) => &["launch", "it's", "none such"],
        (_, ParamKind::Goal) => &["reports", "it's", "none such"],
        (_, ParamKind::Label) => &["risk", "it's", "none such"],
        ("name", _) => &["login", "rare", "it's"],
        ("property", _) => &["rows", "it's"],
        (_, ParamKind::NumberColumn) => &["seats", "mrr"],
        ("column", _) => &["tier", "mrr", "renewal_at", "status", "stage"],
        ("severity", _) => &["urgent", "any", "none such"],
        ("topic", _) => &["billing", "it's"],
        ("part", _) => &["EXPORT", "ä", "%"],
        (_, ParamKind::Gap) => &["30m", "24h"],
        (_, ParamKind::Age) => &["0m", "1d", "30d"],
        ("role", _) if function.name() == "owner" => &["inside", "csm"],
        ("role", _) => &["champion", "owner"],
        ("id", _) => &["renewal", "rescue", "none-such"],
        (other, _) => panic!("the test knows no literals for the parameter {other}"),
    };
    texts.iter().map(|text| Arg::Text((*text).to_owned())).collect()
}

/// Every form of every function with all combinations of those literals.
pub fn calls() -> Vec<CellPath> {
    let mut paths = Vec::new();
    for function in FUNCTIONS {
        for params in function.forms() {
            let mut forms = vec![Vec::new()];
            // Of the longest, a few: a statement has 1,664 columns at most.
            let is_long = params.iter().any(|param| param.kind == ParamKind::Properties || param.name == "topic");
            let most = if is_long { 2 } else { usize::MAX };
            for param in params {
                forms = forms
                    .iter()
                    .flat_map(|form| {
                        literals(*function, param).into_iter().take(most).map(|arg| {
                            let mut longer: Vec<Arg> = form.clone();
                            longer.push(arg);
                            longer
                        })
                    })
                    .collect();
            }
            let call = |args| CellPath::Call { function: function.name(), args };
            paths.extend(forms.into_iter().map(call));
        }
    }
    paths
}

/// A call of a function with the first arguments that fit.
pub fn one_call(name: &str) -> CellPath {
    let of = |path: &CellPath| matches!(path, CellPath::Call { function, .. } if *function == name);
    calls().into_iter().find(of).expect("it is listed")
}

pub fn layout(paths: impl IntoIterator<Item = CellPath>) -> Arc<Layout> {
    let mut layout = Layout::default();
    for path in paths {
        layout.add(Cell { subject: Subject::Account, path });
    }
    Arc::new(layout)
}

/// Every cell of a subject: columns, attributes and calls.
pub fn every_cell(subject: Subject, schema: &Schema) -> Vec<Cell> {
    let columns = schema.columns(subject).iter().map(|known| column(&known.name));
    let attributes = ["plan", "it's", "nothing", "list", "absent"].map(attribute);
    let has = |path: &CellPath| match path {
        CellPath::Call { function, .. } => {
            subject == Subject::Account || find(function).is_some_and(|function| function.of_contact().is_some())
        }
        _ => true,
    };
    let now = columns.chain(attributes).chain(calls()).filter(has);
    let paths = now.collect::<Vec<_>>().into_iter().flat_map(|path| {
        let days: &[i64] = if has_past(subject, &path) { &[1, 7] } else { &[] };
        let earlier: Vec<CellPath> = days.iter().map(|days| path.clone().ago(Some(*days))).collect();
        std::iter::once(path).chain(earlier)
    });
    paths.map(|path| Cell { subject, path }).collect()
}

/// Whether it can be asked about an earlier day; of calls, a few of each function.
pub fn has_past(subject: Subject, path: &CellPath) -> bool {
    match path {
        CellPath::Call { function, args } => {
            let unlikely = |arg: &Arg| match arg {
                Arg::Int(days) => ![7, 30].contains(days),
                Arg::SinceEntry | Arg::SinceStep => true,
                Arg::Text(_) | Arg::Texts(_) | Arg::Properties(_) => false,
            };
            find(function).is_some_and(|one| one.has_past()) && !args.iter().any(unlikely)
        }
        _ => subject == Subject::Account,
    }
}

/// All subjects by their names, by a walk of that shape.
pub async fn walked(pool: &PgPool, query: &FactQuery, shape: Shape) -> BTreeMap<SubjectId, Facts> {
    let mut seen = BTreeMap::new();
    let mut scan = query.walk().start(pool, now(), Some(shape)).await.expect("it starts");
    loop {
        let chunk = scan.next().await.expect("it goes on");
        if chunk.is_empty() {
            break;
        }
        for facts in chunk {
            assert!(seen.insert(facts.subject(), facts).is_none(), "each comes once");
        }
    }
    scan.close().await.expect("it ends");
    seen
}

pub fn column(name: &str) -> CellPath {
    CellPath::Column(name.to_owned())
}

pub fn attribute(key: &str) -> CellPath {
    CellPath::Trait(key.to_owned())
}

pub fn same(found: &[Value], expected: &[Value], layout: &Layout, account: &Account) {
    for ((cell, found), expected) in layout.cells().iter().zip(found).zip(expected) {
        assert_eq!(
            found, expected,
            "{cell} of {}: SQL left, memory right; windows {:?} {:?}; {:#?}",
            account.id, account.since_entry, account.since_step, account.history
        );
    }
}
