//! Tracks of referenda: what each power takes to be used.
//!
//! Votes are counted by operator, so *support* is the share of all operators that approve, and *approval* the share of those
//! that voted. The thresholds are the same from the first block of a decision to the last: they are no auction in which
//! patience lowers the price.
//!
//! Root takes as much as the treasury: it could take the treasury's money, so less would make that threshold worth nothing.
//! What cannot wait for nine tenths of all operators goes through the technical council and two thirds (`whitelisted_caller`).
//!
//! Times are in hours of a governance day, which is shorter on development chains.

use super::origins::Origin;
use crate::{Balance, BlockNumber, OriginCaller, RankedCollective, RuntimeOrigin, UNIT};
use alloc::borrow::Cow;
use frame_support::traits::OriginTrait;
use frame_system::RawOrigin;
use pallet_referenda::{Curve, Track, TrackInfo, TracksInfo};
use sp_runtime::{str_array, Perbill};

/// Number of a track.
pub type TrackId = u16;

/// Referenda of one track that are decided at the same time.
pub const DECIDING_MAX: u32 = 10;

/// Plan of one track, in hours and fractions.
pub struct Plan {
	/// Its number.
	pub id: TrackId,
	/// Its name.
	pub name: &'static str,
	/// Power of its referenda; none is root.
	pub power: Option<Origin>,
	/// Deposit without which nothing is decided.
	pub deposit: Balance,
	/// Hours before a decision begins.
	pub prepare: u32,
	/// Hours that a decision takes at most.
	pub decision: u32,
	/// Hours for which the thresholds must be reached.
	pub confirm: u32,
	/// Hours between approval and execution at least: notice for those it affects.
	pub enactment: u32,
	/// Least share of the votes, as a fraction.
	pub approval: (u32, u32),
	/// Least share of all operators, as a fraction.
	pub support: (u32, u32),
}

/// Every track, ordered by number.
pub const PLANS: [Plan; 10] = [
	Plan {
		id: 0,
		name: "root",
		power: None,
		deposit: 200 * UNIT,
		prepare: 24,
		decision: 336,
		confirm: 24,
		enactment: 24,
		approval: (9, 10),
		support: (9, 10),
	},
	Plan {
		id: 1,
		name: "whitelisted_caller",
		power: Some(Origin::WhitelistedCaller),
		deposit: 100 * UNIT,
		prepare: 1,
		decision: 168,
		confirm: 1,
		enactment: 1,
		approval: (2, 3),
		support: (2, 3),
	},
	Plan {
		id: 2,
		name: "parameters",
		power: Some(Origin::ParameterAdmin),
		deposit: 50 * UNIT,
		prepare: 6,
		decision: 168,
		confirm: 12,
		enactment: 6,
		approval: (2, 3),
		support: (1, 2),
	},
	Plan {
		id: 3,
		name: "treasury",
		power: Some(Origin::Treasurer),
		deposit: 50 * UNIT,
		prepare: 6,
		decision: 336,
		confirm: 24,
		enactment: 24,
		approval: (9, 10),
		support: (9, 10),
	},
	Plan {
		id: 4,
		name: "budget",
		power: Some(Origin::BudgetAdmin),
		deposit: 50 * UNIT,
		prepare: 24,
		decision: 168,
		confirm: 24,
		enactment: 24,
		approval: (3, 4),
		support: (3, 4),
	},
	Plan {
		id: 5,
		name: "models",
		power: Some(Origin::ModelAdmin),
		deposit: 50 * UNIT,
		prepare: 6,
		decision: 168,
		confirm: 12,
		enactment: 6,
		approval: (2, 3),
		support: (1, 2),
	},
	Plan {
		id: 6,
		name: "council",
		power: Some(Origin::CouncilAdmin),
		deposit: 50 * UNIT,
		prepare: 6,
		decision: 168,
		confirm: 24,
		enactment: 24,
		approval: (2, 3),
		support: (2, 3),
	},
	// An appeal waits seven days for its judge: preparing, deciding and confirming fit into them.
	Plan {
		id: 7,
		name: "judge",
		power: Some(Origin::Judge),
		deposit: 20 * UNIT,
		prepare: 1,
		decision: 144,
		confirm: 6,
		enactment: 1,
		approval: (3, 4),
		support: (1, 2),
	},
	Plan {
		id: 8,
		name: "canceller",
		power: Some(Origin::Canceller),
		deposit: 20 * UNIT,
		prepare: 1,
		decision: 72,
		confirm: 1,
		enactment: 1,
		approval: (2, 3),
		support: (1, 2),
	},
	Plan {
		id: 9,
		name: "killer",
		power: Some(Origin::Killer),
		deposit: 20 * UNIT,
		prepare: 1,
		decision: 72,
		confirm: 3,
		enactment: 1,
		approval: (3, 4),
		support: (2, 3),
	},
];

/// A threshold that time does not lower.
fn flat((part, whole): (u32, u32)) -> Curve {
	let threshold = Perbill::from_rational(part, whole);
	Curve::LinearDecreasing { length: Perbill::one(), floor: threshold, ceil: threshold }
}

fn hours(hours: u32) -> BlockNumber {
	RankedCollective::days(hours, 24)
}

impl Plan {
	/// The track in blocks of this chain.
	fn track(&self) -> Track<TrackId, Balance, BlockNumber> {
		let info = TrackInfo {
			name: str_array(self.name),
			max_deciding: DECIDING_MAX,
			decision_deposit: self.deposit,
			prepare_period: hours(self.prepare),
			decision_period: hours(self.decision),
			confirm_period: hours(self.confirm),
			min_enactment_period: hours(self.enactment),
			min_approval: flat(self.approval),
			min_support: flat(self.support),
		};
		Track { id: self.id, info }
	}
}

/// The tracks, in blocks of this chain's day.
pub struct Tracks;

impl TracksInfo<Balance, BlockNumber> for Tracks {
	type Id = TrackId;
	type RuntimeOrigin = <RuntimeOrigin as OriginTrait>::PalletsOrigin;

	fn tracks() -> impl Iterator<Item = Cow<'static, Track<TrackId, Balance, BlockNumber>>> {
		PLANS.iter().map(|plan| Cow::Owned(plan.track()))
	}

	fn track_for(origin: &Self::RuntimeOrigin) -> Result<TrackId, ()> {
		let power = match origin {
			OriginCaller::system(RawOrigin::Root) => None,
			OriginCaller::Origins(power) => Some(*power),
			_ => return Err(()),
		};
		PLANS.iter().find(|plan| plan.power == power).map(|plan| plan.id).ok_or(())
	}
}
