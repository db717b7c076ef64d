//! Answers to surveys, which are scores as well.

use keepwell::clock::Instant;
use keepwell::facts::History;
use keepwell::facts::history::{AnswerRecord, ScoreRecord};
use serde_json::{Value as Json, json};

use super::histories::{Dice, stamp, uuid};

/// Adds some to a history.
pub fn give(
    history: &mut History,
    number: usize,
    dice: &mut Dice,
    contact: impl Fn(&mut Dice) -> Option<String>,
    marks: &[Instant],
) {
    for index in 0..dice.roll(8) {
        let id = uuid(u32::try_from(1_000_000 + number * 100 + index).expect("it is small"));
        let (contact, at) = (contact(dice), dice.instant(marks));
        let mut word = |words: &[&str]| dice.maybe(|dice| (*dice.pick(words)).to_owned());
        let [score, survey, text] = [&["nps", "csat"][..], &["quarterly"], &["Slow", "it's", ""]].map(&mut word);
        if let Some(name) = score.clone() {
            let (id, contact, value) = (id.clone(), contact.clone(), dice.roll(11) as f64);
            history.scores.push(ScoreRecord { id, name, value, at, contact, own: None });
        }
        history.answers.push(AnswerRecord { id, contact, score, survey, text, at });
    }
}

/// The rows of them.
pub fn rows(account: &str, history: &History) -> Vec<Json> {
    let row = |AnswerRecord { id, contact, score, survey, text, at }: &AnswerRecord| {
        let value = history.scores.iter().find(|score| score.id == *id).map(|score| score.value as i32);
        json!({
            "account_id": account, "contact_id": contact.as_deref().unwrap_or(""), "message": id, "enrollment_id": id,
            "playbook": "rescue", "step": "ask", "score": score, "value": value, "comment": text,
            "answered_at": stamp(*at), "survey": survey, "tags": [],
        })
    };
    history.answers.iter().map(row).collect()
}
