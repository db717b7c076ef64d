//! What the sender's domain publishes: SPF, DMARC, and keys at the usual
//! selectors.

use std::net::SocketAddr;

use crate::address::parse_mailbox;
use crate::cli::doctor::dns;
use crate::config::Config;

use super::Findings;

/// Selectors that widespread services use.
const SELECTORS: [&str; 10] =
    ["default", "mail", "dkim", "google", "selector1", "selector2", "s1", "k1", "key1", "postmark"];

/// The resolver of this machine.
pub(super) fn system_resolver() -> SocketAddr {
    dns::system_resolver(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default())
}

pub(super) async fn look(config: &Config, resolver: SocketAddr, findings: &mut Findings) {
    let from = parse_mailbox(&config.mail.from).map(|from| from.address).unwrap_or_default();
    let from = from.rsplit('@').next().unwrap_or_default();
    if !from.contains('.') {
        return findings.warn(
            "mail.from",
            format!("`{}` is nobody that customers know", config.mail.from),
            "set it to your sender",
        );
    }
    // SPF is looked up for the envelope's sender.
    let bounces = config.mail.bounces.as_ref().and_then(|bounces| bounces.address.rsplit('@').next());
    spf(bounces.unwrap_or(from), resolver, findings).await;
    dmarc(from, resolver, findings).await;
    keys(from, resolver, findings).await;
}

async fn spf(domain: &str, resolver: SocketAddr, findings: &mut Findings) {
    let records = match dns::txt(resolver, domain).await {
        Ok(records) => records,
        Err(error) => return findings.warn("spf", format!("{domain}: {error}"), "ask again with --resolver"),
    };
    let is_spf =
        |record: &&String| record.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("v=spf1"));
    let found: Vec<&String> = records.iter().filter(is_spf).collect();
    match found[..] {
        [] => {
            let help = "publish one that names your relay, such as `v=spf1 include:relay.example -all`";
            findings.bad("spf", format!("{domain} has no record"), help);
        }
        [one] if one.split_whitespace().any(|word| matches!(word.to_ascii_lowercase().as_str(), "+all" | "all")) => {
            findings.bad("spf", format!("{domain}: `{one}` lets everybody send"), "end it with `-all` or `~all`");
        }
        [one] => findings.ok("spf", format!("{domain}: {one}")),
        _ => findings.bad("spf", format!("{domain} has {} records", found.len()), "publish one: several count as none"),
    }
}

async fn dmarc(domain: &str, resolver: SocketAddr, findings: &mut Findings) {
    let mut name = domain;
    loop {
        match dns::txt(resolver, &format!("_dmarc.{name}")).await {
            Err(error) => return findings.warn("dmarc", format!("{name}: {error}"), "ask again with --resolver"),
            Ok(records) => {
                if let Some(found) = records.iter().find(|record| record.trim_start().starts_with("v=DMARC1")) {
                    return findings.ok("dmarc", format!("{name}: {found}"));
                }
            }
        }
        // A domain without a record has that of the one above it.
        match name.split_once('.') {
            Some((_, above)) if above.contains('.') => name = above,
            _ => break,
        }
    }
    let help = format!("publish `v=DMARC1; p=none; rua=mailto:…` at `_dmarc.{domain}`; large providers want one");
    findings.bad("dmarc", format!("{domain} has no record"), help);
}

async fn keys(domain: &str, resolver: SocketAddr, findings: &mut Findings) {
    let mut found = Vec::new();
    for selector in SELECTORS {
        if has_key(selector, domain, resolver).await == Some(true) {
            found.push(selector);
        }
    }
    let help = "send yourself a mail, save its source, and run `keepwell doctor --mail FILE`";
    match found[..] {
        [] => findings.warn("dkim", format!("{domain} has no key at a usual selector; yours may have another"), help),
        _ => findings.ok("dkim", format!("{domain} has keys at: {}", found.join(", "))),
    }
}

/// Whether a key is published; `None` when nobody answered.
pub(super) async fn has_key(selector: &str, domain: &str, resolver: SocketAddr) -> Option<bool> {
    let records = dns::txt(resolver, &format!("{selector}._domainkey.{domain}")).await.ok()?;
    let tag = |record: &String| {
        let mut tags = record.split(';').filter_map(|tag| tag.split_once('='));
        tags.any(|(name, value)| name.trim() == "p" && !value.trim().is_empty())
    };
    Some(records.iter().any(tag))
}
