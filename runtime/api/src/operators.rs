//! Types of the answers about operators.

use crate::{AccountId, Balance, BlockNumber};
use blyan_primitives::{
	traits::{Contested, OffenceKind},
	Measurement, Measures, OperatorId, OperatorUid, PerformanceTier, Region, Role,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;
use sp_runtime::Perbill;

/// One operator as clients read it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
pub struct OperatorInfo {
	/// Its account.
	pub account: AccountId,
	/// Its session key.
	pub key: OperatorId,
	/// Its stake on hold.
	#[serde(with = "blyan_primitives::json::decimal")]
	pub stake: Balance,
	/// Its reputation, 0 to 1,000,000.
	pub reputation: u32,
	/// Its last heartbeat, or its registration.
	pub last_heartbeat: BlockNumber,
	/// True if it may be drawn into a committee now.
	pub eligible: bool,
	/// Its number.
	pub uid: OperatorUid,
	/// The account it belongs to: one that it declared and that accepted, or itself.
	pub owner: AccountId,
	/// Its registration bond.
	#[serde(with = "blyan_primitives::json::decimal")]
	pub bond: Balance,
	/// Claimed capabilities of its machine: a set of bits.
	pub capabilities: u32,
	/// Its node's measurement of the machine.
	pub measurement: Measurement,
	/// Speed class of that.
	pub tier: PerformanceTier,
	/// Measures that make up its reputation.
	pub measures: Measures,
	/// First block in which it can return to duty, if it is in quarantine.
	pub quarantined_until: Option<BlockNumber>,
	/// First block in which it can withdraw, if it is leaving.
	pub withdrawable_at: Option<BlockNumber>,
	/// Offences that await their decision.
	pub pending_offences: u32,
	/// Root over its hardware's components; zero if it commits to none.
	pub hardware: H256,
	/// Its main work, as it declares it.
	pub role: Role,
	/// Its country, as it declares it.
	pub region: Region,
	/// Its weight in draws, if it is eligible.
	pub weight: u32,
	/// Reports and audits that were found right, as far as they count for the weight.
	pub verified: u32,
	/// Seals missed in a row.
	pub missed_seals: u32,
	/// The account that it declared as its owner and that has not accepted yet.
	pub declared_owner: Option<AccountId>,
	/// First block in which it belongs to itself again, if its ownership was dissolved.
	pub ownership_ends_at: Option<BlockNumber>,
}

/// Where an offence stands.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[scale_info(capture_docs = "always")]
pub enum OffenceState {
	/// May be appealed, and is applied when the time for that is over.
	Open,
	/// Appealed: nothing is taken until that is decided.
	Appealed {
		/// When.
		at: BlockNumber,
	},
	/// Punished.
	Applied {
		/// Share of the stake that was taken.
		share: Perbill,
		/// The amount taken.
		#[serde(with = "blyan_primitives::json::decimal")]
		taken: Balance,
		/// The reporter's part of it.
		#[serde(with = "blyan_primitives::json::decimal")]
		rewarded: Balance,
		/// When.
		at: BlockNumber,
	},
	/// Forgiven.
	Pardoned {
		/// When.
		at: BlockNumber,
	},
}

/// One offence as clients read it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
pub struct OffenceInfo {
	/// Its number.
	pub id: u64,
	/// The accused operator.
	pub offender: AccountId,
	/// Kind of offence.
	pub kind: OffenceKind,
	/// Evidence that proves it.
	pub evidence: H256,
	/// The claim it is about, if it is about one.
	pub contested: Option<Contested>,
	/// Reporter, if a reward is due for the report.
	pub reporter: Option<AccountId>,
	/// When it was reported.
	pub at: BlockNumber,
	/// First block in which it is applied, unless it is appealed.
	pub applies_at: BlockNumber,
	/// Where it stands.
	pub state: OffenceState,
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_primitives::Subject;

	#[test]
	fn offences_round_trip_through_json_and_scale() {
		let info = OffenceInfo {
			id: 3,
			offender: AccountId::new([1; 32]),
			kind: OffenceKind::FalseScore,
			evidence: H256([2; 32]),
			contested: Some(Contested { subject: Subject::Submission(4, H256([4; 32])), executed: false }),
			reporter: None,
			at: 5,
			applies_at: 6,
			state: OffenceState::Applied { share: Perbill::from_percent(50), taken: 7, rewarded: 1, at: 8 },
		};
		let json = serde_json::to_string(&info).unwrap();
		assert_eq!(serde_json::from_str::<OffenceInfo>(&json).unwrap(), info);
		assert!(json.contains(r#""taken":"7","rewarded":"1""#), "money is text: {json}");
		assert_eq!(OffenceInfo::decode(&mut &info.encode()[..]).unwrap(), info);
	}
}
