//! How mail leaves: the relay, and what the configuration says of the sender.

use std::time::Duration;

use crate::config::Config;
use crate::delivery::{Relay, RelayUrl, Timers};

use super::Findings;

/// How long the relay is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn look(config: &Config, findings: &mut Findings) {
    let url = std::env::var("KEEPWELL_SMTP_URL").ok().filter(|url| !url.is_empty());
    let live = url.is_some();
    match url {
        None => {
            let help = "set KEEPWELL_SMTP_URL once customers should receive something";
            findings.warn("relay", "there is none: mail is kept and not sent", help);
        }
        Some(url) => relay(&url, findings).await,
    }
    match &config.mail.public_url {
        Some(url) if url.starts_with("https://") => findings.ok("mail.public_url", url.clone()),
        Some(url) => {
            let help = "mail programs offer one click to unsubscribe only for https (RFC 8058)";
            let message = format!("`{url}` is not https");
            if live {
                findings.bad("mail.public_url", message, help)
            } else {
                findings.warn("mail.public_url", message, help)
            }
        }
        None => {
            let help = "set it to where customers reach their pages, behind a proxy with https; else links in mail lead to this machine";
            if live {
                findings.bad("mail.public_url", "not set", help);
            } else {
                findings.warn("mail.public_url", "not set", help);
            }
        }
    }
    if live && config.notify_csm_email && config.web_url.is_none() && config.listen.is_some() {
        let help = "set it to the address that colleagues open, such as https://keepwell.acme.example";
        findings.warn("web.url", "not set: links in mail to colleagues lead to this machine", help);
    }
    if config.customers_share_pages() {
        let help = "set it, as `\"127.0.0.1:7718\"`, and have the proxy of `mail.public_url` lead there; until then \
                    whatever a proxy brings to `web.listen` gets customers' pages only";
        findings.warn("web.public_listen", "not set: customers and colleagues come by the same address", help);
    }
    match &config.mail.postal_address {
        Some(address) => findings.ok("mail.postal_address", address.replace('\n', ", ")),
        None => findings.warn("mail.postal_address", "not set", "many laws want one below such mail"),
    }
    if let Some(to) = &config.mail.redirect_to {
        findings.warn("mail.redirect_to", format!("every customer mail goes to {to}"), "`off` lets it go to customers");
    }
}

async fn relay(url: &str, findings: &mut Findings) {
    let about = "relay";
    let relay = match RelayUrl::parse(url).map_err(|error| error.to_string()) {
        Ok(url) => Relay::new(url, 1, Timers::default(), &[]).map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    let relay = match relay {
        Ok(relay) => relay,
        Err(error) => return findings.bad(about, error, "mend KEEPWELL_SMTP_URL"),
    };
    let shown = relay.url().to_string();
    match tokio::time::timeout(PATIENCE, relay.look()).await {
        Ok(Ok(how)) => findings.ok(about, format!("{shown} answers, {how}")),
        Ok(Err(why)) => findings.bad(about, format!("{shown}: {why}"), "no mail can leave as long as this is so"),
        Err(_) => findings.bad(about, format!("{shown} does not answer"), "is port 25, 465 or 587 open from here?"),
    }
}
