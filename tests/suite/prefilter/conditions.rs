//! Random conditions that an author could have written: they check.

use crate::functions::histories::Dice;

/// Functions that conditions call.
pub const SCRIPT: &str = r#"
fn quiet(account) { account.events("login", 30) < 2 && account.activated_at == none }
fn above(value, least) { value >= least }
fn size(account) { account.seats ?? 0 }
fn unless(account, flag) { !(flag) || quiet(account) }
fn same(flag) { flag }
fn days_since(time) { 31 }
fn late(account) { days_since(account.signed_up_at) >= 31 }
fn contains(list, item) { item != "B" }
fn odd(account) { account.tier in ["A", "B"] }
fn either(account) { if account.tier == "A" { account.events("login", 30) < 3 } else { quiet(account) } }
fn word(n) { let w = "low"; if n > 100 { w = "high"; } w }
"#;

/// Cells that are numbers; those that can be missing come first.
const NULLABLE: [&str; 10] = [
    "account.ago(7).mrr",
    "account.ago(30).score(\"nps\")",
    "account.seats",
    "account.seats_used",
    "account.traits.score",
    "account.score(\"nps\")",
    "account.score_change(\"nps\")",
    "account.days_since_event(\"login\")",
    "account.event_change(\"login\", 30)",
    "account.days_since_score(\"nps\")",
];
const COUNTS: [&str; 7] = [
    "account.ago(7).events(\"login\", 30)",
    "account.mrr",
    "account.events(\"login\", 30)",
    "account.open_tickets()",
    "account.active_days(\"login\", 30)",
    "account.event_sum(\"import\", \"rows\", 30)",
    "lib::size(account)",
];
const NUMBERS: [&str; 16] =
    ["0", "1", "2", "3", "5", "5.0", "4.5", "-3", "0.1", "0.3", "99.99", "100", "100.01", "-100.0", "1000000", "30"];
const TEXTS: [&str; 5] =
    ["account.ago(7).tier", "account.tier", "account.stage", "account.traits.plan", "account.locale"];
const WORDS: [&str; 7] = ["\"A\"", "\"B\"", "\"a\"", "\"\"", "\"É\"", "\"pro\"", "\"none\""];
const TIMES: [&str; 5] = [
    "account.activated_at",
    "account.renewal_at",
    "account.churned_at",
    "account.event_at(\"login\")",
    "account.score_at(\"nps\")",
];
const COUNTED: [&str; 4] = ["days_since", "days_until", "hours_since", "hours_until"];
const ORDERS: [&str; 4] = ["<", "<=", ">", ">="];

/// What stands for facts of the account where a contact is asked about; the
/// rest is asked of the account there, too.
const OF_CONTACTS: [(&str, &str); 16] = [
    ("account.tier", "contact.role"),
    ("account.stage", "contact.first_name"),
    ("account.locale", "contact.locale"),
    ("account.name", "contact.name"),
    ("account.activated_at", "contact.left_at"),
    ("account.signed_up_at", "contact.created_at"),
    ("account.traits.", "contact.traits."),
    ("account.score(", "contact.score("),
    ("account.score_change(", "contact.score_change("),
    ("account.score_at(", "contact.score_at("),
    ("account.days_since_score(", "contact.days_since_score("),
    ("account.events(", "contact.events("),
    ("account.event", "contact.event"),
    ("account.days_since_event(", "contact.days_since_event("),
    ("account.active_days(", "contact.active_days("),
    ("account.open_tickets(", "contact.open_tickets("),
];

/// A condition of an account, as one of a contact; some facts stay the account's.
pub fn of_contact(condition: String, dice: &mut Dice) -> String {
    let mut text = condition;
    for (account, contact) in OF_CONTACTS {
        if dice.roll(5) > 0 {
            text = text.replace(account, contact);
        }
    }
    text
}

/// What Keepwell knows itself, and what it stands for in some conditions.
const OUR_OWN: [(&str, &str); 8] = [
    (".stage", ".label(\"risk\")"),
    (".first_name", ".label(\"risk\")"),
    ("account.seats_used", "account.days_since_playbook(\"rescue\")"),
    (".open_tickets()", ".open_tasks()"),
    ("account.open_tickets(\"urgent\")", "account.days_in_stage()"),
    ("account.ago(7).tier", "account.stage_before(1)"),
    (".days_since_event(\"login\")", ".days_since_touch()"),
    ("account.traits.vip == true", "account.reached_goal(\"rescue\")"),
];

/// The same condition, asking some of it of our own state. What is chosen
/// depends on the text alone, so that a seed gives the conditions it always gave.
pub fn of_our_own(condition: String) -> String {
    let seed = condition.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mut dice = Dice(seed);
    let mut text = condition;
    for (theirs, ours) in OUR_OWN {
        if dice.roll(3) == 0 {
            text = text.replace(theirs, ours);
        }
    }
    text
}

pub struct Writer<'d>(pub &'d mut Dice);

impl Writer<'_> {
    fn one_of(&mut self, list: &[&'static str]) -> &'static str {
        list[self.0.roll(list.len())]
    }

    fn order(&mut self) -> &'static str {
        self.one_of(&ORDERS)
    }

    fn equality(&mut self) -> &'static str {
        self.one_of(&["==", "!="])
    }

    fn any(&mut self) -> &'static str {
        if self.0.roll(3) == 0 { self.equality() } else { self.order() }
    }

    /// A condition at most that deep.
    pub fn condition(&mut self, depth: usize) -> String {
        if depth == 0 || self.0.roll(6) == 0 {
            return self.leaf();
        }
        let inner = |writer: &mut Self| writer.condition(depth - 1);
        match self.0.roll(7) {
            0 | 1 => format!("({} && {})", inner(self), inner(self)),
            2 | 3 => format!("({} || {})", inner(self), inner(self)),
            4 => format!("{} && {} && {}", self.leaf(), inner(self), self.leaf()),
            5 => format!("!({})", inner(self)),
            _ => format!("!({} || {})", inner(self), self.leaf()),
        }
    }

    fn leaf(&mut self) -> String {
        match self.0.roll(20) {
            0..=3 => {
                let (cell, order, number) = (self.one_of(&NULLABLE), self.order(), self.one_of(&NUMBERS));
                self.guarded(cell, &format!("{cell} {order} {number}"), number, &format!("{order} {number}"))
            }
            4 | 5 => {
                let (count, comparison, number) = (self.one_of(&COUNTS), self.any(), self.one_of(&NUMBERS));
                match self.0.roll(4) {
                    0 => format!("{number} {comparison} {count}"),
                    _ => format!("{count} {comparison} {number}"),
                }
            }
            6 => format!("{} {} {}", self.one_of(&NULLABLE), self.equality(), self.one_of(&NUMBERS)),
            7..=9 => self.text(),
            10..=13 => self.time(),
            14 => self.flag(),
            15 => self.columns(),
            16 => {
                let list = match self.0.roll(3) {
                    0 => format!("[{}, {}]", self.one_of(&WORDS), self.one_of(&WORDS)),
                    1 => format!("[{}, none]", self.one_of(&WORDS)),
                    _ => return format!("{} in [{}, 5, 0.3]", self.one_of(&NULLABLE), self.one_of(&NUMBERS)),
                };
                format!("{} in {list}", self.one_of(&TEXTS))
            }
            17 => self.missing(),
            18 => self.script(),
            _ => self.engine(),
        }
    }

    /// A comparison of a cell that can be missing, in one of the ways that the
    /// check accepts.
    fn guarded(&mut self, cell: &str, comparison: &str, default: &str, rest: &str) -> String {
        match self.0.roll(4) {
            0 => format!("({cell} != none && {comparison})"),
            1 => format!("({cell} == none || {comparison})"),
            2 => format!("!({cell} == none) && {comparison}"),
            _ => format!("({cell} ?? {default}) {rest}"),
        }
    }

    fn text(&mut self) -> String {
        let (cell, word) = (self.one_of(&TEXTS), self.one_of(&WORDS));
        match self.0.roll(4) {
            0 => format!("{} {} {word}", self.one_of(&["account.status", "account.name"]), self.any()),
            1 => {
                let (order, default) = (self.order(), self.one_of(&WORDS));
                self.guarded(cell, &format!("{cell} {order} {word}"), default, &format!("{order} {word}"))
            }
            _ => format!("{cell} {} {word}", self.equality()),
        }
    }

    fn time(&mut self) -> String {
        let (cell, order) = (self.one_of(&TIMES), self.order());
        let number = self.one_of(&["0", "1", "7", "30", "-1", "-7", "24", "720"]);
        match self.0.roll(7) {
            0 | 1 => format!("{}(account.signed_up_at) {} {number}", self.one_of(&COUNTED), self.any()),
            2 => format!("{}({cell}) {} {number}", self.one_of(&COUNTED), self.equality()),
            3 | 4 => {
                let count = format!("{}({cell})", self.one_of(&COUNTED));
                let comparison = format!("{count} {order} {number}");
                if self.0.roll(2) == 0 {
                    return format!("({count} ?? {number}) {order} {number}");
                }
                self.guarded(cell, &comparison, "now", "< now")
            }
            5 => {
                let moved = self.one_of(&["now", "now - days(7)", "now + hours(24)", "now - days(30)"]);
                self.guarded(cell, &format!("{cell} {order} {moved}"), "now", &format!("{order} {moved}"))
            }
            _ => {
                let by = self.one_of(&["days(7)", "hours(1)", "days(30)"]);
                let other = self.one_of(&["now", "account.signed_up_at", "account.signed_up_at + days(1)"]);
                format!("({cell} != none && {cell} - {by} {order} {other})")
            }
        }
    }

    fn flag(&mut self) -> String {
        let cell = "account.traits.vip";
        match self.0.roll(5) {
            0 => format!("{cell} == true"),
            1 => format!("{cell} != true"),
            2 => format!("({cell} ?? false)"),
            3 => format!("!({cell} ?? true)"),
            _ => format!("({cell} != none && {cell})"),
        }
    }

    fn columns(&mut self) -> String {
        match self.0.roll(5) {
            0 => format!("account.tier {} account.stage", self.equality()),
            1 => format!("account.activated_at {} account.renewal_at", self.equality()),
            2 => format!("account.seats {} account.score(\"nps\")", self.equality()),
            3 => {
                format!(
                    "(account.seats != none && account.seats_used != none && account.seats {} account.seats_used)",
                    self.order()
                )
            }
            _ => format!("(account.seats != none && account.mrr {} account.seats)", self.order()),
        }
    }

    fn missing(&mut self) -> String {
        let equality = self.equality();
        let cell = match self.0.roll(4) {
            0 => self.one_of(&NULLABLE),
            1 => self.one_of(&TEXTS),
            2 => self.one_of(&TIMES),
            _ => self.one_of(&["account.traits.extra", "account.traits.ends", "account.traits.vip"]),
        };
        match self.0.roll(3) {
            0 => format!("none {equality} {cell}"),
            _ => format!("{cell} {equality} none"),
        }
    }

    fn script(&mut self) -> String {
        let number = self.one_of(&NUMBERS);
        match self.0.roll(6) {
            0 => self.one_of(&["lib::quiet(account)", "lib::either(account)"]).to_owned(),
            1 => self.one_of(&["lib::odd(account)", "lib::late(account)"]).to_owned(),
            2 => format!("lib::above(account.mrr, {number})"),
            3 => format!("lib::above(account.score(\"nps\") ?? 0, 5 - {})", self.one_of(&["1", "5", "2.5"])),
            4 => format!("lib::unless(account, account.tier == {})", self.one_of(&WORDS)),
            _ => "lib::word(account.mrr) == \"high\"".to_owned(),
        }
    }

    /// What no database is asked, for the most part.
    fn engine(&mut self) -> String {
        let number = self.one_of(&NUMBERS);
        match self.0.roll(5) {
            0 => format!("account.mrr / (account.seats ?? 1) > {number}"),
            1 => format!("account.mrr * 2 >= {number}"),
            2 => format!("weekday(account.signed_up_at) < {number}"),
            3 => "account.traits.ends != none && days_since(account.traits.ends) > 3".to_owned(),
            _ => "account.in_playbook(\"rescue\")".to_owned(),
        }
    }
}
