//! Composed bytes hold what was meant and nothing else.

use chrono::Utc;
use keepwell::delivery::{ComposeError, Mailbox, OutgoingMail, compose};
use keepwell::printable::steers;
use proptest::prelude::*;

use crate::support::mail::mail;
use crate::support::mime;

#[test]
fn what_cannot_be_composed_says_so() {
    let fails = |change: &dyn Fn(&mut OutgoingMail)| {
        let mut mail = mail();
        change(&mut mail);
        compose(&mail).unwrap_err()
    };
    for bad in ["", "zoe", "zoë@a.example", "a@b.example\r\nRCPT TO:<c@d.example>"] {
        let error = fails(&|mail| mail.to = bad.to_owned());
        assert!(matches!(error, ComposeError::Address { field: "to", .. }), "{bad:?}: {error}");
    }
    let error = fails(&|mail| mail.from.address = "x".to_owned());
    assert!(matches!(error, ComposeError::Address { field: "from", .. }));
    for bad in ["", "<>", "m1@acme.example", "<a b@c>", "<a@b>\r\nBcc: x@y.example"] {
        let error = fails(&|mail| mail.message_id = bad.to_owned());
        assert_eq!(error, ComposeError::Header { field: "message_id" }, "{bad:?}");
    }
    let error = fails(&|mail| mail.date = chrono::DateTime::<Utc>::MAX_UTC);
    assert_eq!(error, ComposeError::Date);
}

#[test]
fn a_huge_subject_and_name_are_clipped() {
    let mut mail = mail();
    mail.subject = "é".repeat(500_000);
    mail.to_name = Some("n".repeat(1_000_000));
    let (headers, _) = mime::split(&compose(&mail).unwrap().bytes);
    assert_eq!(mime::header(&headers, "Subject").unwrap().chars().count(), 250);
    assert!(mime::header(&headers, "To").unwrap().len() < 150);
}

#[test]
fn no_name_passes_for_another_sender() {
    for (name, shown) in [
        ("ceo@bank.example", ""),
        ("Bank ceo@bank.example (verified)", ""),
        ("ceo\u{ff20}bank.example", ""),
        ("ceo @ bank.example", ""),
        ("<ceo@bank.example>", ""),
        ("Ann\u{202e}elpmaxe.knab", "Annelpmaxe.knab"),
        ("\u{2067}Ann\u{2069}\u{200f} Lee\u{61c}", "Ann Lee"),
        ("Acme @ Work", "Acme @ Work"),
        ("Zoë", "Zoë"),
    ] {
        let mut mail = mail();
        mail.from.name = Some(name.to_owned());
        mail.to_name = Some(name.to_owned());
        mail.reply_to = Some(Mailbox { name: Some(name.to_owned()), address: "sam@acme.example".to_owned() });
        let (headers, _) = mime::split(&compose(&mail).unwrap().bytes);
        for (header, address) in
            [("From", "success@acme.example"), ("To", "zoe@customer.example"), ("Reply-To", "sam@acme.example")]
        {
            let value = mime::header(&headers, header).unwrap();
            if shown.is_empty() {
                assert_eq!(value, address, "{name:?}");
            } else {
                let before = value.strip_suffix(&format!("<{address}>")).unwrap_or_else(|| panic!("{name:?}: {value}"));
                assert_eq!(unquoted(before.trim_end()), shown, "{name:?}");
            }
        }
    }
}

/// Text with everything that once broke a header.
fn nasty() -> impl Strategy<Value = String> {
    proptest::string::string_regex(
        "([a-z]{1,8}| |\\PC|[\\x00-\\x1f\"\\\\<>,;:@()?=.]|=\\?utf-8\\?q\\?a\\?=|\r\nBcc: x@y\\.example\r\n|\r\n\r\n\\.\r\n){0,40}",
    )
    .unwrap()
}

/// A header value as a reader should see it.
fn cleaned(value: &str, max: usize) -> String {
    let spaced: String = value.chars().map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c }).collect();
    let words: Vec<&str> = spaced.split(' ').filter(|word| !word.is_empty()).collect();
    let clipped: String = words.join(" ").replace("=?", "= ?").chars().take(max).collect();
    clipped.trim_end().to_owned()
}

fn unquoted(name: &str) -> String {
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(inner) if inner.is_ascii() => {
            let mut out = String::new();
            let mut chars = inner.chars();
            while let Some(c) = chars.next() {
                out.extend(if c == '\\' { chars.next() } else { Some(c) });
            }
            out
        }
        _ => name.to_owned(),
    }
}

// More of it: `PROPTEST_CASES=100000 cargo test compose`.
proptest! {
    #[test]
    fn no_value_breaks_out_of_its_place(
        from_name in nasty(), to_name in nasty(), subject in nasty(), text in nasty(), html in nasty(),
        postal in nasty(),
    ) {
        let mut mail = mail();
        mail.from.name = Some(from_name.clone());
        mail.to_name = Some(to_name.clone());
        mail.subject = subject.clone();
        mail.text = text.clone();
        mail.html = html;
        mail.footer.postal_address = Some(postal);
        let composed = compose(&mail).unwrap();
        prop_assert_eq!(&composed.bytes, &compose(&mail).unwrap().bytes);
        let (headers, body) = mime::split(&composed.bytes);
        let mut names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        prop_assert_eq!(names, [
            "Auto-Submitted", "Content-Type", "Date", "Feedback-ID", "From", "List-Id", "List-Unsubscribe",
            "List-Unsubscribe-Post", "MIME-Version", "Message-ID", "Reply-To", "Subject", "To",
            "X-Auto-Response-Suppress",
        ]);
        prop_assert_eq!(mime::header(&headers, "Subject").unwrap(), cleaned(&subject, 250));
        for (name, value, address) in [
            ("From", &from_name, "success@acme.example"),
            ("To", &to_name, "zoe@customer.example"),
        ] {
            let shown = mime::header(&headers, name).unwrap();
            let turned: String = value.chars().filter(|c| c.is_control() || c.is_whitespace() || !steers(*c)).collect();
            let wanted = cleaned(&turned, 100);
            // Nothing that could be taken for another address.
            if wanted.is_empty() || (wanted.contains(['@', '\u{ff20}', '\u{fe6b}']) && shown == address) {
                prop_assert_eq!(shown, address);
            } else {
                let shown = shown.strip_suffix(&format!("<{address}>")).unwrap();
                let shown = shown.trim_end();
                // A name that was encoded may have quotes of its own.
                if shown != wanted {
                    prop_assert_eq!(unquoted(shown), wanted);
                }
            }
        }
        let parts = mime::parts(&headers, &body);
        prop_assert_eq!(parts.len(), 2);
        let wanted: String = text.replace("\r\n", "\n").replace('\r', "\n").chars()
            .filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect();
        prop_assert!(parts[0].1.starts_with(wanted.trim_end()));
    }
}
