//! Arguments of holders that back operators, and of operators that take backing.

use super::SignerArgs;
use clap::{Args, Subcommand};

/// `delegate` and `undelegate`.
#[derive(Debug, Args)]
pub struct DelegateArgs {
	/// Address, key name or //Name of the operator.
	pub operator: String,
	/// Amount, in BLY.
	pub amount: String,
	/// The backer.
	#[command(flatten)]
	pub signer: SignerArgs,
}

/// Backings of operators.
#[derive(Debug, Subcommand)]
pub enum DelegationsCommand {
	/// List the operators that take backing: own stake, backing, room, commission, and what their backers earned of late.
	List,
	/// Show what an account has behind operators: worth, income, and what is on its way out.
	Show {
		/// Address, key name or //Name; the default key if absent.
		#[arg(long)]
		account: Option<String>,
	},
	/// Get back what was taken out and has waited for the unbonding period.
	Withdraw {
		/// Address, key name or //Name of the operator.
		operator: String,
		/// The backer.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Be paid the part of an operator's income that has gathered.
	Claim {
		/// Address, key name or //Name of the operator.
		operator: String,
		/// The backer.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Take backing, as an operator, for a part of the backers' income. A higher commission is taken after its notice.
	Commission {
		/// Per cent of the backers' income, such as 7.5.
		#[arg(value_name = "PERCENT", value_parser = parse_percent)]
		commission: u32,
		/// The operator.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Take no more backing, as an operator. What there is stays until its backers leave.
	Close {
		/// The operator.
		#[command(flatten)]
		signer: SignerArgs,
	},
}

/// Reads per cent as millionths, digit by digit: 7.5 is 75,000.
fn parse_percent(text: &str) -> Result<u32, String> {
	let malformed = || "a commission is per cent with at most four decimals, such as 7.5".to_string();
	let number = text.trim_end_matches('%').trim();
	let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
	if whole.is_empty()
		|| decimals.len() > 4
		|| !whole.chars().chain(decimals.chars()).all(|digit| digit.is_ascii_digit())
	{
		return Err(malformed());
	}
	let millionths: u32 = format!("{whole}{decimals:0<4}").parse().map_err(|_| malformed())?;
	if millionths > 1_000_000 {
		return Err("a commission is at most 100 per cent of what backers earn".into());
	}
	Ok(millionths)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn commissions_are_per_cent_of_up_to_four_decimals() {
		for (text, millionths) in
			[("0", 0), ("7.5", 75_000), ("10 %", 100_000), ("100", 1_000_000), ("0.0001", 1)]
		{
			assert_eq!(parse_percent(text), Ok(millionths), "{text}");
		}
		for text in ["", "-1", "101", "1.00001", "ten", "1e1", "99999999999"] {
			assert!(parse_percent(text).is_err(), "{text}");
		}
	}
}
