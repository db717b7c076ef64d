//! Where bounces arrive.

use chrono::Duration;

use crate::cli::database::Database;
use crate::clock::Clock;
use crate::config::Config;

use super::Findings;

/// How many days back it counts bounces that could not be understood.
const LATELY: i64 = 30;

pub(super) async fn look(config: &Config, database: Option<&Database>, findings: &mut Findings) {
    let about = "mail.bounces";
    let Some(bounces) = &config.mail.bounces else {
        let help = "set `mail: { bounces: { address: …, maildir: … } }`: who keeps writing to addresses that are gone is not trusted for long";
        return findings.warn(about, "bounces and complaints are not read", help);
    };
    let dir = bounces.maildir.display();
    for part in ["new", "cur"] {
        if let Err(error) = std::fs::read_dir(bounces.maildir.join(part)) {
            return findings.bad(
                about,
                format!("`{dir}/{part}` cannot be read: {error}"),
                "let Keepwell's user read and write the Maildir",
            );
        }
    }
    // A file is moved from the one to the other, which takes the right to write.
    let probe = bounces.maildir.join("cur").join(".keepwell-doctor");
    let written = std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe));
    if let Err(error) = written {
        return findings.bad(
            about,
            format!("`{dir}/cur` cannot be written: {error}"),
            "let Keepwell's user read and write the Maildir",
        );
    }
    findings.ok(about, format!("{} arrives in `{dir}`", bounces.address));
    let Some(database) = database else { return };
    let since = Clock::System.now() - Duration::days(LATELY);
    if let Ok((count, Some(latest))) = database.store.unclear_reports(since).await {
        let message = format!("{count} mails to it in {LATELY} days were not understood, the latest `{latest}`");
        findings.warn(about, message, format!("they are flagged in `{dir}/cur`"));
    }
}
