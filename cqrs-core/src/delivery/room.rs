//! How many deliveries a lane takes from outside, and who is let in next when it is full.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

/// How many tenants without a place are remembered, beside as many as have one.
const REMEMBERED: usize = 64;

/// The places of one lane.
///
/// Tenants share `capacity` places. Once those are taken, a tenant that has none is still let in, with
/// one delivery, as long as no more than `capacity` such extra places are in use: so nobody waits for
/// what another tenant has queued, nor for its retries. Everybody else waits. Places that become free
/// go to tenants in turn, and within a tenant to who came first.
///
/// Places are given with the book locked and given back without, as long as nobody waits: workers,
/// which give them back, do not meet publishers there.
pub(super) struct Room {
    capacity: usize,
    taken: AtomicUsize,
    /// How many publishers wait. Counted up before they look again, and looked at after a place is
    /// given back: so one of the two sees the other.
    waiting: AtomicUsize,
    book: Mutex<Book>,
}

/// A delivery's place, until it is dropped.
pub(super) struct Place {
    room: Arc<Room>,
    tenant: u64,
    /// How many places the tenant has.
    taken: Arc<AtomicUsize>,
    is_given_back: bool,
}

/// A publisher that waits for a place. Dropping it gives the wait up.
pub(super) struct Wait {
    room: Arc<Room>,
    /// `None` once it has been answered.
    admitted: Option<oneshot::Receiver<Place>>,
}

/// Who has how many places, and who waits.
#[derive(Default)]
struct Book {
    accounts: FxHashMap<u64, Account>,
    /// Who came last, since that is often who comes next.
    latest: Option<(u64, Arc<AtomicUsize>)>,
    /// Tenants that wait, in the order of their turns.
    turns: VecDeque<u64>,
    /// Those of them that have no place at all: they go first.
    newcomers: VecDeque<u64>,
    /// How many of those who wait may be gone.
    gone: usize,
}

#[derive(Default)]
struct Account {
    taken: Arc<AtomicUsize>,
    waiting: VecDeque<oneshot::Sender<Place>>,
    /// Whether it is listed in `turns`, and in `newcomers`.
    has_turn: bool,
    is_newcomer: bool,
}

impl Room {
    pub(super) fn new(capacity: usize) -> Self {
        let (taken, waiting) = Default::default();
        Self { capacity, taken, waiting, book: Mutex::default() }
    }

    /// A place, or the wait for one.
    pub(super) fn enter(self: &Arc<Self>, tenant: u64) -> Result<Place, Wait> {
        let mut book = self.book();
        let nobody_waits = self.waiting.load(SeqCst) == 0;
        if let Some((latest, taken)) = &book.latest
            && *latest == tenant
            && nobody_waits
            && self.has_place()
        {
            return Ok(self.give(tenant, taken));
        }
        book.forget_the_idle(self.taken.load(SeqCst));
        let no_newcomer_waits = book.newcomers.is_empty();
        let account = book.accounts.entry(tenant).or_default();
        if (nobody_waits && self.has_place())
            || (no_newcomer_waits && account.has_none() && self.has_extra_place())
        {
            let taken = Arc::clone(&account.taken);
            let place = self.give(tenant, &taken);
            book.latest = Some((tenant, taken));
            return Ok(place);
        }
        let (admit, admitted) = oneshot::channel();
        book.enlist(tenant, admit);
        self.waiting.fetch_add(1, SeqCst);
        drop(book);
        self.let_in(tenant);
        Err(Wait { room: Arc::clone(self), admitted: Some(admitted) })
    }

    fn has_place(&self) -> bool {
        self.taken.load(SeqCst) < self.capacity
    }

    fn has_extra_place(&self) -> bool {
        self.taken.load(SeqCst) < self.capacity.saturating_mul(2)
    }

    /// Only with the book locked, so that two do not take one place.
    fn give(self: &Arc<Self>, tenant: u64, taken: &Arc<AtomicUsize>) -> Place {
        self.taken.fetch_add(1, SeqCst);
        taken.fetch_add(1, SeqCst);
        Place { room: Arc::clone(self), tenant, taken: Arc::clone(taken), is_given_back: false }
    }

    /// Gives free places to those who wait, after `tenant` has one less, or has come to wait.
    fn let_in(self: &Arc<Self>, tenant: u64) {
        let mut changed = tenant;
        loop {
            let mut book = self.book();
            book.note_newcomer(changed);
            let Some((tenant, admit)) = book.next(self) else { return };
            self.waiting.fetch_sub(1, SeqCst);
            let place = self.give(tenant, &book.accounts[&tenant].taken);
            drop(book);
            // This wakes a task. Whoever is gone leaves the place to the next one.
            if let Err(mut place) = admit.send(place) {
                place.give_back();
            }
            changed = tenant;
        }
    }

    /// Somebody does not wait any more. Whoever waits and gives up over and over must not fill the
    /// memory, so those who are gone are cleared away once they are more than half.
    fn gave_up(&self) {
        let mut book = self.book();
        book.gone += 1;
        if book.gone > self.waiting.load(SeqCst) / 2 {
            let cleared = book.clear();
            self.waiting.fetch_sub(cleared, SeqCst);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn give_back(&mut self) {
        self.is_given_back = true;
        self.taken.fetch_sub(1, SeqCst);
        self.room.taken.fetch_sub(1, SeqCst);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_given_back {
            return;
        }
        self.give_back();
        if self.room.waiting.load(SeqCst) > 0 {
            self.room.let_in(self.tenant);
        }
    }
}

impl Wait {
    /// Cancel safe. Always a place: the room, which is still there, keeps the other end until then.
    pub(super) async fn place(mut self) -> Option<Place> {
        let place = self.admitted.as_mut()?.await.ok();
        self.admitted = None;
        place
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let Some(admitted) = &mut self.admitted else { return };
        admitted.close();
        match admitted.try_recv() {
            Ok(place) => drop(place),
            Err(_) => self.room.gave_up(),
        }
    }
}

impl Account {
    fn has_none(&self) -> bool {
        self.taken.load(SeqCst) == 0
    }

    fn is_idle(&self) -> bool {
        self.has_none() && self.waiting.is_empty() && !self.has_turn && !self.is_newcomer
    }
}

impl Book {
    fn enlist(&mut self, tenant: u64, admit: oneshot::Sender<Place>) {
        let account = self.accounts.entry(tenant).or_default();
        account.waiting.push_back(admit);
        if !std::mem::replace(&mut account.has_turn, true) {
            self.turns.push_back(tenant);
        }
    }

    fn note_newcomer(&mut self, tenant: u64) {
        let Some(account) = self.accounts.get_mut(&tenant) else { return };
        if account.has_none() && !account.waiting.is_empty() && !account.is_newcomer {
            account.is_newcomer = true;
            self.newcomers.push_back(tenant);
        }
    }

    /// Who is let in next, if there is a place for it.
    fn next(&mut self, room: &Room) -> Option<(u64, oneshot::Sender<Place>)> {
        while room.has_extra_place() {
            let Some(tenant) = self.newcomers.pop_front() else { break };
            let Some(account) = self.accounts.get_mut(&tenant) else { continue };
            account.is_newcomer = false;
            if account.has_none()
                && let Some(admit) = account.waiting.pop_front()
            {
                return Some((tenant, admit));
            }
        }
        while room.has_place() {
            let tenant = self.turns.pop_front()?;
            let Some(account) = self.accounts.get_mut(&tenant) else { continue };
            account.has_turn = account.waiting.len() > 1;
            if account.has_turn {
                self.turns.push_back(tenant);
            }
            if let Some(admit) = account.waiting.pop_front() {
                return Some((tenant, admit));
            }
        }
        None
    }

    /// Takes constant time on average: it comes after as many tenants as it looks at.
    fn forget_the_idle(&mut self, taken: usize) {
        if self.accounts.len() > 2 * (taken + self.turns.len()) + REMEMBERED {
            self.latest = None;
            self.accounts.retain(|_, account| !account.is_idle());
        }
    }

    /// Forgets those who are gone, and says how many there were.
    fn clear(&mut self) -> usize {
        self.gone = 0;
        let mut cleared = 0;
        for account in self.accounts.values_mut() {
            let before = account.waiting.len();
            account.waiting.retain(|admit| !admit.is_closed());
            cleared += before - account.waiting.len();
            account.has_turn &= !account.waiting.is_empty();
            account.is_newcomer &= !account.waiting.is_empty();
        }
        let accounts = &self.accounts;
        self.turns.retain(|tenant| accounts.get(tenant).is_some_and(|it| it.has_turn));
        self.newcomers.retain(|tenant| accounts.get(tenant).is_some_and(|it| it.is_newcomer));
        cleared
    }
}

#[cfg(test)]
impl Room {
    /// How many are listed as waiting, gone or not.
    pub(super) fn listed(&self) -> usize {
        self.book().accounts.values().map(|account| account.waiting.len()).sum()
    }
}

#[cfg(test)]
impl Wait {
    /// The place, if it has come.
    pub(super) fn admitted(&mut self) -> Option<Place> {
        let place = self.admitted.as_mut()?.try_recv().ok()?;
        self.admitted = None;
        Some(place)
    }
}
