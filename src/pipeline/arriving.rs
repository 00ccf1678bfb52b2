//! A body on its way in, which notes how much of it came and when its last octet did.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::time::{Clock, Millis};

/// What is noted of a body.
pub(super) type Arrived = Rc<Noted>;

/// How far a body has come.
#[derive(Debug, Default)]
pub(super) struct Noted {
    whole: Cell<Option<Millis>>,
    octets: Cell<u64>,
}

impl Noted {
    /// When its last octet came; none as long as it has not.
    pub(super) fn whole(&self) -> Option<Millis> {
        self.whole.get()
    }

    /// How many octets of it were read, as the client sent them.
    pub(super) fn octets(&self) -> u64 {
        self.octets.get()
    }
}

/// Hands a body on as it is.
pub(super) struct Arriving<B> {
    /// None where there is none, as for nearly every read.
    body: Option<Pin<Box<B>>>,
    noted: Option<(Arrived, Arc<dyn Clock>)>,
}

/// Counts the octets of a frame.
fn count<E>(noted: &Noted, frame: Option<&Result<Frame<Bytes>, E>>) {
    let data = frame.and_then(|frame| frame.as_ref().ok()?.data_ref());
    let octets = data.map_or(0, |data| data.len() as u64);
    noted.octets.set(noted.octets.get().saturating_add(octets));
}

impl<B: Body> Arriving<B> {
    /// With the place where the time will stand; none where there is no body to wait for.
    pub(super) fn new(body: B, clock: &Arc<dyn Clock>) -> (Self, Option<Arrived>) {
        if body.is_end_stream() {
            return (Self { body: None, noted: None }, None);
        }
        let arrived = Arrived::default();
        let noted = Some((Rc::clone(&arrived), Arc::clone(clock)));
        (Self { body: Some(Box::pin(body)), noted }, Some(arrived))
    }
}

impl<B: Body<Data = Bytes>> Body for Arriving<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(body.as_mut().poll_frame(cx));
        let ended = body.is_end_stream();
        if let Some((noted, _)) = &self.noted {
            count(noted, frame.as_ref());
        }
        let over = match &frame {
            Some(frame) => frame.is_ok() && ended,
            None => true,
        };
        if over && let Some((arrived, clock)) = self.noted.take() {
            arrived.whole.set(Some(clock.now_millis()));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), |body| body.size_hint())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Empty, Full};

    use super::*;

    struct Noon;

    impl Clock for Noon {
        fn now_millis(&self) -> Millis {
            Millis(43_200_000)
        }
    }

    #[test]
    fn octets_are_counted_and_the_last_is_noted_and_of_nothing_there_is_none() {
        let clock: Arc<dyn Clock> = Arc::new(Noon);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (mut body, arrived) = Arriving::new(Full::new(Bytes::from_static(b"data")), &clock);
        let arrived = arrived.unwrap();
        assert_eq!((arrived.whole(), arrived.octets(), body.size_hint().exact()), (None, 0, Some(4)));
        assert_eq!(runtime.block_on(body.frame()).unwrap().unwrap().into_data().unwrap(), "data");
        assert_eq!((arrived.whole(), arrived.octets()), (Some(Millis(43_200_000)), 4));
        let (nothing, arrived) = Arriving::new(Empty::<Bytes>::new(), &clock);
        assert!(arrived.is_none() && nothing.is_end_stream());
    }
}
