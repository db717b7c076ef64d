//! What is stopped, in the reader's language.

use chrono_tz::Tz;

use super::language::{say, translated};
use super::stored_words::stored_words;
use super::visitor::actor_words;
use crate::store::upkeep::stopped::{ITSELF, Stop, StopTarget};

/// `the playbook welcome`: what a stop is about, within a sentence.
pub(super) fn target_words(target: &StopTarget) -> String {
    match target {
        StopTarget::All => say!("everything"),
        StopTarget::Channel(channel) => say!("the channel {channel}", channel = translated(channel.name())),
        StopTarget::Playbook(id) => say!("the playbook {id}", id = id),
        StopTarget::Account(id) => say!("the account {id}", id = id),
        StopTarget::AccountMail { account, class } => {
            say!("{class} mail to the account {id}", class = translated(class.name()), id = account)
        }
        StopTarget::Daemon => say!("a daemon"),
    }
}

/// `the playbook welcome (by mia: a wrong list)`: a stop with who wanted it, and why.
pub(super) fn stop_words(stop: &Stop) -> String {
    let (target, by) = (target_words(&stop.target), actor_words(&stop.by));
    match reason_words(stop) {
        Some(reason) => say!("{target} (by {who}: {reason})", target = target, who = by, reason = reason),
        None => say!("{target} (by {who})", target = target, who = by),
    }
}

/// Why it is stopped: a person's own words, or those of Keepwell in the reader's language.
pub(super) fn reason_words(stop: &Stop) -> Option<String> {
    // No sentence about a stop has a time in it.
    let own = |reason: &str| stored_words(reason, Tz::UTC);
    let reason = stop.reason.as_deref()?;
    Some(if stop.by == ITSELF { own(reason) } else { reason.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::channel::Channel;
    use crate::message::class::Class;
    use crate::web::language::PageLanguage;

    #[tokio::test]
    async fn a_stop_is_said_in_the_readers_language() {
        let account = || "a1".to_owned();
        let targets = [
            StopTarget::All,
            StopTarget::Channel(Channel::Email),
            StopTarget::Playbook("welcome".to_owned()),
            StopTarget::Account(account()),
            StopTarget::AccountMail { account: account(), class: Class::Marketing },
            StopTarget::Daemon,
        ];
        for target in targets {
            assert_eq!(target_words(&target), target.to_string(), "as the command line says it");
            let stop = Stop { target, by: "mia".to_owned(), reason: Some("a wrong list".to_owned()) };
            assert_eq!(stop_words(&stop), stop.to_string());
            let stop = Stop { reason: None, ..stop };
            assert_eq!(stop_words(&stop), stop.to_string());
            let chinese = PageLanguage::Chinese.answer(async { stop_words(&stop) }).await;
            assert!(chinese.contains("（停止人：mia）") && !chinese.contains(" by "), "{chinese}");
        }
        let reason = "its clock is 3 hours behind the database's; nothing is done until they agree";
        let stop = Stop { target: StopTarget::Daemon, by: ITSELF.to_owned(), reason: Some(reason.to_owned()) };
        let chinese = PageLanguage::Chinese.answer(async { stop_words(&stop) }).await;
        assert!(chinese.contains("其时钟比数据库慢 3 小时；一致之前不做任何操作"), "{chinese}");
    }
}
