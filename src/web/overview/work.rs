//! Tasks, workload, mails and playbooks of an overview.

use std::collections::{BTreeMap, BTreeSet};

use super::address::OverviewAddress;
use super::chart::{ChartValue, bars};
use super::figures::OverviewFigures;
use super::parts::{
    OverviewCard, OverviewCell, OverviewFigure, OverviewLink, OverviewRow, OverviewSection, OverviewTable, count,
    missing, number,
};
use crate::action::staff::USUAL_CAPACITY;
use crate::clock::Instant;
use crate::facts::Colleague;
use crate::impact::Impact;
use crate::message::class::Class;
use crate::message::state::State;
use crate::store::views::web::{AccountOwner, EndedTasks, MailCount, OpenTasks};
use crate::web::WebState;
use crate::web::impact_words::summary;
use crate::web::language::{phrase, say, translated};
use crate::web::page::{below, capitalize, with_pair};
use crate::web::task_view::UNASSIGNED;

/// The lists behind figures that no other page has.
const TASKS: &str = "/overview/tasks";
const MAILS: &str = "/overview/mails";

fn days(hours: Option<f64>) -> Option<f64> {
    hours.map(|hours| hours / 24.0)
}

/// Completion and age of tasks, and who has how many.
pub(super) fn tasks(
    web: &WebState,
    address: &OverviewAddress,
    figures: &OverviewFigures,
    now: Instant,
) -> OverviewSection {
    let (period, segment) = (address.period, &address.segment);
    let (ended, open) = (&figures.ended_tasks, &figures.open_tasks);
    let workload = workload(address, ended, open, &figures.staff, |one| one.is_away(now, web.zone));
    let ended = ended.iter().find(|one| one.is_whole).cloned().unwrap_or_default();
    let open = open.iter().find(|one| one.is_whole).cloned().unwrap_or_default();
    let all_open = open.open + open.snoozed;
    let all_ended = ended.done + ended.dismissed + ended.closed;
    let mut section =
        OverviewSection { id: "tasks", title: phrase!("Tasks and workload"), ..OverviewSection::default() };
    section.tables.extend(workload);
    section.note = (!segment.is_everything()).then(|| say!("By CSM a task counts for whoever has it."));
    if all_open + all_ended == 0 {
        section.missing = Some(say!("No task is open, and none ended in {period}.", period = period.name()));
        return section;
    }
    let list = |state: &str| Some(with_pair(&address.at(TASKS, period), "state", state));
    section.figures = vec![
        count(phrase!("Open now"), open.open, Some(address.open_tasks(None, &[]))),
        count(phrase!("Overdue now"), open.overdue, Some(address.open_tasks(None, &[("overdue", "1")]))),
        count(phrase!("Put off"), open.snoozed, Some(address.open_tasks(None, &[("snoozed", "1")]))),
        count(phrase!("Done"), ended.done, list("done")),
        count(phrase!("Dismissed"), ended.dismissed, list("dismissed")),
        count(phrase!("Closed by themselves"), ended.closed, list("closed")),
    ];
    section.figures.extend(completion(&ended, list("done")));
    section.cards.extend((all_open > 0).then(|| age_card(&open, address)));
    section
}

fn completion(ended: &EndedTasks, href: Option<String>) -> [OverviewFigure; 2] {
    let judged = ended.done + ended.dismissed;
    if judged == 0 {
        let why = phrase!("none was done or dismissed");
        return [missing(phrase!("Done of those judged"), why), missing(phrase!("Median time to the end"), why)];
    }
    let share = ended.done as f64 * 100.0 / judged as f64;
    [
        number(phrase!("Done of those judged"), Some(share), "percent", href.clone()),
        number(phrase!("Median time to the end"), days(ended.median_hours), "days", href),
    ]
}

fn age_card(open: &OpenTasks, address: &OverviewAddress) -> OverviewCard {
    let ages = [
        (phrase!("Under 3 days"), phrase!("< 3 days"), open.days_3),
        (phrase!("3 to 6 days"), "3–6", open.days_7),
        (phrase!("7 to 29 days"), "7–29", open.days_30),
        (phrase!("30 days and more"), "30 +", open.older),
    ];
    let row = |(name, short, count): &(&str, &str, i64)| ChartValue {
        name: translated(name).into_owned(),
        short: translated(short).into_owned(),
        value: Some(*count as f64),
        text: count.to_string(),
        href: None,
        is_current: false,
    };
    let rows: Vec<ChartValue> = ages.iter().map(row).collect();
    OverviewCard {
        figure: OverviewFigure {
            href: Some(address.open_tasks(None, &[])),
            ..number(phrase!("Median age of open tasks"), days(open.median_hours), "days", None)
        },
        about: Some(say!("From their making until now, also of those put off")),
        as_of: None,
        chart: bars(&say!("Open tasks by age"), &rows),
        rows,
        of: phrase!("Age"),
        rows_unit: "count",
        link: None,
    }
}

/// Each colleague, and each other assignee, by what they have.
fn workload(
    address: &OverviewAddress,
    ended: &[EndedTasks],
    open: &[OpenTasks],
    staff: &[Colleague],
    is_away: impl Fn(&Colleague) -> bool,
) -> Option<OverviewTable> {
    let ended: BTreeMap<Option<&str>, &EndedTasks> =
        ended.iter().filter(|one| !one.is_whole).map(|one| (one.assignee.as_deref(), one)).collect();
    let open: BTreeMap<Option<&str>, &OpenTasks> =
        open.iter().filter(|one| !one.is_whole).map(|one| (one.assignee.as_deref(), one)).collect();
    let staff: BTreeMap<&str, &Colleague> = staff.iter().map(|one| (one.csm.id.as_str(), one)).collect();
    let of_segment = |id: &str| match &address.segment.owner {
        AccountOwner::Anybody => true,
        AccountOwner::Nobody => false,
        AccountOwner::Csm(csm) => csm == id,
    };
    let mut people: BTreeSet<Option<&str>> = ended.keys().chain(open.keys()).copied().collect();
    // Of somebody whose tasks closed by themselves there is nothing to say.
    people.retain(|who| {
        open.get(who).is_some_and(|one| one.open + one.snoozed > 0)
            || ended.get(who).is_some_and(|one| one.done + one.dismissed > 0)
    });
    people.extend(staff.keys().filter(|id| of_segment(id)).map(|id| Some(*id)));
    let mut rows: Vec<OverviewRow> = people
        .into_iter()
        .map(|who| {
            let colleague = who.and_then(|who| staff.get(who)).copied();
            let nothing = (OpenTasks::default(), EndedTasks::default());
            let open = open.get(&who).copied().unwrap_or(&nothing.0);
            let ended = ended.get(&who).copied().unwrap_or(&nothing.1);
            let capacity = colleague.map(|one| i64::from(one.capacity.unwrap_or(USUAL_CAPACITY)));
            let link = |more: &[(&str, &str)]| address.open_tasks(Some(who.unwrap_or(UNASSIGNED)), more);
            let load = OverviewCell::count(open.open).linked(link(&[]));
            OverviewRow {
                name: match (who, colleague) {
                    (_, Some(one)) => one.csm.name.clone(),
                    (Some(who), None) => who.to_owned(),
                    (None, None) => say!("Unassigned"),
                },
                href: Some(link(&[])),
                note: colleague.filter(|one| is_away(one)).map(|_| say!("away today")),
                cells: vec![
                    match capacity {
                        Some(most) => {
                            OverviewCell { over: open.open > most, ..load.with_bar(open.open as f64, most as f64) }
                        }
                        None => load,
                    },
                    OverviewCell::number(capacity.map(|most| most as f64)),
                    OverviewCell { over: open.overdue > 0, ..OverviewCell::count(open.overdue) }
                        .linked(link(&[("overdue", "1")])),
                    OverviewCell::count(ended.done),
                    OverviewCell::count(ended.dismissed),
                    OverviewCell::number(days(ended.median_hours)),
                ],
            }
        })
        .collect();
    rows.sort_by(|one, other| {
        let open = |row: &OverviewRow| row.cells.first().and_then(|cell| cell.value).unwrap_or_default() as i64;
        (open(other), &one.name).cmp(&(open(one), &other.name))
    });
    (!rows.is_empty()).then(|| OverviewTable {
        caption: say!(
            "Open tasks against what each can carry, and what ended in {period}",
            period = address.period.name()
        ),
        head: vec![
            phrase!("Who"),
            phrase!("Open"),
            phrase!("Can carry"),
            phrase!("Overdue"),
            phrase!("Done"),
            phrase!("Dismissed"),
            phrase!("Median days"),
        ],
        rows,
        link: None,
    })
}

/// Where a mail of a state belongs.
fn column_of(state: &str) -> usize {
    match State::parse(state) {
        Some(State::Accepted) => 0,
        Some(State::Bounced) => 1,
        Some(State::Complained) => 2,
        Some(State::Rejected | State::Failed | State::Unknown) => 3,
        _ => 4,
    }
}

/// What was mailed to customers, by class.
pub(super) fn mails(address: &OverviewAddress, counts: &[MailCount]) -> OverviewSection {
    let period = address.period;
    let mut section =
        OverviewSection { id: "mails", title: phrase!("Mails to customers"), ..OverviewSection::default() };
    section.link = Some(OverviewLink { text: say!("All messages"), href: "/messages".to_owned() });
    if counts.is_empty() {
        section.missing =
            Some(say!("No mail to a customer left, or was to leave, in {period}.", period = period.name()));
        return section;
    }
    let row = |(name, class): &(&'static str, Class)| {
        let mut of = [0; 5];
        for one in counts.iter().filter(|one| one.class == class.name()) {
            of[column_of(&one.state)] += one.count;
        }
        let cell = |count: &i64| OverviewCell::count(*count);
        OverviewRow {
            name: translated(&capitalize(name)).into_owned(),
            href: Some(with_pair(&address.at(MAILS, period), "class", name)),
            note: None,
            cells: of.iter().map(cell).collect(),
        }
    };
    section.tables.push(OverviewTable {
        caption: say!("Mails of {period}", period = period.name()),
        head: vec![
            phrase!("Class"),
            phrase!("Delivered"),
            phrase!("Bounced"),
            phrase!("Complained"),
            phrase!("Failed or unknown"),
            phrase!("Not sent"),
        ],
        rows: Class::OF_MAIL.iter().map(row).collect(),
        link: None,
    });
    section
}

/// Whether playbooks help, and what they cost.
pub(super) fn playbooks(address: &OverviewAddress, impacts: &[Impact]) -> OverviewSection {
    let mut impacts = impacts.to_vec();
    let mut section = OverviewSection {
        id: "playbooks",
        title: phrase!("What the playbooks are worth"),
        ..OverviewSection::default()
    };
    section.link = Some(OverviewLink { text: say!("All playbooks"), href: "/playbooks".to_owned() });
    let is_used =
        |one: &Impact| one.holdout.is_some() || one.spent.mails + one.spent.goals > 0 || !one.spent.tasks.is_empty();
    impacts.retain(is_used);
    if impacts.is_empty() {
        section.missing = Some(say!("No playbook has mailed, given a task or reached a goal within 90 days."));
        return section;
    }
    section.note = Some(match address.segment.is_everything() {
        true => {
            say!("Of the last 90 days until now. A playbook with a holdout is compared with those it leaves alone.")
        }
        false => say!(
            "Of the last 90 days until now over all accounts. A playbook with a holdout is compared with those it \
             leaves alone."
        ),
    });
    impacts.sort_by_key(|one| (one.holdout.is_none(), -one.spent.goals, -one.spent.mails, one.playbook.clone()));
    let row = |one: Impact| {
        let href = below("/playbooks", &one.playbook);
        let tasks = &one.spent.tasks;
        OverviewRow {
            note: one.holdout.as_ref().map(|_| summary(&one)),
            cells: vec![
                OverviewCell::count(one.spent.goals),
                OverviewCell::count(one.spent.mails),
                OverviewCell::count(tasks.done),
                OverviewCell::count(tasks.open),
                OverviewCell::percent(tasks.done, tasks.done + tasks.dismissed),
                OverviewCell::number(one.spent.hours()),
            ],
            href: Some(href),
            name: one.playbook,
        }
    };
    section.tables.push(OverviewTable {
        caption: say!("What came of each, and what it cost"),
        head: vec![
            phrase!("Playbook"),
            phrase!("Goals"),
            phrase!("Mails"),
            phrase!("Tasks done"),
            phrase!("Tasks open"),
            phrase!("Useful"),
            phrase!("Hours"),
        ],
        rows: impacts.into_iter().map(row).collect(),
        link: None,
    });
    section
}
