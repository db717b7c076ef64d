//! The people of an account, and which mail each of them gets.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Serialize;

use super::WebState;
use super::language::{phrase, say, translated};
use super::page::{Trouble, date};
use super::suppressions::source_words;
use crate::address::parse_address;
use crate::clock::Instant;
use crate::facts::Contact;
use crate::message::channel::Channel;
use crate::message::class::Class;
use crate::message::recipient::has_consented;
use crate::store::messages::contact_addresses::Addressee;
use crate::store::upkeep::stopped::{StopTarget, Stopped};
use crate::store::views::web::Wish;

/// How many are shown.
const CONTACTS: usize = 50;

#[derive(Serialize)]
pub(super) struct ContactView {
    name: String,
    email: Option<String>,
    role: Option<String>,
    left: Option<String>,
    /// `Gets lifecycle and transactional mail`; `None` where they get none.
    gets: Option<String>,
    /// Which mail they do not get, each with why.
    gets_not: Vec<String>,
}

pub(super) fn is_there(contact: &Contact, now: Instant) -> bool {
    contact.left_at.is_none_or(|left| left > now)
}

/// Those who are there first; and how many more there are.
pub(super) async fn contacts(
    web: &WebState,
    account: &str,
    contacts: &[Contact],
    now: Instant,
) -> Result<(Vec<ContactView>, usize), Trouble> {
    let (there, left): (Vec<_>, Vec<_>) = contacts.iter().partition(|one| is_there(one, now));
    let shown: Vec<&Contact> = there.into_iter().chain(left).take(CONTACTS).collect();
    let with_address = || shown.iter().filter_map(|one| Some((*one, address(one)?)));
    let mails: Vec<Addressee<'_>> = with_address()
        .flat_map(|(one, address)| {
            Class::OF_MAIL.map(|(class, _)| Addressee { account, contact: &one.id, address, class })
        })
        .collect();
    let suppressed = web.store.suppressed(&mails).await?;
    let addresses: Vec<&str> = with_address().map(|(_, address)| address).collect();
    let wishes: HashMap<&str, Vec<Wish>> =
        with_address().map(|(one, _)| one.id.as_str()).zip(web.store.wishes_at(&addresses).await?).collect();
    let unwanted: HashMap<(&str, &str), bool> =
        mails.iter().zip(suppressed).map(|(mail, is_unwanted)| ((mail.contact, mail.class), is_unwanted)).collect();
    let stopped = web.store.stopped().await?;
    let view = |one: &&Contact| {
        let (mut gets, mut gets_not) = (Vec::new(), Vec::new());
        let gone = !is_there(one, now);
        for (name, class) in Class::OF_MAIL.iter().filter(|_| !gone && address(one).is_some()) {
            if address(one).is_some_and(|address| parse_address(address).is_err()) {
                gets_not.push((*name, say!("no mail can be sent to this address")));
                continue;
            }
            let wish = wishes.get(one.id.as_str()).and_then(|wishes| Wish::about(wishes, name));
            match unwanted.get(&(one.id.as_str(), *name)) {
                Some(true) => gets_not.push((*name, why(wish, web))),
                _ if class.needs_consent() && !has_consented(one) => {
                    gets_not.push((*name, say!("has not agreed to it")));
                }
                _ => match pause_of(&stopped, account, *class) {
                    Some(why) => gets_not.push((*name, translated(why).into_owned())),
                    None => gets.push(*name),
                },
            }
        }
        ContactView {
            name: if one.name.is_empty() { one.id.clone() } else { one.name.clone() },
            email: address(one).map(str::to_owned),
            role: one.role.clone().filter(|role| !role.is_empty()),
            left: one.left_at.filter(|_| !is_there(one, now)).map(|left| date(left, web.zone)),
            gets: (!gets.is_empty()).then(|| say!("Gets {classes} mail", classes = listed(&gets))),
            gets_not: refusals(gets_not),
        }
    };
    Ok((shown.iter().map(view).collect(), contacts.len() - shown.len()))
}

fn address(contact: &Contact) -> Option<&str> {
    contact.email.as_deref().map(str::trim).filter(|email| !email.is_empty())
}

/// Which pause keeps an account's mail of a class back.
fn pause_of(stopped: &Stopped, account: &str, class: Class) -> Option<&'static str> {
    let account = account.to_owned();
    if stopped.all() {
        return Some(phrase!("everything is stopped"));
    }
    if stopped.is(&StopTarget::Channel(Channel::Email)) {
        return Some(phrase!("mail is stopped"));
    }
    if stopped.is(&StopTarget::Account(account.clone())) {
        return Some(phrase!("the account is paused"));
    }
    stopped.is(&StopTarget::AccountMail { account, class }).then_some(phrase!("it is paused for the account"))
}

/// Where a suppression comes from, and since when.
fn why(wish: Option<&Wish>, web: &WebState) -> String {
    match wish {
        Some(Wish { source, at: Some(at), .. }) => {
            say!("{source}, {day}", source = source_words(source), day = date(*at, web.zone))
        }
        Some(Wish { source, at: None, .. }) => source_words(source),
        None => say!("a wish at an earlier address"),
    }
}

/// `lifecycle, marketing and transactional`.
fn listed(classes: &[&str]) -> String {
    let names: Vec<Cow<'_, str>> = classes.iter().map(|class| translated(class)).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => {
            say!("{others} and {last}", others = rest.join(&say!(", ")), last = last)
        }
        _ => names.concat(),
    }
}

/// One line for each reason.
fn refusals(classes: Vec<(&'static str, String)>) -> Vec<String> {
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for (class, why) in classes {
        match lines.iter_mut().find(|(known, _)| *known == why) {
            Some((_, classes)) => classes.push(class),
            None => lines.push((why, vec![class])),
        }
    }
    let line = |(why, classes): (String, Vec<&str>)| match classes.len() == Class::OF_MAIL.len() {
        true => say!("Gets no mail: {why}", why = why),
        false => say!("Gets no {classes} mail: {why}", classes = listed(&classes), why = why),
    };
    lines.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_one_reason_is_one_line() {
        let because = |classes: &[&'static str], why: &str| classes.iter().map(|one| (*one, why.to_owned())).collect();
        assert_eq!(refusals(because(&["lifecycle", "marketing", "transactional"], "bounce")), ["Gets no mail: bounce"]);
        let mut two: Vec<_> = because(&["lifecycle", "marketing"], "unsubscribe");
        two.push(("transactional", "bounce".to_owned()));
        assert_eq!(
            refusals(two),
            ["Gets no lifecycle and marketing mail: unsubscribe", "Gets no transactional mail: bounce"]
        );
    }
}
