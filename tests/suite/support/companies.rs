//! Companies whose true effects are known, for what a report about them says.

use keepwell::enrollment::holdout::{Arm, Drawn, draw};
use keepwell::impact::{Comparison, Group, HELD_OUT, Measure, TREATED};
use keepwell::statistics::{Sample, Share};

/// A company with a playbook, and what that playbook does to its accounts.
#[derive(Clone, Debug)]
pub struct Company {
    pub playbook: String,
    pub accounts: usize,
    /// The share that is held out.
    pub holdout: f64,
    /// The probability of the goal without the playbook; by account it is up to 0.05 more or less.
    goal: f64,
    /// By how much the playbook raises it.
    goal_effect: f64,
    /// The probabilities that a renewal is due, and that an account that is due does not
    /// renew without the playbook; by how much the playbook lowers the latter.
    due: f64,
    churn: f64,
    renewal_effect: f64,
    /// The probability that an account that stays pays a third more, and by how much
    /// the playbook raises it.
    growth: f64,
    growth_effect: f64,
    seed: u64,
}

/// What became of one account.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub account: String,
    pub is_treated: bool,
    /// From 0 to 1, when in the time of drawing it was drawn.
    pub drawn_at: f64,
    pub has_goal: bool,
    pub is_due: bool,
    pub renews: bool,
    /// In whole units of the currency, and those a term later.
    pub mrr: i64,
    pub mrr_after: i64,
}

/// MRR is log-normal: e to a normal with this mean and deviation.
const MRR_LOG: (f64, f64) = (6.0, 0.8);
const GROWTH: f64 = 1.0 / 3.0;

impl Company {
    /// Number `world` of several: sizes, shares and effects vary, one in three has no effect.
    pub fn new(world: u64) -> Company {
        let mut dice = Dice::new(world.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1);
        let null = world.is_multiple_of(3);
        let effect = |dice: &mut Dice, of: &[f64]| if null { 0.0 } else { dice.pick(of) };
        Company {
            playbook: format!("world-{world}"),
            accounts: dice.pick(&[400.0, 800.0, 1_600.0]) as usize,
            holdout: dice.pick(&[0.2, 0.3, 0.5]),
            goal: dice.pick(&[0.15, 0.3, 0.5]),
            goal_effect: effect(&mut dice, &[0.03, 0.08, 0.2, -0.06]),
            due: dice.pick(&[0.6, 0.9]),
            churn: dice.pick(&[0.1, 0.2]),
            renewal_effect: effect(&mut dice, &[0.03, 0.08, -0.05]),
            growth: dice.pick(&[0.15, 0.3]),
            growth_effect: effect(&mut dice, &[0.05, 0.2, -0.08]),
            seed: dice.number(),
        }
    }

    /// Whether the playbook changes nothing.
    pub fn is_null(&self) -> bool {
        self.goal_effect == 0.0
    }

    /// The difference between treated and held out that a report looks for: shares in
    /// percentage points, revenue in the currency.
    pub fn truth(&self, measure: Measure) -> f64 {
        let (mean, deviation) = MRR_LOG;
        let mrr = (mean + deviation * deviation / 2.0).exp();
        let change = |churn: f64, growth: f64| {
            let leaves = self.due * churn;
            mrr * ((1.0 - leaves) * growth * GROWTH - leaves)
        };
        match measure {
            Measure::Goal => self.goal_effect * 100.0,
            Measure::Renewal => self.renewal_effect * 100.0,
            Measure::Revenue => {
                change(self.churn - self.renewal_effect, self.growth + self.growth_effect)
                    - change(self.churn, self.growth)
            }
            Measure::Answered | Measure::Unsubscribed => 0.0,
        }
    }

    /// What becomes of its accounts, each in the arm that Keepwell draws for it.
    pub fn outcomes(&self) -> Vec<Outcome> {
        let mut dice = Dice::new(self.seed);
        (0..self.accounts).map(|number| self.outcome(number, &mut dice)).collect()
    }

    fn outcome(&self, number: usize, dice: &mut Dice) -> Outcome {
        let account = format!("{}-{number}", self.playbook);
        let arm = draw(Some(self.holdout), &self.playbook, &account, Drawn::NotYet);
        let is_treated = arm == Some(Arm::Treated);
        let with = |effect: f64| if is_treated { effect } else { 0.0 };
        let (mean, deviation) = MRR_LOG;
        let own = (dice.share() - 0.5) * 0.1;
        let has_goal = dice.share() < self.goal + own + with(self.goal_effect);
        let is_due = dice.share() < self.due;
        let renews = dice.share() >= self.churn - with(self.renewal_effect);
        let mrr = (mean + deviation * dice.normal()).exp();
        let grows = dice.share() < self.growth + with(self.growth_effect);
        let after = match (is_due && !renews, grows) {
            (true, _) => 0.0,
            (false, true) => mrr * (1.0 + GROWTH),
            (false, false) => mrr,
        };
        let drawn_at = dice.share();
        let (mrr, mrr_after) = (mrr.round() as i64, after.round() as i64);
        Outcome { account, is_treated, drawn_at, has_goal, is_due, renews, mrr, mrr_after }
    }
}

/// The comparison of those who were drawn by a time, as the store would count them.
pub fn compare(outcomes: &[Outcome], until: f64) -> Comparison {
    let group = |name: &str, is_treated: bool| {
        let of: Vec<&Outcome> =
            outcomes.iter().filter(|one| one.is_treated == is_treated && one.drawn_at <= until).collect();
        let count = |fits: &dyn Fn(&Outcome) -> bool| of.iter().filter(|one| fits(one)).count() as i64;
        let changes: Vec<f64> = of.iter().map(|one| (one.mrr_after - one.mrr) as f64).collect();
        let mean = changes.iter().sum::<f64>() / changes.len().max(1) as f64;
        let squares: f64 = changes.iter().map(|change| (change - mean).powi(2)).sum();
        Group {
            name: name.to_owned(),
            drawn: of.len() as i64,
            goal: Share { of: of.len() as i64, part: count(&|one| one.has_goal) },
            renewal: Share { of: count(&|one| one.is_due), part: count(&|one| one.is_due && one.renews) },
            revenue: Sample {
                count: changes.len() as i64,
                mean,
                variance: squares / (changes.len().max(2) - 1) as f64,
            },
            ..Group::default()
        }
    };
    Comparison::of_holdout(vec![group(TREATED, true), group(HELD_OUT, false)])
}

/// Numbers of chance: SplitMix64 (G. L. Steele, D. Lea and C. H. Flood, 2014).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1.
    pub fn share(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn pick(&mut self, of: &[f64]) -> f64 {
        of[(self.number() % of.len() as u64) as usize]
    }

    /// A standard normal number (G. E. P. Box and M. E. Muller, 1958).
    fn normal(&mut self) -> f64 {
        let (one, other) = (1.0 - self.share(), self.share());
        (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos()
    }
}
