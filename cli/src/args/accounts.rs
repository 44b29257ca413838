//! Arguments of accounts of a server.

use clap::{Args, Subcommand};
use std::{net::IpAddr, path::PathBuf};

/// Options of `serve` for people.
#[derive(Debug, Default, Args)]
pub struct AccountsServeArgs {
	/// Give people accounts: by the wallets that they sign in with, and demo accounts without a name.
	#[arg(long)]
	pub accounts: bool,
	/// Tokens to give away each day (UTC), read and written. Accounts have 5, 50 or 500 free requests a day out of them, by their record.
	#[arg(long, value_name = "TOKENS", default_value_t = 0, requires = "accounts")]
	pub free_tokens_a_day: u64,
	/// Domain by which people open this server, with a port if it is not the scheme's; may be repeated. Messages to sign in that name another one are
	/// refused. Stands for https unless it begins with http://. On a loopback address it is that address if absent.
	#[arg(long, value_name = "DOMAIN", requires = "accounts")]
	pub domain: Vec<String>,
	/// Ask accounts that look like programs, from the second time of a day on, for a CAPTCHA in place of more work: the siteverify of hCaptcha, Turnstile or
	/// reCAPTCHA.
	#[arg(
		long,
		value_name = "URL",
		requires = "accounts",
		requires = "captcha_secret",
		requires = "captcha_site_key"
	)]
	pub captcha_url: Option<String>,
	/// File with the secret that the service of the CAPTCHA gave you, which only its owner may read.
	#[arg(long, value_name = "FILE", requires = "captcha_url")]
	pub captcha_secret: Option<PathBuf>,
	/// Public key of your site with that service, for pages.
	#[arg(long, value_name = "KEY", requires = "captcha_url")]
	pub captcha_site_key: Option<String>,
	/// Address of a proxy in front of this server, whose header X-Forwarded-For says who asks; may be repeated. Without it all people behind a proxy are
	/// one client, who share what one client has.
	#[arg(long, value_name = "ADDRESS")]
	pub proxy: Vec<IpAddr>,
	/// Append a line about every request to this file: client, method, route, status, reason of a refusal, time. Prompts are in none.
	#[arg(long, value_name = "FILE")]
	pub access_log: Option<PathBuf>,
}

/// Commands on the accounts of a server.
#[derive(Debug, Subcommand)]
pub enum AccountsCommand {
	/// List accounts that are put aside, those first whose owners appeal.
	List,
	/// Let an account ask again.
	Release {
		/// Account (see `list`).
		account: String,
	},
	/// Let an account ask no more.
	Ban {
		/// Account: an address, or the name of a demo account.
		account: String,
	},
}
