//! Who asks for a page.

use std::borrow::Cow;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::language::{phrase, translated};
use crate::ids::Actor;
use crate::user::role::Role;

/// Who is recorded as having done something where nobody logs in.
const ANYBODY: &str = phrase!("a colleague");

/// Whoever did something, as a page names them: a person by their own name, and what
/// stands for somebody unknown in the reader's language.
pub(super) fn actor_words(name: &str) -> Cow<'_, str> {
    match name {
        ANYBODY => translated(ANYBODY),
        "command line" => translated(phrase!("command line")),
        person => Cow::Borrowed(person),
    }
}

/// How it is known who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// It is not: nobody logs in here.
    Open,
    /// They have logged in, and can log out.
    Session,
    /// A proxy says so.
    Header,
}

/// Who asks for a page, and what they may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Visitor {
    pub name: String,
    pub role: Role,
    /// Whose inbox is theirs.
    pub csm_id: Option<String>,
    pub proof: Proof,
}

tokio::task_local! {
    /// Of the request that is answered; see [`Visitor::answer`].
    static VISITOR: Visitor;
}

impl Visitor {
    /// Anybody who reaches the pages of a machine on which nobody logs in.
    pub fn anybody() -> Visitor {
        Visitor { name: ANYBODY.to_owned(), role: Role::Admin, csm_id: None, proof: Proof::Open }
    }

    /// Who does something, for the record.
    pub fn actor(&self) -> Actor<'_> {
        Actor(&self.name)
    }

    pub fn may(&self, role: Role) -> bool {
        self.role >= role
    }

    /// Answers a request of theirs. Everything that is done for the answer finds
    /// them by [`Visitor::current`].
    pub async fn answer<T>(self, answer: impl Future<Output = T>) -> T {
        VISITOR.scope(self, answer).await
    }

    /// Who asks for the page that is made; `None` on pages that are for anybody.
    pub fn current() -> Option<Visitor> {
        VISITOR.try_with(Visitor::clone).ok()
    }
}

/// Of a page that is only for those who are known.
impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = StatusCode;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Visitor, StatusCode> {
        Visitor::current().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::language::PageLanguage;

    /// Names of users are words of the pages, too.
    #[tokio::test]
    async fn people_keep_their_names() {
        let words = |name: &'static str| PageLanguage::Chinese.answer(async move { actor_words(name).into_owned() });
        assert_eq!(words("admin").await, "admin");
        assert_eq!(words(ANYBODY).await, "同事");
        assert_eq!(words("command line").await, "命令行");
    }
}
