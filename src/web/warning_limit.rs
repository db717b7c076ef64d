//! A warning that strangers can cause, written at most once a minute.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// At most one line in this time.
const INTERVAL: Duration = Duration::from_secs(60);

/// Counts what is warned of, so that the log says how often it was and nobody
/// can fill it.
#[derive(Clone, Debug)]
pub(super) struct WarningLimit {
    interval: Duration,
    /// What was counted since the last line; `None` when a minute has passed
    /// since then.
    count: Arc<Mutex<Option<u64>>>,
}

impl Default for WarningLimit {
    fn default() -> WarningLimit {
        WarningLimit { interval: INTERVAL, count: Arc::default() }
    }
}

impl WarningLimit {
    /// Counts one, and has `write` write how many there were since its last
    /// line: now, or when the minute after that line is over.
    pub fn warn(&self, write: impl Fn(u64) + Send + 'static) {
        {
            let mut count = self.lock();
            if let Some(count) = count.as_mut() {
                *count += 1;
                return;
            }
            *count = Some(0);
        }
        write(1);
        let this = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(this.interval).await;
                match this.next_minute() {
                    0 => return,
                    count => write(count),
                }
            }
        });
    }

    /// What the last minute has counted; nothing ends the count.
    fn next_minute(&self) -> u64 {
        let mut count = self.lock();
        let last = count.unwrap_or_default();
        *count = (last > 0).then_some(0);
        last
    }

    fn lock(&self) -> MutexGuard<'_, Option<u64>> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_line_a_minute_counts_them_all() {
        let minute = Duration::from_millis(400);
        let limit = WarningLimit { interval: minute, ..WarningLimit::default() };
        let lines: Arc<Mutex<Vec<u64>>> = Arc::default();
        let warn = |times: usize| {
            for _ in 0..times {
                let lines = lines.clone();
                limit.warn(move |count| lines.lock().unwrap().push(count));
            }
        };
        let written = || lines.lock().unwrap().clone();
        warn(100);
        assert_eq!(written(), [1]);
        while written() != [1, 99] {
            tokio::time::sleep(minute / 20).await;
        }
        warn(5);
        assert_eq!(written(), [1, 99], "it is the same minute");
        tokio::time::sleep(minute * 4).await;
        assert_eq!(written(), [1, 99, 5]);
        warn(2);
        assert_eq!(written(), [1, 99, 5, 1], "one after a quiet minute is written at once");
    }
}
