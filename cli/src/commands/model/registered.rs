//! Models of the chain that a model may be registered as already.
//!
//! A run may be cut off behind the registration, and the same command goes on with it, however many experts were accepted
//! meanwhile: then neither the heads nor the model root are those of the directory any more.

use crate::{
	args::ModelRegisterArgs,
	client::Client,
	commands::lists,
	failure::{Failure, Kind, Outcome},
	open_dir::OpenModelDir,
};
use blyan_primitives::{blocks_root, ExpertSlot, ModelBody, ModelInfo, Slots};

/// Experts of a model of the chain, compared with those of a directory of the same parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Experts {
	/// The directory's, now or when the model was registered.
	Same,
	/// Others, from the beginning on.
	Others,
	/// Others now; what the model began with is forgotten in a slot or more.
	Forgotten,
}

/// Looks for the model that an earlier run of the same command registered.
///
/// # Errors
///
/// If the chain has a model of the same parts that may be meant and is not this one for certain.
pub async fn find(
	client: &Client,
	model: &OpenModelDir,
	body: &ModelBody,
	args: &ModelRegisterArgs,
) -> Outcome<Option<ModelInfo>> {
	if args.again {
		return Ok(None);
	}
	let mut found = Vec::new();
	for id in client.models().await? {
		let info = client.model(id).await?;
		if info.body == *body {
			let experts = compare(client, model, &info).await?;
			found.push((info, experts));
		}
	}
	choose(found, args.name.as_deref())
}

/// Compares the experts, slot by slot, by the first version where the first is not the head any more.
async fn compare(client: &Client, model: &OpenModelDir, info: &ModelInfo) -> Outcome<Experts> {
	if info.model_root() == info.body.model_root(&blocks_root(&model.heads)) {
		return Ok(Experts::Same);
	}
	let mut experts = Experts::Same;
	let slots = Slots::second(&model.architecture);
	for ((layer, expert), (head, own)) in slots.iter().zip(info.heads.iter().zip(&model.heads)) {
		let first = match head.version {
			0 => Some(head.block),
			_ => client.version(ExpertSlot { model: info.id, layer, expert }, 0).await?,
		};
		match first {
			Some(first) if first.tensor_root != own.tensor_root => return Ok(Experts::Others),
			Some(_) => {}
			None => experts = Experts::Forgotten,
		}
	}
	Ok(experts)
}

/// Chooses the model to go on with among those of the same parts; `None` if there is no model of these parts.
///
/// - `name`: the name that was asked for.
fn choose(mut found: Vec<(ModelInfo, Experts)>, name: Option<&str>) -> Outcome<Option<ModelInfo>> {
	let is_called = |info: &ModelInfo| name.is_none_or(|name| name.as_bytes() == info.name);
	let is_it = |(info, experts): &(ModelInfo, Experts)| *experts == Experts::Same && is_called(info);
	let place = found.iter().position(is_it);
	if let Some(place) = place {
		return Ok(Some(found.swap_remove(place).0));
	}
	// What is most like it: one with its experts, under another name.
	found.sort_by_key(|(_, experts)| *experts != Experts::Same);
	let Some((info, experts)) = found.first() else { return Ok(None) };
	let (id, called) = (info.id, lists::name(info));
	let has = match experts {
		Experts::Same => "these experts, under that name",
		Experts::Others => "other experts",
		Experts::Forgotten => "other experts now; which it had at first, the chain has forgotten",
	};
	let next = match experts {
		Experts::Same => "leave --name out to go on with that one".to_string(),
		Experts::Others | Experts::Forgotten => format!("see it with: blyan model show {id}"),
	};
	Err(Failure::new(format!("model {id} ({called:?}) has the same architecture and parts, and {has}"))
		.kind(Kind::Refused)
		.next(format!("{next}; --again registers a second model of these parts")))
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_primitives::{ModelId, ModelVersion};
	use sp_core::H256;

	fn info(id: ModelId, name: &str) -> ModelInfo {
		let body = ModelBody::Second { architecture: H256([1; 32]), parts: H256([2; 32]) };
		let version = ModelVersion { major: 1, minor: 0, patch: 0 };
		ModelInfo {
			id,
			name: name.into(),
			body,
			version,
			generation: 3,
			parts: Vec::new(),
			heads: Vec::new(),
		}
	}

	fn chosen(found: &[(ModelId, &str, Experts)], name: Option<&str>) -> Outcome<Option<ModelId>> {
		let found = found.iter().map(|(id, called, experts)| (info(*id, called), *experts)).collect();
		Ok(choose(found, name)?.map(|info| info.id))
	}

	#[test]
	fn a_model_that_began_with_these_experts_is_gone_on_with() {
		assert_eq!(chosen(&[], None).unwrap(), None);
		let found = [(1, "a", Experts::Others), (2, "a", Experts::Same), (3, "b", Experts::Same)];
		assert_eq!(chosen(&found, None).unwrap(), Some(2));
		assert_eq!(chosen(&found, Some("b")).unwrap(), Some(3));
	}

	#[test]
	fn a_model_of_the_same_parts_that_is_not_this_one_is_refused_with_the_way_to_a_second() {
		for (found, name, words) in [
			(
				vec![(1, "a", Experts::Others)],
				None,
				"model 1 (\"a\") has the same architecture and parts, and other experts",
			),
			(vec![(1, "a", Experts::Forgotten)], None, "forgotten"),
			(vec![(1, "a", Experts::Others), (2, "a", Experts::Same)], Some("c"), "model 2 (\"a\")"),
		] {
			let refused = chosen(&found, name).unwrap_err();
			assert_eq!(refused.kind, Kind::Refused);
			assert!(refused.message.contains(words), "{}", refused.message);
			assert!(refused.next.unwrap().contains("--again"));
		}
	}
}
