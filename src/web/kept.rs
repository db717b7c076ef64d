//! Answers that take the database long. A reader gets the last one at once, with the instant
//! that it is of, and a newer one is found meanwhile.
//!
//! Invariants: of one question at most one answer is looked for at a time; an answer that
//! was found quickly is not kept, so small installations see each change at once; and no
//! answer is shown that is older than [`OLDEST`].

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::page::Trouble;
use crate::clock::{Instant, Stopwatch};
use crate::postgres::describe_error;

/// An answer that was found in less is looked for anew each time.
pub(super) const QUICK: Duration = Duration::from_millis(250);

/// For how many times as long as it took an answer is not looked for again.
const REST: u32 = 10;

/// Nothing older is shown: the reader waits for a newer one.
const OLDEST: Duration = Duration::from_secs(30 * 60);

/// Of so many questions the answers are kept; then those asked the longest ago go.
const QUESTIONS: usize = 100;

/// An answer, and the instant that it is of.
#[derive(Debug)]
pub(super) struct DatedAnswer<A> {
    pub answer: A,
    pub at: Instant,
    found: Stopwatch,
    took: Duration,
}

/// The last answers to questions of one kind.
#[derive(Debug)]
pub(super) struct KeptAnswers<Q, A> {
    quick: Duration,
    questions: Mutex<HashMap<Q, KeptQuestion<A>>>,
}

#[derive(Debug)]
struct KeptQuestion<A> {
    latest: Option<Arc<DatedAnswer<A>>>,
    asked: Stopwatch,
    /// Held by whoever looks for an answer.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl<Q: Clone + Eq + Hash + Send + 'static, A: Send + Sync + 'static> KeptAnswers<Q, A> {
    /// Keeps the answers that take at least this long.
    pub fn new(quick: Duration) -> KeptAnswers<Q, A> {
        KeptAnswers { quick, questions: Mutex::default() }
    }

    /// The answer to a question at an instant, or a kept one of a while before.
    ///
    /// # Errors
    /// Those of `find`; an answer that is kept stays.
    pub async fn answer<F>(self: &Arc<Self>, question: Q, now: Instant, find: F) -> Result<Arc<DatedAnswer<A>>, Trouble>
    where
        F: Future<Output = Result<A, Trouble>> + Send + 'static,
    {
        let (latest, turn) = self.ask(&question);
        if let Some(kept) = latest.filter(|kept| kept.found.elapsed() < OLDEST) {
            if kept.needs_rest() {
                return Ok(kept);
            }
            if let Ok(turn) = turn.try_lock_owned() {
                let answers = self.clone();
                let renew = async move {
                    if let Err(Trouble::Failed(error)) = answers.find(question, now, find).await {
                        tracing::warn!(error = describe_error(error.as_ref()), "a kept answer could not be renewed");
                    }
                    drop(turn);
                };
                tokio::spawn(renew);
            }
            return Ok(kept);
        }
        let _turn = turn.lock().await;
        // Somebody else may have found it meanwhile.
        match self.ask(&question).0.filter(|kept| kept.found.elapsed() < OLDEST && kept.needs_rest()) {
            Some(kept) => Ok(kept),
            None => self.find(question, now, find).await,
        }
    }

    async fn find<F>(&self, question: Q, now: Instant, find: F) -> Result<Arc<DatedAnswer<A>>, Trouble>
    where
        F: Future<Output = Result<A, Trouble>>,
    {
        let watch = Stopwatch::start();
        let answer = find.await?;
        let took = watch.elapsed();
        let found = Arc::new(DatedAnswer { answer, at: now, found: Stopwatch::start(), took });
        if let Some(kept) = self.questions().get_mut(&question) {
            kept.latest = (took >= self.quick).then(|| found.clone());
        }
        Ok(found)
    }

    /// What is known of a question, which counts as asked now.
    fn ask(&self, question: &Q) -> (Option<Arc<DatedAnswer<A>>>, Arc<tokio::sync::Mutex<()>>) {
        let mut questions = self.questions();
        if questions.len() >= QUESTIONS && !questions.contains_key(question) {
            let oldest =
                questions.iter().max_by_key(|(_, one)| one.asked.elapsed()).map(|(question, _)| question.clone());
            oldest.map(|question| questions.remove(&question));
        }
        let new = || KeptQuestion { latest: None, asked: Stopwatch::start(), turn: Arc::default() };
        let kept = questions.entry(question.clone()).or_insert_with(new);
        kept.asked = Stopwatch::start();
        (kept.latest.clone(), kept.turn.clone())
    }

    /// No caller panics while it has them.
    fn questions(&self) -> MutexGuard<'_, HashMap<Q, KeptQuestion<A>>> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A> DatedAnswer<A> {
    /// Whether it is too new to be looked for again.
    fn needs_rest(&self) -> bool {
        self.found.elapsed() < self.took * REST
    }

    /// The instant that it is of where that is not the one at which it is shown.
    pub fn kept_since(&self, now: Instant) -> Option<Instant> {
        (self.at < now).then_some(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn at(second: i64) -> Instant {
        Instant::from_timestamp(second, 0).expect("an instant")
    }

    async fn ask(
        answers: &Arc<KeptAnswers<&'static str, usize>>,
        second: i64,
        looks: &Arc<AtomicUsize>,
    ) -> (usize, i64) {
        let looks = looks.clone();
        let find = async move {
            tokio::task::yield_now().await;
            Ok(looks.fetch_add(1, Ordering::SeqCst) + 1)
        };
        let Ok(found) = answers.answer("a", at(second), find).await else { panic!("it is found") };
        (found.answer, found.at.timestamp())
    }

    /// Lets the kept answer have taken so long.
    fn set_time_taken(answers: &KeptAnswers<&'static str, usize>, took: Duration) {
        let mut questions = answers.questions();
        let kept = questions.get_mut("a").expect("it was asked");
        let latest = kept.latest.as_ref().expect("it is kept");
        let answer = DatedAnswer { answer: latest.answer, at: latest.at, found: latest.found, took };
        kept.latest = Some(Arc::new(answer));
    }

    #[tokio::test]
    async fn quick_answers_are_found_anew() {
        let (answers, looks) = (Arc::new(KeptAnswers::new(Duration::MAX)), Arc::default());
        assert_eq!(ask(&answers, 1, &looks).await, (1, 1));
        assert_eq!(ask(&answers, 2, &looks).await, (2, 2));
    }

    #[tokio::test]
    async fn a_kept_answer_is_shown_at_once_and_renewed() {
        let (answers, looks) = (Arc::new(KeptAnswers::new(Duration::ZERO)), Arc::default());
        assert_eq!(ask(&answers, 1, &looks).await, (1, 1));
        set_time_taken(&answers, Duration::from_secs(3_600));
        assert_eq!(ask(&answers, 2, &looks).await, (1, 1), "it rests");
        set_time_taken(&answers, Duration::ZERO);
        assert_eq!(ask(&answers, 3, &looks).await, (1, 1), "nobody waits for the newer one");
        let turn = answers.ask(&"a").1;
        drop(turn.lock().await);
        set_time_taken(&answers, Duration::from_secs(3_600));
        assert_eq!(ask(&answers, 4, &looks).await, (2, 3));
    }

    #[tokio::test]
    async fn those_who_ask_at_once_share_one_look() {
        let answers = Arc::new(KeptAnswers::new(Duration::ZERO));
        let looks: Arc<AtomicUsize> = Arc::default();
        let slowly = |looks: &Arc<AtomicUsize>| {
            let looks = looks.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok(looks.fetch_add(1, Ordering::SeqCst) + 1)
            }
        };
        let (one, other) = (slowly(&looks), slowly(&looks));
        let (one, other) = tokio::join!(answers.answer("a", at(1), one), answers.answer("a", at(1), other));
        assert_eq!((one.ok().map(|one| one.answer), other.ok().map(|other| other.answer)), (Some(1), Some(1)));
    }

    #[tokio::test]
    async fn answers_asked_long_ago_go() {
        let answers = Arc::new(KeptAnswers::<usize, usize>::new(Duration::ZERO));
        for question in 0..2 * QUESTIONS {
            assert!(answers.answer(question, at(1), async move { Ok(question) }).await.is_ok());
        }
        assert_eq!(answers.questions().len(), QUESTIONS);
        assert!(answers.ask(&(2 * QUESTIONS - 1)).0.is_some());
    }
}
