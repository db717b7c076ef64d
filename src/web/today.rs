//! Today: the open tasks of a colleague, account by account in the order of work,
//! with one of them beside the list.

use std::collections::BTreeSet;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::WebState;
use super::accounts::column;
use super::days::{due_day, named, reader_zone};
use super::language::say;
use super::page::{Frame, Trouble, Web, account_href, account_name, href};
use super::pane::{Colleague, PaneView, colleagues, pane};
use super::task::act_notice;
use super::task_view::{TaskForm, UNASSIGNED};
use super::visitor::Visitor;
use crate::action::staff::USUAL_CAPACITY;
use crate::clock::Instant;
use crate::playbook::calendar::local_date;
use crate::store::views::web::{IN_ORDER, Inbox, OpenCount, TodayCount, TodayFilter, TodayRow};

/// How many tasks one page shows.
const AT_MOST: i64 = 50;

/// What stands in a link for the tasks of all colleagues.
pub(super) const EVERYBODY: &str = "everybody";

/// What the page is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct TodayQuery {
    /// A CSM's id, an address, `everybody` or `unassigned`.
    #[serde(default)]
    csm: String,
    /// Anything: those that are overdue alone.
    #[serde(default)]
    overdue: String,
    /// Anything: those that are put off.
    #[serde(default)]
    snoozed: String,
    #[serde(default)]
    playbook: String,
    #[serde(default)]
    tier: String,
    /// From 1 on.
    #[serde(default)]
    page: String,
    /// The task beside the list.
    #[serde(default)]
    show: String,
    /// What was just done with tasks.
    #[serde(default)]
    act: String,
    /// What was not done, of what was asked of several.
    #[serde(default)]
    left: String,
}

impl TodayQuery {
    /// The address of the same list, but for these parts.
    fn href(&self, changes: &[(&str, &str)]) -> String {
        let kept = [
            ("csm", &self.csm),
            ("overdue", &self.overdue),
            ("snoozed", &self.snoozed),
            ("playbook", &self.playbook),
            ("tier", &self.tier),
            ("page", &self.page),
        ];
        let kept = kept.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let kept = kept.map(|(name, value)| (*name, value.as_str()));
        let pairs: Vec<(&str, &str)> =
            kept.chain(changes.iter().copied()).filter(|(_, value)| !value.is_empty()).collect();
        href("/", &pairs)
    }
}

#[derive(Serialize)]
struct TodayPage {
    name: String,
    open: i64,
    /// How many tasks they can carry; `None` for what is not one person's.
    capacity: Option<i32>,
    people: Vec<Person>,
    chips: Vec<Chip>,
    playbooks: Vec<Chip>,
    tier: String,
    tiers: BTreeSet<String>,
    csm: String,
    overdue: String,
    snoozed: String,
    groups: Vec<Group>,
    /// Whether only some are asked for.
    narrowed: bool,
    /// Which tasks of how many these are.
    from: i64,
    to: i64,
    total: i64,
    /// How many more there are than are put in order.
    beyond: i64,
    previous_href: Option<String>,
    next_href: Option<String>,
    pane: Option<PaneView>,
    /// Whether a task was asked for.
    chosen: bool,
    back: String,
    colleagues: Vec<Colleague>,
}

#[derive(Serialize)]
struct Person {
    name: String,
    open: i64,
    capacity: Option<i32>,
    /// More than they can carry.
    over: bool,
    href: String,
    current: bool,
}

#[derive(Serialize)]
struct Chip {
    id: String,
    label: String,
    count: i64,
    href: String,
    current: bool,
}

/// The tasks of an account.
#[derive(Serialize)]
struct Group {
    href: String,
    name: String,
    tier: Option<String>,
    mrr: Option<String>,
    renewal: Option<String>,
    tasks: Vec<TodayLine>,
}

#[derive(Serialize)]
struct TodayLine {
    id: Uuid,
    href: String,
    title: String,
    contact: Option<String>,
    due: Option<String>,
    overdue: bool,
    priority: String,
    playbook: String,
    /// Where anybody's tasks are shown.
    assignee: Option<String>,
    snoozed: Option<String>,
    /// `2 of 3 ticked`, of a checklist that is begun.
    ticked: Option<String>,
    current: bool,
}

/// The list of the chosen colleague, else of the first who has something to do.
pub(super) async fn show(
    State(web): Web,
    asked: Result<Query<TodayQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(mut asked) = asked.map_err(|_| {
        Trouble::refusal(StatusCode::BAD_REQUEST, "This address cannot be read. Begin again from the list.")
    })?;
    let now = web.clock.now();
    let counts = web.store.open_counts(now).await?;
    let staff = web.store.colleagues().await?;
    let capacity = |who: &str| {
        let one = staff.iter().find(|one| one.csm.id == who)?;
        Some(one.capacity.unwrap_or(USUAL_CAPACITY))
    };
    let inbox = match asked.csm.as_str() {
        "" => own(&counts),
        EVERYBODY => Inbox::Everybody,
        UNASSIGNED => Inbox::Unassigned,
        name => Inbox::Of(name.to_owned()),
    };
    asked.csm = key(&inbox);
    let people = people(&counts, &inbox, capacity, &asked);
    let name = match people.iter().find(|person| person.current) {
        Some(person) => person.name.clone(),
        None => match &inbox {
            // Somebody's last task may just have been done, by an address or by
            // a colleague who has left.
            Inbox::Of(who) if who.contains('@') || !asked.act.is_empty() || is_own(who) => who.clone(),
            Inbox::Unassigned => say!("Unassigned"),
            _ => return Err(Trouble::NotFound("There is no such colleague.")),
        },
    };
    let filter = TodayFilter {
        overdue: !asked.overdue.is_empty(),
        snoozed: !asked.snoozed.is_empty(),
        playbook: Some(asked.playbook.clone()).filter(|id| !id.is_empty()),
        tier: Some(asked.tier.clone()).filter(|tier| !tier.is_empty()),
        inbox,
    };
    let by_playbook = web.store.today_counts(&filter.inbox, now).await?;
    let page = asked.page.parse::<i64>().unwrap_or(1).clamp(1, IN_ORDER / AT_MOST);
    let mut rows = web.store.today(&filter, now, (page - 1) * AT_MOST, AT_MOST + 1).await?;
    let more = rows.len() > AT_MOST as usize;
    rows.truncate(AT_MOST as usize);
    let (from, shown) = ((page - 1) * AT_MOST, rows.len() as i64);
    let total = matter(&by_playbook, &filter).unwrap_or(from + shown + i64::from(more));
    let chosen: Option<Uuid> = asked.show.parse().ok();
    let current = chosen.or_else(|| rows.first().map(|row| row.id));
    let back = asked.href(&[]);
    let beside = match current {
        Some(id) => match web.store.task_row(id).await? {
            Some(row) => Some(pane(&web, row, now, TaskForm::default(), back.clone()).await?),
            None => return Err(Trouble::NotFound("There is no such task.")),
        },
        None => None,
    };
    let mut tiers: BTreeSet<String> = rows.iter().filter_map(|row| column(&row.tier, web.zone)).collect();
    tiers.extend(filter.tier.clone());
    let today = TodayPage {
        open: by_playbook.iter().map(|one| one.open).sum(),
        capacity: match &filter.inbox {
            Inbox::Of(who) => capacity(who),
            _ => None,
        },
        chips: chips(&by_playbook, &asked),
        playbooks: playbooks(by_playbook, &asked),
        narrowed: filter.overdue || filter.snoozed || filter.playbook.is_some() || filter.tier.is_some(),
        groups: groups(&web, rows, &filter, &asked, current, now),
        from: from + i64::from(shown > 0),
        to: from + shown,
        total,
        beyond: if more { 0 } else { (total - from - shown).max(0) },
        previous_href: (page > 1).then(|| asked.href(&[("page", &(page - 1).to_string())])),
        next_href: more.then(|| asked.href(&[("page", &(page + 1).to_string())])),
        pane: beside,
        chosen: chosen.is_some(),
        colleagues: colleagues(&web).await?,
        tier: asked.tier.clone(),
        csm: asked.csm.clone(),
        overdue: asked.overdue.clone(),
        snoozed: asked.snoozed.clone(),
        name,
        people,
        tiers,
        back,
    };
    let notice = match asked.act.parse() {
        Ok(act) => act_notice(&web, act).await?.map(|notice| notice.back_to(&today.back).with_rest(&asked.left)),
        Err(_) => None,
    };
    Frame::new(&web, "inbox", notice).await?.page(StatusCode::OK, "today.html", today)
}

/// The inbox of the reader, else of the first who has something to do.
fn own(counts: &[OpenCount]) -> Inbox {
    if let Some(csm_id) = Visitor::current().and_then(|visitor| visitor.csm_id) {
        return Inbox::Of(csm_id);
    }
    let busy = counts.iter().find(|one| one.open > 0 && one.name.is_some());
    match busy.and_then(|one| one.assignee.clone()) {
        Some(csm) => Inbox::Of(csm),
        None => Inbox::Everybody,
    }
}

/// Whether it is the inbox of the reader, who may be no CSM of the store yet.
fn is_own(csm: &str) -> bool {
    Visitor::current().is_some_and(|visitor| visitor.csm_id.as_deref() == Some(csm))
}

fn people(
    counts: &[OpenCount],
    inbox: &Inbox,
    capacity: impl Fn(&str) -> Option<i32>,
    asked: &TodayQuery,
) -> Vec<Person> {
    let person = |name: String, open: i64, which: Inbox| {
        let capacity = match &which {
            Inbox::Of(who) => capacity(who),
            _ => None,
        };
        Person {
            name,
            open,
            over: capacity.is_some_and(|most| open > i64::from(most)),
            capacity,
            href: asked.href(&[("csm", &key(&which)), ("page", "")]),
            current: which == *inbox,
        }
    };
    let mut people = vec![person(say!("Everybody"), counts.iter().map(|one| one.open).sum(), Inbox::Everybody)];
    people.extend(counts.iter().map(|one| match &one.assignee {
        Some(who) => person(one.name.clone().unwrap_or_else(|| who.clone()), one.open, Inbox::Of(who.clone())),
        None => person(say!("Unassigned"), one.open, Inbox::Unassigned),
    }));
    people
}

fn key(inbox: &Inbox) -> String {
    match inbox {
        Inbox::Everybody => EVERYBODY.to_owned(),
        Inbox::Unassigned => UNASSIGNED.to_owned(),
        Inbox::Of(who) => who.clone(),
    }
}

/// How many tasks fit; `None` where counting them would take long.
fn matter(counts: &[TodayCount], filter: &TodayFilter) -> Option<i64> {
    if filter.tier.is_some() || (filter.snoozed && filter.overdue) {
        return None;
    }
    let fit = counts.iter().filter(|one| filter.playbook.as_ref().is_none_or(|id| *id == one.playbook));
    Some(match (filter.snoozed, filter.overdue) {
        (true, _) => fit.map(|one| one.snoozed).sum(),
        (_, true) => fit.map(|one| one.overdue).sum(),
        _ => fit.map(|one| one.open).sum(),
    })
}

/// The ways to look at the list.
fn chips(counts: &[TodayCount], asked: &TodayQuery) -> Vec<Chip> {
    let chip = |label: String, count: i64, overdue: &str, snoozed: &str| Chip {
        id: String::new(),
        label,
        count,
        href: asked.href(&[("overdue", overdue), ("snoozed", snoozed), ("page", "")]),
        current: asked.overdue.is_empty() == overdue.is_empty() && asked.snoozed.is_empty() == snoozed.is_empty(),
    };
    vec![
        chip(say!("Open"), counts.iter().map(|one| one.open).sum(), "", ""),
        chip(say!("Overdue"), counts.iter().map(|one| one.overdue).sum(), "1", ""),
        chip(say!("Put off"), counts.iter().map(|one| one.snoozed).sum(), "", "1"),
    ]
}

fn playbooks(counts: Vec<TodayCount>, asked: &TodayQuery) -> Vec<Chip> {
    let chip = |one: TodayCount| Chip {
        href: asked.href(&[("playbook", &one.playbook), ("page", "")]),
        current: asked.playbook == one.playbook,
        label: one.playbook.clone(),
        count: one.open,
        id: one.playbook,
    };
    counts.into_iter().map(chip).collect()
}

fn groups(
    web: &WebState,
    rows: Vec<TodayRow>,
    filter: &TodayFilter,
    asked: &TodayQuery,
    current: Option<Uuid>,
    now: Instant,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut account: Option<String> = None;
    for row in rows {
        if account.as_ref() != Some(&row.account_id) {
            account = Some(row.account_id.clone());
            groups.push(Group {
                href: account_href(&row.account_id),
                name: account_name(row.account_name.clone(), &row.account_id),
                tier: column(&row.tier, web.zone),
                mrr: column(&row.mrr, web.zone),
                renewal: column(&row.renewal_at, web.zone),
                tasks: Vec::new(),
            });
        }
        let line = line(web, row, filter, asked, current, now);
        if let Some(group) = groups.last_mut() {
            group.tasks.push(line);
        }
    }
    groups
}

fn line(
    web: &WebState,
    row: TodayRow,
    filter: &TodayFilter,
    asked: &TodayQuery,
    current: Option<Uuid>,
    now: Instant,
) -> TodayLine {
    let zone = reader_zone(row.timezone.as_deref(), web.zone);
    let snoozed = row.snoozed_until.filter(|until| *until > now);
    TodayLine {
        href: asked.href(&[("show", &row.id.to_string())]),
        due: row.due_at.map(|due| due_day(due, now, zone, &web.calendar)),
        overdue: row.due_at.is_some_and(|due| due < now),
        assignee: match &filter.inbox {
            Inbox::Everybody => Some(row.assignee_name.or(row.assignee).unwrap_or_else(|| say!("Unassigned"))),
            _ => None,
        },
        snoozed: snoozed.map(|until| named(local_date(until, zone), local_date(now, zone))),
        ticked: (row.ticked > 0 && row.items > 0).then(|| say!("{n} of {all} ticked", n = row.ticked, all = row.items)),
        current: current == Some(row.id),
        id: row.id,
        title: row.title,
        contact: row.contact_name,
        priority: row.priority,
        playbook: row.playbook,
    }
}
