//! What the database says of a period and a segment: all that an overview shows, but for
//! names.

use std::sync::Arc;

use chrono_tz::Tz;

use super::address::OverviewAddress;
use super::key_figures::KpiHistory;
use super::period::{Period, PeriodKind};
use crate::clock::Instant;
use crate::facts::Colleague;
use crate::impact::{Impact, TERM_DAYS};
use crate::store::views::impact::ImpactTerms;
use crate::store::views::web::{
    EndedTasks, MailCount, OnboardingStage, OpenTasks, RenewalEnds, RenewalMonth, RenewalRow, Segment, Span,
};
use crate::web::WebState;
use crate::web::kept::DatedAnswer;
use crate::web::page::Trouble;

/// How many months of renewals are shown, those of the period first.
pub(super) const MONTHS: i32 = 12;

/// How many accounts a period names.
const NAMED: i64 = 10;

/// Of which period and segment figures are.
pub(in crate::web) type FiguresQuestion = (Period, Segment);

/// The figures of a period and a segment at an instant.
#[derive(Debug)]
pub(in crate::web) struct OverviewFigures {
    pub(super) kpis: KpiHistory,
    pub(super) has_accounts: bool,
    pub(super) renewal_months: Vec<RenewalMonth>,
    pub(super) renewal_ends: RenewalEnds,
    /// The first of them, who pay most.
    pub(super) renewals_due: Vec<RenewalRow>,
    /// `None` where the store does not say when accounts left.
    pub(super) accounts_left: Option<i64>,
    pub(super) onboarding: Vec<OnboardingStage>,
    pub(super) ended_tasks: Vec<EndedTasks>,
    pub(super) open_tasks: Vec<OpenTasks>,
    pub(super) staff: Vec<Colleague>,
    pub(super) mails: Vec<MailCount>,
    pub(super) impacts: Vec<Impact>,
}

impl OverviewFigures {
    /// Those of now, or of a while before where counting takes long.
    pub(super) async fn of(
        web: &Arc<WebState>,
        address: &OverviewAddress,
        now: Instant,
    ) -> Result<Arc<DatedAnswer<OverviewFigures>>, Trouble> {
        let (period, segment) = (address.period, address.segment.clone());
        let count = OverviewFigures::count(web.clone(), period, segment.clone(), now);
        web.overview_figures.answer((period, segment), now, count).await
    }

    async fn count(web: Arc<WebState>, period: Period, segment: Segment, now: Instant) -> Result<Self, Trouble> {
        let (store, zone, span) = (&web.store, web.zone, period.span(web.zone));
        let terms = ImpactTerms { now, term_days: TERM_DAYS, minutes_per_task: web.shared.config.minutes_per_task };
        Ok(OverviewFigures {
            kpis: KpiHistory::read(&web, period, now).await?,
            has_accounts: store.has_accounts().await?,
            renewal_months: store.renewal_months(ahead(period, zone), zone, &segment, now).await?,
            renewal_ends: store.renewal_ends(span, &segment).await?,
            renewals_due: store.renewals_due(span, &segment, NAMED).await?,
            accounts_left: store.accounts_left(span, &segment).await?,
            onboarding: store.onboarding(span, &segment).await?,
            ended_tasks: store.ended_tasks(span, &segment).await?,
            open_tasks: store.open_tasks(&segment, now).await?,
            staff: store.colleagues().await?,
            mails: store.mail_counts(span, &segment).await?,
            impacts: store.impact(None, terms).await?,
        })
    }
}

/// The months whose renewals are counted: from the beginning of a period on.
fn ahead(period: Period, zone: Tz) -> Span {
    let begin = Period::of_day(PeriodKind::Month, period.first);
    Span { from: period.span(zone).from, until: begin.moved(MONTHS).span(zone).from }
}
