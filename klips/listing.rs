// SPDX-License-Identifier: GPL-2.0-only

//! Going through a table that may change between one step and the next.

use kernel::rbtree::RBTree;

/// The key after `last`, which need not be there any more, or the first.
pub(crate) fn after<K: Ord + Copy, V>(tree: &RBTree<K, V>, last: Option<&K>) -> Option<K> {
    let Some(last) = last else {
        return tree.cursor_front().map(|cursor| *cursor.current().0);
    };
    let cursor = tree.cursor_lower_bound(last)?;
    let (at, _) = cursor.current();
    if at > last {
        return Some(*at);
    }
    cursor.peek_next().map(|(next, _)| *next)
}
