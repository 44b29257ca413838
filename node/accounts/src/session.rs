//! One session: its tokens, and what the server knows of them.

use base64::{engine::general_purpose::URL_SAFE_NO_PAD, Engine as _};
use blyan_exact::blake2_256;
use codec::{Decode, Encode};
use rand::{rngs::OsRng, RngCore};

/// Beginning of every access token. Other than that of API keys, for which the till looks.
pub const ACCESS_PREFIX: &str = "blyan_at_";
/// Beginning of every refresh token.
pub const REFRESH_PREFIX: &str = "blyan_rt_";
/// Milliseconds for which an access token is valid.
pub const ACCESS_MS: u64 = 24 * 60 * 60 * 1_000;
/// Milliseconds for which a refresh token is valid. A person who is away for longer signs in again.
pub const REFRESH_MS: u64 = 30 * ACCESS_MS;
/// Context of the hash of a token.
const CONTEXT: &[u8] = b"blyan/account-token/1";

/// Name of a session, in each of its tokens.
pub type SessionId = [u8; 16];

/// A session, as the store has it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Session {
	/// Account.
	pub account: String,
	/// Hash of the access token.
	pub access: [u8; 32],
	/// Milliseconds since 1970 until which it is valid.
	pub access_until: u64,
	/// Hash of the refresh token.
	pub refresh: [u8; 32],
	/// Milliseconds since 1970 until which it is valid.
	pub refresh_until: u64,
}

/// Tokens of a session, as its client gets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
	/// Access token.
	pub access: String,
	/// Refresh token.
	pub refresh: String,
}

/// Makes new tokens for a session, and the record of it.
pub fn issue(id: SessionId, account: &str, now: u64) -> (Tokens, Session) {
	let token = |prefix: &str| {
		let secret: [u8; 32] = random();
		format!("{prefix}{}", URL_SAFE_NO_PAD.encode([id.as_slice(), &secret].concat()))
	};
	let tokens = Tokens { access: token(ACCESS_PREFIX), refresh: token(REFRESH_PREFIX) };
	let session = Session {
		account: account.into(),
		access: hash(&tokens.access),
		access_until: now.saturating_add(ACCESS_MS),
		refresh: hash(&tokens.refresh),
		refresh_until: now.saturating_add(REFRESH_MS),
	};
	(tokens, session)
}

/// Returns the name of the session in a token of this kind.
pub fn id_of(token: &str, prefix: &str) -> Option<SessionId> {
	let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(prefix)?).ok()?;
	bytes.get(..16)?.try_into().ok()
}

/// Returns the hash by which a token is known.
pub fn hash(token: &str) -> [u8; 32] {
	blake2_256(&[CONTEXT, token.as_bytes()])
}

/// Draws random bytes.
pub fn random<const N: usize>() -> [u8; N] {
	let mut bytes = [0; N];
	OsRng.fill_bytes(&mut bytes);
	bytes
}
