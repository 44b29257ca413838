//! The operator's side: open what its claims are asked for, unattended.
//!
//! The worker runs at every new best block, on forks too, and several runs may overlap. So it keeps no state that must be
//! right: what is owed is read from the chain, what answers it comes from the engine and is checked as the chain
//! will check it, and sending the same move twice is refused by the pool. The only memory is a list of what was sent in the
//! last few blocks.
//!
//! A node does a few things a block, the most urgent first, so a hundred games at once are answered over time, and
//! by several nodes that made the same claim each in its turn. Where that would not be in time it does more.

use crate::{
	game::Side, pair, BlockCheck, Call, Cases, Config, Demands, GameId, GameRecordOf, Games, OperatorDemands,
	Pairs, Pallet, Word, LOG_TARGET,
};
use alloc::vec::Vec;
use blyan_primitives::{
	traits::{Claims, OperatorSet},
	BlockWitness, EngineError, Opening, OperatorId, OperatorSignature, PartIndex, Query, Subject,
	TileEvidence, Verdict,
};
use blyan_support::{
	genesis_hash,
	worker::{is_on_its_way, local_operators, sign, submit},
};
use codec::Encode;
use frame_support::{traits::Get, BoundedVec};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{
	offchain::storage::StorageValueRef,
	traits::{One, SaturatedConversion, Saturating},
};

/// Things a node sends in one block, as long as that is enough.
const SENT_PER_BLOCK: usize = 4;
/// Things a node sends in one block at most: blocks have room for others too.
const SENT_PER_BLOCK_MAX: usize = 64;
/// Questions a node asks its engine for each thing it may send; most answers take the engine longer than a block the
/// first time.
const ASKED_FOR_EACH: usize = 3;
/// Moves that a game needs of a side, at most: three levels of sequences, the lists, three levels of rows, five of the blocks of a
/// row of logits, and the block.
const MOVES_PER_GAME: u64 = 13;
/// Blocks for which an accepted candidate may be on its way to this node before it is demanded.
const PATIENCE: u32 = 50;
/// Blocks from one look for missing candidates to the next.
const LOOK_EVERY: u32 = 5;

/// Something this node can do for a claim of its operators.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
enum Task {
	/// Let a claim of ours play against another.
	Confront(Subject, H256, H256),
	/// Answer for a side of ours.
	Answer(GameId, Side, Query),
	/// Supply a tile.
	Supply(Subject, H256, u32),
	/// End a game whose clock ran out.
	Timeout(GameId),
	/// End a game whose claim fell elsewhere.
	Settle(GameId),
	/// Close a demand that was not met.
	Close(Subject, H256, u32),
	/// Demand a tile of an accepted candidate that this node does not find.
	Demand(Subject, H256, u32),
}

impl Task {
	fn mark(&self) -> H256 {
		H256(blake2_256(&self.encode()))
	}
}

/// A task, the block by which it should be done, and the session key to do it with.
struct Due<BlockNumber> {
	until: BlockNumber,
	task: Task,
	key: OperatorId,
}

/// What was sent lately, and when.
type Sent<BlockNumber> = Vec<(H256, BlockNumber)>;

/// Accepted candidates that are missing here, and since when.
type Missing<BlockNumber> = Vec<(Subject, BlockNumber)>;

/// How much a node sends in a block if it is to be in time with all that is due by these blocks, the earliest first: each
/// game needs further moves until the end of its clock.
fn pace(now: u64, deadlines: impl Iterator<Item = u64>) -> usize {
	let need = |(count, until): (u64, u64)| {
		let moves = count.saturating_add(1).saturating_mul(MOVES_PER_GAME);
		moves.div_ceil(until.saturating_sub(now).max(1))
	};
	let most = (0u64..).zip(deadlines).map(need).max().unwrap_or(0);
	usize::try_from(most).unwrap_or(SENT_PER_BLOCK_MAX).clamp(SENT_PER_BLOCK, SENT_PER_BLOCK_MAX)
}

impl<T: Config> Pallet<T> {
	/// Does the most urgent of what this node's keys can do.
	pub(crate) fn play(now: BlockNumberFor<T>) {
		let local = local_operators::<T::AccountId, T::Operators>();
		let Some((any, _)) = local.first() else { return };
		// Deadlines are in working time, which does not run while nothing could be sent.
		let time = Self::now();
		let mut due: Vec<Due<BlockNumberFor<T>>> = Vec::new();
		let mut subjects = T::Claims::disputable();
		// Appeals are played about what is forgotten elsewhere.
		let cases: Vec<Subject> =
			Cases::<T>::iter_keys().filter(|subject| !subjects.contains(subject)).collect();
		subjects.extend(cases);
		for subject in &subjects {
			Self::find_due(*subject, &local, any, time, &mut due);
		}
		due.sort_by_key(|due| due.until);
		let deadlines = due.iter().map(|due| due.until.saturated_into::<u64>());
		let sent_max = pace(time.saturated_into(), deadlines);
		let asked_max = sent_max.saturating_mul(ASKED_FOR_EACH);
		due.extend(Self::find_missing(&subjects, &local, now, time));

		let memory = StorageValueRef::persistent(b"blyan/disputes/sent");
		let mut sent: Sent<BlockNumberFor<T>> = memory.get().ok().flatten().unwrap_or_default();
		sent.retain(|(_, at)| is_on_its_way(*at, now));
		let (mut done, mut asked) = (0usize, 0usize);
		for Due { task, key, .. } in due {
			if done >= sent_max || asked >= asked_max {
				break;
			}
			let mark = task.mark();
			if sent.iter().any(|(earlier, _)| *earlier == mark) {
				continue;
			}
			asked = asked.saturating_add(usize::from(matches!(task, Task::Answer(..) | Task::Supply(..))));
			let Some(call) = Self::call_for(&task, &key) else { continue };
			if submit::<T, _>(call) {
				log::info!(target: LOG_TARGET, "sent {task:?}");
				sent.push((mark, now));
				done = done.saturating_add(1);
			} else {
				log::debug!(target: LOG_TARGET, "the pool did not take {task:?}");
			}
		}
		memory.set(&sent);
	}

	/// Collects what can be done about a subject.
	fn find_due(
		subject: Subject,
		local: &[(OperatorId, T::AccountId)],
		any: &OperatorId,
		now: BlockNumberFor<T>,
		due: &mut Vec<Due<BlockNumberFor<T>>>,
	) {
		let claims = Self::claims(subject);
		let may_open = T::Claims::may_open(subject) && Self::is_current(subject);
		let mut ours: Vec<(H256, Verdict, OperatorId)> = Vec::new();
		for (who, verdict) in &claims {
			if let Some((key, _)) = local.iter().find(|(_, owner)| owner == who) {
				ours.push((verdict.digest(), *verdict, key.clone()));
			}
		}
		let soon = now.saturating_add(T::Clock::get());
		for (own, verdict, key) in &ours {
			if !may_open || Self::is_refuted(subject, verdict) {
				continue;
			}
			for (_, other) in &claims {
				let digest = other.digest();
				let is_new = digest != *own
					&& !Self::is_refuted(subject, other)
					&& Self::ensure_showable(subject, [verdict, other]).is_ok()
					&& !Pairs::<T>::contains_key(subject, pair(*own, digest));
				// In the order in which every node with these claims would say it.
				let (first, second) = pair(*own, digest);
				let task = Task::Confront(subject, first, second);
				if is_new && !due.iter().any(|due| due.task == task) {
					due.push(Due { until: soon, task, key: key.clone() });
				}
			}
		}
		let key_of =
			|digest: &H256| ours.iter().find(|(own, ..)| own == digest).map(|(_, _, key)| key.clone());
		for id in Pairs::<T>::iter_prefix_values(subject) {
			if let Some(game) = Games::<T>::get(id) {
				Self::find_moves(id, &game, key_of, any, now, due);
			}
		}
		for ((digest, tile), demand) in Demands::<T>::iter_prefix(subject) {
			let is_closable = Self::ensure_may_close(subject, digest, tile).is_ok();
			match key_of(&digest) {
				Some(key) if now < demand.until && !is_closable => {
					due.push(Due { until: demand.until, task: Task::Supply(subject, digest, tile), key });
				}
				None if is_closable => {
					let task = Task::Close(subject, digest, tile);
					due.push(Due { until: soon, task, key: any.clone() });
				}
				_ => {}
			}
		}
	}

	/// Demands a tile of each accepted candidate that this node has not found for some time. Whatever comes after such a
	/// candidate is computed from its bytes, so a node that lacks them can judge nothing any more.
	fn find_missing(
		subjects: &[Subject],
		local: &[(OperatorId, T::AccountId)],
		now: BlockNumberFor<T>,
		time: BlockNumberFor<T>,
	) -> Vec<Due<BlockNumberFor<T>>> {
		if !now.saturated_into::<u64>().is_multiple_of(LOOK_EVERY.into()) {
			return Vec::new();
		}
		let Some((key, who)) = local.iter().find(|(_, who)| T::Operators::is_eligible(who)) else {
			return Vec::new();
		};
		let memory = StorageValueRef::persistent(b"blyan/disputes/missing");
		let known: Missing<BlockNumberFor<T>> = memory.get().ok().flatten().unwrap_or_default();
		let (mut missing, mut due) = (Missing::<BlockNumberFor<T>>::new(), Vec::new());
		for subject in subjects {
			let Some(digest) = T::Claims::accepted(*subject) else { continue };
			let Some((block, shape)) = Self::candidate(*subject) else { continue };
			// One look for each tile costs more, and a candidate may have hundreds.
			if OperatorDemands::<T>::contains_key(subject, who)
				|| blyan_host::has_blob(block.blob.hash) != Ok(false)
			{
				continue;
			}
			// Different operators ask for different tiles, so that together they ask for most.
			let lot = blake2_256(&(who, subject).encode());
			let lot = u32::from_le_bytes(lot.first_chunk().copied().unwrap_or_default());
			let tiles = T::BlockCheck::tiles(&shape);
			let free = |tile: &u32| Self::ensure_operator_may_demand(who, *subject, digest, *tile).is_ok();
			let Some(tile) = (0..tiles).filter_map(|at| lot.wrapping_add(at).checked_rem(tiles)).find(free)
			else {
				continue;
			};
			let since =
				known.iter().find(|(earlier, at)| earlier == subject && *at <= now).map(|(_, at)| *at);
			let since = since.unwrap_or(now);
			missing.push((*subject, since));
			if now >= since.saturating_add(PATIENCE.into()) {
				log::warn!(target: LOG_TARGET, "{subject:?}: the accepted candidate is missing, demanding tile {tile}");
				let until = time.saturating_add(T::DemandWindow::get());
				due.push(Due { until, task: Task::Demand(*subject, digest, tile), key: key.clone() });
			}
		}
		memory.set(&missing);
		due
	}

	/// Collects what can be done in a game.
	fn find_moves(
		id: GameId,
		game: &GameRecordOf<T>,
		key_of: impl Fn(&H256) -> Option<OperatorId>,
		any: &OperatorId,
		now: BlockNumberFor<T>,
		due: &mut Vec<Due<BlockNumberFor<T>>>,
	) {
		let soon = now.saturating_add(T::Clock::get());
		let digests = game.digests();
		if Self::fallen(game) != [false, false] || !game.statement.is_current() {
			return due.push(Due { until: soon, task: Task::Settle(id), key: any.clone() });
		}
		let loads = Self::loads(game);
		let lost = game.timed_out(now, loads);
		if lost != [false, false] {
			// Nobody hurries to lose.
			let is_ours =
				Side::BOTH.into_iter().any(|side| *side.of(&lost) && key_of(side.of(&digests)).is_some());
			if !is_ours {
				due.push(Due { until: soon, task: Task::Timeout(id), key: any.clone() });
			}
		}
		for side in Side::BOTH {
			let until = game.deadline(side, loads);
			// What is sent now is in the next block at the earliest.
			let is_in_time = now.saturating_add(One::one()) <= until;
			match key_of(side.of(&digests)) {
				Some(key) if is_in_time && game.owes(side) => {
					due.push(Due { until, task: Task::Answer(id, side, game.position.query()), key });
				}
				_ => {}
			}
		}
	}

	/// The call that does a task; `None` while the engine is at work, or if it knows no better.
	fn call_for(task: &Task, key: &OperatorId) -> Option<Call<T>> {
		match task {
			Task::Confront(subject, first, second) => {
				let (subject, first, second) = (*subject, *first, *second);
				let signature = Self::say(Word::Confront(subject, first, second), key)?;
				Some(Call::confront { subject, first, second, key: key.clone(), signature })
			}
			Task::Answer(id, side, query) => Self::answer(*id, *side, query, key),
			Task::Supply(subject, digest, tile) => {
				let (subject, digest, tile) = (*subject, *digest, *tile);
				let evidence = match Self::ask(subject, 0, &Query::Tile { tile })? {
					Opening::Witness(BlockWitness::First(witness)) => {
						TileEvidence::First(witness.0.into_iter().next()?)
					}
					Opening::Witness(BlockWitness::Second(witness)) => {
						TileEvidence::Second(blyan_exact::definition2::step::tile_from(witness)?)
					}
					_ => return None,
				};
				if Self::ensure_tile(subject, tile, &evidence).is_err() {
					log::error!(target: LOG_TARGET, "{subject:?}: the engine's tile {tile} proves nothing");
					return None;
				}
				let word = Word::Supply(subject, digest, tile, H256(blake2_256(&evidence.encode())));
				let signature = Self::say(word, key)?;
				let key = key.clone();
				Some(Call::supply_tile_authorized { subject, digest, tile, evidence, key, signature })
			}
			Task::Demand(subject, digest, tile) => {
				let (subject, digest, tile) = (*subject, *digest, *tile);
				let signature = Self::say(Word::Demand(subject, digest, tile), key)?;
				let key = key.clone();
				Some(Call::demand_tile_authorized { subject, digest, tile, key, signature })
			}
			Task::Timeout(game) => Some(Call::claim_timeout { game: *game }),
			Task::Settle(game) => Some(Call::settle { game: *game }),
			Task::Close(subject, digest, tile) => {
				Some(Call::close_demand { subject: *subject, digest: *digest, tile: *tile })
			}
		}
	}

	/// The move of a side, checked as the chain will check it.
	fn answer(id: GameId, side: Side, query: &Query, key: &OperatorId) -> Option<Call<T>> {
		let game = Games::<T>::get(id)?;
		let subject = game.subject;
		let opening = Self::ask(subject, game.part, query)?;
		let refuse = |what: &str| {
			log::error!(target: LOG_TARGET, "game {id}, {query:?}: {what}; the claim will be lost");
			None
		};
		match opening {
			Opening::Candidate(bytes) => {
				let Ok((false, _)) = Self::ensure_refutes(subject, &bytes) else {
					return refuse("these bytes do not prove that the candidate is no expert");
				};
				let Ok(blob) = BoundedVec::try_from(bytes) else {
					return refuse("the candidate is larger than one can be");
				};
				let signature = Self::say(Word::Show(subject, H256(blake2_256(&blob))), key)?;
				let key = key.clone();
				Some(Call::prove_blob_authorized { subject, blob, key, signature })
			}
			Opening::Witness(witness) => {
				match Self::execution(id, &game, &witness) {
					Ok(lost) if !*side.of(&lost) => {}
					Ok(_) => return refuse("the computed block contradicts the own claim"),
					Err(error) => {
						let error: &'static str = error.into();
						return refuse(error);
					}
				}
				let hash = H256(blake2_256(&witness.encode()));
				let signature = Self::say(Word::Execute(id, hash), key)?;
				Some(Call::execute_authorized { game: id, witness, key: key.clone(), signature })
			}
			opening => {
				let Ok(disputed) = Self::disputed(&game.statement) else {
					return refuse("the architecture of its model is not registered");
				};
				if let Err(refusal) = game.position.check(&disputed, side, &opening) {
					log::error!(target: LOG_TARGET, "game {id}, {query:?}: the engine's opening is {refusal:?}");
					return None;
				}
				let hash = H256(blake2_256(&opening.encode()));
				let signature = Self::say(Word::Descend(id, side, hash), key)?;
				Some(Call::descend_authorized { game: id, side, opening, key: key.clone(), signature })
			}
		}
	}

	/// What the engine opens, once it is ready.
	fn ask(subject: Subject, part: PartIndex, query: &Query) -> Option<Opening> {
		let Some(job) = Self::job(subject, part) else {
			log::debug!(target: LOG_TARGET, "{subject:?}: the job of part {part} is forgotten");
			return None;
		};
		match blyan_host::open(&job, query) {
			Ok(opening) => {
				if opening.is_none() {
					log::debug!(target: LOG_TARGET, "{subject:?}, {query:?}: waits for the engine");
				}
				opening
			}
			Err(EngineError::NotAvailable) => {
				log::warn!(target: LOG_TARGET, "{subject:?}: this node has operator keys but no engine");
				None
			}
			Err(error) => {
				log::info!(target: LOG_TARGET, "{subject:?}, {query:?}: {error:?}");
				None
			}
		}
	}

	fn say(word: Word, key: &OperatorId) -> Option<OperatorSignature> {
		sign(LOG_TARGET, format_args!("{word:?}"), key, &word.signing_payload(&genesis_hash::<T>()))
	}
}
