//! A mail as somebody received it: is it signed by the sender's domain, and
//! does the signature cover what mail programs trust it for.

use std::net::SocketAddr;
use std::path::Path;

use crate::address::parse_mailbox;
use crate::cli::doctor::received::received;
use crate::config::Config;

use super::{Findings, domain};

/// Without these two under the signature no mail program offers the one click.
const WANTED: [&str; 2] = ["list-unsubscribe", "list-unsubscribe-post"];

pub(super) async fn look(file: &Path, config: &Config, resolver: SocketAddr, findings: &mut Findings) {
    let about = "mail";
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            return findings.bad(about, format!("{}: {error}", file.display()), "name the file of a received mail");
        }
    };
    let mail = received(&bytes);
    let Some(from) = &mail.from else {
        return findings.bad(about, "it has no From", "save the whole source of the mail, with its headers");
    };
    let ours = parse_mailbox(&config.mail.from).map(|ours| ours.address).unwrap_or_default();
    if ours.rsplit('@').next() != Some(from.as_str()) {
        findings.warn(about, format!("it is from {from}, not from `mail.from`"), "save a mail that Keepwell sent");
    }
    if !mail.has_unsubscribe || !mail.has_one_click {
        let help = "save a lifecycle or marketing mail; it needs an https `mail.public_url`";
        findings.bad(about, "it has no List-Unsubscribe with one click", help);
    }
    for result in mail.results.iter().filter(|result| !result.ends_with("=pass")) {
        findings.bad(about, format!("the receiving server says {result}"), "mend what it names, and send another");
    }
    let aligned: Vec<_> = mail.signatures.iter().filter(|signature| signature.is_aligned(from)).collect();
    if aligned.is_empty() {
        let message = match mail.signatures.first() {
            Some(other) => format!("it is signed by {} and not by {from}", other.domain),
            None => "it has no DKIM signature".to_owned(),
        };
        return findings.bad(about, message, format!("let the relay sign for {from}"));
    }
    for signature in aligned {
        let (selector, signer) = (&signature.selector, &signature.domain);
        match domain::has_key(selector, signer, resolver).await {
            Some(true) => {}
            Some(false) => {
                findings.bad(about, format!("there is no key at {selector}._domainkey.{signer}"), "publish it")
            }
            None => findings.warn(
                about,
                format!("{selector}._domainkey.{signer} could not be looked up"),
                "ask again with --resolver",
            ),
        }
        let missing: Vec<&str> = WANTED.into_iter().filter(|header| !signature.covers(header)).collect();
        if missing.is_empty() {
            findings.ok(about, format!("the signature of {signer} ({selector}) covers both unsubscribe headers"));
        } else {
            let help = "tell the relay to sign them: without that no mail program offers one click (RFC 8058)";
            findings.bad(
                about,
                format!("the signature of {signer} ({selector}) does not cover {}", missing.join(", ")),
                help,
            );
        }
    }
}
