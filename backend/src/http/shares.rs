//! How many of a bounded number of places one account may have at once, so that no account takes all of them.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// The places that accounts have now.
#[derive(Debug)]
pub struct Shares {
    most: usize,
    taken: Mutex<HashMap<Uuid, usize>>,
}

/// One place. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    shares: Arc<Shares>,
    account: Uuid,
}

impl Shares {
    /// Room for `most` places of each account.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Shares { most, taken: Mutex::default() })
    }

    /// How many places an account may have.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Takes a place. `None`: the account has its share already.
    pub(super) fn take(self: &Arc<Self>, account: Uuid) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(account).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { shares: self.clone(), account })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.shares.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_its_share_and_no_more() {
        let shares = Shares::new(2);
        let (ada, bob) = (Uuid::now_v7(), Uuid::now_v7());
        let places = [shares.take(ada).unwrap(), shares.take(ada).unwrap()];
        assert!(shares.take(ada).is_none());
        let other = shares.take(bob).unwrap();
        drop(places);
        assert!(shares.take(ada).is_some());
        drop(other);
        assert!(shares.taken.lock().unwrap().is_empty(), "nothing is kept of accounts without a place");
    }
}
