//! Questions that are asked together.
//!
//! Few rounds are under way at a time. What is asked meanwhile waits for the next round, which answers all of it; the same
//! question is asked once, however many callers have it. A caller never joins a round that began before they came, so an
//! answer is at least as fresh as one of their own would be.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Rounds that are under way at the same time. With two, PostgreSQL has work while the answers of the other one are handed
/// out.
const AT_ONCE: usize = 2;

/// Most questions of one round. More of them would delay each other.
const QUESTIONS: usize = 64;

/// Most callers that wait for their round to begin.
const WAITING: usize = 16 << 10;

/// Answers some questions, in their order.
type Ask<Q, A> = Box<dyn Fn(Vec<Q>) -> Pin<Box<dyn Future<Output = Vec<A>> + Send>> + Send + Sync>;

/// The callers of one question.
type Callers<A> = Vec<oneshot::Sender<A>>;

/// The questions that wait for the next round.
pub(super) struct Rounds<Q, A> {
    ask: Ask<Q, A>,
    waiting: Mutex<Waiting<Q, A>>,
}

struct Waiting<Q, A> {
    questions: HashMap<Q, Callers<A>>,
    callers: usize,
    /// Tasks that run rounds.
    runners: usize,
}

/// Why a question got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// Too many callers wait.
    Crowded,
    /// The round ended without an answer.
    Abandoned,
}

impl<Q, A> Rounds<Q, A>
where
    Q: Clone + Eq + Hash + Send + 'static,
    A: Clone + Send + 'static,
{
    pub(super) fn new(ask: Ask<Q, A>) -> Arc<Self> {
        let waiting = Waiting { questions: HashMap::new(), callers: 0, runners: 0 };
        Arc::new(Self { ask, waiting: Mutex::new(waiting) })
    }

    /// Asks in the next round. The caller may stop waiting at any time.
    pub(super) async fn ask(self: &Arc<Self>, question: Q) -> Result<A, Unanswered> {
        self.join(question)?.await.map_err(|_| Unanswered::Abandoned)
    }

    fn join(self: &Arc<Self>, question: Q) -> Result<oneshot::Receiver<A>, Unanswered> {
        let (caller, answer) = oneshot::channel();
        let mut waiting = self.waiting();
        if waiting.callers >= WAITING {
            return Err(Unanswered::Crowded);
        }
        waiting.callers += 1;
        waiting.questions.entry(question).or_default().push(caller);
        if waiting.runners < AT_ONCE {
            waiting.runners += 1;
            drop(waiting);
            // A task of its own, because the caller may go away while others wait for the same round.
            let mut runner = Runner { rounds: Arc::clone(self), idle: false };
            tokio::spawn(async move { runner.run().await });
        }
        Ok(answer)
    }
}

impl<Q, A> Rounds<Q, A> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<Q, A>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q: Clone + Eq + Hash, A> Waiting<Q, A> {
    /// Takes the questions of one round.
    fn take(&mut self) -> HashMap<Q, Callers<A>> {
        if self.questions.len() <= QUESTIONS {
            self.callers = 0;
            return std::mem::take(&mut self.questions);
        }
        let some: Vec<Q> = self.questions.keys().take(QUESTIONS).cloned().collect();
        let taken: HashMap<Q, Callers<A>> =
            some.iter().filter_map(|question| self.questions.remove_entry(question)).collect();
        self.callers -= taken.values().map(Vec::len).sum::<usize>();
        taken
    }
}

/// Runs rounds until no question waits.
struct Runner<Q, A> {
    rounds: Arc<Rounds<Q, A>>,
    /// Whether it has taken itself off the count.
    idle: bool,
}

impl<Q, A> Runner<Q, A>
where
    Q: Clone + Eq + Hash + Send + 'static,
    A: Clone + Send + 'static,
{
    async fn run(&mut self) {
        while let Some(questions) = self.next() {
            let called = |(_, callers): &(Q, Callers<A>)| callers.iter().any(|it| !it.is_closed());
            let (questions, callers): (Vec<Q>, Vec<Callers<A>>) =
                questions.into_iter().filter(called).unzip();
            if questions.is_empty() {
                continue;
            }
            let answers = (self.rounds.ask)(questions).await;
            for (answer, callers) in answers.into_iter().zip(callers) {
                for caller in callers {
                    // A caller may have gone away.
                    let _ = caller.send(answer.clone());
                }
            }
        }
    }

    fn next(&mut self) -> Option<HashMap<Q, Callers<A>>> {
        let mut waiting = self.rounds.waiting();
        let questions = waiting.take();
        if questions.is_empty() {
            waiting.runners -= 1;
            self.idle = true;
            return None;
        }
        Some(questions)
    }
}

impl<Q, A> Drop for Runner<Q, A> {
    /// After a panic nobody else may come to run the round of those who wait. Dropping their senders tells them.
    fn drop(&mut self) {
        if !self.idle {
            let mut waiting = self.rounds.waiting();
            waiting.runners -= 1;
            (waiting.questions, waiting.callers) = (HashMap::new(), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::sync::Semaphore;
    use tokio::task::yield_now;

    use super::*;

    /// Rounds that read a number which anybody may raise. Each begins by reading it, and ends when it is permitted to.
    struct Bench {
        number: Arc<AtomicU64>,
        permits: Arc<Semaphore>,
        begun: Arc<Mutex<Vec<usize>>>,
        rounds: Arc<Rounds<u64, u64>>,
    }

    fn bench() -> Bench {
        let (number, permits) = (Arc::new(AtomicU64::new(0)), Arc::new(Semaphore::new(0)));
        let begun: Arc<Mutex<Vec<usize>>> = Arc::default();
        let (read, permitted, noted) = (number.clone(), permits.clone(), begun.clone());
        let rounds = Rounds::new(Box::new(move |questions: Vec<u64>| {
            let (read, permitted, noted) = (read.clone(), permitted.clone(), noted.clone());
            Box::pin(async move {
                noted.lock().unwrap().push(questions.len());
                let seen = read.load(Ordering::SeqCst);
                permitted.acquire().await.unwrap().forget();
                assert!(!questions.contains(&999), "on purpose");
                questions.iter().map(|question| question * 1000 + seen).collect()
            })
        }));
        Bench { number, permits, begun, rounds }
    }

    impl Bench {
        /// Asks in a task, and waits until the question waits or its round has begun.
        async fn ask(&self, question: u64) -> tokio::task::JoinHandle<Result<u64, Unanswered>> {
            let rounds = Arc::clone(&self.rounds);
            let asked = tokio::spawn(async move { rounds.ask(question).await });
            self.settle().await;
            asked
        }

        /// On one thread, all tasks run until they wait for something.
        async fn settle(&self) {
            for _ in 0..10 {
                yield_now().await;
            }
        }

        fn begun(&self) -> Vec<usize> {
            self.begun.lock().unwrap().clone()
        }
    }

    #[tokio::test]
    async fn who_comes_later_joins_the_next_round_and_sees_what_was_written_before() {
        let bench = bench();
        let first = bench.ask(1).await;
        let second = bench.ask(1).await;
        assert_eq!(bench.begun(), [1, 1], "two rounds are under way");
        bench.number.store(7, Ordering::SeqCst);
        let (mut later, mut other) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            later.push(bench.ask(1).await);
            other.push(bench.ask(2).await);
        }
        bench.permits.add_permits(9);
        assert_eq!((first.await.unwrap(), second.await.unwrap()), (Ok(1000), Ok(1000)));
        for (later, other) in later.into_iter().zip(other) {
            assert_eq!((later.await.unwrap(), other.await.unwrap()), (Ok(1007), Ok(2007)));
        }
        assert_eq!(bench.begun(), [1, 1, 2], "all of them shared one round of two questions");
        bench.settle().await;
        assert_eq!(bench.rounds.waiting().runners, 0);
    }

    #[tokio::test]
    async fn callers_that_go_away_strand_nobody() {
        let bench = bench();
        let (first, second) = (bench.ask(1).await, bench.ask(2).await);
        let (gone, stays, alone) = (bench.ask(3).await, bench.ask(3).await, bench.ask(4).await);
        for caller in [first, second, gone, alone] {
            caller.abort();
        }
        bench.settle().await;
        bench.permits.add_permits(9);
        assert_eq!(stays.await.unwrap(), Ok(3000));
        assert_eq!(bench.begun(), [1, 1, 1], "what nobody waits for is not asked");
    }

    #[tokio::test]
    async fn a_round_that_panics_is_told_to_its_callers_and_to_those_who_wait() {
        let bench = bench();
        let (bad, good) = (bench.ask(999).await, bench.ask(1).await);
        let waits = bench.ask(2).await;
        bench.permits.add_permits(1);
        assert_eq!(bad.await.unwrap(), Err(Unanswered::Abandoned));
        assert_eq!(waits.await.unwrap(), Err(Unanswered::Abandoned));
        bench.permits.add_permits(9);
        assert_eq!(good.await.unwrap(), Ok(1000));
        assert_eq!(bench.ask(3).await.await.unwrap(), Ok(3000));
        assert_eq!(bench.rounds.waiting().runners, 0);
    }

    #[tokio::test]
    async fn a_round_has_a_bounded_number_of_questions_and_of_callers() {
        let bench = bench();
        let under_way = [bench.ask(1).await, bench.ask(2).await];
        let answers: Vec<_> =
            (0..WAITING as u64).map(|n| bench.rounds.join(n % 100).unwrap()).collect();
        assert_eq!(bench.rounds.join(1).err(), Some(Unanswered::Crowded));
        bench.permits.add_permits(9);
        for (n, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer.await.unwrap(), n as u64 % 100 * 1000);
        }
        drop(under_way);
        assert_eq!(bench.begun(), [1, 1, QUESTIONS, 100 - QUESTIONS]);
    }
}
