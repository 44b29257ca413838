//! From what a program read to the record.

use crate::{
	outcome::{self, Unit},
	projection::{project, Conditions, Machine, WINDOW_BLOCKS},
	schema::{Block, Head, Model, Network, Node, Operators, QueueEntry, Status, Terms, Verdict, SCHEMA},
};
use blyan_primitives::{ExpertSlot, ModelId, ModelInfo, Slots};
use blyan_runtime_api::{
	AccountId, Balance, BlockNumber, EvaluationStage, OperatorInfo, SubmissionInfo, SubmissionOutcome,
	SubmissionState, SubmissionTerms,
};

/// Latest submissions that a program reads, besides the open ones.
pub const LATEST: u32 = 300;
/// Submissions asked for at once: most that the runtime looks at.
pub const PAGE: u32 = 100;
/// Verdicts in the record.
const VERDICTS_MAX: usize = 20;

/// Account whose terms are shown where no account is named. No key of it is known, so it never submits.
pub const NEWCOMER: AccountId = AccountId::new(*b"blyan: an account without a past");
/// Blocks over whose timestamps the time of a block is averaged; nodes keep the states of 256.
pub const PACE_BLOCKS: BlockNumber = 100;

/// Answers that a program read from a chain, all of them at one block.
#[derive(Debug)]
pub struct Facts {
	/// Network.
	pub network: Network,
	/// Best block.
	pub block: Block,
	/// The node that was asked.
	pub node: Node,
	/// Every operator.
	pub operators: Vec<OperatorInfo>,
	/// Every model, and the layout of its expert slots.
	pub models: Vec<(ModelInfo, Slots)>,
	/// The [`LATEST`] submissions, oldest first.
	pub latest: Vec<SubmissionInfo>,
	/// Open submissions that are older than these.
	pub older_open: Vec<SubmissionInfo>,
	/// Account whose terms these are; `None` for those of any account that has never submitted.
	pub account: Option<AccountId>,
	/// Its terms.
	pub terms: SubmissionTerms,
	/// Submissions that the chain takes in a day from an account that has never submitted.
	pub newcomer_quota: u32,
	/// Training runs of this machine; `None` if the program does not train.
	pub machine: Option<Machine>,
}

impl Facts {
	/// Makes the record.
	pub fn status(self) -> Status {
		let open: Vec<&SubmissionInfo> = self.older_open.iter().chain(&self.latest).collect();
		let mut queue: Vec<QueueEntry> = open.iter().filter_map(|info| queue_entry(info)).collect();
		queue.sort_by_key(|entry| (entry.place.is_none(), entry.model, entry.place, entry.submission));
		let verdicts = self.latest.iter().rev().filter_map(|info| verdict(info, self.unit(info.slot.model)));
		let verdicts = verdicts.take(VERDICTS_MAX).collect();
		let eligible = self.operators.iter().filter(|operator| operator.eligible).count();
		let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
		let models = self.models.iter();
		let models: Vec<Model> =
			models.map(|(info, slots)| model(info, slots, waiting(&queue, info.id), &self.terms)).collect();
		// A miner may choose the model whose queue is shortest.
		let fee = models.iter().filter_map(|model| model.fee_now.as_ref()?.parse().ok()).min();
		let projection = project(
			&self.latest,
			&Conditions {
				block: self.block.number,
				from_block: window_start(self.block.number, &self.latest),
				seconds_per_block: self.block.seconds_per_block,
				fee: fee.unwrap_or(self.terms.fee),
				quota: self.newcomer_quota.max(self.terms.quota_left),
				commit_age: self.terms.commit_age,
				machine: self.machine.as_ref(),
			},
		);
		Status {
			schema: SCHEMA,
			network: self.network,
			block: self.block,
			node: self.node,
			operators: Operators { registered: count(self.operators.len()), eligible: count(eligible) },
			models,
			queue,
			verdicts,
			terms: Terms { account: self.account, terms: self.terms },
			projection,
		}
	}
}

impl Facts {
	/// Returns the unit of scores about a model.
	fn unit(&self, model: ModelId) -> Unit {
		let known = self.models.iter().find(|(info, _)| info.id == model);
		known.map_or(Unit::default(), |(info, _)| Unit::of(&info.body))
	}
}

impl Block {
	/// Describes a final block by its timestamp, and by another [`PACE_BLOCKS`] before it or fewer, where that has one.
	pub fn new(
		number: BlockNumber,
		hash: sp_core::H256,
		time_ms: Option<u64>,
		earlier: (BlockNumber, Option<u64>),
	) -> Self {
		let seconds_per_block = || {
			let blocks = number.checked_sub(earlier.0).filter(|blocks| *blocks > 0)?;
			let ms = time_ms?.checked_sub(earlier.1?).filter(|ms| *ms > 0)?;
			Some(ms as f64 / 1_000.0 / f64::from(blocks))
		};
		Self { number, finalised: number, hash, time_ms, seconds_per_block: seconds_per_block() }
	}

	/// Returns the number of that other block. Block 0 has no timestamp.
	pub fn earlier(number: BlockNumber) -> BlockNumber {
		number.saturating_sub(PACE_BLOCKS).max(1)
	}
}

/// First block since which every submission is among the latest.
fn window_start(block: BlockNumber, latest: &[SubmissionInfo]) -> BlockNumber {
	let known_from = latest.first().filter(|info| info.id > 0).map_or(0, |info| info.submitted_at);
	block.saturating_sub(WINDOW_BLOCKS).max(known_from)
}

fn slot_name(slot: &ExpertSlot) -> String {
	format!("{}.{}", slot.layer, slot.expert)
}

/// Submissions in a model's queue.
fn waiting(queue: &[QueueEntry], model: ModelId) -> u32 {
	let places = queue.iter().filter(|entry| entry.model == model && entry.place.is_some());
	u32::try_from(places.count()).unwrap_or(u32::MAX)
}

fn model(info: &ModelInfo, slots: &Slots, ahead: u32, terms: &SubmissionTerms) -> Model {
	let heads = slots.iter().zip(&info.heads).map(|((layer, expert), head)| Head {
		slot: format!("{layer}.{expert}"),
		version: head.version,
		tensor_root: head.block.tensor_root,
		blob: head.block.blob.hash,
		bytes: head.block.blob.size,
	});
	let version = info.version;
	Model {
		id: info.id,
		name: String::from_utf8_lossy(&info.name).into_owned(),
		version: format!("{}.{}.{}", version.major, version.minor, version.patch),
		generation: info.generation,
		fee_now: fee_now(terms, ahead).map(|fee| fee.to_string()),
		heads: heads.collect(),
	}
}

/// Price of a submission with so many in front of it.
///
/// The chain states the price for the empty and for the longest queue. Between them it grows as the rule of
/// `proof-of-learning` has it; where the rule does not lead from the one to the other, it is another one.
fn fee_now(terms: &SubmissionTerms, ahead: u32) -> Option<Balance> {
	const UNIT: u128 = 16;
	const AHEAD_MAX: u32 = 256;
	let fee = |ahead: u32| {
		let factor = UNIT.saturating_add(ahead.into());
		terms.fee.saturating_mul(factor.saturating_mul(factor)) / (UNIT * UNIT)
	};
	(ahead == 0 || fee(AHEAD_MAX) == terms.fee_max).then(|| fee(ahead))
}

/// An open submission; `None` if it is decided.
fn queue_entry(info: &SubmissionInfo) -> Option<QueueEntry> {
	let (place, stage, detail, until) = match &info.state {
		SubmissionState::Announced { attested, needed, until } => {
			let detail = format!("{attested} of {needed} operators have its bytes");
			(None, "announced", detail, Some(*until))
		}
		SubmissionState::Queued { ahead, draw_from } => {
			let detail = match ahead {
				0 => format!("its committee is drawn from block {draw_from} on"),
				ahead => format!("{ahead} in front of it"),
			};
			(Some(ahead.saturating_add(1)), "queued", detail, None)
		}
		SubmissionState::Evaluating(active) => {
			let seats = active.committee.len();
			let (stage, detail, until) = match active.stage {
				EvaluationStage::Sealing => {
					("sealing", format!("{} of {seats} sealed", active.sealed), Some(active.seal_deadline))
				}
				EvaluationStage::Drawing => ("drawing", "a second committee is drawn".into(), None),
				EvaluationStage::Revealing => {
					let detail = format!("{} of {seats} revealed", active.revealed);
					("revealing", detail, Some(active.reveal_deadline))
				}
			};
			(Some(1), stage, detail, until)
		}
		SubmissionState::Decided(_) | SubmissionState::Closed { .. } => return None,
	};
	Some(QueueEntry {
		submission: info.id,
		model: info.slot.model,
		slot: slot_name(&info.slot),
		miner: info.miner.clone(),
		submitted_at: info.submitted_at,
		place,
		stage: stage.into(),
		detail,
		until,
	})
}

/// A submission that is decided or closed; `None` if it is open.
fn verdict(info: &SubmissionInfo, unit: Unit) -> Option<Verdict> {
	let (found, block, decision) = match &info.state {
		SubmissionState::Decided(decision) => (decision.outcome, decision.decided_at, Some(decision)),
		SubmissionState::Closed { outcome, at } => (*outcome, *at, None),
		SubmissionState::Announced { .. }
		| SubmissionState::Queued { .. }
		| SubmissionState::Evaluating(_) => return None,
	};
	let (text, next) = outcome::explain(&found, unit);
	let kind = match &found {
		SubmissionOutcome::Accepted { .. } => "accepted",
		SubmissionOutcome::Rejected(_) => "rejected",
		SubmissionOutcome::Expired(_) => "expired",
		SubmissionOutcome::Withdrawn => "withdrawn",
	};
	let reward = match &found {
		SubmissionOutcome::Accepted { reward, .. } => Some(reward.to_string()),
		_ => None,
	};
	Some(Verdict {
		submission: info.id,
		model: info.slot.model,
		slot: slot_name(&info.slot),
		miner: info.miner.clone(),
		outcome: kind.into(),
		reason: outcome::reason(&found).map(Into::into),
		text,
		next: next.map(Into::into),
		block,
		matures_at: decision.map(|decision| decision.matures_at),
		disputes: decision.map_or(0, |decision| decision.disputes),
		is_refuted: decision.is_some_and(|decision| decision.refuted),
		improvement_bits_per_byte: outcome::improvement(&found),
		reward,
	})
}

/// Records for tests.
#[cfg(test)]
pub(crate) mod samples {
	use super::*;
	use blyan_primitives::{BlobRef, BlockRef, ExpertHead, ModelBody, ModelConfig, ModelVersion};
	use blyan_runtime_api::{ActiveEvaluation, CommitteeSeat, DecidedSubmission, RejectReason};
	use sp_core::H256;

	fn block(byte: u8) -> BlockRef {
		BlockRef {
			tensor_root: H256::repeat_byte(byte),
			blob: BlobRef { hash: H256::repeat_byte(byte + 1), size: 600 },
		}
	}

	pub fn submission(id: u64, miner: u8, state: SubmissionState) -> SubmissionInfo {
		SubmissionInfo {
			id,
			miner: AccountId::new([miner; 32]),
			slot: ExpertSlot { model: 0, layer: 0, expert: 1 },
			parent: 3,
			block: block(4),
			manifest: H256::zero(),
			submitted_at: 500,
			state,
		}
	}

	pub fn decided(id: u64, miner: u8, reward: u128) -> SubmissionInfo {
		let outcome = SubmissionOutcome::Accepted { version: 1, improvement: 655, reward };
		let decision = DecidedSubmission {
			draw: H256::zero(),
			outcome,
			decided_at: 520,
			matures_at: 1_120,
			disputes: 1,
			refuted: false,
			digest: None,
			held: reward,
			committee: Vec::new(),
		};
		submission(id, miner, SubmissionState::Decided(decision))
	}

	pub fn evaluating(id: u64) -> SubmissionInfo {
		let holdout = blyan_primitives::HoldoutRef {
			root: H256::zero(),
			blob: BlobRef { hash: H256::zero(), size: 1 },
			sequences: 1,
			sequence_len: 1,
		};
		let seat = CommitteeSeat { operator: AccountId::new([9; 32]), sealed: false, verdict: None };
		let active = ActiveEvaluation {
			stage: EvaluationStage::Sealing,
			draw: H256::zero(),
			seed: H256::zero(),
			sample: 1,
			holdout,
			guard: None,
			seal_deadline: 1_050,
			reveal_deadline: 1_070,
			sealed: 1,
			revealed: 0,
			delta: 0,
			guard_tolerance: 0,
			t_milli: 0,
			committee: vec![seat; 3],
		};
		submission(id, 2, SubmissionState::Evaluating(active))
	}

	pub fn terms() -> SubmissionTerms {
		let fee = 500_000_000_000;
		SubmissionTerms {
			bond: 1_000_000_000_000,
			fee,
			fee_max: fee * 272 * 272 / 256,
			pow_bits: 16,
			pow_window: 256,
			trusted: false,
			quota_left: 20,
			quota_renews_in: 900,
			open_left: 8,
			block_bytes_max: 4 << 20,
			delta: 32,
			alpha: 1_350,
			attempts: 0,
			t_milli: 3_200,
			guard_tolerance: 328,
			sample: 256,
			commit_age: 5,
			commit_deposit: 100_000_000_000,
		}
	}

	/// A chain with a queue, verdicts, and a model whose name is markup.
	pub fn facts() -> Facts {
		let config =
			ModelConfig { d_model: 64, d_ff: 64, layers: 1, heads: 1, experts: 2, top_k: 1, context: 8 };
		let head = |version| ExpertHead { version, block: block(version as u8) };
		let model = ModelInfo {
			id: 0,
			name: b"<script>alert('x')</script> & \"co\"".to_vec(),
			body: ModelBody::First { config, trunk: block(1) },
			version: ModelVersion { major: 1, minor: 0, patch: 0 },
			generation: 3,
			parts: Vec::new(),
			heads: vec![head(0), head(3)],
		};
		let rejected = SubmissionOutcome::Rejected(RejectReason::Regressed { improvement: -655 });
		let announced = SubmissionState::Announced { attested: 1, needed: 2, until: 1_100 };
		Facts {
			network: Network {
				chain: "Test <b>chain</b>".into(),
				kind: "Development".into(),
				genesis: H256::repeat_byte(7),
				spec_version: 5,
			},
			block: Block {
				number: 1_000,
				finalised: 998,
				hash: H256::repeat_byte(8),
				time_ms: Some(1_800_000_000_000),
				seconds_per_block: Some(6.0),
			},
			node: Node {
				release: "0.1.0".into(),
				peers: Some(3),
				is_syncing: Some(false),
				..Node::default()
			},
			operators: Vec::new(),
			models: vec![(model, Slots::first(&config))],
			latest: vec![
				submission(5, 1, SubmissionState::Closed { outcome: rejected, at: 510 }),
				decided(6, 1, 20_000_000_000_000),
				submission(7, 1, announced),
				evaluating(8),
			],
			older_open: vec![submission(2, 3, SubmissionState::Queued { ahead: 1, draw_from: 4 })],
			account: None,
			terms: terms(),
			newcomer_quota: 20,
			machine: None,
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn status_orders_the_queue_by_place_and_verdicts_by_age() {
		let status = samples::facts().status();
		let queue: Vec<_> =
			status.queue.iter().map(|entry| (entry.submission, entry.place, entry.stage.as_str())).collect();
		assert_eq!(queue, [(8, Some(1), "sealing"), (2, Some(2), "queued"), (7, None, "announced")]);
		assert_eq!(status.queue[0].detail, "1 of 3 sealed");
		assert_eq!(status.queue[0].until, Some(1_050));
		let verdicts: Vec<_> = status.verdicts.iter().map(|verdict| verdict.submission).collect();
		assert_eq!(verdicts, [6, 5]);
		let [newest, oldest] = &status.verdicts[..] else { panic!("two verdicts") };
		assert_eq!((newest.outcome.as_str(), newest.matures_at), ("accepted", Some(1_120)));
		assert_eq!(newest.reward.as_deref(), Some("20000000000000"));
		assert_eq!((oldest.reason.as_deref(), oldest.block), (Some("Regressed"), 510));
		assert!(oldest.improvement_bits_per_byte.unwrap() < 0.0);
		assert!(oldest.next.is_some());
	}

	#[test]
	fn heads_are_named_by_layer_and_expert() {
		let status = samples::facts().status();
		let heads: Vec<_> =
			status.models[0].heads.iter().map(|head| (head.slot.as_str(), head.version)).collect();
		assert_eq!(heads, [("0.0", 0), ("0.1", 3)]);
		assert_eq!(status.models[0].generation, 3);
	}

	#[test]
	fn the_fee_grows_with_the_queue_and_is_absent_when_the_chains_rule_is_another() {
		let status = samples::facts().status();
		// Two wait: 0.5 BLY times (18/16)^2.
		assert_eq!(status.models[0].fee_now.as_deref(), Some("632812500000"));
		let mut facts = samples::facts();
		facts.terms.fee_max += 1;
		assert_eq!(facts.status().models[0].fee_now, None);
	}

	#[test]
	fn the_time_of_a_block_is_the_mean_since_an_earlier_one_and_unknown_without_it() {
		let pace = |time, earlier| Block::new(200, sp_core::H256::zero(), time, earlier).seconds_per_block;
		assert_eq!(Block::earlier(200), 100);
		assert_eq!(pace(Some(1_600_000), (100, Some(1_000_000))), Some(6.0));
		for (time, earlier) in [
			(None, (100, Some(1))),
			(Some(9), (100, None)),
			(Some(9), (200, Some(1))),
			(Some(9), (100, Some(9))),
		] {
			assert_eq!(pace(time, earlier), None);
		}
		assert_eq!(Block::earlier(0), 1);
	}

	#[test]
	fn the_window_begins_where_all_submissions_are_known() {
		let info = |id| samples::submission(id, 1, SubmissionState::Queued { ahead: 0, draw_from: 0 });
		assert_eq!(window_start(1_000, &[info(0)]), 0);
		assert_eq!(window_start(1_000, &[info(9)]), 500);
		assert_eq!(window_start(20_000, &[info(9)]), 5_600);
		assert_eq!(window_start(7, &[]), 0);
	}

	#[test]
	fn the_record_round_trips_through_json_with_money_as_text() {
		let status = samples::facts().status();
		let json = serde_json::to_value(&status).unwrap();
		assert_eq!(json["terms"]["bond"], "1000000000000");
		assert_eq!(json["terms"]["account"], serde_json::Value::Null);
		assert_eq!(json["queue"][0]["miner"].as_str().unwrap().len(), 48);
		assert_eq!(json["projection"]["bly_per_hour"], serde_json::Value::Null);
		assert!(json["projection"]["reason"].as_str().unwrap().contains("its own machine"));
		let back: Status = serde_json::from_value(json.clone()).unwrap();
		assert_eq!(serde_json::to_value(&back).unwrap(), json);
	}
}
