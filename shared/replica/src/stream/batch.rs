//! Blocks as one transaction applies them: those that are there already, in
//! order. What cannot be read takes nothing away from the blocks before it.

use futures::{FutureExt, Stream, StreamExt};

use super::{StoredBlock, StreamError};

/// Blocks that one pull asks for. At half a MiB each they bound the memory
/// that waits for Postgres to 32 MiB.
pub(super) const BLOCKS_PER_PULL: usize = 64;
/// Entries that one transaction applies at most, give or take a block.
const BATCH_ENTRIES_MAX: usize = 4_096;

/// The stream's blocks in order.
pub(crate) struct Batches<S> {
    blocks: S,
    /// Why there is no next batch; the blocks before it are given out.
    failed: Option<StreamError>,
}

impl<S: Stream<Item = Result<StoredBlock, StreamError>> + Unpin> Batches<S> {
    pub(super) fn of(blocks: S) -> Self {
        Self {
            blocks,
            failed: None,
        }
    }

    /// Waits for the next block, and takes those that are there already with
    /// it, as much as one transaction should apply: one block at least.
    ///
    /// # Errors
    /// [`StreamError`], once all blocks before it were given out. Nothing comes
    /// after it: the stream must be read anew.
    pub(crate) async fn next(&mut self) -> Result<Vec<StoredBlock>, StreamError> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        let first = self.blocks.next().await;
        let first = first.unwrap_or_else(|| Err(ended()))?;
        let mut entries = first.entries.len();
        let mut batch = vec![first];
        while entries < BATCH_ENTRIES_MAX && batch.len() < BLOCKS_PER_PULL {
            match self.blocks.next().now_or_never() {
                None => break,
                Some(Some(Ok(block))) => {
                    entries += block.entries.len();
                    batch.push(block);
                }
                Some(failed) => {
                    self.failed = failed.and_then(Result::err).or_else(|| Some(ended()));
                    break;
                }
            }
        }
        Ok(batch)
    }
}

fn ended() -> StreamError {
    StreamError::OutOfReach("of the log".to_owned(), "the consumer has ended".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures::stream;

    fn block(sequence: u64, entries: usize) -> StoredBlock {
        StoredBlock {
            sequence,
            root: None,
            id: None,
            entries: vec![Bytes::new(); entries],
            accounted: None,
        }
    }

    fn gap() -> StreamError {
        StreamError::Gap("S".to_owned(), 9)
    }

    fn sequences(batch: Result<Vec<StoredBlock>, StreamError>) -> Result<Vec<u64>, String> {
        let batch = batch.map_err(|error| error.to_string())?;
        Ok(batch.iter().map(|block| block.sequence).collect())
    }

    #[tokio::test]
    async fn the_blocks_before_one_that_cannot_be_read_are_given_out() {
        let unreadable = StreamError::UnknownVersion("S".to_owned(), 3, 9);
        let words = unreadable.to_string();
        let blocks = [Ok(block(1, 1)), Ok(block(2, 1)), Err(unreadable)];
        let mut batches = Batches::of(stream::iter(blocks));
        assert_eq!(sequences(batches.next().await), Ok(vec![1, 2]));
        assert_eq!(sequences(batches.next().await), Err(words));
        // The first one at once; and what ends without a word has ended, too.
        let mut batches = Batches::of(stream::iter([Err(gap())]));
        assert_eq!(sequences(batches.next().await), Err(gap().to_string()));
        let mut batches = Batches::of(stream::iter([Ok(block(1, 1))]));
        assert_eq!(sequences(batches.next().await), Ok(vec![1]));
        assert!(sequences(batches.next().await).is_err());
    }

    #[tokio::test]
    async fn a_batch_is_bounded_and_does_not_wait() {
        let large = (1..=9).map(|sequence| Ok(block(sequence, 1_000)));
        let mut batches = Batches::of(stream::iter(large));
        assert_eq!(sequences(batches.next().await), Ok(vec![1, 2, 3, 4, 5]));
        assert_eq!(sequences(batches.next().await), Ok(vec![6, 7, 8, 9]));
        let small = (1..=100).map(|sequence| Ok(block(sequence, 1)));
        let mut batches = Batches::of(stream::iter(small));
        assert_eq!(batches.next().await.unwrap().len(), BLOCKS_PER_PULL);
        let more = stream::iter([Ok(block(1, 1))]).chain(stream::pending());
        let mut batches = Batches::of(more);
        assert_eq!(sequences(batches.next().await), Ok(vec![1]));
    }
}
