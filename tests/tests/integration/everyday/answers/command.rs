//! The same through `yoshi`, as people and scripts use it.
