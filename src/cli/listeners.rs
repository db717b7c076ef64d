//! Where a daemon is reached: the pages of colleagues, those of customers, and
//! health. Their addresses are taken before anything is done, so that links in
//! mail lead there and a port that is in use stops nothing half way.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::web::{self, Audience, WebState};

/// How long an open page is waited for at the end.
const PARTING: Duration = Duration::from_secs(1);

/// Addresses that were taken, and whom each is for.
pub struct Listeners(Vec<(Audience, TcpListener)>);

/// Pages that are served.
pub struct Serving(JoinHandle<()>);

impl Listeners {
    /// Takes what the configuration says; `port` replaces that of the pages of
    /// colleagues. The configuration then has the ports that the system chose.
    pub async fn bind(config: &mut Config, port: Option<u16>) -> anyhow::Result<Listeners> {
        if let Some(port) = port {
            config.listen = Some(SocketAddr::from(([127, 0, 0, 1], port)));
        }
        let places = [
            (Audience::Colleagues, &mut config.listen),
            (Audience::Customers, &mut config.public_listen),
            (Audience::Operations, &mut config.ops_listen),
        ];
        let mut listeners = Vec::new();
        for (audience, place) in places {
            let Some(address) = place else { continue };
            let (name, wanted) = (name(audience), *address);
            let listener =
                TcpListener::bind(wanted).await.with_context(|| format!("the {name} cannot be served at {wanted}"))?;
            *address = listener.local_addr()?;
            tracing::info!(%address, "{name}");
            listeners.push((audience, listener));
        }
        Ok(Listeners(listeners))
    }

    /// Serves the pages until `stop` turns true; then ends the connections of
    /// their store, which are theirs alone.
    pub fn serve(self, state: WebState, stop: &watch::Receiver<bool>) -> Serving {
        let store = state.store.clone();
        let serve = |(audience, listener)| {
            let (state, mut stop) = (state.clone(), stop.clone());
            tokio::spawn(async move {
                let end = async move {
                    let _ = stop.wait_for(|stop| *stop).await;
                };
                web::serve(listener, audience, state, end).await;
            })
        };
        let all: Vec<JoinHandle<()>> = self.0.into_iter().map(serve).collect();
        Serving(tokio::spawn(async move {
            for served in all {
                let _ = served.await;
            }
            store.close_pool().await;
        }))
    }
}

impl Serving {
    /// Waits until the readers have their answers; one who dawdles does not
    /// keep the process.
    pub async fn end(self) {
        let _ = tokio::time::timeout(PARTING, self.0).await;
    }
}

/// What a listener is called in the log.
fn name(audience: Audience) -> &'static str {
    match audience {
        Audience::Colleagues => "page",
        Audience::Customers => "page for customers",
        Audience::Operations => "health",
    }
}
