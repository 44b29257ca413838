//! Failures of commands: those of the client, with exit codes.

pub use blyan_client::failure::*;

/// Exit codes of failures; each kind has its own, so that scripts need not read messages.
pub trait ExitStatus {
	/// The process exit code; 2 is what the parser of the command line says as well.
	fn exit_code(self) -> u8;
}

impl ExitStatus for Kind {
	fn exit_code(self) -> u8 {
		match self {
			Self::General => 1,
			Self::Undecided => 2,
			Self::Unreachable => 3,
			Self::Refused | Self::Oversized => 4,
			Self::WrongNetwork => 5,
			Self::Outdated => 6,
			Self::NotSynced => 7,
			Self::Incomplete => 8,
			Self::Interrupted => 130,
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn scripts_tell_failures_apart_by_their_codes() {
		let codes = [
			(Kind::General, 1),
			(Kind::Unreachable, 3),
			(Kind::Refused, 4),
			(Kind::Oversized, 4),
			(Kind::WrongNetwork, 5),
			(Kind::Outdated, 6),
			(Kind::NotSynced, 7),
			(Kind::Incomplete, 8),
			(Kind::Interrupted, 130),
		];
		for (kind, code) in codes {
			assert_eq!(kind.exit_code(), code, "{kind:?}");
		}
	}
}
