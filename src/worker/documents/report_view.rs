//! A value report of one account, kept or only looked at.

use super::report::make;
use crate::clock::Instant;
use crate::facts::SubjectId;
use crate::store::customers::facts::fetch;
use crate::value_report::ValueReport;
use crate::worker::shared::Shared;

/// The report of an account as of an instant: the one that is kept, else as its
/// document in force would make it; nothing is written. `None` where there is no such
/// report or account. The inner error says why this version cannot make it.
pub async fn look(
    shared: &Shared,
    report: &str,
    account: &str,
    at: Instant,
) -> anyhow::Result<Option<Result<ValueReport, String>>> {
    if let Some(kept) = shared.store.report(report, account, at).await? {
        return Ok(Some(Ok(kept)));
    }
    let documents = shared.store.published_documents().await?;
    let Some(known) = documents.into_iter().find(|known| known.id == report && known.present) else { return Ok(None) };
    let document = match shared.document(report, &known.revision).await? {
        Ok(document) => document,
        Err(why) => return Ok(Some(Err(why))),
    };
    let window = SubjectId { account: account.to_owned(), contact: String::new() }.into();
    let facts = fetch(shared.store.customers_pool(), &document.query, at, &[window]).await?;
    let Some(facts) = facts.into_iter().next().flatten() else { return Ok(None) };
    let made = tokio::task::spawn_blocking(move || make(&document, facts)).await?;
    let Some(mut made) = made else { return Ok(None) };
    made.goals = shared.store.goals_of_report(account, at).await?;
    Ok(Some(Ok(made)))
}
