//! Ways that are rarely gone, kept out of the one that always is.
//!
//! What a function may need of the stack it takes whenever it is called: the optimizer makes one frame of all that it
//! has put into it, and the frame of a request's common way had 88 KB for what only uploads and refusals do. Their
//! futures lay in it one beside the other, and each poll touched all of its pages, in one and the same set of the
//! nearest cache. So what is large and rare has a place of its own, on the heap and in a frame that is there only
//! while it runs.

use std::future::Future;
use std::pin::Pin;

/// A future of its own, which is made where nobody's frame has to hold it.
#[inline(never)]
pub fn apart<'a, F>(make: impl FnOnce() -> F) -> Pin<Box<dyn Future<Output = F::Output> + 'a>>
where
    F: Future + 'a,
{
    Box::pin(make())
}
