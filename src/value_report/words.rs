//! What stands in each report beside its own texts: in Chinese for those who read it,
//! in English for all others.

use super::{Lack, Rate};
use crate::playbook::language::primary;

/// The words of one language.
pub(super) struct Words {
    pub before: &'static str,
    pub after: &'static str,
    pub change: &'static str,
    pub worth: &'static str,
    pub goals: &'static str,
    is_chinese: bool,
}

const ENGLISH: Words =
    Words { before: "Before", after: "After", change: "Change", worth: "Worth", goals: "Goals", is_chinese: false };

const CHINESE: Words =
    Words { before: "之前", after: "之后", change: "变化", worth: "价值", goals: "目标", is_chinese: true };

impl Words {
    /// Those for readers of a language, by its tag in lower case.
    pub fn of(language: &str) -> &'static Words {
        if primary(language) == "zh" { &CHINESE } else { &ENGLISH }
    }

    /// The two dates that are compared.
    pub fn dates(&self, begin: &str, end: &str, days: i64) -> String {
        match self.is_chinese {
            true => format!("截至 {end}，与 {days} 天前（{begin}）相比"),
            false => format!("As of {end}, compared with {days} days before, {begin}"),
        }
    }

    /// In place of a number.
    pub fn lack(&self, lack: &Lack) -> &'static str {
        match (lack, self.is_chinese) {
            (Lack::NotYet, true) => "当时尚未开始",
            (Lack::NotYet, false) => "not there yet",
            (Lack::NotRecorded | Lack::Failed(_), true) => "无记录",
            (Lack::NotRecorded | Lack::Failed(_), false) => "not on record",
        }
    }

    /// By which rate something is worth what it is.
    pub fn rate(&self, rate: Rate, money: &str) -> String {
        match (rate.is_own, self.is_chinese) {
            (true, true) => format!("按贵方费率 {money} 计算"),
            (true, false) => format!("by your own rate of {money}"),
            (false, true) => format!("按假定费率 {money} 计算"),
            (false, false) => format!("by an assumed rate of {money}"),
        }
    }

    /// How far two percentages are apart.
    pub fn points(&self, number: &str) -> String {
        match self.is_chinese {
            true => format!("{number} 个百分点"),
            false => format!("{number} percentage points"),
        }
    }

    /// What all figures together are worth more than before.
    pub fn gain(&self, gain: f64, money: &str) -> String {
        match (self.is_chinese, gain) {
            (true, gain) if gain > 0.0 => format!("合计比之前多 {money}"),
            (true, gain) if gain < 0.0 => format!("合计比之前少 {money}"),
            (true, _) => "合计与之前相同".to_owned(),
            (false, gain) if gain > 0.0 => format!("Together worth {money} more than before"),
            (false, gain) if gain < 0.0 => format!("Together worth {money} less than before"),
            (false, _) => "Together worth as much as before".to_owned(),
        }
    }

    /// Which figures have a rate and are not in the sum.
    pub fn not_counted(&self, labels: &[&str]) -> String {
        match self.is_chinese {
            true => format!("未计入（缺少记录）：{}", labels.join("、")),
            false => format!("Not counted, for want of a record: {}", labels.join(", ")),
        }
    }

    /// How a goal stands.
    pub fn state(&self, state: &str) -> &'static str {
        match (state, self.is_chinese) {
            ("reached", true) => "已达成",
            ("reached", false) => "reached",
            ("missed", true) => "未达成",
            ("missed", false) => "missed",
            (_, true) => "进行中",
            (_, false) => "under way",
        }
    }

    /// Between a label and what is said of it.
    pub fn colon(&self) -> &'static str {
        if self.is_chinese { "：" } else { ": " }
    }
}
