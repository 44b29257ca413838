//! The words that a wallet signs to sign in: EIP-4361, and the same for Substrate accounts.
//!
//! ```text
//! chat.example wants you to sign in with your Ethereum account:
//! 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed
//!
//! Sign in to this gateway. It costs nothing and moves nothing.
//!
//! URI: https://chat.example
//! Version: 1
//! Chain ID: 1
//! Nonce: 32891756aa5e41c9
//! Issued At: 2026-11-30T12:00:00Z
//! ```
//!
//! Then, optionally and in this order, `Expiration Time`, `Not Before`, `Request ID` and `Resources`. Wallets of Ethereum read this text, and warn where
//! the domain is not that of the page. A Substrate account's has its word in the first line, an SS58 address, `1.0.0`, and `Chain ID` may be absent.

use crate::wallet::{AddressError, Wallet};
use std::str::Lines;

/// Bytes of a message.
pub const MESSAGE_BYTES_MAX: usize = 4 << 10;
/// Characters of the shortest nonce, by EIP-4361.
const NONCE_MIN: usize = 8;
/// End of the first line, by kind.
const ETHEREUM: &str = " wants you to sign in with your Ethereum account:";
const SUBSTRATE: &str = " wants you to sign in with your Substrate account:";

/// A message, as it was signed. Its times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
	/// Domain that asks, with its port if it has one and without a scheme.
	pub domain: String,
	/// Account that signs.
	pub wallet: Wallet,
	/// Words for the person.
	pub statement: Option<String>,
	/// Address of the page that asks.
	pub uri: String,
	/// Version of the format.
	pub version: String,
	/// Chain that the account is on; `None` for a Substrate account that names none.
	pub chain: Option<String>,
	/// Nonce.
	pub nonce: String,
	/// Time at which it was written.
	pub issued_at: u64,
	/// Time from which on it is not valid.
	pub expires_at: Option<u64>,
	/// Time until which it is not valid.
	pub not_before: Option<u64>,
}

/// Reason why a message is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
	/// It is too long, or has other line ends.
	#[error("the message has more than {MESSAGE_BYTES_MAX} bytes or carriage returns: send the text that was signed")]
	Text,
	/// The first line is another one.
	#[error("the first line of the message is not DOMAIN wants you to sign in with your Ethereum (or Substrate) account:")]
	Opening,
	/// The address is none, or one of the other kind.
	#[error("the address of the message: {0}")]
	Address(#[from] AddressError),
	/// A line is missing, or another one is in its place.
	#[error("the message lacks the line {0:?} in its place (EIP-4361)")]
	Line(&'static str),
	/// A time is none.
	#[error("{0:?} of the message is not a time such as 2026-11-30T12:00:00Z")]
	Time(&'static str),
	/// Lines behind the last.
	#[error("the message goes on behind its last line")]
	Rest,
}

impl Message {
	/// Reads a message, every line of it.
	pub fn read(text: &str) -> Result<Self, MessageError> {
		if text.len() > MESSAGE_BYTES_MAX || text.contains('\r') {
			return Err(MessageError::Text);
		}
		let mut lines = text.lines();
		let opening = lines.next().unwrap_or_default();
		let is_ethereum = opening.ends_with(ETHEREUM);
		let domain = opening.strip_suffix(ETHEREUM).or_else(|| opening.strip_suffix(SUBSTRATE));
		let domain = domain.filter(|domain| !domain.is_empty()).ok_or(MessageError::Opening)?;
		let domain = domain.split_once("://").map_or(domain, |(_, domain)| domain).to_owned();
		let address = lines.next().unwrap_or_default();
		let wallet: Wallet = address.parse()?;
		if matches!(wallet, Wallet::Ethereum(_)) != is_ethereum {
			return Err(AddressError::Unknown(address.into()).into());
		}
		let (statement, uri) = statement(&mut lines)?;
		let version = field(lines.next(), "Version: ")?;
		let mut fields = Fields { line: lines.next(), lines };
		let chain = fields.take("Chain ID: ");
		if is_ethereum && chain.is_none() {
			return Err(MessageError::Line("Chain ID: "));
		}
		let nonce = fields.take("Nonce: ").filter(|nonce| is_nonce(nonce));
		let nonce = nonce.ok_or(MessageError::Line("Nonce: "))?;
		let issued_at = fields.time("Issued At: ")?.ok_or(MessageError::Line("Issued At: "))?;
		let expires_at = fields.time("Expiration Time: ")?;
		let not_before = fields.time("Not Before: ")?;
		fields.take("Request ID: ");
		if fields.take("Resources:").is_some() {
			while fields.take("- ").is_some() {}
		}
		match fields.line {
			Some(_) => Err(MessageError::Rest),
			None => Ok(Self {
				domain,
				wallet,
				statement,
				uri,
				version,
				chain,
				nonce,
				issued_at,
				expires_at,
				not_before,
			}),
		}
	}

	/// Writes a message, without the lines that are optional.
	pub fn write(&self) -> String {
		let Self { domain, wallet, statement, uri, version, chain, nonce, issued_at, .. } = self;
		let opening = match wallet {
			Wallet::Ethereum(_) => ETHEREUM,
			Wallet::Substrate(_) => SUBSTRATE,
		};
		let mut text = format!("{domain}{opening}\n{wallet}\n\n");
		match (statement, wallet) {
			(Some(statement), _) => text.push_str(&format!("{statement}\n\n")),
			(None, Wallet::Ethereum(_)) => text.push('\n'),
			(None, Wallet::Substrate(_)) => {}
		}
		text.push_str(&format!("URI: {uri}\nVersion: {version}\n"));
		if let Some(chain) = chain {
			text.push_str(&format!("Chain ID: {chain}\n"));
		}
		text.push_str(&format!("Nonce: {nonce}\nIssued At: {}", show_time(*issued_at)));
		text
	}
}

/// Reads the statement, if there is one, and the URI behind it.
fn statement(lines: &mut Lines<'_>) -> Result<(Option<String>, String), MessageError> {
	if lines.next() != Some("") {
		return Err(MessageError::Line(""));
	}
	let line = lines.next().ok_or(MessageError::Line("URI: "))?;
	if let Some(uri) = line.strip_prefix("URI: ") {
		return Ok((None, uri.into()));
	}
	if line.is_empty() {
		return Ok((None, field(lines.next(), "URI: ")?));
	}
	if lines.next() != Some("") {
		return Err(MessageError::Line(""));
	}
	Ok((Some(line.into()), field(lines.next(), "URI: ")?))
}

fn field(line: Option<&str>, name: &'static str) -> Result<String, MessageError> {
	line.and_then(|line| line.strip_prefix(name)).map(str::to_owned).ok_or(MessageError::Line(name))
}

fn is_nonce(text: &str) -> bool {
	text.len() >= NONCE_MIN && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Lines of which any may be absent, but not in another order.
struct Fields<'a> {
	line: Option<&'a str>,
	lines: Lines<'a>,
}

impl Fields<'_> {
	fn take(&mut self, name: &str) -> Option<String> {
		let found = self.line?.strip_prefix(name)?.to_owned();
		self.line = self.lines.next();
		Some(found)
	}

	fn time(&mut self, name: &'static str) -> Result<Option<u64>, MessageError> {
		self.take(name).map(|text| read_time(&text).ok_or(MessageError::Time(name))).transpose()
	}
}

fn read_time(text: &str) -> Option<u64> {
	u64::try_from(text.parse::<jiff::Timestamp>().ok()?.as_millisecond()).ok()
}

/// Writes a time, to the second.
pub fn show_time(ms: u64) -> String {
	let seconds = i64::try_from(ms / 1_000).unwrap_or_default();
	jiff::Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	const NOW: u64 = 1_764_504_000_000;

	fn message(wallet: Wallet, statement: Option<&str>) -> Message {
		Message {
			domain: "127.0.0.1:8000".into(),
			wallet,
			statement: statement.map(str::to_owned),
			uri: "http://127.0.0.1:8000".into(),
			version: "1".into(),
			chain: Some("1".into()),
			nonce: "0123456789abcdef".into(),
			issued_at: NOW,
			expires_at: None,
			not_before: None,
		}
	}

	#[test]
	fn a_message_of_the_standard_is_read_to_its_last_line() {
		let text = "https://service.org wants you to sign in with your Ethereum account:\n\
			0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\n\nI accept the Terms of Service\n\nURI: https://service.org/login\nVersion: 1\n\
			Chain ID: 1\nNonce: 32891757\nIssued At: 2021-09-30T16:25:24.000Z\nExpiration Time: 2021-09-30T16:30:24Z\n\
			Not Before: 2021-09-30T16:20:24+00:00\nRequest ID: some id\nResources:\n- ipfs://a\n- https://b";
		let read = Message::read(text).unwrap();
		assert_eq!((read.domain.as_str(), read.nonce.as_str()), ("service.org", "32891757"));
		assert_eq!(read.statement.as_deref(), Some("I accept the Terms of Service"));
		assert_eq!(read.expires_at, Some(read.issued_at + 300_000));
		assert_eq!(read.not_before, Some(read.issued_at - 300_000));
		assert_eq!(Message::read(&format!("{text}\nmore")), Err(MessageError::Rest));
	}

	#[test]
	fn a_message_with_a_line_in_another_place_is_refused_by_that_line() {
		let text = message(Wallet::Ethereum([1; 20]), None).write();
		assert!(text.contains(":\n0x") && text.contains("\n\n\nURI: "), "{text}");
		let cases = [
			("Chain ID: 1\n", "", MessageError::Line("Chain ID: ")),
			("Nonce: 0123456789abcdef", "Nonce: 0123", MessageError::Line("Nonce: ")),
			("Nonce: 0123456789abcdef\nIssued At", "Issued At", MessageError::Line("Nonce: ")),
			("Issued At: 2", "Issued At: y", MessageError::Time("Issued At: ")),
			("\n\n\nURI", "\nURI", MessageError::Line("")),
			("Ethereum account", "Ethereum accounts", MessageError::Opening),
			("URI: http", "URI: http\r", MessageError::Text),
		];
		for (from, to, error) in cases {
			assert_eq!(Message::read(&text.replacen(from, to, 1)), Err(error), "{from}");
		}
		let other = text.replacen("Ethereum", "Substrate", 1);
		assert!(matches!(Message::read(&other), Err(MessageError::Address(_))));
	}

	proptest! {
		#[test]
		fn messages_round_trip(short: [u8; 20], long: [u8; 32], has_statement: bool, seconds in 0..4_000_000_000_u64) {
			for wallet in [Wallet::Ethereum(short), Wallet::Substrate(long)] {
				let mut message = message(wallet, has_statement.then_some("Sign in."));
				message.issued_at = seconds * 1_000;
				if matches!(wallet, Wallet::Substrate(_)) {
					message.chain = None;
				}
				prop_assert_eq!(Message::read(&message.write()), Ok(message));
			}
		}

		#[test]
		fn any_text_is_read_or_refused(text: String) {
			drop(Message::read(&text));
		}
	}
}
