//! Several requests at once, answered in their order.

use std::future::Future;
use std::pin::Pin;

use futures_util::StreamExt as _;

use crate::connect::ConnectError;

/// One request with what is made of its answer.
pub(super) type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, ConnectError>> + Send + 'a>>;

/// Does all of it, `at_once` at a time; ends with the first that fails.
pub(super) async fn in_order<T: Send>(
    work: Vec<Work<'_, T>>,
    at_once: usize,
) -> Result<Vec<T>, ConnectError> {
    let mut done = Vec::with_capacity(work.len());
    let mut answers = futures_util::stream::iter(work).buffered(at_once.max(1));
    while let Some(answer) = answers.next().await {
        done.push(answer?);
    }
    Ok(done)
}
