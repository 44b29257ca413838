//! `model upcycle` and `model apply`: models made from others.

use crate::{
	args::{ModelApplyArgs, ModelUpcycleArgs},
	failure::Outcome,
	output::Output,
};
use blyan_open_model::{
	apply::apply as apply_expert,
	derive::{Derived, Parent},
	upcycle::{upcycle as upcycle_layers, Upcycling},
};
use serde_json::json;
use std::{path::Path, time::Instant};

/// Makes dense layers of a model routed ones.
pub fn upcycle(output: &Output, args: ModelUpcycleArgs) -> Outcome<()> {
	let started = Instant::now();
	let parent = Parent::open(&args.dir)?;
	let ModelUpcycleArgs { out, layers, experts, top_k, rank, threads, .. } = args;
	let settings = Upcycling { layers, experts, top_k, rank };
	let bar = output.byte_bar("upcycling", 0);
	let derived = upcycle_layers(&parent, &settings, &out, threads, &|done, total| {
		bar.set_total(total);
		bar.set(done);
	})?;
	drop(bar);
	show(output, &out, &derived, started);
	Ok(())
}

/// Puts an expert into a model.
pub fn apply(output: &Output, args: &ModelApplyArgs) -> Outcome<()> {
	let started = Instant::now();
	let parent = Parent::open(&args.dir)?;
	let bar = output.byte_bar("writing", 0);
	let slot = (args.layer, args.expert);
	let derived = apply_expert(&parent, slot, &args.file, &args.out, &|done, total| {
		bar.set_total(total);
		bar.set(done);
	})?;
	drop(bar);
	show(output, &args.out, &derived, started);
	Ok(())
}

/// Shows both roots, and how much of the new model is its own.
pub(super) fn show(output: &Output, out: &Path, derived: &Derived, started: Instant) {
	let Derived { manifest, parent_root, parent_bytes, written_bytes } = derived;
	let (bytes, parts) = (manifest.bytes(), manifest.parts.len());
	let seconds = started.elapsed().as_secs_f64();
	let value = json!({
		"dir": out, "parent_root": format!("0x{parent_root}"), "model_root": format!("0x{}", manifest.model_root),
		"parent_bytes": parent_bytes, "bytes": bytes, "written_bytes": written_bytes, "parts": parts, "seconds": seconds,
	});
	let shown = format!(
		"wrote        {}\nfrom root    0x{parent_root}, {parent_bytes} bytes\nmodel root   0x{}\nparts        {parts}, \
		{bytes} bytes, of which {written_bytes} were written and the others are shared\ntime         {seconds:.1} s",
		out.display(),
		manifest.model_root,
	);
	output.result(&value, shown);
}
