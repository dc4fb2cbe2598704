//! The memory that argon2 works in, kept for the next password. Given back to
//! the allocator each time, it would stay there, some of it for each thread that
//! has ever hashed: hundreds of MiB.

use std::sync::{Arc, Mutex, PoisonError};

use argon2::Block;

/// Blocks that no password works in just now. There are never more than were
/// taken at once.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    idle: Arc<Mutex<Vec<Vec<Block>>>>,
}

impl Memory {
    /// Blocks to work in, of some length or none yet, which come back by themselves.
    pub(super) fn take(&self) -> Blocks {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        Blocks {
            blocks: idle.pop().unwrap_or_default(),
            home: self.clone(),
        }
    }
}

/// Blocks that one password works in.
#[derive(Debug)]
pub(super) struct Blocks {
    blocks: Vec<Block>,
    home: Memory,
}

impl Blocks {
    /// So many of them. What stands in them is of no use, and does no harm:
    /// argon2 overwrites it.
    pub(super) fn of(&mut self, count: usize) -> &mut [Block] {
        if self.blocks.len() < count {
            // Not `resize`, which could hold the old ones and the new ones at once.
            self.blocks = Vec::new();
            self.blocks = vec![Block::new(); count];
        }
        &mut self.blocks[..count]
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        let blocks = std::mem::take(&mut self.blocks);
        let mut idle = self
            .home
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        idle.push(blocks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_taken_over() {
        let memory = Memory::default();
        let idle = || memory.idle.lock().unwrap().len();
        let (mut one, two) = (memory.take(), memory.take());
        assert_eq!(one.of(3).len(), 3);
        drop((one, two));
        assert_eq!(idle(), 2);
        for _ in 0..5 {
            drop((memory.take(), memory.take()));
        }
        assert_eq!(idle(), 2);
    }
}
