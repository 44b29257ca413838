//! Arguments of operators.

use super::{parse_hash, Hash, SignerArgs};
use clap::{Args, Subcommand, ValueEnum};

/// An operator's manual tasks.
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
	/// Become an operator: put stake and bond on hold, and give the node at --url a session key.
	Register(RegisterArgs),
	/// Become an operator with more at stake than is needed; when all places are taken, in place of the one with the least.
	Outbid {
		/// Amount put on hold, in BLY. A tenth more than the least there is, when all places are taken.
		#[arg(long, value_name = "AMOUNT")]
		stake: String,
		/// As for `register`.
		#[command(flatten)]
		register: RegisterArgs,
	},
	/// Name the account that the operator belongs to. Without effect until that account accepts.
	DeclareOwner {
		/// Address, key name or //Name of the owner.
		owner: String,
		/// The operator.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Accept an operator that named the signing account as its owner: they share seats, and it never judges its owner.
	AcceptOperator {
		/// Address, key name or //Name of the operator.
		operator: String,
		/// The owner.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Let an operator belong to itself again, after the unbonding period.
	DissolveOwnership {
		/// Address, key name or //Name of the operator.
		operator: String,
		/// The operator or its owner.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Show an operator: stake, heartbeats, reputation, what is pending, whether this node has its key.
	Status {
		/// Address, key name or //Name; the default key if absent.
		account: Option<String>,
	},
	/// Say that the machine changed.
	Update {
		/// Capabilities, and the identity of the machine.
		#[command(flatten)]
		machine: MachineArgs,
		/// The operator.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Replace the session key: the node at --url gets a new one, and the old one is worth nothing.
	RotateKey {
		/// The new key.
		#[command(flatten)]
		session: SessionKeyArgs,
		/// The operator.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Add to the stake.
	TopUp {
		/// Amount, in BLY.
		amount: String,
		/// The operator.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Ask to be drawn again after a quarantine.
	Return {
		/// The operator.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Take no more work. The stake stays on hold for the unbonding period; keep the node running until then.
	Exit {
		/// The operator.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Take stake and bond back after the unbonding period.
	Withdraw {
		/// The former operator.
		#[command(flatten)]
		signer: SignerArgs,
	},
}

/// `operator register`.
#[derive(Debug, Args)]
pub struct RegisterArgs {
	/// Main role of the operator.
	#[arg(long, value_enum, default_value_t = Role::Evaluator)]
	pub role: Role,
	/// Country, two letters of ISO 3166-1; ZZ says nothing.
	#[arg(long, value_name = "CC", default_value = "ZZ", value_parser = parse_region)]
	pub region: [u8; 2],
	/// Capabilities, and the identity of the machine.
	#[command(flatten)]
	pub machine: MachineArgs,
	/// The key that the node signs with.
	#[command(flatten)]
	pub session: SessionKeyArgs,
	/// Highest registration bond to accept, in BLY; a quarter more than it is now if absent.
	#[arg(long, value_name = "AMOUNT")]
	pub bond_max: Option<String>,
	/// Whose stake it is.
	#[command(flatten)]
	pub signer: SignerArgs,
}

/// Capabilities and identity of a machine.
#[derive(Clone, Debug, Args)]
pub struct MachineArgs {
	/// Capabilities. The costliest one sets the stake: 1 BLY, with gpu 10, with tee 50, with priority 100.
	#[arg(long, value_enum, value_delimiter = ',', default_value = "evaluate")]
	pub capabilities: Vec<Capability>,
	/// Identifier of the machine; what the node at --url says of its own machine if absent.
	#[arg(long, value_name = "HASH", value_parser = parse_hash, conflicts_with = "no_hardware")]
	pub hardware: Option<Hash>,
	/// Commit to no machine.
	#[arg(long)]
	pub no_hardware: bool,
}

/// Where a session key comes from.
#[derive(Clone, Debug, Args)]
pub struct SessionKeyArgs {
	/// Secret of the session key; a new random one if absent. Visible to others in the process list.
	#[arg(long, value_name = "SECRET")]
	pub session: Option<String>,
	/// Do not give the key to the node at --url: another node has it already.
	#[arg(long, requires = "session")]
	pub no_insert: bool,
}

/// Main role of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
	/// Evaluates candidates.
	Evaluator,
	/// Serves inference.
	Server,
	/// Stores blobs.
	Keeper,
}

impl Role {
	/// Its name on the chain.
	pub fn variant(self) -> &'static str {
		match self {
			Self::Evaluator => "Evaluator",
			Self::Server => "Server",
			Self::Keeper => "Keeper",
		}
	}
}

/// One thing that a machine can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Capability {
	/// Evaluates candidates on its CPU.
	Evaluate,
	/// Has a GPU.
	Gpu,
	/// Computes in a trusted execution environment.
	Tee,
	/// Is to be preferred for paid work.
	Priority,
	/// Serves inference.
	Serve,
	/// Stores blobs for others.
	Disk,
	/// Offers bandwidth beyond what its own work needs.
	Bandwidth,
	/// Offers computation beyond evaluation.
	Compute,
}

impl Capability {
	/// Its bit on the chain.
	pub fn bit(self) -> u32 {
		1 << self as u32
	}
}

fn parse_region(text: &str) -> Result<[u8; 2], String> {
	match *text.as_bytes() {
		[a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
			Ok([a.to_ascii_uppercase(), b.to_ascii_uppercase()])
		}
		_ => Err("a region is two letters of ISO 3166-1, such as DE".into()),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn capabilities_have_the_bits_of_the_chain() {
		// As in `pallet_operators::Capabilities`, which this program never links.
		let bits = [
			(Capability::Evaluate, 1),
			(Capability::Gpu, 2),
			(Capability::Tee, 4),
			(Capability::Priority, 8),
			(Capability::Serve, 16),
			(Capability::Disk, 32),
			(Capability::Bandwidth, 64),
			(Capability::Compute, 128),
		];
		assert_eq!(bits.len(), Capability::value_variants().len());
		for (capability, bit) in bits {
			assert_eq!(capability.bit(), bit);
		}
	}

	#[test]
	fn regions_are_two_letters() {
		assert_eq!(parse_region("de"), Ok(*b"DE"));
		for text in ["", "D", "DEU", "1A", "ä"] {
			assert!(parse_region(text).is_err(), "{text}");
		}
	}
}
