//! Sessions of accounts: an access token for a day, and a refresh token that is good once.
//!
//! Both are random bits that the server knows by their hashes. A refresh token that comes a second time was stolen, or its owner's was used by the thief:
//! the server cannot tell which, so the session ends for both.
//!
//! They are no signed statements (JWT): such a token is valid until it expires, unless the server keeps a list of those that are not, and that is this table again.
//! Tokens travel in the header `Authorization` only and never in a cookie, so another site's page has nothing that a browser would send for it.

use crate::{
	session::{hash, id_of, issue, random, Session, SessionId, Tokens, ACCESS_PREFIX, REFRESH_PREFIX},
	store::Change,
};
use std::collections::HashMap;

/// Sessions of an account at a time; a further one ends the oldest.
const SESSIONS_MAX: usize = 16;
/// Reason why a refresh token gives no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshError {
	/// No session has it, or its time is over.
	Unknown,
	/// It was used before. The session has ended.
	Reused,
}

/// All sessions.
#[derive(Debug, Default)]
pub struct Sessions {
	by_id: HashMap<SessionId, Session>,
	/// Sessions of each account, the oldest first.
	by_account: HashMap<String, Vec<SessionId>>,
}

impl Sessions {
	/// Begins with what a store holds.
	pub fn new(stored: Vec<(SessionId, Session)>) -> Self {
		let mut sessions = Self::default();
		for (id, session) in stored {
			sessions.by_account.entry(session.account.clone()).or_default().push(id);
			sessions.by_id.insert(id, session);
		}
		sessions
	}

	/// Opens a session.
	pub fn open(&mut self, account: &str, now: u64) -> (Tokens, Vec<Change>) {
		let mut changes = Vec::new();
		while self.by_account.get(account).is_some_and(|ids| ids.len() >= SESSIONS_MAX) {
			let oldest = self.by_account.get(account).and_then(|ids| ids.first().copied());
			changes.extend(oldest.and_then(|oldest| self.end(oldest)));
		}
		let id = random();
		self.by_account.entry(account.into()).or_default().push(id);
		let (tokens, session) = issue(id, account, now);
		changes.push(Change::Session(id, session.clone()));
		self.by_id.insert(id, session);
		(tokens, changes)
	}

	/// Returns the account of an access token.
	pub fn account(&self, token: &str, now: u64) -> Option<&str> {
		let session = self.by_id.get(&id_of(token, ACCESS_PREFIX)?)?;
		let is_valid = session.access == hash(token) && now < session.access_until;
		is_valid.then_some(session.account.as_str())
	}

	/// Gives new tokens for a refresh token.
	pub fn refresh(
		&mut self,
		token: &str,
		now: u64,
	) -> (Result<(Tokens, String), RefreshError>, Vec<Change>) {
		let id = id_of(token, REFRESH_PREFIX).filter(|id| self.by_id.contains_key(id));
		let Some((id, session)) = id.and_then(|id| Some((id, self.by_id.get(&id)?.clone()))) else {
			return (Err(RefreshError::Unknown), Vec::new());
		};
		if session.refresh_until <= now {
			return (Err(RefreshError::Unknown), self.end(id).into_iter().collect());
		}
		// The name of a session is in its tokens only: what bears it and is not the newest, is an older one.
		if session.refresh != hash(token) {
			return (Err(RefreshError::Reused), self.end(id).into_iter().collect());
		}
		let (tokens, renewed) = issue(id, &session.account, now);
		let change = Change::Session(id, renewed.clone());
		self.by_id.insert(id, renewed);
		(Ok((tokens, session.account)), vec![change])
	}

	/// Ends the session of an access token.
	pub fn close(&mut self, token: &str, now: u64) -> Option<Change> {
		self.account(token, now)?;
		self.end(id_of(token, ACCESS_PREFIX)?)
	}

	/// Ends all sessions of an account.
	pub fn close_all(&mut self, account: &str) -> Vec<Change> {
		let ids = self.by_account.get(account).cloned().unwrap_or_default();
		ids.into_iter().filter_map(|id| self.end(id)).collect()
	}

	/// Reports whether an account has a session.
	pub fn has(&self, account: &str) -> bool {
		self.by_account.contains_key(account)
	}

	/// Ends sessions whose refresh tokens are not valid any more.
	pub fn expire(&mut self, now: u64) -> Vec<Change> {
		let old = self.by_id.iter().filter(|(_, session)| session.refresh_until <= now);
		let old: Vec<SessionId> = old.map(|(id, _)| *id).collect();
		old.into_iter().filter_map(|id| self.end(id)).collect()
	}

	fn end(&mut self, id: SessionId) -> Option<Change> {
		let session = self.by_id.remove(&id)?;
		if let Some(ids) = self.by_account.get_mut(&session.account) {
			ids.retain(|other| *other != id);
			if ids.is_empty() {
				self.by_account.remove(&session.account);
			}
		}
		Some(Change::ForgetSession(id))
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::session::{ACCESS_MS, REFRESH_MS};

	#[test]
	fn an_access_token_is_good_for_a_day_and_a_refresh_token_for_one_pair() {
		let mut sessions = Sessions::default();
		let (tokens, _) = sessions.open("alice", 5);
		assert_eq!(sessions.account(&tokens.access, 5 + ACCESS_MS - 1), Some("alice"));
		assert_eq!(sessions.account(&tokens.access, 5 + ACCESS_MS), None);
		assert_eq!(sessions.account(&tokens.refresh, 6), None);
		let (renewed, _) = sessions.refresh(&tokens.refresh, ACCESS_MS);
		let (renewed, account) = renewed.unwrap();
		assert_eq!(account, "alice");
		assert_eq!(sessions.account(&tokens.access, 6), None, "the earlier one is not valid any more");
		assert_eq!(sessions.account(&renewed.access, ACCESS_MS + 1), Some("alice"));
	}

	#[test]
	fn attack_use_a_stolen_refresh_token_ends_the_session_for_thief_and_owner() {
		let mut sessions = Sessions::default();
		let (stolen, _) = sessions.open("alice", 0);
		let (first, _) = sessions.refresh(&stolen.refresh, 1);
		let first = first.unwrap().0;
		// Whichever of the two comes second shows the token that is used up.
		let (second, changes) = sessions.refresh(&stolen.refresh, 2);
		assert_eq!(second, Err(RefreshError::Reused));
		assert!(matches!(changes.as_slice(), [Change::ForgetSession(_)]));
		assert_eq!(sessions.account(&first.access, 3), None);
		assert_eq!(sessions.refresh(&first.refresh, 3).0, Err(RefreshError::Unknown));
	}

	#[test]
	fn sessions_end_by_signing_out_by_age_and_where_an_account_has_too_many() {
		let mut sessions = Sessions::default();
		let (tokens, _) = sessions.open("alice", 0);
		assert!(sessions.close(&tokens.access, 1).is_some());
		assert!(sessions.close(&tokens.access, 1).is_none());
		let all: Vec<Tokens> = (0..SESSIONS_MAX as u64 + 1).map(|now| sessions.open("bob", now).0).collect();
		assert_eq!(sessions.account(&all[0].access, 9), None);
		assert_eq!(sessions.account(&all[1].access, 9), Some("bob"));
		assert_eq!(sessions.expire(REFRESH_MS + 1).len(), 1);
		assert_eq!(sessions.close_all("bob").len(), SESSIONS_MAX - 1);
		assert!(sessions.by_account.is_empty() && sessions.by_id.is_empty());
	}

	#[test]
	fn no_other_text_is_a_token() {
		let mut sessions = Sessions::default();
		let (tokens, _) = sessions.open("alice", 0);
		let other = tokens.access.replace(ACCESS_PREFIX, REFRESH_PREFIX);
		for text in ["", ACCESS_PREFIX, "blyan-key", &tokens.access[..20], other.as_str()] {
			assert_eq!(sessions.account(text, 1), None, "{text}");
		}
		assert_eq!(sessions.refresh("blyan_rt_AAAA", 1).0, Err(RefreshError::Unknown));
	}
}
