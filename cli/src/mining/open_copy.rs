//! A chain's open model on this machine: the user's directory, brought up to date with the experts that were accepted since.
//!
//! ```text
//! $BLYAN_HOME/open-models/<genesis>/<model root>    the user's parts, as second names of the same files, and the chain's experts
//! ```

use super::{cache_path, cached};
use crate::{
	chain_model::ChainModel,
	client::Client,
	failure::{Context, Failure, Kind, Outcome},
	home::{create_private_dir, Home},
	open_dir::OpenModelDir,
	output::Output,
};
use blyan_exact::definition2::{model::architecture_hash, Architecture};
use blyan_open_model::{
	apply::{apply_all, Replacement},
	derive::Parent,
	directory::{part_name, parts},
	upcycle::Upcycling,
	Directory,
};
use blyan_primitives::{BlockRef, ModelId};
use serde_json::json;
use sp_core::H256;
use std::path::{Path, PathBuf};

/// Directory of the copies below the home directory.
const FOLDER: &str = "open-models";

/// Expert of the chain that the user's directory does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Changed {
	layer: u8,
	expert: u16,
	block: BlockRef,
}

/// Returns the directory of a model as the chain has it now: the user's own, or one that is made of it.
///
/// Every byte of the user's directory is checked. Experts are fetched from the node, once.
pub async fn current(
	output: &Output,
	client: &Client,
	home: &Home,
	chain: &ChainModel,
	dir: &Path,
) -> Outcome<PathBuf> {
	let own = {
		let dir = dir.to_path_buf();
		let spinner = output.spinner("checking");
		let own = tokio::task::spawn_blocking(move || OpenModelDir::open(&dir)).await??;
		drop(spinner);
		own
	};
	ensure_same(&own, chain, dir)?;
	let changed = changed(&own.heads, chain);
	if changed.is_empty() {
		return std::path::absolute(dir).context(dir.display());
	}
	let network = home.create_dir(FOLDER)?.join(&hex::encode(client.genesis())[..16]);
	create_private_dir(&network)?;
	let root = chain.info.model_root();
	let out = network.join(hex::encode(root));
	if !Directory::new(&out).is_complete() {
		let cache = home.create_dir("blobs")?;
		let bar = output.bar("experts", changed.len() as u64);
		for (done, Changed { layer, expert, block }) in (1..).zip(&changed) {
			let fetched = cached(output, client, &cache, &block.blob).await;
			fetched.context(format!("fetching layer{layer}.expert{expert}"))?;
			bar.set(done);
		}
		drop(bar);
		let (output, dir, out, changed) = (output.clone(), dir.to_path_buf(), out.clone(), changed.clone());
		tokio::task::spawn_blocking(move || write(&output, &dir, &out, &cache, &changed)).await??;
	}
	ensure_root(&out, root)?;
	let fields = json!({ "dir": out, "experts": changed.len(), "model_root": root });
	let line = format!("updated    {} experts that the chain has accepted: {}", changed.len(), out.display());
	output.event("updated", fields, line);
	Ok(out)
}

/// Writes the model with the chain's experts, whose files are in the cache.
fn write(output: &Output, dir: &Path, out: &Path, cache: &Path, changed: &[Changed]) -> Outcome<()> {
	let parent = Parent::open(dir)?;
	let files: Vec<PathBuf> = changed.iter().map(|of| cache_path(cache, &of.block.blob)).collect();
	let mut replacements = Vec::with_capacity(files.len());
	for (Changed { layer, expert, .. }, file) in changed.iter().zip(&files) {
		replacements.push(Replacement { layer: *layer, expert: *expert, file });
	}
	let bar = output.byte_bar("updating", 0);
	apply_all(&parent, &replacements, out, &|done, total| {
		bar.set_total(total);
		bar.set(done);
	})?;
	Ok(())
}

/// Refuses a copy that is not the chain's model.
fn ensure_root(out: &Path, root: H256) -> Outcome<()> {
	let manifest = Directory::new(out).manifest()?;
	if manifest.model_root == hex::encode(root) {
		return Ok(());
	}
	let found = &manifest.model_root;
	Err(Failure::new(format!("{} has the model root 0x{found}, the chain's model {root:?}", out.display()))
		.next("remove this directory, it is made again; if that does not help, ask another node with --url"))
}

/// Lists the experts that the chain has and the user's directory does not.
fn changed(own: &[BlockRef], chain: &ChainModel) -> Vec<Changed> {
	let slots = chain.slots();
	let heads = slots.iter().zip(own.iter().zip(&chain.info.heads));
	heads
		.filter(|(_, (own, head))| own.tensor_root != head.block.tensor_root)
		.map(|((layer, expert), (_, head))| Changed { layer, expert, block: head.block })
		.collect()
}

/// Refuses a directory of another model: of another architecture, or with other parts.
pub fn ensure_same(own: &OpenModelDir, chain: &ChainModel, dir: &Path) -> Outcome<()> {
	let (id, info) = (chain.info.id, &chain.info);
	let refused = |error: String| Failure::new(error).kind(Kind::Refused);
	let own_id = H256(architecture_hash(&own.architecture));
	if info.body.architecture() != Some(own_id) {
		let error = format!(
			"{} has the architecture {own_id:?}, and model {id} another: {:?}",
			dir.display(),
			info.body.architecture().unwrap_or_default()
		);
		let upcycling = chain.architecture().and_then(|wanted| upcycling(&own.architecture, wanted));
		return Err(refused(error).next(way_to(upcycling.as_ref(), id, dir)));
	}
	let names = parts(&own.architecture).into_iter().map(part_name);
	let mut pairs = names.zip(own.parts.iter().zip(&info.parts));
	let other = pairs.find(|(_, (own, of_chain))| own.tensor_root != of_chain.tensor_root);
	if let Some((name, (found, expected))) = other {
		let error = format!(
			"{}: the part {name} has the root {:?}, that of model {id} is {:?}",
			dir.display(),
			found.tensor_root,
			expected.tensor_root
		);
		return Err(refused(error).next(way_to(None, id, dir)));
	}
	if own.parts.len() != info.parts.len() || own.heads.len() != info.heads.len() {
		let error = format!("{} and model {id} differ in the number of their parts", dir.display());
		return Err(
			refused(error).next("ask another node with --url; this one's runtime may be of another release")
		);
	}
	Ok(())
}

/// Names the command that leads from this directory to the chain's model.
fn way_to(upcycling: Option<&Upcycling>, id: ModelId, dir: &Path) -> String {
	let Some(Upcycling { layers, experts, top_k, rank }) = upcycling else {
		return format!(
			"import the checkpoint that model {id} came from, in the same precision, and pass its directory; blyan model show {id} names \
			its parts"
		);
	};
	let rank = rank.map_or(String::new(), |rank| format!(" --rank {rank}"));
	let out = dir.with_added_extension("routed");
	format!(
		"give it the experts of model {id}: blyan model upcycle {} --out {} --layers {}..{} --experts {experts} --top-k {top_k}{rank}; \
		then pass that directory",
		dir.display(),
		out.display(),
		layers.start,
		layers.end
	)
}

/// Returns the upcycling that may lead from one architecture to the other: of the layers that are routed in the second one only, if they
/// follow each other and are alike. The roots of the parts tell whether it does.
fn upcycling(own: &Architecture, wanted: &Architecture) -> Option<Upcycling> {
	let count = u8::try_from(wanted.layers.len()).ok().filter(|_| own.layers.len() == wanted.layers.len())?;
	let mut routed = (0..count)
		.filter(|layer| own.routing(*layer).is_none())
		.filter_map(|layer| Some((layer, wanted.routing(layer)?)));
	let (first, routing) = routed.next()?;
	let settings = |layers| Upcycling {
		layers,
		experts: routing.experts,
		top_k: routing.top_k,
		rank: routing.adapter_rank,
	};
	let mut end = first.checked_add(1)?;
	for (layer, other) in routed {
		let alike = (other.experts, other.top_k, other.adapter_rank)
			== (routing.experts, routing.top_k, routing.adapter_rank);
		if layer != end || !alike {
			return None;
		}
		end = end.checked_add(1)?;
	}
	Some(settings(first..end))
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::definition2::{golden, Network, Routing, WeightKind};
	use blyan_primitives::{BlobRef, ExpertHead, ModelBody, ModelInfo, ModelVersion};

	fn golden(name: &str) -> Architecture {
		let (_, architecture) = golden::ARCHITECTURES.iter().find(|(family, _)| *family == name).unwrap();
		architecture()
	}

	/// Gives dense layers experts, as an upcycling does.
	fn routed(dense: &Architecture, layers: &[u8], rank: u8) -> Architecture {
		let mut routed = dense.clone();
		for layer in layers {
			let network = &mut routed.layers[usize::from(*layer)].network;
			let Network::Dense(expert) = *network else { panic!("layer {layer} is routed") };
			*network = Network::Routed(Routing {
				experts: 8,
				top_k: 2,
				normalised: true,
				router: WeightKind::Int8,
				expert,
				shared: None,
				adapter_rank: Some(rank),
			});
		}
		routed
	}

	#[test]
	fn the_command_that_leads_from_a_dense_checkpoint_to_the_chains_model_is_named() {
		let dense = golden("llama");
		let way = |wanted: &Architecture| upcycling(&dense, wanted);
		let expected = Upcycling { layers: 1..2, experts: 8, top_k: 2, rank: Some(16) };
		assert_eq!(way(&routed(&dense, &[1], 16)), Some(expected.clone()));
		assert_eq!(way(&routed(&dense, &[0, 1], 16)).unwrap().layers, 0..2);
		let uneven = routed(&routed(&dense, &[0], 16), &[1], 8);
		assert_eq!(way(&uneven), None, "one command makes layers that are alike");
		assert_eq!(way(&dense), None);
		let text = way_to(Some(&expected), 3, Path::new("smollm2"));
		let command =
			"blyan model upcycle smollm2 --out smollm2.routed --layers 1..2 --experts 8 --top-k 2 --rank 16";
		assert!(text.contains(command), "{text}");
		assert!(way_to(None, 3, Path::new("smollm2")).contains("import the checkpoint"));
	}

	#[test]
	fn experts_of_the_chain_are_compared_slot_by_slot() {
		let architecture = routed(&golden("llama"), &[1], 4);
		let block = |name: u8| BlockRef {
			tensor_root: H256([name; 32]),
			blob: BlobRef { hash: H256([name; 32]), size: 1 },
		};
		let own: Vec<BlockRef> = (0..8).map(block).collect();
		let mut heads: Vec<ExpertHead> =
			own.iter().map(|block| ExpertHead { version: 0, block: *block }).collect();
		heads[5] = ExpertHead { version: 1, block: block(100) };
		let body =
			ModelBody::Second { architecture: H256(architecture_hash(&architecture)), parts: H256::zero() };
		let version = ModelVersion { major: 1, minor: 0, patch: 0 };
		let info = ModelInfo {
			id: 1,
			name: b"open".to_vec(),
			body,
			version,
			generation: 1,
			parts: Vec::new(),
			heads,
		};
		let chain = ChainModel::new(info, Some(&architecture.to_bytes())).unwrap();
		assert_eq!(changed(&own, &chain), [Changed { layer: 1, expert: 5, block: block(100) }]);
	}
}
