use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::*;

fn report(fields: &str) -> Option<Report> {
    read(
        format!(
            "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"b=1\"\r\n\r\n\
             hello\r\n--b=1\r\nContent-Type: text/plain\r\n\r\nIt failed.\r\n--b=1\r\n\
             Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n{fields}\r\n--b=1--\r\n"
        )
        .as_bytes(),
    )
}

fn plain(headers: &str, text: &str) -> Option<Report> {
    read(format!("{headers}\r\n\r\n{}", text.replace('\n', "\r\n")).as_bytes())
}

/// The words of a report: its fate and the addresses, one line for each recipient.
fn words(report: Option<Report>) -> Vec<String> {
    match report {
        Some(Report::Delivery(reports)) => reports
            .into_iter()
            .map(|one| {
                let fate = match one.fate {
                    Fate::Failed(reason) => reason.name().to_owned(),
                    other => format!("{other:?}").to_lowercase(),
                };
                format!("{fate} {}", one.addresses.join(" ")).trim().to_owned()
            })
            .collect(),
        other => vec![format!("{other:?}")],
    }
}

#[test]
fn each_recipient_has_a_fate() {
    let two = report(
        "Final-Recipient: rfc822; a@b.example\r\nAction: delivered\r\nStatus: 2.0.0\r\n\r\n\
         Original-Recipient: rfc822;c+2Bx@d.example\r\nFinal-Recipient: rfc822; <e@f.example>\r\nAction: Failed\r\n\
         Status: 5.1.1\r\nDiagnostic-Code: smtp; 550\r\n  no user\r\n\r\n\
         Action: delayed\r\nStatus: 4.4.1\r\n\r\nAction: expired\r\nDiagnostic-Code: Connection timed out\r\n",
    );
    assert_eq!(
        words(two.clone()),
        [
            "delivered a@b.example",
            "mailbox unknown c+2Bx@d.example c+x@d.example e@f.example",
            "delayed",
            "not reached"
        ]
    );
    let Some(Report::Delivery(reports)) = two else { panic!("a report") };
    assert_eq!(reports[1].detail, "5.1.1 smtp; 550 no user");
    assert_eq!(report("Status: 5.1.1\r\n"), None);
    assert_eq!(report("Action: exploded\r\nStatus: 5.1.1\r\n"), None);
}

#[test]
fn a_report_is_about_its_reader_or_about_those_it_was_forwarded_to() {
    let fate = |fields: &str, reader: &str| {
        let Some(Report::Delivery(reports)) = report(fields) else { panic!("{fields}") };
        about(&reports, reader).map(|one| one.fate)
    };
    let unknown = Fate::Failed(BounceReason::MailboxUnknown);
    let failed = "Action: failed\r\nStatus: 5.1.1\r\n";
    assert_eq!(fate(failed, "ann@b.example"), Some(unknown), "it names nobody");
    assert_eq!(fate(&format!("Final-Recipient: rfc822; Ann@B.example\r\n{failed}"), "ann@b.example"), Some(unknown));
    assert_eq!(fate(&format!("Final-Recipient: rfc822; other@c.example\r\n{failed}"), "ann@b.example"), None);
    let original =
        format!("Original-Recipient: rfc822;ann+2Bx@b.example\r\nFinal-Recipient: rfc822; other@c.example\r\n{failed}");
    assert_eq!(fate(&original, "ann+x@b.example"), Some(unknown));
    let relayed = format!(
        "Final-Recipient: rfc822; ann@b.example\r\nAction: relayed\r\nStatus: 2.0.0\r\n\r\n\
         Final-Recipient: rfc822; other@c.example\r\n{failed}"
    );
    assert_eq!(fate(&relayed, "ann@b.example"), Some(Fate::Delivered));
    assert_eq!(fate(&format!("Final-Recipient: x400; /CN=ann/\r\n{failed}"), "ann@b.example"), Some(unknown));
}

#[test]
fn a_bare_status_is_read_with_the_text_beside_it() {
    let report = |text: &str, status: &str| {
        words(read(
            format!(
                "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\n{text}\n\n--x\n\
                 Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\n\
                 Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: {status}\n\n--x--\n"
            )
            .as_bytes(),
        ))
    };
    let list = "It could not be delivered to this list of recipients:\n\n";
    assert_eq!(report(&format!("{list}a@b.example: no such domain"), "5.0.0"), ["domain unknown a@b.example"]);
    assert_eq!(
        report(&format!("{list}c@b.example: no such domain\n\na@b.example: over quota"), "5.0.0"),
        ["mailbox full a@b.example"]
    );
    assert_eq!(report(&format!("{list}a@b.example: no such domain"), "4.0.0"), ["not reached a@b.example"]);
    let behind = "<a@b.example>: host mx.b.example said: 550 unknown user (in reply to end of DATA command)";
    assert_eq!(report(&format!("{list}{behind}"), "5.1.1"), ["no reason given a@b.example"]);
}

#[test]
fn encoded_and_damaged_reports_are_read_too() {
    for (encoding, body) in [
        ("base64", BASE64.encode("Reporting-MTA: dns; mx\n\nAction: failed\nStatus: 5.1.1\n")),
        ("quoted-printable", "Reporting-MTA: dns; mx\n\nAction=3A fai=\nled\nStatus: 5.1.1\n".to_owned()),
        ("7bit", "Reporting-MTA: dns; mx\n\nAction: failed\nStatus: 5.1.1\n".to_owned()),
    ] {
        for (kind, boundary) in [("report", "x"), ("mixed", "x"), ("report", "\"x\"")] {
            let text = format!(
                "content-type: multipart/{kind}; boundary={boundary}\n\n--x\nContent-Type: message/delivery-status\n\
                 Content-Transfer-Encoding: {encoding}\n\n{body}\n--x--\n"
            );
            assert_eq!(words(read(text.as_bytes())), ["mailbox unknown"], "{encoding} {kind}");
        }
    }
    // The boundary is nowhere, and fields that stand in a text.
    let fields = "Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n";
    for head in ["Content-Type: multipart/report; boundary=lost", "Content-Type: text/plain", "Subject: x"] {
        assert_eq!(words(plain(head, &format!("It failed.\n\n{fields}"))), ["mailbox unknown a@b.example"], "{head}");
    }
}

/// The forms of widespread servers; their marks are theirs, the rest is ours.
#[test]
fn bounces_in_plain_text_are_read() {
    let from = "From: Mail Delivery System <Mailer-Daemon@mx.example>\r\nSubject: Mail delivery failed";
    for (headers, text, wanted) in [
        (
            "From: Mail Delivery System <Mailer-Daemon@mx.example>\r\nX-Failed-Recipients: a@b.example,\r\n c@d.example",
            "This is a permanent error. The following address(es) failed:\n\n  a@b.example\n    host mx [192.0.2.1]: \
             550 5.1.1 User unknown\n  c@d.example\n    mailbox is full\n\n------ This is a copy of the message ------\n\n\
             Subject: 550 5.1.1 user unknown",
            &["mailbox unknown a@b.example", "mailbox full c@d.example"][..],
        ),
        (
            "From: MAILER-DAEMON@mx.example\r\nSubject: failure notice",
            "Hi. This is the qmail-send program at mx.example.\nI'm afraid I wasn't able to deliver your message to the \
             following addresses.\n\n<a@b.example>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line \
             is a copy of the message.\n",
            &["mailbox unknown a@b.example"],
        ),
        (
            "From: MAILER-DAEMON@mx.example\r\nSubject: failure notice",
            "I wasn't able to deliver your message to the following addresses.\n\n<a@b.example>:\nConnected to 192.0.2.1 \
             but sender was rejected.\nRemote host said: 550 5.1.1 unknown\n",
            &["sender rejected a@b.example"],
        ),
        (
            "From: Mailer Daemon <MAILER-DAEMON@mx.example>\r\nSubject: Delivery status notification: failed",
            "An error has occurred while attempting to deliver a message for\nthe following list of recipients:\n\n\
             a@b.example: Domain does not exist\n\nBelow is a copy of the original message:\n\nReceived: from x",
            &["domain unknown a@b.example"],
        ),
        (
            "From: MAILER-DAEMON <>\r\nSubject: Mail delivery failed",
            "This is the DragonFly Mail Agent.\nThere was an error delivering your mail to <a@b.example>.\n\n\
             mx.b.example did not like our RCPT TO:\n550 5.7.1 refused by policy\n\nMessage headers follow.\n\nFrom: x",
            &["policy"],
        ),
        (
            "From: Mail Delivery Subsystem <MAILER-DAEMON@mx.example>\r\nSubject: Returned mail: User unknown",
            "   ----- The following addresses had permanent fatal errors -----\n<a@b.example>\n\n   ----- Transcript of \
             session follows -----\n>>> RCPT To:<a@b.example>\n<<< 550 5.1.1 <a@b.example>... no such user\n",
            &["mailbox unknown a@b.example"],
        ),
        (
            from,
            "Your message has not yet been delivered to:\n\n  a@b.example\n    451 later\n",
            &["delayed a@b.example"],
        ),
        (
            "From: postmaster@mx.example\r\nSubject: Undeliverable: Hello",
            "Delivery has failed to these recipients or groups:\n\na@b.example<mailto:a@b.example>\nThe address you entered \
             couldn't be found.\n",
            &["mailbox unknown a@b.example"],
        ),
    ] {
        assert_eq!(words(plain(headers, text)), wanted, "{text}");
    }
}

#[test]
fn what_nobody_knows_a_bounce_by_is_none() {
    let failed = "The following address(es) failed:\n\n  a@b.example\n    550 5.1.1 User unknown\n";
    for (headers, text) in [
        // A person, also one who answers a bounce or passes one on.
        ("From: a@b.example\r\nSubject: A question", failed),
        ("From: a@b.example\r\nSubject: Re: Mail delivery failed", failed),
        ("From: postmaster@b.example\r\nSubject: A question", "Who are you?"),
        ("From: postmaster@b.example\r\nSubject: Mail delivery", "Who are you?"),
    ] {
        assert_eq!(plain(headers, text), None, "{headers} {text}");
    }
    let attached = format!(
        "From: a@b.example\nSubject: See below\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\n\
         What is this?\n--x\nContent-Type: message/rfc822\n\nFrom: MAILER-DAEMON@mx.example\nSubject: failure notice\n\
         Content-Type: multipart/report; boundary=y\n\n--y\nContent-Type: message/delivery-status\n\n\
         Reporting-MTA: dns; mx\n\nAction: failed\nStatus: 5.1.1\n\n--y--\n--x--\n{failed}"
    );
    assert_eq!(read(attached.as_bytes()), None);
}

#[test]
fn automatic_replies_are_neither_bounces_nor_requests() {
    let away = "I am away until Monday. The following address failed me before: a@b.example, 550 5.1.1 user unknown.";
    for headers in [
        "From: a@b.example\r\nSubject: Automatic reply: Hello",
        "From: a@b.example\r\nSubject: =?utf-8?Q?R=C3=A9ponse_automatique_:?= Hello",
        "From: a@b.example\r\nSubject: Hello\r\nAuto-Submitted: auto-replied",
        "From: a@b.example\r\nSubject: Re: Hello\r\nAuto-Submitted: auto-replied (vacation)",
        "From: a@b.example\r\nSubject: Ticket 17\r\nAuto-Submitted: auto-generated",
        "From: postmaster@b.example\r\nSubject: Out of office: Mail delivery failed",
        "From: a@b.example\r\nSubject: Delivery failed\r\nX-Autoreply: yes",
        "Return-Path: <>\r\nFrom: a@b.example\r\nSubject: Away\r\nPrecedence: auto_reply",
    ] {
        assert_eq!(plain(headers, away), Some(Report::AutomaticReply), "{headers}");
    }
    // What a mail server wrote and nobody understands has to be looked at.
    let strange = "From: MAILER-DAEMON@mx.example\r\nSubject: Hello\r\nAuto-Submitted: auto-replied";
    assert_eq!(plain(strange, "Something is strange."), None);
    assert_eq!(plain("From: a@b.example\r\nSubject: Hello\r\nAuto-Submitted: no", "Who are you?"), None);
}

#[test]
fn whoever_wants_no_more_is_understood() {
    for subject in ["unsubscribe", " Unsubscribe ", "=?utf-8?Q?unsubscribe?=", "=?UTF-8?B?VW5zdWJzY3JpYmU=?="] {
        let headers = format!("From: a@b.example\r\nSubject: {subject}");
        assert_eq!(plain(&headers, ""), Some(Report::Unsubscribe), "{subject}");
    }
    // As mail programs do it.
    let sent = "From: a@b.example\r\nSubject: unsubscribe\r\nAuto-Submitted: auto-replied";
    assert_eq!(plain(sent, "Sent by a mail program."), Some(Report::Unsubscribe));
    assert_eq!(plain("From: a@b.example\r\nSubject: Re: unsubscribe", ""), None);
}

#[test]
fn only_feedback_about_a_readers_wish_is_a_complaint() {
    let complaint = |kind: &str| Some(Report::Complaint { kind: kind.to_owned() });
    let feedback = |kind: &str| Some(Report::Feedback { kind: kind.to_owned() });
    for (kind, wanted) in [
        ("Abuse", complaint("abuse")),
        ("fraud", complaint("fraud")),
        ("not-spam", Some(Report::Wanted)),
        ("opt-out", Some(Report::Unsubscribe)),
        ("auth-failure", feedback("auth-failure")),
        ("virus", feedback("virus")),
        ("other", feedback("other")),
    ] {
        for form in ["multipart/report; report-type=feedback-report", "multipart/mixed"] {
            let text = format!(
                "Content-Type: {form}; boundary=x\n\n--x\nContent-Type: text/plain\n\nA report.\n--x\n\
                 Content-Type: message/feedback-report\n\nUser-Agent: fbl\nFeedback-Type: {kind}\nVersion: 1\n\n--x--\n"
            );
            assert_eq!(read(text.as_bytes()), wanted, "{kind} {form}");
        }
    }
    let returned = "From: staff@hotmail.com\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\
                    Content-Type: message/rfc822\n\nX-HmXmrOriginalRecipient: a@b.example\nSubject: Hello\n\nHello\n--x--\n";
    assert_eq!(read(returned.as_bytes()), complaint("abuse"));
    assert_eq!(read(returned.replace("X-HmXmr", "X-").as_bytes()), None);
}

#[test]
fn whatever_else_arrives_is_no_report_and_harms_nothing() {
    let nested = "Content-Type: multipart/report; boundary=x\n\n--x\n".repeat(20_000);
    let messages = "Content-Type: message/rfc822\n\n".repeat(35_000);
    let both = "Content-Type: multipart/digest; boundary=x\n\n--x\n\n".repeat(20_000);
    let bounded = "Content-Type: message/rfc822\n\n".repeat(199);
    let many = format!("Content-Type: multipart/report; boundary=x\n\n{}", "--x\n\n".repeat(200_000));
    let fields = format!(
        "Content-Type: multipart/report; boundary=x\n\n--x\nContent-Type: message/delivery-status\n\n{}",
        "a:\n\n".repeat(200_000)
    );
    let long = format!("Content-Type: multipart/report; boundary=\"{}\"\n\n", "x".repeat(500_000));
    for text in [
        "",
        "\n",
        ":",
        "no headers",
        "Subject: away\n\nI am away.",
        "Content-Type: multipart/report\n\n--",
        &nested,
        &messages,
        &both,
        &bounded,
        &many,
        &fields,
        &long,
    ] {
        assert_eq!(read(text.as_bytes()), None, "{}", &text[..text.len().min(60)]);
    }
    assert_eq!(read(&[0xff; 1000]), None);
    let addresses =
        format!("From: mailer-daemon@x\n\nThe following addresses failed:\n{}", "a@b.example 550\n".repeat(50_000));
    assert!(matches!(read(addresses.as_bytes()), Some(Report::Delivery(_))));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, text in "(From: mailer-daemon@x\n|Content-Type: multipart/report; boundary=x\n\n)?(--x\n|=|A: b\n|\n|Action: failed\n|Content-Transfer-Encoding: base64\n|Content-Type: message/(delivery-status|rfc822|feedback-report)\n|the following address(es) failed: |550 |a@b.example|[a-zé=5.1]{0,9}){0,40}") {
        read(&bytes);
        read(text.as_bytes());
    }
}
