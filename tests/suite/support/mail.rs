//! One mail with everything in it.

use chrono::{TimeZone, Utc};
use keepwell::delivery::{Composed, Footer, Mailbox, OutgoingMail, Unsubscribe, compose, render};

pub fn mail() -> OutgoingMail {
    let rendered = render("Hi *Zoë*,\n\nsee [the guide](https://acme.example/g).\n\n.dot");
    OutgoingMail {
        message_id: "<m1@acme.example>".to_owned(),
        envelope_from: Some("b+m1@bounce.example".to_owned()),
        from: Mailbox { name: Some("Acme Success".to_owned()), address: "success@acme.example".to_owned() },
        reply_to: Some(Mailbox { name: None, address: "sam@acme.example".to_owned() }),
        to_name: Some("Zoë, \"Z\"".to_owned()),
        to: "zoe@customer.example".to_owned(),
        subject: "Your grüße are ready".to_owned(),
        text: rendered.text,
        html: rendered.html,
        language: Default::default(),
        attachments: Vec::new(),
        unsubscribe: Some(Unsubscribe {
            https_url: "https://acme.example/u/1".to_owned(),
            one_click: true,
            address: None,
        }),
        list_id: Some("onboarding.acme.example".to_owned()),
        feedback_id: Some("0badcafe:lifecycle:kw0badcafe".to_owned()),
        auto_submitted: true,
        date: Utc.with_ymd_and_hms(2026, 3, 2, 8, 30, 0).unwrap(),
        footer: Footer {
            postal_address: Some("Acme Inc.\n1 Road & Co".to_owned()),
            unsubscribe_url: Some("https://acme.example/u/1?a=1&b=2".to_owned()),
            unsubscribe_word: "Unsubscribe",
        },
    }
}

pub fn composed() -> Composed {
    compose(&mail()).unwrap()
}
