//! The threads that wait for files and for the index, so that no async worker does.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::StoreError;

type Job = Box<dyn FnOnce() + Send>;

/// A fixed number of named threads behind a bounded queue. They end when the last handle goes.
#[derive(Clone)]
pub(super) struct Pool {
    jobs: mpsc::Sender<Job>,
}

impl Pool {
    pub(super) fn start(threads: usize, queue: usize) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel::<Job>(queue.max(1));
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..threads.max(1) {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new()
                .name(format!("store-io-{number}"))
                .spawn(move || work(&queue))
                .map_err(|error| StoreError::File("thread store-io", error))?;
        }
        Ok(Self { jobs })
    }

    /// Runs something that may wait, on one of the threads. Waits itself while the queue is full.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(job).await?.await.map_err(|_| StoreError::Closed)
    }

    /// Puts a job into the queue; what comes back receives its outcome.
    pub(super) async fn submit<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, StoreError> {
        let place = self.jobs.reserve().await.map_err(|_| StoreError::Closed)?;
        Ok(place_job(place, job))
    }

    /// The same without waiting: a full queue gives the job back. For work nobody needs yet: whoever
    /// waits for a place and is not polled when it comes would keep the place from all others.
    pub(super) fn try_submit<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        job: F,
    ) -> Result<oneshot::Receiver<T>, F> {
        match self.jobs.try_reserve() {
            Ok(place) => Ok(place_job(place, job)),
            Err(_) => Err(job),
        }
    }
}

fn place_job<T: Send + 'static>(
    place: mpsc::Permit<'_, Job>,
    job: impl FnOnce() -> T + Send + 'static,
) -> oneshot::Receiver<T> {
    let (tell, told) = oneshot::channel();
    place.send(Box::new(move || drop(tell.send(job()))));
    told
}

fn work(queue: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        // Whoever holds the lock waits for the next job; the others wait for the lock.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(job) = job else { return };
        // A panic costs the request that caused it, which sees its channel close.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
    }
}
