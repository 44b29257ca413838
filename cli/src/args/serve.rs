//! Arguments of `serve`.

use super::{AccountsServeArgs, PaidServeArgs, TlsServeArgs};
use clap::Args;
use std::{net::SocketAddr, path::PathBuf};

/// `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
	/// Directory of the model (see `blyan model import`).
	#[arg(long, value_name = "DIR")]
	pub model: PathBuf,
	/// Name by which clients ask for the model; the directory's name if absent.
	#[arg(long, value_name = "NAME")]
	pub name: Option<String>,
	/// Address to listen on; port 0 for any that is free. An address of the network lets every machine ask that can connect.
	#[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8000")]
	pub listen: SocketAddr,
	/// Threads; all cores if absent.
	#[arg(long, value_parser = positive)]
	pub threads: Option<usize>,
	/// Memory for keys and values of all conversations, in bytes or with K, M or G for powers of 1,024.
	#[arg(long, value_name = "BYTES", default_value = "1G", value_parser = parse_size)]
	pub memory: usize,
	/// Requests that are computed or wait for it; further ones are refused until one is done.
	#[arg(long, value_name = "N", default_value_t = 64, value_parser = positive)]
	pub max_requests: usize,
	/// Requests of one address among these; a quarter of them if absent, and all of them on an address of this machine alone.
	#[arg(long, value_name = "N", value_parser = positive)]
	pub max_requests_per_client: Option<usize>,
	/// Let pages of this origin ask, such as https://chat.example; may be repeated; * for all.
	#[arg(long, value_name = "ORIGIN")]
	pub allow_origin: Vec<String>,
	/// Serve the page in this folder, as scripts/page builds one, in the place of the one that is built in.
	#[arg(long, value_name = "DIR")]
	pub page: Option<PathBuf>,
	/// Hand out the files of the model, so that a browser can compute answers again by them.
	#[arg(long)]
	pub share_model: bool,
	/// Answer questions about the chain of the node at --url, by routes such as /balance/ADDRESS.
	#[arg(long)]
	pub chain: bool,
	/// Seconds that answers have to end when the server is asked to end.
	#[arg(long, value_name = "SECONDS", default_value_t = 5)]
	pub drain: u64,
	/// Options of encrypted connections.
	#[command(flatten)]
	pub tls: TlsServeArgs,
	/// Options of serving people.
	#[command(flatten)]
	pub people: AccountsServeArgs,
	/// Options of serving for money.
	#[command(flatten)]
	pub paid: PaidServeArgs,
}

fn positive(text: &str) -> Result<usize, String> {
	match text.parse() {
		Ok(0) | Err(_) => Err("a whole number from 1 on".into()),
		Ok(number) => Ok(number),
	}
}

/// Reads a number of bytes, such as 1073741824, 1024M or 1G.
fn parse_size(text: &str) -> Result<usize, String> {
	let upper = text.to_ascii_uppercase();
	let (digits, shift) = match upper.char_indices().next_back() {
		Some((at, 'K')) => (&upper[..at], 10),
		Some((at, 'M')) => (&upper[..at], 20),
		Some((at, 'G')) => (&upper[..at], 30),
		_ => (upper.as_str(), 0),
	};
	let bytes = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(1 << shift));
	bytes
		.filter(|bytes| *bytes > 0)
		.ok_or_else(|| "a number of bytes, such as 1073741824, 1024M or 1G".to_string())
}

/// The same, for what does not have to fit into memory.
pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
	parse_size(text).and_then(|size| u64::try_from(size).map_err(|error| error.to_string()))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn sizes_are_bytes_or_powers_of_1024() {
		for (text, bytes) in [("1", 1), ("64k", 64 << 10), ("512M", 512 << 20), ("1G", 1 << 30)] {
			assert_eq!(parse_size(text), Ok(bytes), "{text}");
		}
		for text in ["", "0", "0G", "G", "-1", "1.5G", "1T", "99999999999G", "1é"] {
			assert!(parse_size(text).is_err(), "{text}");
		}
	}
}
