//! Claims are kept alive while a batch is worked through.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::postgres::describe_error;
use crate::worker::shared::Shared;

/// How often claims are renewed while a batch is under way.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Renews the claims of a batch until it is stopped. The database call itself
/// is never cancelled.
pub(crate) struct Heartbeat {
    stop: tokio::sync::oneshot::Sender<()>,
    beating: tokio::task::JoinHandle<()>,
}

impl Heartbeat {
    pub fn start(shared: &Arc<Shared>, token: Uuid) -> Heartbeat {
        let (stop, mut stopped) = tokio::sync::oneshot::channel();
        let shared = shared.clone();
        let beating = tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = &mut stopped => return,
                    () = tokio::time::sleep(HEARTBEAT) => {}
                }
                if let Err(error) = shared.store.renew_claims(token).await {
                    tracing::warn!("claims could not be renewed: {}", describe_error(&error));
                }
            }
        });
        Heartbeat { stop, beating }
    }

    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.beating.await;
    }
}
