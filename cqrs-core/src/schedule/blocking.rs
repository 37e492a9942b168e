//! Items that are finished, and that the others of their order key wait for.

use std::collections::hash_map::Entry as Slot;

use super::{Entry, Keys, Schedule};

impl<T> Schedule<T> {
    /// Adds an item that is finished, and that those of its order key wait for. It must have an order key.
    pub(crate) fn push_blocking(&mut self, item: T, keys: Keys) {
        let entry = self.entry(item, keys);
        self.add(Entry { is_blocking: true, ..entry });
    }

    /// Makes the blocking item that `is_meant` accepts ready again, after `change`: before those behind it, and without
    /// attempts that have failed. Returns whether there is one.
    pub(crate) fn resume(
        &mut self,
        is_meant: impl Fn(&T) -> bool,
        change: impl FnOnce(&mut T),
    ) -> bool {
        let Some(mut entry) = self.take_blocking(is_meant) else { return false };
        change(&mut entry.item);
        self.make_ready(Entry { is_blocking: false, has_returned: true, attempts: 0, ..entry });
        true
    }

    /// Removes the blocking item that `is_meant` accepts, so that those behind it follow. Returns whether there is one.
    pub(crate) fn remove_blocking(&mut self, is_meant: impl Fn(&T) -> bool) -> bool {
        let Some(entry) = self.take_blocking(is_meant) else { return false };
        if let Some(order) = entry.keys.order
            && let Slot::Occupied(mut slot) = self.orders.entry(order)
        {
            if let Some(next) = slot.get_mut().behind.pop_front() {
                self.followers -= next.weight();
                self.make_ready(next);
            } else {
                slot.remove();
            }
        }
        true
    }

    fn take_blocking(&mut self, is_meant: impl Fn(&T) -> bool) -> Option<Entry<T>> {
        let (number, _) = self.blocking.iter().find(|(_, entry)| is_meant(&entry.item))?;
        let number = *number;
        self.blocking.remove(&number)
    }

    pub(crate) fn has_blocking(&self) -> bool {
        !self.blocking.is_empty()
    }

    /// The items that are blocking.
    pub(crate) fn iter_blocking(&self) -> impl Iterator<Item = &T> {
        self.blocking.values().map(|entry| &entry.item)
    }

    /// How many items wait behind one that is blocking.
    pub(crate) fn behind_blocking(&self) -> usize {
        let orders =
            self.blocking.values().filter_map(|blocking| self.orders.get(&blocking.keys.order?));
        orders.flat_map(|ordered| &ordered.behind).map(Entry::weight).sum()
    }
}
