//! What the customer store says of the texts in the editor: the names in it, and
//! the warnings that `check` gives beside a database. It is asked at the
//! beginning, when a file is opened and when one is saved; nothing waits for it.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use super::checks::{Checker, StoreLook, check_documents};
use super::documents::Documents;
use super::{KnownSchema, SharedSchema};
use crate::cli::Global;
use crate::cli::check::store_at_hand::{self, StoreAtHand};
use crate::facts::Schema;
use crate::store::Store;

/// How long the database and the names in the store are waited for.
const STORE_TIME: Duration = Duration::from_secs(20);

/// Asks what the store says of some files.
pub struct LookRequest {
    /// The texts at the moment of the request.
    pub documents: Documents,
    /// As diagnostics name them.
    pub files: BTreeSet<String>,
}

/// Looks at the store where a database is named: once for its names, and then at
/// each request, which finds the latest names, too. Several requests that wait
/// are one.
pub async fn look_at_store(
    global: &Global,
    schema: &SharedSchema,
    checker: &Checker,
    mut requests: UnboundedReceiver<LookRequest>,
) {
    let mut last_remark = None;
    let mut request: Option<LookRequest> = None;
    loop {
        let found = tokio::time::timeout(STORE_TIME, store_at_hand::find(global)).await;
        let remark = match found {
            Ok(StoreAtHand { database: Some(database), schema: found, has_its_columns, .. }) => {
                if learn(schema, KnownSchema { schema: Some(found), has_its_columns }) {
                    checker.repeat();
                }
                if let Some(request) = request.take() {
                    look(global, &database.store, schema, checker, request).await;
                }
                database.close().await;
                None
            }
            Ok(StoreAtHand { remark, .. }) => remark,
            Err(_) => Some(format!("The customer store did not answer within {} seconds.", STORE_TIME.as_secs())),
        };
        // As long as it stays the same it is said once.
        if remark != last_remark {
            remark.iter().for_each(|remark| tell!("{remark}"));
            last_remark = remark;
        }
        let Some(mut next) = requests.recv().await else { return };
        while let Ok(LookRequest { documents, files }) = requests.try_recv() {
            next.documents = documents;
            next.files.extend(files);
        }
        request = Some(next);
    }
}

/// Takes up what the store has; says whether columns or names have changed, and
/// not only how many rows there are of each.
fn learn(schema: &SharedSchema, found: KnownSchema) -> bool {
    let mut known = schema.write().unwrap_or_else(PoisonError::into_inner);
    let is_new = known.has_its_columns != found.has_its_columns
        || known.schema.as_ref().map(names) != found.schema.as_ref().map(names);
    *known = found;
    is_new
}

/// The columns and the names of a schema, without counts.
fn names(schema: &Schema) -> String {
    let seen: Vec<(_, BTreeSet<&str>)> = schema
        .inventory
        .kinds()
        .map(|(kind, names)| (kind, names.names.iter().map(|one| one.name.as_str()).collect()))
        .collect();
    format!("{:?} {seen:?}", Schema { inventory: Arc::default(), ..schema.clone() })
}

/// Looks at what the store says of the files without errors.
async fn look(global: &Global, store: &Store, schema: &SharedSchema, checker: &Checker, request: LookRequest) {
    let (global, schema) = (global.clone(), schema.clone());
    let LookRequest { documents, files } = request;
    let checking = tokio::task::spawn_blocking(move || {
        let mut checked = check_documents(&global, &documents, &schema);
        checked.playbooks.retain(|ready| files.contains(&*ready.playbook.file));
        checked
    });
    let Ok(checked) = checking.await else { return };
    let found = store_at_hand::findings(store, &checked).await;
    found.remarks.iter().for_each(|remark| tell!("{remark}"));
    let config = format!("{:?}", checked.config);
    for ready in checked.playbooks.iter().filter(|ready| checked.is_sound(&ready.playbook.file)) {
        let file = ready.playbook.file.to_string();
        let diagnostics = found.diagnostics.iter().filter(|problem| problem.file == file).cloned().collect();
        checker.add(StoreLook { file, revision: ready.revision.clone(), config: config.clone(), diagnostics });
    }
}
