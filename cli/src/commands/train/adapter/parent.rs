//! The model that an adapter is trained in: as it is, or with experts in a dense layer.

use crate::{
	args::TrainAdapterArgs,
	failure::{Failure, Outcome},
	output::Output,
};
use blyan_open_model::{
	derive::Parent,
	manifest::Step,
	upcycle::{upcycle, Upcycling},
	Directory,
};
use std::path::Path;

/// Directory of the upcycled model in the directory of a run.
const PARENT: &str = "parent";

/// Opens the model; one whose layer is dense gets experts first, in the directory of the run.
pub fn open(output: &Output, args: &TrainAdapterArgs, folder: &Path) -> Outcome<Parent> {
	let parent = Parent::open(&args.model)?;
	let layer = args.layer;
	let architecture = parent.architecture();
	let is_dense = usize::from(layer) < architecture.layers.len() && architecture.routing(layer).is_none();
	let Some(rank) = args.rank else {
		if is_dense {
			let error = format!("layer {layer} is dense: it has no experts");
			return Err(Failure::new(error).next("give it some with --rank 16, or with: blyan model upcycle"));
		}
		return Ok(parent);
	};
	if is_dense {
		return upcycled(output, args, rank, &parent, folder);
	}
	match architecture.routing(layer).and_then(|routing| routing.adapter_rank) {
		Some(own) if own != rank => {
			let error = format!("the adapters of layer {layer} have rank {own}, not {rank}");
			Err(Failure::new(error).next(format!("leave --rank out, or say --rank {own}")))
		}
		// Other slots that cannot be trained are refused where they are read.
		_ => Ok(parent),
	}
}

/// Gives the layer experts, or finds those of an earlier run.
fn upcycled(
	output: &Output,
	args: &TrainAdapterArgs,
	rank: u8,
	parent: &Parent,
	folder: &Path,
) -> Outcome<Parent> {
	let out = folder.join(PARENT);
	let layers = args.layer..args.layer + 1;
	let settings = Upcycling { layers, experts: args.experts, top_k: args.top_k, rank: Some(rank) };
	if Directory::new(&out).is_complete() {
		let model = Parent::open(&out)?;
		let is_of_parent = model.manifest().changes.last().is_some_and(|change| {
			change.parent == parent.manifest().model_root && change.step == Step::Upcycle(settings)
		});
		if is_of_parent {
			return Ok(model);
		}
		let error = format!("{} is made of another model, or with other settings", out.display());
		return Err(Failure::new(error).next("name another --run, or remove this one"));
	}
	let bar = output.byte_bar("upcycling", 0);
	let derived = upcycle(parent, &settings, &out, args.threads, &|done, total| {
		bar.set_total(total);
		bar.set(done);
	})?;
	drop(bar);
	output.say(format!(
		"upcycled   layer {} has {} adapters of rank {rank} and computes what it computed, model root 0x{}",
		args.layer, args.experts, derived.manifest.model_root
	));
	Ok(Parent::open(&out)?)
}
