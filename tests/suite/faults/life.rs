//! A worker that can die at any moment: it lives in a runtime of its own, and
//! when that ends, so do all of its tasks where they stand, and its sockets.
//! None of its code runs any more, as after a kill.

use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use keepwell::worker::Shared;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

#[derive(Default)]
pub struct Life {
    now: Mutex<Option<(Runtime, Weak<Shared>)>>,
}

impl Life {
    /// Begins a life that does one thing; says what came of it, or `None` when
    /// it died over that.
    pub fn live_on<F, Fut>(&self, make: impl AsyncFnOnce() -> Shared, act: F) -> Option<anyhow::Result<()>>
    where
        F: FnOnce(Arc<Shared>) -> Fut,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let shared = Arc::new(runtime.block_on(make()));
        let (tell, told) = oneshot::channel();
        let acting = act(shared.clone());
        let weak = Arc::downgrade(&shared);
        drop(shared);
        let handle = runtime.handle().clone();
        // Before it begins: it may end at its first word.
        *self.now.lock().unwrap() = Some((runtime, weak));
        handle.spawn(async move {
            let _ = tell.send(acting.await);
        });
        let result = told.blocking_recv().ok();
        self.end();
        result
    }

    /// Ends it; afterwards nothing of it runs.
    pub fn end(&self) {
        let Some((runtime, shared)) = self.now.lock().unwrap().take() else { return };
        runtime.shutdown_background();
        let since = Instant::now();
        while shared.strong_count() > 0 {
            assert!(since.elapsed() < Duration::from_secs(20), "something of a dead worker is still at work");
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}
