//! When a value changes in memory, and the slots at which a predicate holds.

use keepwell::clock::Instant;
use keepwell::rehearsal::backtest::necessary::{Necessary, SubjectSlots};
use keepwell::rehearsal::slot_set::SlotSet;
use keepwell::rule::Predicate;
use keepwell::rule::functions::change_instants;
use keepwell::rule::prefilter::predicate::{Comparison, Operand, Term};

use super::*;

/// Slots around the boundaries of all windows, in order.
fn slots(dice: &mut Dice) -> Vec<Instant> {
    let mut slots: Vec<Instant> = (0..40)
        .map(|_| {
            let day = now() - Duration::days(dice.roll(90) as i64);
            let moved = day + Duration::microseconds(*dice.pick(&[-1, 0, 0, 0, 1]));
            moved - Duration::seconds(*dice.pick(&[0, 0, 1, 40_000]))
        })
        .collect();
    slots.sort();
    slots.dedup();
    slots
}

/// An account whose columns are read as they were.
fn replayed(number: usize, dice: &mut Dice) -> Account {
    let mut account = account(number, dice);
    account.history.is_replayed = true;
    account
}

fn value(account: &Account, subject: &SubjectId, cell: &Cell, at: Instant) -> Value {
    let mut layout = Layout::of(if subject.contact.is_empty() { Subject::Account } else { Subject::Contact });
    layout.add(cell.clone());
    let facts = fold_facts(&account.history, subject, &Arc::new(layout), &Schema::default_store(), at, None, None);
    facts.expect("all required columns are given").values.remove(0)
}

/// The subjects of an account: itself, or its contacts.
fn subjects(account: &Account, subject: Subject) -> Vec<SubjectId> {
    let of = |contact: &str| SubjectId { account: account.id.clone(), contact: contact.to_owned() };
    match subject {
        Subject::Account => vec![of("")],
        Subject::Contact => account.history.contacts.iter().map(|contact| of(&contact.id)).collect(),
    }
}

#[test]
fn between_two_changes_a_value_stays() {
    let (mut dice, schema) = (Dice(31), Schema::default_store());
    let mut known = 0;
    for number in 0..5 {
        let account = replayed(number, &mut dice);
        let slots = slots(&mut dice);
        for subject in [Subject::Account, Subject::Contact] {
            for cell in every_cell(subject, &schema) {
                let Some(changes) = change_instants(&cell, &account.history) else { continue };
                known += 1;
                for subject in subjects(&account, subject) {
                    for pair in slots.windows(2) {
                        // A change shows at instants behind it.
                        if changes.iter().all(|change| *change < pair[0] || *change >= pair[1]) {
                            let [before, after] = [0, 1].map(|at| value(&account, &subject, &cell, pair[at]));
                            assert_eq!(before, after, "{cell} of {subject} between {} and {}", pair[0], pair[1]);
                        }
                    }
                }
            }
        }
    }
    assert!(known > 400, "{known}");
}

/// A random comparison of a cell.
fn leaf(dice: &mut Dice, cells: &[Cell], schema: &Schema) -> Predicate {
    let cell = dice.pick(cells).clone();
    let ty = match cell.path.whenever() {
        CellPath::Call { function, args } => find(function).expect("it is listed").gives(args).ty,
        CellPath::Column(name) => schema.stored(cell.subject, name).expect("it is there").ty,
        _ => Type::Text,
    };
    let left = Term { cell, ty };
    let comparison = *dice.pick(&[
        Comparison::Equals,
        Comparison::Differs,
        Comparison::Less,
        Comparison::AtMost,
        Comparison::Greater,
        Comparison::AtLeast,
    ]);
    let right = match ty {
        Type::Int => Operand::Int(dice.roll(5) as i64),
        Type::Float => Operand::Float(dice.roll(90) as f64 / 10.0),
        Type::Time => Operand::FromNow(-(dice.roll(40) as i64) * 86_400_000_000),
        Type::Text | Type::Json => Operand::Text((*dice.pick(&["A", "B", "active", "pro"])).to_owned()),
        Type::Bool => Operand::Bool(true),
    };
    match dice.roll(6) {
        0 => Predicate::Present(left),
        1 => Predicate::Missing(left),
        _ => Predicate::Compare { left, comparison, right },
    }
}

fn predicate(dice: &mut Dice, depth: usize, cells: &[Cell], schema: &Schema) -> Predicate {
    if depth == 0 {
        return leaf(dice, cells, schema);
    }
    let parts: Vec<Predicate> = (0..2 + dice.roll(2)).map(|_| predicate(dice, depth - 1, cells, schema)).collect();
    if dice.roll(2) == 0 { Predicate::all(parts) } else { Predicate::any(parts) }
}

#[test]
fn a_predicate_holds_at_the_slots_at_which_it_matches() {
    let (mut dice, schema) = (Dice(77), Schema::default_store());
    let (mut held, mut asked_about) = (0, 0);
    for number in 0..40 {
        let account = replayed(number, &mut dice);
        for subject in [Subject::Account, Subject::Contact] {
            // Windows that begin with an enrollment have no meaning at entry.
            let open = |arg: &Arg| matches!(arg, Arg::SinceEntry | Arg::SinceStep);
            let is_asked = |cell: &Cell| match cell.path.whenever() {
                CellPath::Call { args, .. } => !args.iter().any(open),
                _ => true,
            };
            let cells: Vec<Cell> = every_cell(subject, &schema).into_iter().filter(is_asked).collect();
            for _ in 0..12 {
                let depth = dice.roll(3);
                let predicate = predicate(&mut dice, depth, &cells, &schema);
                let slots = slots(&mut dice);
                for subject_id in subjects(&account, subject) {
                    let subject_slots = SubjectSlots {
                        history: &account.history,
                        subject: &subject_id,
                        schema: &schema,
                        slots: &slots,
                    };
                    let found = Necessary::new(&predicate, subject)
                        .holds(&subject_slots, SlotSet::full(slots.len()))
                        .expect("all required columns are given");
                    let mut layout = Layout::of(subject);
                    predicate.each_term(&mut |term| {
                        layout.add(term.cell.clone());
                    });
                    let layout = Arc::new(layout);
                    for (place, slot) in slots.iter().enumerate() {
                        let facts = fold_facts(&account.history, &subject_id, &layout, &schema, *slot, None, None);
                        let matches = predicate.matches(&facts.expect("as above"));
                        assert_eq!(found.contains(place), matches, "{predicate:?} of {subject_id} at {slot}");
                        held += usize::from(matches);
                        asked_about += 1;
                    }
                }
            }
        }
    }
    assert!(held > asked_about / 10 && held < asked_about * 9 / 10, "{held} of {asked_about}");
}
