//! Choice of the slot of an open model that is worth training.

use super::journal::Experience;
use crate::{
	chain_model::ChainModel,
	failure::{Failure, Kind, Outcome},
	slot::SlotName,
};
use blyan_exact::definition2::Architecture;
use blyan_open_model::{
	run::{Ends, States},
	Runner,
};
use blyan_primitives::ExpertSlot;
use blyan_training::open::Sequence;

/// Sequences on which the router's choices are counted.
const USAGE_SEQUENCES: usize = 32;

/// Refuses a slot that the model does not have, or whose expert is not an adapter.
pub fn named(chain: &ChainModel, name: SlotName) -> Outcome<ExpertSlot> {
	let SlotName { layer, expert } = name;
	let slot = ExpertSlot { model: chain.info.id, layer, expert };
	chain.head(slot)?;
	if chain.architecture().is_some_and(|architecture| has_adapters(architecture, layer)) {
		return Ok(slot);
	}
	let error = format!(
		"the experts of layer {layer} are networks of their own, and adapters are what is trained here"
	);
	let choice = match candidates(chain).first() {
		Some((layer, expert)) => format!("choose a slot with an adapter, such as --slot {layer}.{expert}"),
		None => no_adapters(chain.info.id),
	};
	Err(Failure::new(error).kind(Kind::Refused).next(choice))
}

/// Chooses the slot that is worth training: of those with adapters that were improved least often the ones in the highest layer,
/// where an update costs least, and of these the one that the router chooses most often on this text.
///
/// `runner` runs the model.
pub fn choose(chain: &ChainModel, runner: &mut Runner, text: &[Sequence]) -> Outcome<ExpertSlot> {
	let candidates = candidates(chain);
	let Some(&(layer, first)) = candidates.first() else {
		let error = format!("model {} has no adapters", chain.info.id);
		return Err(Failure::new(error).kind(Kind::Refused).next(no_adapters(chain.info.id)));
	};
	let counts = usage(runner, layer, text)?;
	let count = |expert: u16| counts.iter().filter(|chosen| **chosen == usize::from(expert)).count();
	// Of several that are used alike, the first.
	let used = candidates.iter().map(|(_, expert)| *expert).rev().max_by_key(|expert| count(*expert));
	Ok(ExpertSlot { model: chain.info.id, layer, expert: used.unwrap_or(first) })
}

/// Chooses the slot of one of several rounds, of those with adapters.
///
/// `runner` runs the model.
pub fn by_experience(
	chain: &ChainModel,
	experience: &Experience,
	runner: &mut Runner,
	text: &[Sequence],
) -> Outcome<ExpertSlot> {
	let id = chain.info.id;
	let adapters = adapters(chain);
	let mut uses = Vec::with_capacity(adapters.len());
	let mut counted: Option<(u8, Vec<usize>)> = None;
	for (layer, expert) in adapters {
		let chosen = match counted.take().filter(|(of, _)| *of == layer) {
			Some((_, chosen)) => chosen,
			None if experience.needs_usage() => usage(runner, layer, text)?,
			None => Vec::new(),
		};
		let count = chosen.iter().filter(|chosen| **chosen == usize::from(expert)).count();
		uses.push(((layer, expert), count as u64));
		counted = Some((layer, chosen));
	}
	let (layer, expert) = experience.choose(&uses).ok_or_else(|| {
		Failure::new(format!("model {id} has no adapters")).kind(Kind::Refused).next(no_adapters(id))
	})?;
	Ok(ExpertSlot { model: id, layer, expert })
}

/// Lists the slots with adapters, layer by layer.
fn adapters(chain: &ChainModel) -> Vec<(u8, u16)> {
	let Some(architecture) = chain.architecture() else { return Vec::new() };
	chain.slots().iter().filter(|(layer, _)| has_adapters(architecture, *layer)).collect()
}

fn no_adapters(model: u32) -> String {
	format!("train experts of model {model} with another program, and submit them with: blyan submit")
}

fn has_adapters(architecture: &Architecture, layer: u8) -> bool {
	architecture.routing(layer).is_some_and(|routing| routing.adapter_rank.is_some())
}

/// Lists the slots with adapters that were improved least often, in the highest layer that has any of them.
fn candidates(chain: &ChainModel) -> Vec<(u8, u16)> {
	let Some(architecture) = chain.architecture() else { return Vec::new() };
	let slots = chain.slots();
	let versions = slots.iter().zip(chain.info.heads.iter().map(|head| head.version));
	let mut adapters: Vec<_> =
		versions.filter(|((layer, _), _)| has_adapters(architecture, *layer)).collect();
	let lowest = adapters.iter().map(|(_, version)| *version).min();
	adapters.retain(|(_, version)| Some(*version) == lowest);
	let highest = adapters.iter().map(|((layer, _), _)| *layer).max();
	adapters.into_iter().map(|(slot, _)| slot).filter(|(layer, _)| Some(*layer) == highest).collect()
}

/// Returns the experts of a layer that the router chose on a few sequences, one entry a choice.
fn usage(runner: &mut Runner, layer: u8, text: &[Sequence]) -> Outcome<Vec<usize>> {
	let mut chosen = Vec::new();
	let stride = (text.len() / USAGE_SEQUENCES).max(1);
	for sequence in text.iter().step_by(stride).take(USAGE_SEQUENCES) {
		let context = sequence.ids.len().saturating_sub(1);
		let visit = |states: &States<'_>| -> Vec<usize> {
			states.routes.iter().flatten().map(|choice| choice.expert).collect()
		};
		let finish = |experts: Vec<usize>, _: Ends<'_>| experts;
		let parts = runner.states(&sequence.ids[..context], layer.into(), visit, finish)?;
		chosen.extend(parts.into_iter().flatten());
	}
	Ok(chosen)
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::definition2::{
		golden::{self, Stream},
		model::architecture_hash,
	};
	use blyan_primitives::{BlobRef, BlockRef, ExpertHead, ModelBody, ModelInfo, ModelVersion};
	use sp_core::H256;

	/// A model of a golden family whose heads have these versions; 0 where there are no more.
	fn chain(family: &str, versions: &[u32]) -> ChainModel {
		let (_, architecture) = golden::ARCHITECTURES.iter().find(|(name, _)| *name == family).unwrap();
		let architecture = architecture();
		let blob = BlobRef { hash: H256::zero(), size: 1 };
		let block = BlockRef { tensor_root: H256::zero(), blob };
		let head =
			|index: u32| ExpertHead { version: versions.get(index as usize).copied().unwrap_or(0), block };
		let body =
			ModelBody::Second { architecture: H256(architecture_hash(&architecture)), parts: H256::zero() };
		let info = ModelInfo {
			id: 3,
			name: b"open".to_vec(),
			body,
			version: ModelVersion { major: 1, minor: 0, patch: 0 },
			generation: 0,
			parts: Vec::new(),
			heads: (0..architecture.experts()).map(head).collect(),
		};
		ChainModel::new(info, Some(&architecture.to_bytes())).unwrap()
	}

	/// Slots of the family's layers with adapters.
	fn slots(chain: &ChainModel) -> Vec<(u8, u16)> {
		let architecture = chain.architecture().unwrap();
		chain.slots().iter().filter(|(layer, _)| has_adapters(architecture, *layer)).collect()
	}

	#[test]
	fn slots_that_were_improved_least_often_come_first_and_of_these_the_highest_layer() {
		let new = chain("adapters", &[]);
		let all = slots(&new);
		let last = all.last().unwrap().0;
		let highest: Vec<_> = all.iter().copied().filter(|(layer, _)| *layer == last).collect();
		assert_eq!(candidates(&new), highest);
		// All but one were improved once.
		let mut versions = vec![1; new.info.heads.len()];
		let (layer, expert) = all[0];
		versions[new.slots().index(layer, expert).unwrap() as usize] = 0;
		assert_eq!(candidates(&chain("adapters", &versions)), [(layer, expert)]);
	}

	#[test]
	fn experts_that_are_networks_of_their_own_are_refused_with_the_way_out() {
		let model = chain("mixtral", &[]);
		assert!(candidates(&model).is_empty());
		let failure = named(&model, SlotName { layer: 1, expert: 0 }).unwrap_err();
		assert!(failure.message.contains("networks of their own"), "{}", failure.message);
		assert!(failure.next.unwrap().contains("blyan submit"));
		let failure = named(&model, SlotName { layer: 9, expert: 0 }).unwrap_err();
		assert!(failure.message.contains("has no expert"), "{}", failure.message);
		let model = chain("adapters", &[]);
		let (layer, expert) = slots(&model)[0];
		assert_eq!(
			named(&model, SlotName { layer, expert }).unwrap(),
			ExpertSlot { model: 3, layer, expert }
		);
	}

	#[test]
	fn the_expert_that_the_router_chooses_most_often_is_taken() {
		let chain = chain("adapters", &[]);
		let family = golden::ARCHITECTURES.iter().position(|(name, _)| *name == "adapters").unwrap();
		let model = golden::model(family);
		let mut runner = runner(&model);
		let mut stream = Stream::new(b"text");
		let vocabulary = model.architecture.vocabulary as usize;
		let mut ids = || (0..20).map(|_| stream.below(vocabulary) as u32).collect::<Vec<u32>>();
		let text: Vec<Sequence> = (0..12).map(|_| Sequence { ids: ids(), bytes: vec![1; 19] }).collect();
		let chosen = choose(&chain, &mut runner, &text).unwrap();
		let counts = usage(&mut runner, chosen.layer, &text).unwrap();
		let count = |expert: u16| counts.iter().filter(|chosen| **chosen == usize::from(expert)).count();
		let top_k = usize::from(model.architecture.routing(chosen.layer).unwrap().top_k);
		assert_eq!(counts.len(), 12 * 19 * top_k, "every token chooses");
		for (_, expert) in candidates(&chain) {
			assert!(count(expert) <= count(chosen.expert), "{expert} is used more than {chosen:?}");
		}
	}

	/// Writes a model and loads it.
	fn runner(model: &golden::OwnedModel) -> Runner {
		use blyan_exact::definition2::block::part_file;
		use blyan_open_model::{directory, load::load_unnamed, Directory};
		let dir = tempfile::tempdir().unwrap();
		let directory = Directory::new(dir.path());
		directory.prepare().unwrap();
		let architecture = &model.architecture;
		let tensors = model.parts.iter().chain(&model.experts);
		for (part, tensors) in directory::parts(architecture).into_iter().zip(tensors) {
			let file = part_file(architecture, part, &tensors.view()).unwrap();
			std::fs::write(directory.part(part), file).unwrap();
		}
		let weights = load_unnamed(&directory, architecture).unwrap();
		Runner::on_this_machine(std::sync::Arc::new(weights), Some(2)).unwrap()
	}
}
