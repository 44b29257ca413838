//! `model grow`: a model that is deeper, wider or longer, or has more experts or fewer, and the proof of what it keeps.

use super::{
	change,
	losses::{self, runner, Measured},
};
use crate::{
	args::ModelGrowArgs,
	failure::{Failure, Kind, Outcome},
	output::Output,
};
use blyan_open_model::{
	derive::Parent,
	grow::{compare, grow, key, promise, Comparison, Growth, Promise},
};
use serde_json::json;
use std::{
	path::{Path, PathBuf},
	time::Instant,
};

/// Grows a model, and compares it with the one that it comes from.
pub fn run(output: &Output, args: ModelGrowArgs) -> Outcome<()> {
	let started = Instant::now();
	let parent = Parent::open(&args.dir)?;
	let bound = args.losses.clone();
	let (growth, out, prompts, threads) = settings(args);
	growth.plan(parent.architecture())?;
	let promise = promise(&parent, &growth)?;
	output.say(format!("promise      {promise}"));
	let bar = output.byte_bar("growing", 0);
	let derived = grow(&parent, &growth, &out, &|done, total| {
		bar.set_total(total);
		bar.set(done);
	})?;
	drop(bar);
	change::show(output, &out, &derived, started);
	let grown = Parent::open(&out)?;
	let [mut before, mut after] = [runner(&parent, threads)?, runner(&grown, threads)?];
	let bar = output.bar("comparing", prompts as u64);
	let key = key(&parent, &growth)?;
	let comparison = compare(&mut before, &mut after, &key, prompts, |done| bar.set(done as u64))?;
	drop(bar);
	show(output, promise, &comparison);
	let measured = losses::measure(output, &parent, [&mut before, &mut after], &bound)?;
	if !measured.is_empty() {
		losses::show(output, &measured);
	}
	// Where every bit was promised a difference is a fault, however small the loss.
	if promise != Promise::Bits {
		losses::ensure_within(&measured, bound.loss_max, &out)?;
	}
	let is_equal = comparison.is_equal() && measured.iter().all(Measured::is_equal);
	judge(promise, is_equal, bound.loss_max.is_some(), &out)
}

fn settings(args: ModelGrowArgs) -> (Growth, PathBuf, usize, Option<usize>) {
	let ModelGrowArgs {
		out,
		retire,
		deepen,
		widen,
		add_experts,
		top_k,
		context,
		layers,
		seed,
		prompts,
		threads,
		..
	} = args;
	let (noise_ppm, router_noise_ppm) = (args.noise, args.router_noise);
	let growth = Growth {
		retire,
		deepen,
		widen,
		add_experts,
		top_k,
		context,
		layers,
		noise_ppm,
		router_noise_ppm,
		seed,
	};
	(growth, out, prompts, threads)
}

fn show(output: &Output, promise: Promise, comparison: &Comparison) {
	let Comparison { prompts, tokens, differing_prompts, other_favourites, largest } = *comparison;
	let bits = f64::from(largest) / 65_536.0;
	let fields = json!({
		"promise": promise.to_string(), "prompts": prompts, "tokens": tokens, "differing_prompts": differing_prompts,
		"other_favourites": other_favourites, "largest_difference_q16": largest,
	});
	let shown = match comparison.is_equal() {
		true => format!("compared     equal to the bit on {prompts} prompts: every logit behind {tokens} random tokens"),
		false => format!(
			"compared     {differing_prompts} of {prompts} prompts differ; a logit by {bits:.5} bits at most, the most \
			probable token behind {other_favourites} of {tokens} tokens"
		),
	};
	output.event("compared", fields, shown);
}

/// Fails where the models differ; where they must not, the failure is this program's. `is_within`: the losses are within a bound that was named,
/// which is all that is asked of a change that keeps no bits.
fn judge(promise: Promise, is_equal: bool, is_within: bool, out: &Path) -> Outcome<()> {
	if is_equal {
		return Ok(());
	}
	let out = out.display();
	if promise == Promise::Bits {
		let message =
			"the grown model differs, although this growth keeps every bit: this is a fault of the program";
		return Err(Failure::new(message).next(format!("do not use {out}, and report it with the command")));
	}
	if is_within {
		return Ok(());
	}
	Err(Failure::new(format!("the grown model does not answer as the old one did: {promise}"))
		.kind(Kind::Refused)
		.next(format!(
			"{out} is whole; measure it with `blyan model losses` or `blyan benchmark` before it is used"
		)))
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::failure::ExitStatus;
	use blyan_open_model::grow::promise::Reason;

	#[test]
	fn a_difference_is_the_programs_fault_only_where_every_bit_was_promised() {
		let out = Path::new("grown");
		let changed = Promise::Changed(Reason::Choice);
		assert!([Promise::Bits, changed].iter().all(|promise| judge(*promise, true, false, out).is_ok()));
		let fault = judge(Promise::Bits, false, true, out).unwrap_err();
		assert_eq!(fault.kind.exit_code(), 1);
		assert!(fault.message.contains("fault of the program"), "{}", fault.message);
		assert!(judge(changed, false, true, out).is_ok(), "its losses are within a bound");
		let refused = judge(changed, false, false, out).unwrap_err();
		assert_eq!(refused.kind.exit_code(), 4);
		assert!(refused.message.contains("routed to other experts"), "{}", refused.message);
	}
}
