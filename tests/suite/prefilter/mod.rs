//! The prefilter never loses an account or contact on which its condition is true,
//! or would be if an attribute held the kind of value that it is compared with.
//!
//! Random conditions are decided by the engine on every account, and their
//! predicates by a real Postgres on the same accounts, which crowd around every
//! boundary. Translations with well-known mistakes in them must be caught.

pub mod accounts;
mod clauses;
pub mod conditions;
mod unfit;
mod unreadable;

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use chrono_tz::Tz;
use keepwell::facts::{Cell, Facts, Layout, Schema, Subject, SubjectId};
use keepwell::playbook::{self, Origin, Source};
use keepwell::rule::prefilter::predicate::Predicate;
use keepwell::rule::{self, Context, Modules, NamedSteps, Neighbours, Rule, Sandbox, Scope, Verdict, Wanted};
use keepwell::store::Relations;
use keepwell::store::customers::facts::{Clauses, FactQuery, Shape};
use sqlx::{PgPool, Row};

use self::conditions::{SCRIPT, Writer, of_contact, of_our_own};
use crate::functions::histories::{Dice, now};
use crate::support::database;
use crate::support::mapped::{Customers, relations};

const ACCOUNTS: usize = 400;
/// Conditions of one test, and how many of them share a statement.
const CONDITIONS: usize = 2_000;
const BATCH: usize = 100;

/// What conditions are compiled with.
struct Language {
    subject: Subject,
    modules: Modules,
    sandbox: Sandbox,
    schema: Schema,
    zone: Tz,
}

impl Language {
    fn new(subject: Subject) -> Language {
        let mut problems = Vec::new();
        let modules = Modules::compile([("lib", "scripts/lib.rhai", SCRIPT)], &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        Language {
            subject,
            sandbox: modules.sandbox(&keepwell::playbook::season::Seasons::default()),
            modules,
            schema: Schema::default_store(),
            zone: Tz::UTC,
        }
    }

    /// The rule of a condition, or what is wrong with it.
    fn compile(&self, text: &str) -> Result<Rule, String> {
        let start = keepwell::diagnostic::Position { line: 1, column: 1 };
        let origin = Origin { file: "p.yaml".into(), start, layout: playbook::Layout::Inline };
        let source = Source { text: text.into(), origin };
        let known = HashSet::new();
        let neighbours = Neighbours { playbooks: Some(vec!["rescue".to_owned()]), ..Neighbours::default() };
        let scope = Scope {
            view: Default::default(),
            schema: &self.schema,
            contact: self.subject == Subject::Contact,
            in_enrollment: false,
            in_wait: false,
            statuses: &[],
            zone: self.zone,
            named_steps: &NamedSteps::default(),
            neighbours: &neighbours,
            known: &known,
        };
        let mut problems = Vec::new();
        rule::compile(&source, Wanted::Verdict, &scope, &self.modules, &self.sandbox, &mut problems)
            .ok_or_else(|| format!("{text}: {problems:?}"))
    }

    fn conditions(&self, count: usize, dice: &mut Dice) -> Vec<(String, Rule)> {
        let mut found = Vec::new();
        let mut refused = Vec::new();
        while found.len() < count {
            let depth = dice.roll(5);
            let text = match self.subject {
                Subject::Account => Writer(dice).condition(depth),
                Subject::Contact => of_contact(Writer(dice).condition(depth), dice),
            };
            let text = of_our_own(text);
            match self.compile(&text) {
                Ok(rule) => found.push((text, rule)),
                Err(why) => refused.push(why),
            }
            assert!(refused.len() < 200 + found.len() / 5, "too many are refused: {:#?}", &refused[..5]);
        }
        found
    }
}

/// The accounts or contacts with all facts that any condition reads.
struct World {
    language: Language,
    pool: PgPool,
    relations: Relations,
    contexts: Vec<Context>,
    /// For each cell, a number for each account's value: equal for equal ones.
    values: HashMap<Cell, Vec<usize>>,
    /// Whether everything about an account can be read.
    plain: Vec<bool>,
    /// Where a subject stands.
    index: HashMap<SubjectId, usize>,
}

impl World {
    async fn new(seed: u64, rules: &[(String, Rule)], language: Language, customers: Customers) -> World {
        let database = database::fresh().await;
        let pool = database.pool().await;
        let plain: HashSet<String> = accounts::write(&pool, ACCOUNTS, &mut Dice(seed ^ 1)).await.into_iter().collect();
        if language.zone != Tz::UTC {
            dates(&pool).await;
        }
        let mut layout = Layout::of(language.subject);
        rules.iter().for_each(|(_, rule)| layout.merge(rule.cells()));
        let layout = Arc::new(layout);
        let relations = relations(&pool, customers).await;
        let query = FactQuery::new(layout.clone(), &relations).expect("every cell is known");
        let facts = all(&pool, &query, Shape::Probes).await;
        let mut values = HashMap::new();
        for (at, cell) in layout.cells().iter().enumerate() {
            let mut known: Vec<&keepwell::facts::Value> = Vec::new();
            let numbers = facts.iter().map(|facts| {
                let value = &facts.values[at];
                known.iter().position(|other| *other == value).unwrap_or_else(|| {
                    known.push(value);
                    known.len() - 1
                })
            });
            values.insert(cell.clone(), numbers.collect());
        }
        let index = facts.iter().enumerate().map(|(at, facts)| (facts.subject(), at)).collect();
        let plain = facts.iter().map(|facts| plain.contains(&facts.account)).collect();
        let contexts = facts
            .into_iter()
            .map(|facts| Context { facts: Arc::new(facts), progress: None, zone: language.zone })
            .collect();
        World { language, pool, relations, contexts, values, plain, index }
    }

    /// For each predicate and account, whether Postgres keeps it. `edit` changes
    /// each expression.
    async fn kept(&self, predicates: &[Predicate], shape: Shape, edit: impl Fn(&str) -> String) -> Vec<Vec<bool>> {
        let mut kept = Vec::new();
        for batch in predicates.chunks(BATCH) {
            let batch: Vec<&Predicate> = batch.iter().collect();
            let clauses =
                Clauses::new(self.language.subject, &batch, &self.relations, shape).expect("every cell is known");
            let columns: Vec<String> =
                clauses.expressions.iter().map(|expression| format!("coalesce({}, false)", edit(expression))).collect();
            let contact = match self.language.subject {
                Subject::Account => "''",
                Subject::Contact => "who.id",
            };
            let sql = format!("select a.id, {contact}, array[{}] from {}", columns.join(", "), clauses.relations);
            let rows = clauses.query(sql, now()).fetch_all(&self.pool).await.unwrap_or_else(|error| panic!("{error}"));
            let mut columns = vec![vec![false; self.contexts.len()]; batch.len()];
            for row in rows {
                let subject = SubjectId { account: row.get(0), contact: row.get(1) };
                // Who has left is no subject.
                let Some(at) = self.index.get(&subject) else { continue };
                for (column, value) in columns.iter_mut().zip(row.get::<Vec<bool>, _>(2)) {
                    column[*at] = value;
                }
            }
            kept.extend(columns);
        }
        kept
    }

    /// Checks that a walk gave the accounts that are kept, with their facts.
    fn are_those(&self, text: &str, found: Vec<Facts>, kept: &[bool]) {
        assert_eq!(found.len(), kept.iter().filter(|kept| **kept).count(), "{text}");
        for facts in found {
            let at = self.index[&facts.subject()];
            assert!(kept[at], "{text} does not keep {}", facts.subject());
            for (cell, value) in facts.layout.cells().iter().zip(&facts.values) {
                assert_eq!(Some(value), self.contexts[at].facts.get(cell), "{text}: {cell} of {}", facts.subject());
            }
        }
    }

    fn verdict(&self, rule: &Rule, account: usize) -> Verdict {
        rule.verdict(&self.language.sandbox, &self.contexts[account])
    }

    /// One of the accounts for each combination of what a rule reads.
    fn distinct(&self, rule: &Rule, among: impl Iterator<Item = usize>) -> Vec<usize> {
        let mut seen = HashSet::new();
        let read = |account: usize| rule.cells().iter().map(|cell| self.values[cell][account]).collect::<Vec<_>>();
        among.filter(|account| seen.insert(read(*account))).collect()
    }

    /// Accounts that are not kept and on which the condition is true, or could be.
    fn lost(&self, rule: &Rule, kept: &[bool]) -> Vec<usize> {
        self.true_among(rule, (0..kept.len()).filter(|account| !kept[*account]))
    }

    fn true_among(&self, rule: &Rule, accounts: impl Iterator<Item = usize>) -> Vec<usize> {
        let mut lost = self.distinct(rule, accounts);
        lost.retain(|account| unfit::could_be_true(&self.language.sandbox, rule, &self.contexts[*account]));
        lost
    }
}

async fn all(pool: &PgPool, query: &FactQuery, shape: Shape) -> Vec<Facts> {
    let mut walk = query.walk().start(pool, now(), Some(shape)).await.expect("it starts");
    let mut facts = Vec::new();
    loop {
        let chunk = walk.next().await.expect("it goes on");
        if chunk.is_empty() {
            break;
        }
        facts.extend(chunk);
    }
    walk.close().await.expect("it ends");
    facts
}

fn predicate(rule: &Rule) -> Predicate {
    rule.prefilter().expect("a condition has one").predicate.clone()
}

/// Random conditions that were decided both ways, and no account was lost.
struct Decided {
    world: World,
    rules: Vec<(String, Rule)>,
    /// For each condition, which accounts its predicate keeps.
    kept: Vec<Vec<bool>>,
}

/// Decides random conditions both ways.
async fn decide(seed: u64, subject: Subject, conditions: usize, customers: Customers) -> Decided {
    decide_in(Language::new(subject), seed, conditions, customers).await
}

async fn decide_in(language: Language, seed: u64, conditions: usize, customers: Customers) -> Decided {
    let subject = language.subject;
    let rules = language.conditions(conditions, &mut Dice(seed));
    let world = World::new(seed, &rules, language, customers).await;
    let predicates: Vec<Predicate> = rules.iter().map(|(_, rule)| predicate(rule)).collect();
    let kept = world.kept(&predicates, Shape::Probes, str::to_owned).await;
    let passed = world.kept(&predicates, Shape::Passes, str::to_owned).await;
    for (((text, _), kept), passed) in rules.iter().zip(&kept).zip(&passed) {
        assert_eq!(kept, passed, "seed {seed}: `{text}` keeps others in passes");
    }
    let (mut pruned, mut whole) = (0, 0);
    for (((text, rule), predicate), kept) in rules.iter().zip(&predicates).zip(&kept) {
        let lost = world.lost(rule, kept);
        if let Some(account) = lost.first() {
            panic!("seed {seed}: `{text}` loses {:#?}\n{predicate:#?}", world.contexts[*account].facts);
        }
        for account in world.distinct(rule, (0..kept.len()).filter(|account| world.plain[*account])) {
            let facts = &world.contexts[account].facts;
            assert_eq!(kept[account], predicate.matches(facts), "seed {seed}: `{text}` {facts:#?}\n{predicate:#?}");
        }
        pruned += kept.iter().filter(|kept| !**kept).count();
        whole += usize::from(*predicate == Predicate::Always);
    }
    let decisions = conditions * world.contexts.len();
    assert!(world.contexts.len() >= ACCOUNTS, "there are only {}", world.contexts.len());
    println!("{subject:?}, seed {seed}: {pruned} of {decisions} pruned, {whole} of {conditions} never");
    // It must be of use, too.
    assert!(pruned > decisions / 4, "seed {seed}: only {pruned} are pruned");
    assert!(whole < conditions / 3, "seed {seed}: {whole} give up wholly");
    Decided { world, rules, kept }
}

/// A change of an expression's text.
type Edit<'e> = &'e dyn Fn(&str) -> String;

/// A predicate without its care for something, which stands beside other ways
/// to be true.
fn careless(predicate: Predicate, about: fn(&Predicate) -> bool) -> Predicate {
    match predicate {
        Predicate::All(parts) => Predicate::all(parts.into_iter().map(|part| careless(part, about))),
        Predicate::Any(parts) => {
            let kept = parts.into_iter().filter(|part| !about(part));
            Predicate::any(kept.map(|part| careless(part, about)))
        }
        other => other,
    }
}

#[tokio::test]
async fn nothing_is_lost_and_mistakes_are_caught() {
    let Decided { world, rules, kept: right } = decide(2026, Subject::Account, CONDITIONS, Customers::Default).await;
    let rules = &rules[..CONDITIONS / 4];
    let whole: Vec<Predicate> = rules.iter().map(|(_, rule)| predicate(rule)).collect();
    let without = |about: fn(&Predicate) -> bool| -> Vec<Predicate> {
        whole.iter().cloned().map(|predicate| careless(predicate, about)).collect()
    };
    let (all_there, all_fit) =
        (without(|part| matches!(part, Predicate::Missing(_))), without(|part| matches!(part, Predicate::Unfit(_))));
    let edits: [(&str, &[Predicate], Edit); 5] = [
        ("plain inequality", &whole, &|sql| sql.replace("is distinct from", "<>")),
        ("late boundaries", &whole, &|sql| sql.replace(" <= ", " < ").replace(" >= ", " > ")),
        ("infinity is present", &whole, &|sql| {
            let always = |name: &str| {
                format!("or a.\"{name}\" < '0001-01-01 00:00:00+00' or a.\"{name}\" >= '10000-01-01 00:00:00+00'")
            };
            ["activated_at", "renewal_at", "churned_at"]
                .iter()
                .fold(sql.to_owned(), |sql, name| sql.replace(&always(name), ""))
        }),
        ("nothing is missing", &all_there, &str::to_owned),
        ("every attribute fits", &all_fit, &str::to_owned),
    ];
    for (mistake, predicates, edit) in edits {
        let kept = world.kept(predicates, Shape::Probes, edit).await;
        let loses = |(at, (_, rule)): &(usize, &(String, Rule))| {
            let (right, wrong) = (&right[*at], &kept[*at]);
            let dropped = (0..wrong.len()).filter(|account| right[*account] && !wrong[*account]);
            !world.true_among(rule, dropped).is_empty()
        };
        let losing = rules.iter().enumerate().filter(loses).count();
        println!("{mistake}: {losing} of {} conditions lose accounts", rules.len());
        assert!(losing > 0, "{mistake} is not noticed");
    }
}

/// Seeds that once lost an account.
#[tokio::test]
async fn nothing_is_lost_with_the_seeds_that_lost() {
    for seed in [59_751_013_961_240] {
        decide(seed, Subject::Account, CONDITIONS, Customers::Default).await;
    }
}

#[tokio::test]
async fn nothing_is_lost_with_any_seed() {
    let seed = RandomState::new().build_hasher().finish() >> 16;
    println!("seed {seed}");
    decide(seed, Subject::Account, CONDITIONS, Customers::Default).await;
}

/// Where the clocks show another day than in UTC, a date begins at another
/// instant than the one that stands in the database.
#[tokio::test]
async fn no_date_is_lost_in_other_zones() {
    for zone in [Tz::America__New_York, Tz::Pacific__Kiritimati] {
        let language = Language { zone, ..Language::new(Subject::Account) };
        decide_in(language, 11, CONDITIONS / 2, Customers::Default).await;
    }
}

/// Makes dates of many times.
async fn dates(pool: &PgPool) {
    sqlx::query(
        "update customers.accounts set \
           signed_up_at = date_trunc('day', signed_up_at, 'UTC'), renewal_at = date_trunc('day', renewal_at, 'UTC'), \
           activated_at = date_trunc('day', activated_at, 'UTC') \
         where right(id, 1) in ('1', '3', '5', '7')",
    )
    .execute(pool)
    .await
    .expect("dates");
}

#[tokio::test]
async fn no_contact_is_lost() {
    decide(2026, Subject::Contact, CONDITIONS, Customers::Default).await;
}

#[tokio::test]
async fn no_contact_is_lost_with_any_seed() {
    let seed = RandomState::new().build_hasher().finish() >> 16;
    println!("seed {seed}");
    decide(seed, Subject::Contact, CONDITIONS, Customers::Default).await;
}

/// Tables of theirs are read through subselects, which lose nothing either.
#[tokio::test]
async fn nothing_is_lost_in_their_own_tables() {
    decide(7, Subject::Account, CONDITIONS / 4, Customers::Theirs).await;
    decide(7, Subject::Contact, CONDITIONS / 4, Customers::Theirs).await;
}

/// The walk of a query is what Postgres makes of its predicate.
#[tokio::test]
async fn a_walk_passes_by_what_is_not_kept() {
    let language = Language::new(Subject::Account);
    let texts = [
        "account.activated_at == none && days_since(account.signed_up_at) >= 7 && account.events(\"login\", 30) < 2",
        "account.score(\"nps\") != none && account.score(\"nps\") <= 3 && account.tier != \"A\"",
        "account.mrr / 2 > 100 || account.tier == \"A\"",
        "account.mrr < 0",
    ];
    let rules: Vec<(String, Rule)> =
        texts.iter().map(|text| ((*text).to_owned(), language.compile(text).expect("it checks"))).collect();
    let world = World::new(3, &rules, language, Customers::Default).await;
    for (text, rule) in &rules {
        let mut layout = Layout::default();
        layout.merge(rule.cells());
        let layout = Arc::new(layout);
        let query = FactQuery::keeping(layout, &world.relations, &predicate(rule)).expect("every cell is known");
        let kept = &world.kept(&[predicate(rule)], Shape::Probes, str::to_owned).await[0];
        for shape in SHAPES {
            let found = all(&world.pool, &query, shape).await;
            world.are_those(text, found, kept);
        }
    }
}

/// A walk for several queries gives each what it would have got alone.
#[tokio::test]
async fn a_walk_for_several_is_a_walk_for_each() {
    walk_for_several(Subject::Account).await;
    walk_for_several(Subject::Contact).await;
}

async fn walk_for_several(subject: Subject) {
    let language = Language::new(subject);
    let mut rules = language.conditions(40, &mut Dice(77));
    // Some that ask nothing of functions, and the same question twice.
    for text in ["account.tier == \"A\"", "account.mrr > 100", "account.mrr > 100", "account.events(\"login\", 30) < 2"]
    {
        rules.push((text.to_owned(), language.compile(text).expect("it checks")));
    }
    // And clauses that so many share that they are decided once for all.
    for number in 0..12 {
        let text = format!("account.tier != \"A\" && account.renewal_at != none && account.mrr > {number}");
        rules.push((text.clone(), language.compile(&text).expect("it checks")));
    }
    let world = World::new(5, &rules, language, Customers::Default).await;
    let predicates: Vec<Predicate> = rules.iter().map(|(_, rule)| predicate(rule)).collect();
    let kept = world.kept(&predicates, Shape::Probes, str::to_owned).await;
    let mut queries = Vec::new();
    for ((_, rule), predicate) in rules.iter().zip(&predicates) {
        let mut layout = Layout::of(subject);
        layout.merge(rule.cells());
        queries.push(FactQuery::keeping(Arc::new(layout), &world.relations, predicate).expect("all are known"));
    }
    for some in [&(0..queries.len()).collect::<Vec<_>>()[..], &[41, 43], &[7, 43, 12]] {
        let chosen: Vec<&FactQuery> = some.iter().map(|at| &queries[*at]).collect();
        let walk = FactQuery::shared_walk(&chosen, &world.relations).expect("all are known");
        for shape in SHAPES {
            let mut found = vec![Vec::new(); some.len()];
            let mut scan = walk.start(&world.pool, now(), Some(shape)).await.expect("it starts");
            loop {
                let dealt = scan.next_of_each().await.expect("it goes on");
                if dealt.is_empty() {
                    break;
                }
                found.iter_mut().zip(dealt).for_each(|(found, dealt)| found.extend(dealt));
            }
            scan.close().await.expect("it ends");
            for (at, found) in some.iter().zip(found) {
                world.are_those(&rules[*at].0, found, &kept[*at]);
            }
        }
    }
}

const SHAPES: [Shape; 2] = [Shape::Probes, Shape::Passes];
