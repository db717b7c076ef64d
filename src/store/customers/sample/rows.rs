//! The rows of the sample, in the shape of the schema `customers`.

use crate::clock::Instant;

/// The sample's rows, in the shape of the schema `customers`.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleCompany {
    /// The instant that counts as now.
    pub anchor: Instant,
    pub csms: Vec<SampleCsm>,
    pub accounts: Vec<SampleAccount>,
    pub owners: Vec<SampleOwner>,
    pub contacts: Vec<SampleContact>,
    pub events: Vec<SampleEvent>,
    pub scores: Vec<SampleScore>,
    pub tickets: Vec<SampleTicket>,
    /// By account, in order of time.
    pub changes: Vec<SampleChange>,
}

/// Why an account is in the sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    /// Ordinary life.
    Ordinary,
    /// Signed up within the last three days.
    NewSignup,
    /// Signed up more than 30 days ago and never activated.
    NeverActivated,
    /// Logins fell by more than 40 % in the last 30 days.
    UsageDrop,
    /// A contact's NPS fell by 3 or more to 6 or less within the last week.
    NpsDrop,
    /// An urgent ticket is open.
    UrgentTicket,
}

/// Logins that fell from one day to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UsageFall {
    pub from: Instant,
    /// When they were back; `None` if they never were.
    pub until: Option<Instant>,
    /// What was left of them meanwhile, as a share.
    pub rest: f64,
}

/// A row of `csms`.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleCsm {
    pub id: String,
    pub name: String,
    pub email: String,
    pub manager_id: Option<String>,
    /// IANA name.
    pub timezone: String,
    /// How many accounts this person can look after; `None` for the manager.
    pub capacity: Option<i32>,
}

/// A row of `accounts`.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleAccount {
    pub id: String,
    /// Not stored: what this account is meant to show.
    pub story: Story,
    /// Not stored: when its logins fell, more than three months before the anchor.
    pub usage_fall: Option<UsageFall>,
    /// Not stored: when its first contact's NPS fell, more than three months before the anchor.
    pub nps_fell_at: Option<Instant>,
    pub name: String,
    /// `A`, `B` or `C`.
    pub tier: &'static str,
    /// `active`, `trial` or `churned`.
    pub status: &'static str,
    /// `onboarding`, `activation`, `adoption`, `expansion` or `renewal`; `None` once churned.
    pub stage: Option<&'static str>,
    /// A few accounts have nobody.
    pub csm_id: Option<String>,
    /// Monthly revenue, whole units; 0 for a trial and once churned.
    pub mrr: i64,
    pub seats: i32,
    pub seats_used: i32,
    pub signed_up_at: Instant,
    /// The first report.
    pub activated_at: Option<Instant>,
    /// The next anniversary of an annual contract, after the anchor; `None` for
    /// monthly contracts, trials and churned accounts.
    pub renewal_at: Option<Instant>,
    pub churned_at: Option<Instant>,
    /// IANA name.
    pub timezone: &'static str,
    /// BCP 47 tag.
    pub locale: &'static str,
    pub traits: serde_json::Value,
}

/// A row of `account_owners`.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleOwner {
    pub account_id: String,
    /// `inside`, who writes and calls, or `outside`, who visits.
    pub role: &'static str,
    pub csm_id: String,
}

/// A row of `contacts`. Addresses end in the reserved domain `.example`.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleContact {
    pub account_id: String,
    pub id: String,
    pub email: Option<String>,
    pub name: String,
    pub first_name: Option<String>,
    /// `champion`, `owner`, `admin`, `billing` or `user`.
    pub role: &'static str,
    /// Only where it differs from the account's.
    pub timezone: Option<&'static str>,
    pub locale: &'static str,
    pub created_at: Instant,
    pub left_at: Option<Instant>,
    pub traits: serde_json::Value,
}

/// A row of `events`.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleEvent {
    pub account_id: String,
    pub id: String,
    pub contact_id: Option<String>,
    /// `login`, `report_created`, `report_viewed`, `export_downloaded` or `invite_sent`; of the practice
    /// `signed_up`, `error`, `visit_planned`, `meeting_held`, `invoice_issued`, `invoice_paid` or `referral_made`.
    pub name: &'static str,
    pub at: Instant,
    pub properties: serde_json::Value,
}

/// A row of `scores`: an answer of one contact.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleScore {
    pub account_id: String,
    pub id: String,
    pub contact_id: String,
    /// `nps` (0 to 10) or `csat` (1 to 5).
    pub name: &'static str,
    pub value: f64,
    pub at: Instant,
}

/// A row of `tickets`.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleTicket {
    pub account_id: String,
    pub id: String,
    pub contact_id: Option<String>,
    pub opened_at: Instant,
    /// `None` while it is open.
    pub closed_at: Option<Instant>,
    /// `low`, `normal`, `high` or `urgent`.
    pub severity: &'static str,
    /// One of `TICKET_TOPICS`.
    pub topic: &'static str,
    /// In the account's language.
    pub subject: &'static str,
}

/// A row of `account_changes`: what an account was from an instant on.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleChange {
    pub at: Instant,
    pub account: SampleAccount,
}
