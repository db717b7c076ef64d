//! What became of accounts by the arm or the variant that they were drawn, and
//! what a playbook cost. One statement each for all playbooks.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};

use super::recorded::{recorded_number, recorded_time};
use crate::catalog;
use crate::clock::Instant;
use crate::enrollment::holdout::Arm;
use crate::impact::{Comparison, Group, HELD_OUT, Impact, Spending, StepVariants, TREATED, TaskCounts};
use crate::message::state::State;
use crate::playbook::Duration;
use crate::playbook::source::SourceFile;
use crate::statistics::{Sample, Share};
use crate::store::{Relation, Store};

/// How far back what was spent is counted.
const SPENT_DAYS: i64 = 90;

/// How long after the end a goal counts where a text cannot be read.
const GOAL_WINDOW: i64 = 30 * 86_400;

/// How it is judged.
#[derive(Clone, Copy, Debug)]
pub struct ImpactTerms {
    pub now: Instant,
    /// After how many days renewal and revenue are judged.
    pub term_days: i64,
    /// How long a task takes.
    pub minutes_per_task: Option<u32>,
}

/// Each playbook with its goal window in seconds; the statements take them so.
struct Windows {
    playbooks: Vec<String>,
    seconds: Vec<i64>,
}

impl Store {
    /// What can be said of each published playbook, or of the one that is named.
    pub async fn impact(&self, playbook: Option<&str>, terms: ImpactTerms) -> sqlx::Result<Vec<Impact>> {
        let windows = self.goal_windows(playbook).await?;
        let mut arms = self.arms(&windows, terms).await?;
        let mut variants = self.variants(&windows, terms.now).await?;
        let mut spent = self.spending(&windows, terms).await?;
        let impact = |(playbook, seconds): (&String, &i64)| Impact {
            playbook: playbook.clone(),
            goal_days: *seconds as f64 / 86_400.0,
            term_days: terms.term_days,
            holdout: arms.remove(playbook).map(Comparison::of_holdout),
            variants: variants.remove(playbook).unwrap_or_default(),
            spent: spent.remove(playbook).unwrap_or_default(),
        };
        Ok(windows.playbooks.iter().zip(&windows.seconds).map(impact).collect())
    }

    async fn goal_windows(&self, playbook: Option<&str>) -> sqlx::Result<Windows> {
        let published = self.published().await?;
        let wanted: Vec<(&str, &str)> = published
            .iter()
            .filter(|one| playbook.is_none_or(|id| one.id == id))
            .map(|one| (&*one.id, &*one.revision))
            .collect();
        let texts = self.revision_texts(&wanted).await?;
        let window = |id: &str| {
            let text = texts.iter().find(|text| text.playbook == id)?;
            let file = SourceFile { path: text.file.as_str().into(), text: text.text.as_str().into() };
            match catalog::parse(&file, &mut Vec::new())?.goal_window {
                Duration::Seconds(seconds) => Some(seconds),
                Duration::BusinessDays(_) => None,
            }
        };
        let seconds = wanted.iter().map(|(id, _)| window(id).unwrap_or(GOAL_WINDOW)).collect();
        Ok(Windows { playbooks: wanted.iter().map(|(id, _)| (*id).to_owned()).collect(), seconds })
    }

    /// Treated and held out, by playbook.
    async fn arms(&self, windows: &Windows, terms: ImpactTerms) -> sqlx::Result<BTreeMap<String, Vec<Group>>> {
        let sql = arms_sql(self);
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(&windows.playbooks)
            .bind(&windows.seconds)
            .bind(terms.now)
            .bind(TimeDelta::days(terms.term_days))
            .persistent(false)
            .fetch_all(&mut *self.read().await?)
            .await?;
        let mut found: BTreeMap<String, Vec<Group>> = BTreeMap::new();
        for row in rows {
            let name = match Arm::parse(row.try_get("arm")?) {
                Some(Arm::Treated) => TREATED,
                Some(Arm::Ghost) => HELD_OUT,
                None => continue,
            };
            let group = Group {
                name: name.to_owned(),
                renewal: share(&row, "due", "renewed")?,
                revenue: Sample {
                    count: row.try_get("counted")?,
                    mean: row.try_get("mean")?,
                    variance: row.try_get("variance")?,
                },
                ..group(&row)?
            };
            found.entry(row.try_get("playbook")?).or_default().push(group);
        }
        Ok(found)
    }

    /// The variants of each mail step, by playbook.
    async fn variants(&self, windows: &Windows, now: Instant) -> sqlx::Result<BTreeMap<String, Vec<StepVariants>>> {
        let rows = sqlx::query(VARIANTS)
            .bind(&windows.playbooks)
            .bind(&windows.seconds)
            .bind(now)
            .bind(State::Complained.name())
            .persistent(false)
            .fetch_all(self.pool())
            .await?;
        let mut groups: BTreeMap<(String, String), Vec<Group>> = BTreeMap::new();
        for row in rows {
            let group = Group {
                name: row.try_get("variant")?,
                answered: share(&row, "asked", "answered")?,
                unsubscribed: share(&row, "judged", "unsubscribed")?,
                ..group(&row)?
            };
            groups.entry((row.try_get("playbook")?, row.try_get("step")?)).or_default().push(group);
        }
        let mut found: BTreeMap<String, Vec<StepVariants>> = BTreeMap::new();
        for ((playbook, step), groups) in groups {
            let comparison = Comparison::of_variants(groups);
            found.entry(playbook).or_default().push(StepVariants { step, comparison });
        }
        Ok(found)
    }

    /// What each playbook cost, and the goals that were reached meanwhile.
    async fn spending(&self, windows: &Windows, terms: ImpactTerms) -> sqlx::Result<BTreeMap<String, Spending>> {
        let since = terms.now - TimeDelta::days(SPENT_DAYS);
        let rows = sqlx::query(SPENDING).bind(&windows.playbooks).bind(since).fetch_all(self.pool()).await?;
        let reasons: Vec<(String, String, i64)> =
            sqlx::query_as(REASONS).bind(&windows.playbooks).bind(since).fetch_all(self.pool()).await?;
        let mut found = BTreeMap::new();
        for row in rows {
            let playbook: String = row.try_get("playbook")?;
            let of_it = reasons.iter().filter(|(of, _, _)| *of == playbook);
            let tasks = TaskCounts {
                done: row.try_get("done")?,
                with_outcome: row.try_get("with_outcome")?,
                dismissed: row.try_get("dismissed")?,
                closed: row.try_get("closed")?,
                open: row.try_get("open")?,
                median_hours: row.try_get("median_hours")?,
                reasons: of_it.map(|(_, reason, count)| (reason.clone(), *count)).take(5).collect(),
            };
            let spending = Spending {
                days: SPENT_DAYS,
                tasks,
                mails: row.try_get("mails")?,
                goals: row.try_get("goals")?,
                minutes_per_task: terms.minutes_per_task,
            };
            found.insert(playbook, spending);
        }
        Ok(found)
    }
}

fn group(row: &PgRow) -> sqlx::Result<Group> {
    Ok(Group { drawn: row.try_get("drawn")?, goal: share(row, "judged", "reached")?, ..Group::default() })
}

fn share(row: &PgRow, of: &str, part: &str) -> sqlx::Result<Share> {
    Ok(Share { of: row.try_get(of)?, part: row.try_get(part)? })
}

/// Of each account, the arm and the time of its first draw, and what it was then and
/// a term later. `$1` and `$2` are playbooks with their goal windows, `$3` is now,
/// `$4` the term.
fn arms_sql(store: &Store) -> String {
    let knows_past = !store.schema().absent.contains(Relation::Changes.name());
    let account = store.key().of_text("j.account_id");
    let lookup = |at: &str| match knows_past {
        true => format!(
            "(select h.became from {} h where h.account_id = {account} and h.at <= {at} order by h.at desc, h.id desc limit 1)",
            store.relation(Relation::Changes)
        ),
        false => "(select null::jsonb as became where false)".to_owned(),
    };
    let number = |json: &str| recorded_number(json, "mrr");
    let time = |json: &str| recorded_time(json, "renewal_at");
    let (mrr_before, mrr_after) = (number("p.became"), number("q.became"));
    let (due_before, due_after) = (time("p.became"), time("q.became"));
    let (at_draw, at_end) = (lookup("j.at"), lookup("j.at + $4"));
    format!(
        "with windows as (select * from unnest($1::text[], $2::int8[]) as w (playbook, seconds)),
         drawn as (
             select e.playbook, e.account_id, (array_agg(e.arm order by e.started_at, e.id))[1] as arm,
                 min(e.started_at) as at,
                 min(e.goal_at) filter (where coalesce(e.outcome, e.state) = 'goal') as goal_at
             from keepwell.enrollments e
             where e.arm is not null and not e.shadow and e.playbook = any($1)
             group by e.playbook, e.account_id),
         judged as (
             select d.*, d.at + make_interval(secs => w.seconds) as goal_end, d.at + $4 <= $3 as is_over
             from drawn d join windows w on w.playbook = d.playbook),
         past as (
             select j.*, p.became is not null and q.found as has_past,
                 {mrr_before} as mrr_before, {due_before} as due_before, {due_after} as due_after,
                 q.became is not null and q.became ->> 'status' is distinct from 'churned' as stays,
                 case when q.became is null or q.became ->> 'status' = 'churned' then 0 else {mrr_after} end as mrr_after
             from judged j
             left join lateral {at_draw} p on j.is_over
             left join lateral (select true as found, later.became from {at_end} later) q on j.is_over)
         select playbook, arm, count(*) as drawn,
             count(*) filter (where goal_end <= $3) as judged,
             count(*) filter (where goal_end <= $3 and goal_at <= goal_end) as reached,
             count(*) filter (where has_past and due_before > at and due_before <= at + $4) as due,
             count(*) filter (where has_past and due_before > at and due_before <= at + $4
                 and (stays or due_after > due_before)) as renewed,
             count(mrr_after - mrr_before) filter (where has_past) as counted,
             coalesce(avg(mrr_after - mrr_before) filter (where has_past), 0)::float8 as mean,
             coalesce(var_samp(mrr_after - mrr_before) filter (where has_past), 0)::float8 as variance
         from past group by playbook, arm"
    )
}

/// An account counts in the variant that it was drawn first, from its first mail of
/// the step on, whether or not that left. `$4` is the state of a mail that drew a
/// complaint.
const VARIANTS: &str = "
    with windows as (select * from unnest($1::text[], $2::int8[]) as w (playbook, seconds)),
    drawn as (
        select m.playbook, m.step, m.account_id, (array_agg(m.variant order by m.created_at, m.id))[1] as variant,
            min(m.created_at) as at, array_agg(m.id) as mails, bool_or(m.state = $4) as complained
        from keepwell.messages m
        where m.variant is not null and not m.shadow and m.playbook = any($1)
        group by m.playbook, m.step, m.account_id),
    judged as (
        select d.*, w.seconds, d.at + make_interval(secs => w.seconds) as goal_end
        from drawn d join windows w on w.playbook = d.playbook),
    asking as (select distinct a.playbook from keepwell.answers a where a.playbook = any($1)),
    came as (
        select j.*,
            exists (select from keepwell.enrollments e
                where e.account_id = j.account_id and e.playbook = j.playbook and not e.shadow
                  and e.state = 'goal' and e.goal_at >= j.at and e.goal_at <= j.goal_end) as reached,
            exists (select from asking a where a.playbook = j.playbook) as asked,
            exists (select from keepwell.answers a
                where a.account_id = j.account_id and a.playbook = j.playbook
                  and a.answered_at >= j.at and a.answered_at <= j.goal_end) as answered,
            j.complained or exists (select from keepwell.address_guard g
                join keepwell.recipients r on r.address_hash = g.address_hash
                cross join lateral jsonb_each(r.suppressed) as said (class, word)
                where g.playbook = j.playbook and g.step = j.step and g.message = any(j.mails)
                  and said.word ->> 'source' in ('unsubscribe', 'preferences') and not said.word ? 'through'
                  and (said.word ->> 'at')::timestamptz >= g.at
                  and (said.word ->> 'at')::timestamptz <= j.goal_end
                  and not exists (select from keepwell.address_guard later
                      where later.address_hash = g.address_hash and (later.playbook, later.step) <> (g.playbook, g.step)
                        and later.at > g.at and later.at <= (said.word ->> 'at')::timestamptz)) as unsubscribed
        from judged j)
    select playbook, step, variant, count(*) as drawn,
        count(*) filter (where goal_end <= $3) as judged,
        count(*) filter (where goal_end <= $3 and reached) as reached,
        count(*) filter (where goal_end <= $3 and asked) as asked,
        count(*) filter (where goal_end <= $3 and asked and answered) as answered,
        count(*) filter (where goal_end <= $3 and unsubscribed) as unsubscribed
    from came group by playbook, step, variant";

const SPENDING: &str = "
    select p.id as playbook, t.*, m.mails, g.goals
    from unnest($1::text[]) as p (id)
    cross join lateral (
        select count(*) filter (where state = 'done') as done,
            count(*) filter (where state = 'done' and outcome is not null) as with_outcome,
            count(*) filter (where state = 'dismissed') as dismissed,
            count(*) filter (where state = 'closed') as closed,
            count(*) filter (where state = 'open') as open,
            (percentile_cont(0.5) within group (order by extract(epoch from ended_at - created_at) / 3600)
                filter (where state in ('done', 'dismissed')))::float8 as median_hours
        from keepwell.tasks
        where playbook = p.id and (state = 'open' or (state <> 'shadow' and ended_at > $2))) t
    cross join lateral (
        select count(*) as mails from keepwell.messages
        where playbook = p.id and channel = 'email' and class <> 'internal' and not shadow and sent_at > $2) m
    cross join lateral (
        select count(*) as goals from keepwell.enrollments
        where playbook = p.id and state = 'goal' and not shadow and goal_at > $2) g";

const REASONS: &str = "
    select playbook, reason, count(*) as count from (
        -- What stands behind the colon is about one account.
        select playbook, split_part(coalesce(reason, ''), ':', 1) as reason from keepwell.tasks
        where playbook = any($1) and state = 'dismissed' and ended_at > $2) dismissed
    group by playbook, reason order by 3 desc, 2";
