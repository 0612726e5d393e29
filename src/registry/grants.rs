//! What servers have granted, kept by what it is for: a token for one purpose is shown for no other.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::scope::Scope;

/// An `Authorization` value and until when it holds.
#[derive(Clone)]
pub struct Grant {
    /// The header's value.
    pub authorization: String,
    /// `None`: for ever.
    pub expires: Option<Instant>,
}

/// The grants of one server. Shared between threads.
#[derive(Default)]
pub struct Grants(Mutex<HashMap<Vec<Scope>, Grant>>);

impl Grants {
    /// The `Authorization` for these scopes, while it holds.
    pub fn get(&self, scopes: &[Scope]) -> Option<String> {
        let grants = self.lock();
        let grant = grants.get(scopes)?;
        let holds = grant.expires.is_none_or(|expires| Instant::now() < expires);
        holds.then(|| grant.authorization.clone())
    }

    /// Keeps a grant in the place of an earlier one.
    pub fn put(&self, scopes: &[Scope], grant: Grant) {
        self.lock().insert(scopes.to_vec(), grant);
    }

    /// Drops one that was refused.
    pub fn forget(&self, scopes: &[Scope]) {
        self.lock().remove(scopes);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<Scope>, Grant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
