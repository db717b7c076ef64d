//! Workers die, or lose the database, at every change that they make and at
//! every word of the mail server's, the first time and again at the second
//! attempt. Whatever the point, what is left in the end is what an undisturbed
//! worker leaves, and the mail server's ledger agrees with the database.
//!
//! The points are found and not listed: a proxy before Postgres sees every
//! change and every commit, those of a recovery too. Between two of them a
//! worker does nothing that outlives it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::smtp::{At, Moment};

mod life;
mod relay;
mod story;
mod trap;

use story::Told;
use trap::{End, Snare, Trap, What};

fn tell(snares: &[Snare]) -> Told {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(story::tell(Trap::new(snares.to_vec())))
}

/// Everything that can be done at a point.
fn snares(what: &What) -> Vec<Snare> {
    let snare = |moment, end, times| Snare { what: what.clone(), moment, end, times };
    let both = [Moment::Before, Moment::After];
    match what {
        // Before a change is after the one before it.
        What::Change(_) => vec![
            snare(Moment::After, End::Dies, 1),
            snare(Moment::After, End::Dies, 2),
            snare(Moment::After, End::IsCutOff, 1),
        ],
        // Nobody answers a body.
        What::Word(At::Body) => vec![snare(Moment::Before, End::Dies, 1), snare(Moment::Before, End::Dies, 2)],
        What::Word(_) => {
            both.into_iter().flat_map(|moment| [snare(moment, End::Dies, 1), snare(moment, End::Dies, 2)]).collect()
        }
    }
}

/// Attempts of the one session that are under way together when its worker
/// dies: one mail is on the wire while the outcomes of others are written.
const UNDER_WAY: usize = 3;

/// Whether a mail may be unsure when somebody is caught there: from the marker
/// on until its outcome is written, with the next look at its enrollment in the
/// same transaction; another may be on its way at that moment.
fn may_be_unsure(snare: &Snare) -> bool {
    match &snare.what {
        What::Word(at) => matches!(at, At::Data | At::Body | At::Dot),
        What::Change(text) => {
            let of_outcomes = ["set marked_at = ", "messages m set state = case when e.again"];
            of_outcomes.iter().any(|change| text.contains(change))
        }
    }
}

#[test]
fn whoever_dies_anywhere_leaves_what_others_finish() {
    let usual = tell(&[]);
    assert!(usual.wrong.is_empty(), "{:?}", usual.wrong);
    assert_eq!(usual.unknown, 0);
    let open: VecDeque<Vec<Snare>> = usual.seen.iter().flat_map(snares).map(|snare| vec![snare]).collect();
    let work = Mutex::new((usual.seen.clone(), open));
    let (failures, unsure) = (Mutex::new(Vec::new()), Mutex::new(BTreeMap::<What, usize>::new()));
    let trials = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(snares) = { work.lock().unwrap().1.pop_front() } {
                    trials.fetch_add(1, Ordering::Relaxed);
                    let told = tell(&snares);
                    let mut wrong = told.wrong;
                    wrong.extend(usual.left.difference(&told.left));
                    // Of two, the second lies on a recovery's way, which is
                    // not the same each time.
                    if told.caught.first() == Some(&0) {
                        wrong.push("nobody came by".to_owned());
                    }
                    let caught: usize = told.caught.iter().sum();
                    if told.unknown > caught * UNDER_WAY || told.unknown > 0 && !snares.iter().any(may_be_unsure) {
                        wrong.push(format!("{} mails are unsure", told.unknown));
                    }
                    if told.unknown > 0 {
                        *unsure.lock().unwrap().entry(snares[0].what.clone()).or_default() += told.unknown;
                    }
                    if !wrong.is_empty() {
                        failures.lock().unwrap().push(format!("{snares:?}:\n  {}", wrong.join("\n  ")));
                    }
                    // A recovery goes where nobody else does, and may break off there.
                    let mut work = work.lock().unwrap();
                    for what in told.seen {
                        if !work.0.contains(&what) {
                            let first = &snares[..1];
                            work.1.extend(self::snares(&what).into_iter().map(|next| [first, &[next]].concat()));
                            work.0.push(what);
                        }
                    }
                }
            });
        }
    });
    let points = work.into_inner().unwrap().0;
    println!("{} points, {} trials, unsure: {:?}", points.len(), trials.into_inner(), unsure.into_inner().unwrap());
    for point in &points {
        println!("  {point:?}");
    }
    assert!(points.len() >= 30, "the story passes them");
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
